"""The report of a data set: what it says is what is there, in both languages, with and without what draws charts."""

from __future__ import annotations

import ast
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from command import blossom
from pages_made import Page, record, reject, write_set

from blossom_data.cli.app import main
from blossom_data.curate.style_features import measure
from blossom_data.ledger.place import job_of
from blossom_data.ledger.sqlite import SqliteLedger
from blossom_data.report import codes
from blossom_data.report.dataset.counts import Lengths, NameCounts, Repeats
from blossom_data.report.dataset.facts import Facts
from blossom_data.report.dataset.sections.style import COUNTED, RATES, SHARES
from blossom_data.report.page import charts
from blossom_data.report.page.words import catalogue

PACKAGE = Path(__file__).resolve().parents[2] / "blossom_data"
NAMES = "甲乙丙丁"


def chinese_set(folder: Path) -> Path:
    """A set with something for every section of the page, whose own words are all Chinese or digits."""
    answers = ("一共是四个，理由如下。\n\n- 第一步\n- 第二步", "四。")
    kept = [
        record(n, source=NAMES[n % 2], lang="1", answer=answers[n % 2], gold="4", tags=(f"category:{n % 3}", "7"))
        for n in range(90)
    ]
    lost = [reject("9", code, record(100 + n), reply="12", history=["1"]) for n, code in enumerate(("8", "8", "9"))]
    write_set(
        folder,
        kept,
        lost,
        rejected={"9/8": 2, "9/9": 1, "dedup/near": 4, "decontaminate/leak": 1},
        failed={"9/7": 1},
        passed={"9": 90},
        skipped=2,
        added=1,
        asked_again={"9/8": 3},
        noted={"5": 4},
        asked=[{"stage": "9", "model": "8", "replies": 9, "tokens_in": 900, "tokens_out": 90}],
        by_source={"甲": {"kept": 45, "9": 2}, "乙": {"kept": 45, "9": 1}},
        conflicts={"gold": 1, "answers": 2, "examples": []},
        prompts={"9": "1234"},
        sources=[{"source": "甲", "licence": "", "name": "1.2", "sha256": "12"}],
        inputs=[{"name": "1.2", "sha256": "12", "stage": "9"}],
        parts=[{"name": "甲", "taken": 4, "usable": 9, "duplicates": 1, "over_cap": 2}],
        verify={
            "total": {"labels": 9, "correct": 8, "yield": 0.9, "yield_low": 0.8, "yield_high": 0.95},
            "groups": [
                {"source": NAMES[n], "shape": "1", "labels": 9, "correct": 8, "verdicts": {"1": 1}}
                | {"yield": 0.9, "yield_low": 0.8, "yield_high": 0.95}
                for n in range(2)
            ],
        },
        ledger="1.2",
    )
    return folder


