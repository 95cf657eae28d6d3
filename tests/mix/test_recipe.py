"""Recipes: what is wrong is said in a line, with the place and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest

from blossom_data.errors import ConfigError
from blossom_data.mix import load_recipe, read_mixes
from blossom_data.toml_file import read_toml

GOOD = """
[[mix]]
name = "stage1"
lang = {zh = 0.5, en = 0.5}
caps = {flan = 20}
records = 1000
[[mix.part]]
data = "data/orca"
source = ["orca", "flan"]
weight = 2
[[mix.part]]
data = "data/math"
count = 100
lang = {en = 1.0}

[[mix]]
name = "stage2"
out = "final"
layout = "sharegpt"
[[mix.part]]
data = "data/chat"
[[mix.replay]]
of = "stage1"
share = 0.2
"""


def test_a_recipe_is_read_with_paths_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "mix.toml").write_text(GOOD)
    first, second = load_recipe(tmp_path / "mix.toml")
    assert (first.out, second.out) == (tmp_path / "train/stage1", tmp_path / "final")
    assert [part.data for part in second.parts] == [str(tmp_path / "data/chat"), str(tmp_path / "train/stage1")]
    assert [part.is_replay for part in second.parts] == [False, True]
    assert dict(first.parts[0].lang) == {"zh": 0.5, "en": 0.5}
    assert dict(first.parts[1].lang) == {"en": 1.0}
    assert first.parts[0].sources == ("orca", "flan")


def test_a_new_place_for_all_mixes_moves_what_is_replayed_too(tmp_path: Path) -> None:
    (tmp_path / "mix.toml").write_text(GOOD)
    first, second = load_recipe(tmp_path / "mix.toml", out=tmp_path / "new")
    assert first.out == tmp_path / "new/stage1"
    assert second.parts[1].data == str(first.out)


def test_a_pipeline_gives_its_own_data_set_to_parts_that_name_none(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[mix]\nname = "all"\npart = {source = "orca", count = 3}\n')
    file = read_toml(tmp_path / "p.toml", "pipeline")
    (mix,) = read_mixes(file, folder=tmp_path, data=str(tmp_path / "data"))
    assert (mix.parts[0].data, mix.parts[0].label) == (str(tmp_path / "data"), "orca")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('of = "stage1"', 'of = "stage11"', "stage11"),
        ("share = 0.2", "shares = 0.2", "unknown key 'shares'"),
        ("share = 0.2", "weight = 2", "unknown key 'weight'"),
        ("share = 0.2", "share = 1.5", "at most 1"),
        ("share = 0.2", "share = nan", "at most 1"),
        ("share = 0.2", "share = 0.2\ncount = 5", "count, weight and share exclude each other"),
        ('of = "stage1"', 'of = "stage1"\ndata = "x"', "`of`"),
        ('name = "stage2"', 'name = "../stage2"', "letters, digits"),
        ('name = "stage2"', 'name = "stage1"', "two mixes"),
        ('out = "final"', 'out = "train/stage1"', "two mixes"),
        ('layout = "sharegpt"', 'layout = "chatml"', "chatml"),
        ('layout = "sharegpt"', "layout = 3", "layout is 3 one of messages"),
        ('layout = "sharegpt"', 'plain = true\nformat = "parquet"', "Parquet is compressed"),
        ("count = 100", "count = -1", "whole number from 1"),
        ("count = 100", "count = true", "whole number"),
        ("count = 100", 'count = "many"', "whole number"),
        ("weight = 2", "weight = inf", "above 0"),
        ("lang = {en = 1.0}", "lang = {en = 0.9}", "sum to 0.9"),
        ("lang = {en = 1.0}", "lang = {german = 1.0}", "unknown language 'german' did you mean de (German)?"),
        ("records = 1000", "", "weights and caps together"),
        ("caps = {flan = 20}", "caps = {flan = 2.5}", "whole number"),
        ("caps = {flan = 20}", "caps = {flan = 0}", "whole number from 1"),
        ("caps = {flan = 20}", "caps = {flan = nan}", "whole number"),
        ('data = "data/math"', 'data = ""', "must be a text that is not empty"),
        ("[[mix.replay]]", "[[mix.reply]]", "'replay'"),
        ("[[mix]]", "[other]\n[[mix]]", "unknown key 'other'"),
        ("[[mix]]", "[[mix", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in GOOD
    (tmp_path / "mix.toml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as wrong:
        load_recipe(tmp_path / "mix.toml")
    assert told in f"{wrong.value} {wrong.value.hint}"
    assert "\n" not in str(wrong.value)


def test_no_recipe_and_no_mix_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "empty.toml").write_text("")
    with pytest.raises(ConfigError, match="has no"):
        load_recipe(tmp_path / "empty.toml")
