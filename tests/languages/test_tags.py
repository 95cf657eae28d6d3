"""Language tags where a user writes them: flags, pipelines, records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import user, values, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest

from blossom_data.errors import ConfigError
from blossom_data.languages.tags import canonical, label_of, scripts_of


@pytest.mark.parametrize(
    ("written", "tag"),
    [
        ("zh-CN", "zh"), ("zh-Hans", "zh"), ("cmn", "zh"), ("zh_TW", "zh-Hant"), ("zh-HK", "zh-Hant"), ("deu", "de"),
        ("PT-br", "pt-BR"), ("en_us", "en-US"), ("iw", "he"), ("no", "nb"), ("sr-latn", "sr-Latn"), ("tlh", "tlh"),
        ("ja-Jpan", "ja"), ("de-1996", "de-1996"),
    ],
)  # fmt: skip
def test_a_tag_is_written_in_one_way(written: str, tag: str) -> None:
    assert canonical(written) == tag
    assert canonical(tag) == tag


@pytest.mark.parametrize(
    ("written", "nearest"),
    [
        ("klingon", "tlh (Klingon)"), ("german", "de (German)"), ("Japanes", "ja (Japanese)"), ("jp", "ja (Japanese)"),
        ("cn", "zh"), ("xx", "such as"), ("", "such as"), ("x-own", "such as"), ("und", "such as"), ("dé", ""),
        ("zh-Hant; rm", ""),
    ],
)  # fmt: skip
def test_what_is_no_tag_is_told_with_the_nearest(written: str, nearest: str) -> None:
    with pytest.raises(ConfigError) as told:
        canonical(written)
    assert nearest in told.value.hint


def test_a_language_is_named_in_english_with_its_script() -> None:
    assert [label_of(tag) for tag in ("ja", "pt-BR", "zh-Hant", "tlh")] == [
        "Japanese (ja)",
        "Portuguese (pt-BR)",
        "Traditional Chinese (zh-Hant)",
        "Klingon (tlh)",
    ]
    assert (scripts_of("sr-Latn"), scripts_of("yue"), scripts_of("am")) == (("Latn",), ("Hani",), ("Ethi",))


@pytest.mark.parametrize(
    "arguments",
    [
        (
            "translate",
            "in.jsonl",
            "-o",
            "out",
            "--to",
            "klingon",
            "--model",
            "m",
            "--base-url",
            "http://127.0.0.1:9/v1",
        ),
        (
            "translate",
            "in.jsonl",
            "-o",
            "out",
            "--from",
            "german",
            "--model",
            "m",
            "--base-url",
            "http://127.0.0.1:9/v1",
        ),
        ("translate", "in.jsonl", "-o", "out", "--to", "en-", "--model", "m", "--base-url", "http://127.0.0.1:9/v1"),
        ("translate", "in.jsonl", "-o", "out", "--to", "en", "--model", "m", "--base-url", "http://127.0.0.1:9/v1"),
        ("check-translations", "in.jsonl", "--to", "klingon"),
        ("mix", "in.jsonl", "-o", "out", "--lang", "klingon=1"),
    ],
)
def test_a_wrong_tag_ends_a_command_before_it_reads(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write_lines(tmp_path / "in.jsonl", [user("Hi there!")])
    done = blossom(*arguments, cwd=tmp_path)
    assert (done.code, (tmp_path / "out").exists()) == (2, False), done
    assert "\n  try: " in done.err and "Traceback" not in done.err, done


def test_a_pipeline_names_its_languages_as_the_flags_do(tmp_path: Path) -> None:
    pipeline = """
[[source]]
kind = "alpaca"
path = "rows.jsonl"
stages = ["translate"]
licence = "CC0-1.0"
[stage.translate]
to = "{0}"
[refresh]
min_lang = {{{0} = 0.5}}
"""
    write_lines(tmp_path / "rows.jsonl", [{"instruction": "Name four European rivers.", "input": "", "output": ""}])
    right = pipeline.format("ja")
    for place, line in (('to = "ja"', "line 8"), ("{ja =", "line 10")):
        (tmp_path / "wrong.toml").write_text(right.replace(place, place.replace("ja", "klingon")))
        wrong = blossom("plan", "wrong.toml", cwd=tmp_path)
        assert wrong.code == 2 and line in wrong.err and "did you mean tlh (Klingon)?" in wrong.err, wrong
    (tmp_path / "right.toml").write_text(pipeline.format("zh-TW"))
    shown = blossom("run", "right.toml", "--show-config", "--json", cwd=tmp_path)
    rows = {row["key"]: row for row in shown.json["settings"]}
    assert rows["stage.translate.target_lang"]["value"] == "zh-Hant"
    assert rows["stage.translate.target_lang"]["origin"].endswith("toml:8"), rows["stage.translate.target_lang"]
    assert "translate_any_language" in rows["stage.translate.prompt"]["value"]

    def respond(request: LoopbackRequest) -> str:
        document = json.loads(request.text)
        assert document["to"] == "Traditional Chinese (zh-Hant)"
        segments = [{"id": "a", "head": "Name four European", "text": "列出四條歐洲的河流。"}]
        return json.dumps({"nonce": document["nonce"], "n": 1, "segments": segments})

    with Loopback(respond=respond) as server:
        asking = ("--base-url", server.base_url, "--model", "m", "--structured", "off")
        done = blossom("run", "right.toml", *asking[:4], "--json", cwd=tmp_path)
    assert done.code == 0, done
    assert values(tmp_path / "data" / "right")[0]["lang"] == "zh-Hant"


def test_records_keep_their_languages_and_what_is_in_another_is_told(tmp_path: Path) -> None:
    rows = [
        user("Nenne vier Flüsse in Europa.", id="a"),
        user("Cita quattro fiumi.", id="b", lang="IT"),
        user("Name four rivers.", id="c", lang="English"),
        user("海についての短い詩を書いてください。", id="d"),
    ]
    write_lines(tmp_path / "in.jsonl", rows)
    asking = ("--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--json")
    done = blossom("translate", "in.jsonl", "-o", "out", "--to", "de", "--max-bad", "1", *asking, cwd=tmp_path)
    assert (done.code, done.json["kept"]) == (0, 1), done
    assert [(row["id"], row["lang"]) for row in values(tmp_path / "out")] == [("a", "de")]
    assert done.json["rejected"] == {"read/wrong_type": 1, "translate/source_language": 2}


def test_pull_may_be_told_the_language_and_finds_it_without(tmp_path: Path) -> None:
    texts = ["Nenne vier Flüsse in Europa.", "6*7=", "Formel: E=mc^2"]
    write_lines(tmp_path / "rows.jsonl", [{"instruction": text, "input": "", "output": ""} for text in texts])
    for flags, found in (((), ["de", "en", "en"]), (("--lang", "DE"), ["de"] * 3)):
        done = blossom("pull", "alpaca", "rows.jsonl", "-o", f"raw{len(flags)}", *flags, cwd=tmp_path)
        assert done.code == 0, done
        assert [row["lang"] for row in values(tmp_path / f"raw{len(flags)}")] == found
