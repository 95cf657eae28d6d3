"""Preference pairs: every layout gives the same pair, what is wrong is said with its place, and pairs stay whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from command import write_lines
from forked import blossom
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import byte_level

from blossom_data.errors import InputError
from blossom_data.records import Message
from blossom_data.rows import BAD_ROW_CODES, BadRow
from blossom_data.train.data.data_order import all_documents
from blossom_data.train.data.pack_pairs import pack_pairs
from blossom_data.train.data.pairs import Pair, read_pairs
from blossom_data.train.data.store import PackedSet
from blossom_data.train.template.templates import TEMPLATES

ASKED, CHOSEN, REJECTED = "Name a colour.", "Blue.", "A dog."
USER = {"role": "user", "content": ASKED}
GOOD, BAD = ({"role": "assistant", "content": text} for text in (CHOSEN, REJECTED))
HUMAN = f"\n\nHuman: {ASKED}\n\nAssistant:"
LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {"prompt": ASKED, "chosen": CHOSEN, "rejected": REJECTED, "score_chosen": 9.0},
    "instruction": {"instruction": ASKED, "input": "", "chosen": CHOSEN, "rejected": REJECTED},
    "question": {"question": ASKED, "system": "", "chosen": CHOSEN, "rejected": REJECTED},
    "messages": {"messages": [USER], "chosen": CHOSEN, "rejected": REJECTED},
    "turns": {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
    "whole chats": {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
    "ultrafeedback": {
        "prompt": ASKED, "prompt_id": "1", "chosen": [USER, GOOD], "rejected": [USER, BAD], "messages": [USER, GOOD],
    },
    "chats beside a copy": {"chosen": [USER, GOOD], "rejected": [USER, BAD], "messages": [USER, GOOD]},
    "hh": {"chosen": f"{HUMAN} {CHOSEN}", "rejected": f"{HUMAN} {REJECTED}"},
    "belle": {"prompt": HUMAN, "chosen": f" {CHOSEN}", "rejected": f" {REJECTED}"},
    "sharegpt": {
        "conversations": [{"from": "human", "value": ASKED}],
        "chosen": {"from": "gpt", "value": CHOSEN},
        "rejected": {"from": "gpt", "value": REJECTED},
    },
}  # fmt: skip


def read(path: Path, *rows: dict[str, Any]) -> list[Pair | BadRow]:
    return list(read_pairs(write_lines(path, rows)))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_pair(tmp_path: Path, layout: str) -> None:
    pair, *rest = read(tmp_path / "p.jsonl", LAYOUTS[layout])
    assert not rest
    assert isinstance(pair, Pair), pair
    assert pair.prompt == (Message("user", ASKED),)
    assert (pair.chosen.content, pair.rejected.content, pair.line) == (CHOSEN, REJECTED, 1)


def test_system_texts_inputs_and_earlier_turns_belong_to_the_prompt(tmp_path: Path) -> None:
    system, earlier = {"role": "system", "content": "Be brief."}, [{"role": "user", "content": "Hi"}, GOOD]
    rows = [
        {"system": "Be brief.", "instruction": "Add.", "input": "1, 2", "chosen": "3", "rejected": "4"},
        {"prompt": ASKED, "chosen": [system, USER, GOOD], "rejected": [system, USER, BAD]},
        {"prompt": [*earlier, USER], "chosen": CHOSEN, "rejected": REJECTED},
        {
            "chosen": f"\n\nHuman: Hi\n\nAssistant: Blue.{HUMAN} 1",
            "rejected": f"\n\nHuman: Hi\n\nAssistant: Blue.{HUMAN} 2",
        },
    ]
    found = [[(turn.role, turn.content) for turn in pair.prompt] for pair in read(tmp_path / "p.jsonl", *rows)]
    assert found[0] == [("system", "Be brief."), ("user", "Add.\n\n1, 2")]
    assert found[1] == [("system", "Be brief."), ("user", ASKED)]
    assert found[2] == found[3] == [("user", "Hi"), ("assistant", CHOSEN), ("user", ASKED)]


OTHER = {"role": "user", "content": "Name a tree."}


@pytest.mark.parametrize(
    ("row", "code", "told"),
    [
        ({"prompt": ASKED, "chosen": CHOSEN}, "missing_field", "rejected is absent"),
        ({"prompt": ASKED, "chosen": CHOSEN, "rejcted": REJECTED}, "missing_field", "rejected is absent"),
        ({"chosen": CHOSEN, "rejected": REJECTED}, "missing_field", "no prompt"),
        ({"prompt": ASKED, "chosen": 3, "rejected": REJECTED}, "wrong_type", "chosen is neither"),
        ({"prompt": {"a": 1}, "chosen": CHOSEN, "rejected": REJECTED}, "missing_field", "turn 1 of prompt has neither"),
        ({"prompt": " ", "chosen": CHOSEN, "rejected": REJECTED}, "empty", "the prompt holds no text"),
        ({"chosen": [USER, GOOD], "rejected": [OTHER, BAD]}, "prompt_mismatch", "part at turn 1"),
        ({"chosen": [USER, GOOD, USER, GOOD], "rejected": [USER, GOOD]}, "prompt_mismatch", "part at turn 2"),
        ({"prompt": [OTHER], "chosen": [USER, GOOD], "rejected": [USER, BAD]}, "prompt_mismatch", "not the prompt"),
        ({"chosen": [USER, GOOD], "rejected": [USER]}, "wrong_layout", "rejected does not end with an assistant"),
        ({"prompt": [USER, GOOD], "chosen": CHOSEN, "rejected": REJECTED}, "wrong_layout", "prompt ends with"),
        ({"prompt": [{"role": "alien", "content": ""}], "chosen": "a", "rejected": "b"}, "unknown_role", "'alien'"),
    ],
)  # fmt: skip
def test_what_is_no_pair_is_said_with_its_place(tmp_path: Path, row: dict[str, Any], code: str, told: str) -> None:
    good, bad = read(tmp_path / "p.jsonl", LAYOUTS["plain"], row)
    assert isinstance(good, Pair)
    assert isinstance(bad, BadRow)
    assert (bad.code, bad.line) == (code, 2)
    assert told in bad.detail
    assert code in BAD_ROW_CODES


TURN = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", "system", "x", 1]),
        "from": st.sampled_from(["human", "gpt", None]),
        "content": st.one_of(st.text(max_size=4), st.integers()),
        "value": st.text(max_size=4),
    },
)
TEXT = st.sampled_from(["", " ", "a", HUMAN, f"{HUMAN} a", f"{HUMAN} a{HUMAN}", "\n\nHuman:", "Assistant: b"])
VALUE = st.one_of(
    st.none(), st.integers(), TEXT, TURN, st.lists(st.one_of(TURN, st.just(USER), st.just(GOOD)), max_size=4)
)
KEYS = ("prompt", "instruction", "question", "input", "system", "messages", "conversations", "chosen", "rejected")


@given(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUE, max_size=6), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_row_is_a_pair_or_a_bad_row(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    found = read(tmp_path / "p.jsonl", *rows)
    assert len(found) == len(rows)
    for item in found:
        if isinstance(item, Pair):
            assert item.prompt[-1].role != "assistant"
            assert any(turn.content.strip() for turn in item.prompt)
        else:
            assert item.code in BAD_ROW_CODES


def packed(out: Path, path: Path, *, template: str = "chatml", seq_len: int = 64) -> PackedSet:
    pack_pairs([path], out, tokenizer=byte_level(template), template=template, seq_len=seq_len)
    return PackedSet.open(out, verify=True)


@pytest.mark.parametrize("template", sorted(TEMPLATES))
def test_both_documents_of_a_pair_share_the_prompt_and_a_row(tmp_path: Path, template: str) -> None:
    asked = [
        [{"role": "user", "content": "Hi"}, GOOD, {"role": "user", "content": f"{number}?"}] for number in range(30)
    ]
    rows = [
        {"prompt": turns, "chosen": "yes " * (number % 5 + 1), "rejected": "no"} for number, turns in enumerate(asked)
    ]
    path = write_lines(tmp_path / "p.jsonl", rows)
    pairs = packed(tmp_path / "out", path, template=template, seq_len=320)
    assert pairs.kind == "pairs"
    assert pairs.manifest["counts"]["kept"] == 30
    seen = []
    for index in range(len(pairs)):
        row = pairs.row(index)
        assert len(row.ids) == pairs.row_tokens[index] <= 2 * 320
        ends = [*row.starts[1:].tolist(), len(row.ids)]
        documents = [(row.ids[a:b], row.supervised[a:b]) for a, b in zip(row.starts.tolist(), ends, strict=True)]
        for (one, learnt), (other, also), digest in zip(
            documents[::2], documents[1::2], row.doc_hashes[::2], strict=True
        ):
            prompt = int(learnt.argmax())
            assert prompt == int(also.argmax()) > 0
            assert one[:prompt].tolist() == other[:prompt].tolist()
            # One stretch is learnt, the last reply, and its end is the stop token.
            assert one[learnt.nonzero()[0][-1]] in pairs.stop_ids
            assert (learnt[prompt:].tolist(), learnt[:prompt].any()) == (sorted(learnt[prompt:], reverse=True), False)
            seen.append(digest)
    assert sorted(seen) == sorted(all_documents(pairs).hashes())
    assert len(set(seen)) == 30
    assert int(all_documents(pairs).tokens.sum()) == pairs.manifest["tokens"]


def test_what_is_dropped_is_counted_and_its_place_named(tmp_path: Path) -> None:
    rows = [
        LAYOUTS["plain"],
        {"prompt": ASKED, "chosen": "Blue.", "rejected": "Blue."},
        {"prompt": ASKED, "chosen": " ", "rejected": "Blue."},
        {"prompt": ASKED * 40, "chosen": "Blue.", "rejected": "Red."},
        {"prompt": ASKED, "chosen": "Red.", "rejected": "Blue" * 90},
    ]
    pairs = packed(tmp_path / "out", write_lines(tmp_path / "p.jsonl", rows))
    counts = pairs.manifest["counts"]
    assert counts["read"] == 5
    assert counts["kept"] == 1
    assert counts["dropped"] == {"empty_reply": 1, "identical": 1, "too_long": 2}
    assert counts["dropped_at"] == {
        "empty_reply": ["p.jsonl:3"], "identical": ["p.jsonl:2"], "too_long": ["p.jsonl:4", "p.jsonl:5"],
    }  # fmt: skip
    # A template that takes blanks away makes two replies one.
    alike = write_lines(tmp_path / "q.jsonl", [{"prompt": "a", "chosen": "b", "rejected": "b "}])
    with pytest.raises(InputError, match=r"none of 1 records can be trained on \(identical 1 as in q.jsonl:1\)"):
        packed(tmp_path / "alike", alike, template="llama-3")
    assert not (tmp_path / "alike").exists()


def test_the_command_packs_pairs_and_says_in_a_line_what_is_wrong(tmp_path: Path) -> None:
    byte_level("chatml").save_pretrained(tmp_path / "base")
    pack = ("train", "pack", "p.jsonl", "-o", "out", "--tokenizer", "base", "--template", "chatml", "--pairs")
    write_lines(tmp_path / "p.jsonl", [LAYOUTS["plain"], {"prompt": ASKED, "chosen": CHOSEN}])
    done = blossom(*pack, cwd=tmp_path)
    assert done.code == 2, done
    assert "p.jsonl:2: missing_field rejected is absent or null" in done.err
    assert len(done.err.splitlines()) == 2
    done = blossom(*pack, "--max-bad", "50%", cwd=tmp_path)
    assert done.code == 0, done
    assert "1 of 2 records" in done.out
    shown = blossom("train", "preview", "out", cwd=tmp_path)
    assert "⟦Blue.<|im_end|>⟧" in shown.out
    assert "⟦A dog.<|im_end|>⟧" in shown.out


def test_real_pairs_are_all_read(tmp_path: Path, shared: Path) -> None:
    path = shared / "data" / "raw" / "dpo_en_demo.json"
    rows = json.loads(path.read_text())
    pairs = list(read_pairs(path))
    assert len(pairs) == len(rows) == 300
    assert all(isinstance(pair, Pair) for pair in pairs)
    assert [pair.chosen.content for pair in pairs if isinstance(pair, Pair)] == [row["chosen"]["value"] for row in rows]
    opened = packed(tmp_path / "out", path, seq_len=4096)
    counts = opened.manifest["counts"]
    assert counts["kept"] + sum(counts["dropped"].values()) == 300
    assert counts["kept"] >= 200
