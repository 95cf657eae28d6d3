"""Chats in other spellings and saved as HTML, other encodings, raw rows where records should be, and --fields."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from blossom_data.errors import ConfigError, InputError
from blossom_data.pull import pull
from blossom_data.records import Record
from blossom_data.rows import BadRow, read_records, read_rows
from blossom_data.sources import SOURCES
from blossom_data.sources.advice.raw import read_only_records
from tests.command import blossom, values, write_lines

pytestmark = pytest.mark.slow

ALPACA = {"instruction": "Q?", "input": "", "output": "o"}
DRAWN = '<div class="markdown prose w-full"><p>Is 1 &lt; 2, or <strong>not</strong>?</p><ul><li>a_b * c</li></ul></div>'
CODE = '<p>Run this</p><pre><div><span>python</span><button>Copy code</button></div><code class="hljs language-python">x = 1\n</code></pre>'  # noqa: E501


def test_conversation_and_conversations_stand_in_one_file(tmp_path: Path) -> None:
    rows = [
        {"id": 1.0, "conversation": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "x"}]},
        {"conversations": [{"from": "human", "value": "b"}, {"from": "gpt", "value": "x"}]},
        {"conversation": [{"human": "c", "assistant": "x"}, {"human": "d", "assistant": "y"}]},
        {"conversations": None, "conversation": [{"role": "user", "content": "e"}]},
    ]
    found = list(pull("sharegpt", write_lines(tmp_path / "x.jsonl", rows)))
    assert [[turn.content for turn in item.messages] for item in found if isinstance(item, Record)] == [
        ["a"],
        ["b"],
        ["c", "d"],
        ["e"],
    ]


def chat(*turns: str) -> dict[str, Any]:
    said = zip(("human", "gpt") * len(turns), turns, strict=False)
    return {"conversations": [{"from": role, "value": text} for role, text in said]}


@pytest.mark.parametrize(
    ("turns", "asked"),
    [
        ([DRAWN, "plain"], ["Is 1 < 2, or **not**?\n\n- a_b * c"]),
        ([CODE, "<div><p>x</p></div>"], ["Run this\n\n```python\nx = 1\n```"]),
        (["a &lt; b &amp; c?", "<p>yes</p>", "x < y &amp; z"], ["a < b & c?", "x < y &amp; z"]),
        (["<p>Hi</p><p>there</p>", "plain"], ["Hi\n\nthere"]),
    ],
)
def test_a_chat_saved_as_html_becomes_markdown_and_is_tagged(
    tmp_path: Path, turns: list[str], asked: list[str]
) -> None:
    (record,) = pull("sharegpt", write_lines(tmp_path / "x.jsonl", [chat(*turns)]))
    assert isinstance(record, Record) and "html" in record.tags
    assert [turn.content for turn in record.messages] == asked


@pytest.mark.parametrize(
    "turns",
    [
        ["Mend this:\n<div class='x'><p>a</div>", "```html\n<div></div>\n```"],
        ["<div id='app'><p>a</p></div>", "That is a page."],
        ["What does &lt; mean?", "It is the <b>less than</b> sign."],
        ["<p>a</p> is a paragraph, right?", "Yes: <p>"],
    ],
)
def test_html_that_somebody_asks_about_is_left_as_it_is(tmp_path: Path, turns: list[str]) -> None:
    (record,) = pull("sharegpt", write_lines(tmp_path / "x.jsonl", [chat(*turns)]))
    assert isinstance(record, Record) and "html" not in record.tags
    assert record.messages[0].content == turns[0]


def test_without_markdownify_the_extra_is_named_and_hostile_html_is_a_bad_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = write_lines(tmp_path / "x.jsonl", [chat("<div>" * 4000 + "x" + "</div>" * 4000, "<p>y</p>")])
    (bad,) = pull("sharegpt", deep)
    assert isinstance(bad, BadRow) and bad.code == "too_deep"
    monkeypatch.setitem(sys.modules, "markdownify", None)
    with pytest.raises(ConfigError, match="markdownify is not installed") as refusal:
        list(pull("sharegpt", write_lines(tmp_path / "y.jsonl", [chat(DRAWN)])))
    assert ".[html]" in refusal.value.hint


class Watched(dict[str, Any]):
    """A row that remembers which of its fields were asked for."""

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__(row)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)

    __getitem__ = get


def test_a_source_names_all_fields_that_it_reads() -> None:
    turns = [{"role": "user", "content": "Q"}]
    texts = dict.fromkeys(["instruction", "input", "question", "prompt", "inputs", "Instruction", "original_text"], "Q")
    lists = {"messages": turns, "conversations": turns, "turns": ["Q"], "instances": [{}], "history": [["a", "b"]]}
    more = {"answer": "#### 1", "ans": "1", "Definition": "D", "Instances": [{"input": "i"}], "conversation": turns}
    for source in SOURCES.values():
        for layout in source.layouts:
            row = Watched({**texts, **lists, **more})
            list(layout.read(row))
            assert row.asked <= source.fields, (source.name, layout.name)


@pytest.mark.parametrize(
    ("text", "encoding", "name"),
    [
        ("It’s a café — naïve", "cp1252", "WINDOWS-1252"),
        ("Größe und Übung", "cp1252", "WINDOWS-1252"),
        ("请你介绍一下北京的历史", "gbk", "GB18030"),
        ("请你介绍一下北京的历史和𠮷", "gb18030", "GB18030"),
    ],
)
@pytest.mark.parametrize("layout", ["x.jsonl", "x.json", "x.csv"])
def test_another_encoding_is_told_with_its_iconv_line(
    tmp_path: Path, text: str, encoding: str, name: str, layout: str
) -> None:
    row = json.dumps({**ALPACA, "instruction": text}, ensure_ascii=False)
    whole = {"x.jsonl": row, "x.json": f"[\n{row}\n]", "x.csv": f"instruction,output\n{text},o\n"}[layout]
    (tmp_path / layout).write_bytes(whole.encode(encoding))
    (bad,) = read_rows(tmp_path / layout)
    assert isinstance(bad, BadRow) and bad.code == "bad_utf8" and name in bad.detail


def test_the_iconv_line_is_the_hint_of_a_refused_pull(tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_bytes(
        json.dumps(ALPACA | {"instruction": "问题是什么"}, ensure_ascii=False).encode("gbk")
    )
    done = blossom("pull", "alpaca", "x.jsonl", "-o", "out", cwd=tmp_path)
    assert done.code == 2 and "iconv -f GB18030 -t UTF-8 x.jsonl > x.utf8.jsonl" in done.err


def test_a_byte_order_mark_between_joined_files_and_a_whole_last_line_cost_nothing(tmp_path: Path) -> None:
    bom, lines = b"\xef\xbb\xbf", [json.dumps({**ALPACA, "instruction": text}).encode() for text in "abc"]
    path = tmp_path / "x.jsonl"
    path.write_bytes(bom + lines[0] + b"\n" + bom + lines[1] + b"\n" + bom + b"\n" + lines[2])
    assert [item.messages[0].content for item in pull("alpaca", path) if isinstance(item, Record)] == ["a", "b", "c"]
    path.write_bytes(lines[0] + b'\n{"instruction": NaN, "output": {}}')
    assert [row.code for row in read_rows(path) if isinstance(row, BadRow)] == ["bad_json"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (ALPACA, "blossom-data pull alpaca {} -o raw/alpaca"),
        (chat("Q", "x"), "blossom-data pull sharegpt {} -o raw/sharegpt"),
        ({"prompt": "Q", "completion": "x"}, "blossom-data pull orca {} -o raw/orca"),
        ({"frage": "Q"}, "blossom-data pull custom {} --fields instruction=FIELD -o raw/custom"),
    ],
)
def test_raw_rows_where_records_should_be_name_the_pull_line(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    path = write_lines(tmp_path / "x.jsonl", [row] * 3)
    with pytest.raises(InputError, match="raw row") as refusal:
        list(read_only_records(path))
    assert told.format(path) in refusal.value.hint
    few = write_lines(tmp_path / "y.jsonl", [row, {"messages": [{"role": "user", "content": "Q"}]}])
    assert [type(item) for item in read_only_records(few)] == [BadRow, Record]


def test_translate_and_annotate_refuse_raw_rows(tmp_path: Path) -> None:
    write_lines(tmp_path / "x.jsonl", [ALPACA])
    for command in ("translate", "annotate"):
        done = blossom(
            command, "x.jsonl", "-o", "out", "--base-url", "http://127.0.0.1:9/v1", "--model", "m", cwd=tmp_path
        )
        assert done.code == 2 and "pull alpaca x.jsonl" in done.err and not (tmp_path / "out").exists()


def test_a_file_of_prompts_is_read_as_it_is(tmp_path: Path) -> None:
    rows = [{"id": 7, "prompt": "Hi?"}, {"prompt": [{"role": "user", "content": "你好吗？"}]}, {"id": "x", "prompt": 3}]
    first, second, bad = read_records(write_lines(tmp_path / "x.jsonl", rows))
    assert isinstance(first, Record) and isinstance(second, Record) and isinstance(bad, BadRow)
    assert (first.id, first.messages[0].content, second.lang) == ("7", "Hi?", "zh")
    (tmp_path / "x.csv").write_text("id,prompt\na,Hi?\n")
    (record,) = read_records(tmp_path / "x.csv")
    assert isinstance(record, Record) and record.id == "a"


@pytest.mark.parametrize(
    "fields",
    [
        "instruction=q,gold=a,output=",
        " instruction = q , gold = a,",
        '{instruction = "q", gold = "a"}',
        "instruction=\"q\",gold='a'",
    ],
)
def test_fields_on_the_command_line(tmp_path: Path, fields: str) -> None:
    write_lines(tmp_path / "x.jsonl", [{"q": "Q?", "a": 4}])
    assert blossom("pull", "custom", "x.jsonl", "-o", "out", "--fields", fields, cwd=tmp_path).code == 0
    (record,) = values(tmp_path / "out")
    assert (record["messages"][0]["content"], record["gold"]) == ("Q?", "4")


def test_an_error_in_fields_shows_those_that_the_file_has(tmp_path: Path) -> None:
    write_lines(tmp_path / "x.jsonl", [{"q": "Q?", "a": 4}])
    for fields in ("instruction", "instruktion=q", "output=a,instruction=q", "{instruction = ", ""):
        done = blossom("pull", "custom", "x.jsonl", "-o", "out", "--fields", fields, cwd=tmp_path)
        assert done.code == 2 and "the file has the fields q, a" in done.err
    done = blossom("pull", "custom", "x.jsonl", "-o", "out", "--fields", "instruction=frage", cwd=tmp_path)
    assert done.code == 2 and "has the fields q, a" in done.err


def test_a_pipeline_takes_an_empty_field_for_none(tmp_path: Path) -> None:
    write_lines(tmp_path / "x.jsonl", [{"q": "Q?", "a": 4}])
    fields = 'fields = {instruction = "q", output = ""}'
    text = f'name = "p"\nout = "out"\n[[source]]\nkind = "custom"\npath = "x.jsonl"\nstages = []\n{fields}\n'
    (tmp_path / "p.toml").write_text(text)
    assert blossom("run", "p.toml", cwd=tmp_path).code == 0