def fill_ledger(dataset: Path, path: Path) -> None:
    """Replies of an hour, and two failures."""
    SqliteLedger(path).close()
    with sqlite3.connect(path) as database:
        for minute in range(60):
            row = (b"%d" % minute, "9", "8", 1.8e9 + 60 * minute, 100, 10, 0, job_of(dataset), b"")
            database.execute("INSERT INTO replies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        database.execute("INSERT INTO totals VALUES (?, '9', '8', 60, 6000, 600, 0)", (job_of(dataset),))
        failures = [(1.8e9 + 600, b"k", "9", 500, "500", ""), (1.8e9 + 660, b"k", "9", 500, "500", "")]
        database.executemany("INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?)", failures)
    database.close()


def run(*arguments: object) -> int:
    """`blossom-data ARGUMENTS` in this process."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


@pytest.fixture(scope="module")
def chinese(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    fill_ledger(chinese_set(folder / "甲"), folder / "甲" / "1.2")
    return folder


def page_of(folder: Path, *flags: object, dataset: str = "甲") -> Page:
    assert run("report", folder / dataset, "-o", folder / "r.html", "-q", *flags) == 0
    return Page((folder / "r.html").read_bytes())


def test_every_section_is_there_and_says_what_the_set_holds(chinese: Path) -> None:
    page = page_of(chinese, "--price-in", "1", "--price-out", "2")
    told = page.text
    assert {value for name, value in page.attributes if name == "id"} == {
        *("funnel", "rejects", "parts", "samples", "languages", "lengths", "categories", "style", "repeats", "math"),
        *("cost", "time", "tolerated", "origin"),
    }
    assert "records\n90\nrejected\n9\n9.7% of what was read" in told
    assert "80.0 – 95.0 %" in told
    assert "$0.0072" in told, "6,000 tokens in at $1, 600 out at $2 a million"
    assert "failed: 500" in told
    assert "Score 1.00" in told, "a source that writes lists and one that does not are two voices"
    assert "taken out by dedup: nearly the same request" in told
    assert re.search(r"bullet points\n100%\n0%|answers with bullet points\n0%\n100%", told)


@pytest.mark.parametrize("can_draw", [True, False])
def test_no_text_of_the_chinese_page_is_left_in_english(
    chinese: Path, can_draw: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(charts, "can_draw", lambda: can_draw)
    monkeypatch.setattr("blossom_data.report.dataset.page.can_draw", lambda: can_draw)
    page = page_of(chinese, "--lang", "zh")
    assert ("svg" in page.tags) == can_draw
    # Names of commands, codes and files stand in <code>; units and what the field writes alike in both languages stay.
    own = (
        {"user", "assistant", "gold"}
        | {"train", "pack", "prices", "price", "in", "out", "report"}
        | {"ASCII", "sha", "k"}
    )
    own |= {"blossom", "data", "dedup", "near", "decontaminate", "leak"}
    left = {
        word
        for inside, text in page.texts
        if not {"code", "style"} & {*inside}
        for word in re.findall("[A-Za-z]+", text)
    }
    assert left - own == set()
    assert '<html lang="zh-Hans">' in page.source


def words_said() -> set[str]:
    """Every literal that a page says through its words."""
    found = {"added", "removed", "changed", "same"}
    for file in (*(PACKAGE / "report").rglob("*.py"), PACKAGE / "train/loop/page.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            is_said = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "words"
            if is_said and node.args and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def test_the_catalogue_has_every_text_and_no_other() -> None:
    from blossom_data.train.loop.page import _OVER_STEPS, _TOLD

    meanings = {told for stage in codes._MEANINGS.values() for told in stage.values()}
    features = {*COUNTED, *RATES, *SHARES}
    steps = {text for entry in _OVER_STEPS for text in entry[1:]} | {name for name, _ in _TOLD}
    known = catalogue("zh")
    assert (words_said() | meanings | features | steps) ^ known.keys() == set()
    assert {text: told for text, told in known.items() if _fields(text) != _fields(told)} == {}
    assert features <= measure("a", asked="", lang="en").numbers.keys()


def _fields(text: str) -> list[str]:
    return sorted(re.findall(r"\{(\w+)\}", text))


def test_without_the_extra_the_tables_say_the_same(chinese: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = page_of(chinese)
    monkeypatch.setattr(charts, "can_draw", lambda: False)
    monkeypatch.setattr("blossom_data.report.dataset.page.can_draw", lambda: False)
    plain = page_of(chinese)
    assert "svg" in drawn.tags and "svg" not in plain.tags
    cells = [[text for inside, text in page.texts if "td" in inside] for page in (drawn, plain)]
    assert cells[0] == cells[1]
    assert "charts come with the extra report" in plain.text


def test_a_chart_is_one_of_this_page_and_no_colour_is_baked_in(chinese: Path) -> None:
    page = page_of(chinese)
    paints = {value for name, value in page.attributes if name in ("fill", "stroke")}
    assert {
        paint for paint in paints if not paint.startswith("var(--") and paint not in ("none", "transparent")
    } == set()
    assert {name for name, _ in page.attributes} & {"style", "xmlns", "xlink:href", "clip-path"} == set()
    assert "prefers-color-scheme: dark" in page.source and "@media print" in page.source


def test_a_version_is_compared_with_the_one_before(tmp_path: Path) -> None:
    for last in (10, 14):
        write_set(tmp_path / "made", [record(n) for n in range(last - 10, last)])
        assert (
            run("publish", tmp_path / "made", "-o", tmp_path / "data", "--name", "sums", "-q", "--licence", "gsm8k=MIT")
            == 0
        )
    page = page_of(tmp_path, dataset="data/sums")
    assert re.search(r"added\n4\nremoved\n4\nchanged\n0\nsame\n6", page.text)
    first = min(path.name for path in (tmp_path / "data/sums").iterdir() if path.name[0].isdigit())
    assert first in page.text
    assert "Difference" not in page_of(tmp_path, dataset=f"data/sums/{first}").text
    against = page_of(tmp_path, "--against", tmp_path / "made", dataset=f"data/sums/{first}")
    assert re.search(r"added\n4\nremoved\n4", against.text)


def test_a_file_has_a_report_too_and_json_says_where_it_is(tmp_path: Path) -> None:
    rows = [{"prompt": f"Say {n}", "lang": "en"} for n in range(3)] + [{"messages": 7}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = blossom("report", "in.jsonl", "--json", cwd=tmp_path)
    assert done.code == 0, done
    made = tmp_path / "report.html"
    assert done.json == {"out": "report.html", "bytes": made.stat().st_size}
    assert re.search(r"rows that could not be read\n1\n", Page(made.read_bytes()).text)


def test_a_training_run_has_the_same_kind_of_page(tmp_path: Path) -> None:
    lines = [{"kind": "train", "step": n, "stage": "a" if n < 5 else "b", "loss": 3 / n} for n in range(1, 10)]
    (tmp_path / "run").mkdir()
    (tmp_path / "run/metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    page = page_of(tmp_path, dataset="run")
    assert re.search(r"training\n3\n0.3333\n0.3333\n3", page.text)
    assert run("train", "report", tmp_path / "run", "--lang", "zh", "-q") == 0
    assert "训练运行" in Page((tmp_path / "run/report.html").read_bytes()).text
    assert run("report", tmp_path / "run", "--against", tmp_path / "run", "-o", tmp_path / "r.html") == 2


def test_the_data_set_of_a_pipeline_is_told_at_the_list_prices_of_its_endpoints(tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text(
        'name = "p"\nout = "set"\n[endpoint]\nbase_url = "https://api.openai.com/v1"\nmodel = "gpt-4o-mini"\n'
        '[[source]]\nkind = "gsm8k"\npath = "bundled:gsm8k.jsonl"\n'
    )
    assert run("report", tmp_path / "p.toml", "-o", tmp_path / "r.html") == 2, "it has made no set yet"
    bought = {"stage": "annotate", "model": "gpt-4o-mini", "replies": 9, "tokens_in": 2_000_000, "tokens_out": 0}
    write_set(tmp_path / "set", [record(n) for n in range(3)], asked=[bought])
    told = page_of(tmp_path, dataset="p.toml").text
    assert "genai-prices" in told and re.search(r"cost\n\$[0-9.]+\nat list price", told)
    assert re.search("unknown", page_of(tmp_path, dataset="set").text)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["set", "-o", "set/r.html"], "is a data set"),
        (["set", "-o", "set/rejects/r.html"], "is a data set"),
        (["set", "-o", "thesis.html"], "is there and no report"),
        (["set", "-o", "none/r.html"], "there is no folder"),
        (["set", "-o", "."], "is a folder"),
        (["set", "-o", "-"], "not to standard output"),
        (["set", "--lang", "fr"], "'fr' is not one of"),
        (["set", "--price-in", "1"], "belong together"),
        (["raw.jsonl"], "holds no record"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(
    flags: list[str], told: str, tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    write_set(Path("set"), [record(1)], [reject("annotate", "empty", record(2))])
    Path("thesis.html").write_text("<title>Mine</title>")
    Path("raw.jsonl").write_text('{"question": "?"}\n')
    assert run("report", *flags) == 2
    assert told in capsys.readouterr().err
    assert Path("thesis.html").read_text() == "<title>Mine</title>"
    assert sorted(Path("set").rglob("*.html")) == []


def test_lengths_keep_their_quantiles_and_names_their_bound() -> None:
    lengths = Lengths()
    for length in range(10_001):
        lengths.extend([length])
    for share, found in zip((0.0, 0.1, 0.5, 0.9, 1.0), lengths.quantiles((0.0, 0.1, 0.5, 0.9, 1.0)), strict=True):
        assert abs(found - 10_000 * share) <= max(1, 0.032 * 10_000 * share)
    assert sum(lengths.by_octave().values()) == 10_001
    names: NameCounts[str] = NameCounts(2)
    assert [names.add(name) for name in "abcab"] == [True, True, False, True, True]
    assert (dict(names.counts), names.others) == ({"a": 2, "b": 2}, 1)
    repeats = Repeats()
    for text in "aabbbc":
        repeats.add(text)
    assert repeats.found() == (2, 5)


def test_a_tag_that_names_another_record_is_no_category() -> None:
    facts = Facts()
    for number in range(3):
        links = [f"seed:{number}", f"chunk:{number}", f"persona:{number}", f"pair:{number}"]
        facts.add(
            {"messages": [{"role": "user", "content": "hi"}], "tags": ["category:chat", *links, "operator:deepen"]}
        )
    facts.settle()
    assert dict(facts.tags.ordered()) == {"category:chat": 3, "operator:deepen": 3}
