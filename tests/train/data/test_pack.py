"""From records to a packed set: what is kept, cut, dropped and counted, and what is written when something fails."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from command import write_lines
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny import byte_level
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from blossom_data.errors import BlossomError, ConfigError, InputError
from blossom_data.records import Message
from blossom_data.train.data.pack import pack_dataset
from blossom_data.train.data.store import FILES, PackedSet
from blossom_data.train.template.encode import EncodedChat
from blossom_data.train.template.gates import Gates
from blossom_data.train.template.templates import template_for
from blossom_data.train.template.to_jinja import chat_template

SEQ_LEN = 48


def chat(*contents: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[number % 2], "content": text} for number, text in enumerate(contents)]}


def rows_of(path: Path, count: int = 40) -> Path:
    return write_lines(path, (chat(f"What is {number}?", f"It is {'yes ' * (number % 7)}") for number in range(count)))


def packed(out: Path, *inputs: Path, **changed: Any) -> PackedSet:
    settings = {"tokenizer": byte_level("chatml"), "template": "chatml", "seq_len": SEQ_LEN, **changed}
    pack_dataset(list(inputs), out, **settings)
    return PackedSet.open(out, verify=True)


def documents(opened: PackedSet) -> Counter[tuple[tuple[int, ...], tuple[bool, ...]]]:
    """The documents as the rows hold them."""
    found: Counter[tuple[tuple[int, ...], tuple[bool, ...]]] = Counter()
    for index in range(len(opened)):
        row = opened.row(index)
        assert len(row.ids) == len(row.supervised) == opened.row_tokens[index] <= opened.seq_len
        assert int(row.supervised.sum()) == opened.row_supervised[index] > 0
        assert len(row.doc_hashes) == len(row.starts)
        ends = [*row.starts[1:].tolist(), len(row.ids)]
        for start, end in zip(row.starts.tolist(), ends, strict=True):
            found[tuple(row.ids[start:end].tolist()), tuple(row.supervised[start:end].tolist())] += 1
    return found


CONTENT = st.text("ab \n[天🎉<|im_end|>", max_size=12)
CHATS = st.lists(
    st.lists(st.tuples(st.sampled_from(["user", "assistant", "assistant", "tool"]), CONTENT), min_size=1, max_size=9),
    min_size=1,
    max_size=25,
)


@given(CHATS, st.sampled_from(["all", "last"]), st.integers(0, 3))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_hold_every_document_whole_or_cut_at_a_turn_border(
    tmp_path: Path, chats: list[list[tuple[str, str]]], supervise: str, seed: int
) -> None:
    rows = [
        {"id": f"r{number}", "messages": [{"role": role, "content": text} for role, text in turns]}
        for number, turns in enumerate(chats)
        if any(text.strip() for _, text in turns)
    ]
    encoder = template_for("chatml", byte_level("chatml"))
    expected: Counter[tuple[tuple[int, ...], tuple[bool, ...]]] = Counter()
    dropped: Counter[str] = Counter()
    cut: Counter[str] = Counter()
    for row in rows:
        messages = [Message(turn["role"], turn["content"]) for turn in row["messages"]]
        replies = [number for number, turn in enumerate(messages) if turn.role == "assistant"]
        sizes = [len(ids_of(encoder.encode(messages[: number + 1]))) for number in replies]
        fitting = [number for number, size in zip(replies, sizes, strict=True) if size <= SEQ_LEN]
        if not fitting:
            dropped["too_long" if replies else "no_assistant_turn"] += 1
            continue
        kept = encoder.encode(messages[: fitting[-1] + 1])
        expected[tuple(ids_of(kept)), tuple(mask_of(kept, supervise))] += 1
        if fitting != replies:
            cut.update(documents=1, turns=replies[-1] - fitting[-1], tokens=sizes[-1] - len(ids_of(kept)))
    source = write_lines(tmp_path / "in.jsonl", rows or [chat("a", "b")])
    if not expected:
        return
    opened = packed(tmp_path / "out", source, supervise=supervise, seed=seed)
    assert documents(opened) == expected
    counts = opened.manifest["counts"]
    assert (counts["read"], counts["kept"], counts["dropped"]) == (len(rows), expected.total(), dict(dropped))
    assert counts["cut"] == {name: cut[name] for name in ("documents", "turns", "tokens")}
    assert opened.manifest["tokens"] == sum(len(ids) * n for (ids, _), n in expected.items())
    assert opened.manifest["supervised"] == sum(sum(mask) * n for (_, mask), n in expected.items())


def ids_of(encoded: object) -> list[int]:
    assert isinstance(encoded, EncodedChat)
    return encoded.ids


def mask_of(encoded: object, supervise: str) -> list[bool]:
    assert isinstance(encoded, EncodedChat)
    mask = [False] * len(encoded.intro)
    for number, turn in enumerate(encoded.turns, 1):
        is_learnt = turn.role == "assistant" and (supervise == "all" or number == len(encoded.turns))
        mask += [is_learnt and turn.start <= place < turn.end for place in range(len(turn.ids))]
    return mask


def test_the_same_input_gives_the_same_bytes_and_the_seed_only_moves_documents(tmp_path: Path) -> None:
    source = rows_of(tmp_path / "in.jsonl")
    first, again, other = (packed(tmp_path / f"out{number}", source, seed=number // 2) for number in range(3))
    assert first.manifest == again.manifest
    assert first.manifest["files"] != other.manifest["files"]
    assert documents(first) == documents(other)


def test_a_document_keeps_its_hash_under_another_template(tmp_path: Path) -> None:
    source = rows_of(tmp_path / "in.jsonl", 5)
    chatml = packed(tmp_path / "a", source)
    bloom = packed(tmp_path / "b", source, template="plain", tokenizer=byte_level("bloom"))
    assert bloom.template == "bloom"
    hashes = [chatml.doc_hash(index) for index in range(5)]
    assert hashes == [bloom.doc_hash(index) for index in range(5)]
    assert len(set(hashes)) == 5
    assert chatml.document(2).doc_hashes == [hashes[2]]


def test_the_manifest_names_what_the_rows_are_made_of(tmp_path: Path) -> None:
    source = rows_of(tmp_path / "in.jsonl")
    opened = packed(tmp_path / "out", source, source)
    manifest = opened.manifest
    assert [entry["name"] for entry in manifest["inputs"]] == ["in.jsonl", "in.jsonl"]
    assert all(len(entry["sha256"]) == 64 for entry in manifest["inputs"])
    assert manifest["documents"] == 80
    assert opened.pad_id == byte_level("chatml").pad_token_id
    assert opened.stop_ids == [byte_level("chatml").eos_token_id]
    assert manifest["gates"]["prompt_prefix"]["prompts"] > 60
    assert manifest["gates"]["served_as_one_text"] == {"prompts": 1, "same_ids": 1}
    assert str(tmp_path) not in json.dumps(manifest)


@pytest.mark.parametrize(("words", "dtype", "width"), [(100, "<u2", 2), (70_000, "<u4", 4)])
def test_ids_take_two_bytes_where_the_vocabulary_allows_it(tmp_path: Path, words: int, dtype: str, width: int) -> None:
    model = Tokenizer(models.WordLevel({f"w{number}": number for number in range(words)} | {"<unk>": words}, "<unk>"))
    model.pre_tokenizer = pre_tokenizers.Whitespace()
    model.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=model, unk_token="<unk>", eos_token="<|im_end|>")
    source = write_lines(tmp_path / "in.jsonl", [chat(f"w1 w{words - 1}", f"w{words - 1}")])
    opened = packed(tmp_path / "out", source, tokenizer=tokenizer)
    assert opened.manifest["ids"] == dtype
    assert (tmp_path / "out/ids.bin").stat().st_size == width * opened.manifest["tokens"]
    assert opened.row(0).ids[opened.row(0).supervised][0] == words - 1


@pytest.mark.parametrize("name", FILES)
def test_a_changed_file_is_refused(tmp_path: Path, name: str) -> None:
    packed(tmp_path / "out", rows_of(tmp_path / "in.jsonl"))
    path = tmp_path / "out" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="changed or damaged"):
        PackedSet.open(tmp_path / "out", verify=True)
    path.write_bytes(data[:-1])
    with pytest.raises(InputError, match="changed or damaged"):
        PackedSet.open(tmp_path / "out")
    path.unlink()
    with pytest.raises(InputError, match="missing"):
        PackedSet.open(tmp_path / "out")


@pytest.mark.parametrize("text", ["", "{}", '{"format": 1, "kind": "packed"}', '{"format": 1, "shards": []}'])
def test_a_folder_without_a_manifest_of_its_own_is_refused(tmp_path: Path, text: str) -> None:
    packed(tmp_path / "out", rows_of(tmp_path / "in.jsonl"))
    (tmp_path / "out/manifest.json").write_text(text)
    with pytest.raises(InputError):
        PackedSet.open(tmp_path / "out")


def test_packing_again_replaces_the_rows_and_a_failure_leaves_them(tmp_path: Path) -> None:
    source = rows_of(tmp_path / "in.jsonl", 10)
    before = packed(tmp_path / "out", source).manifest
    torn = tmp_path / "torn.jsonl"
    torn.write_text("{\n" * 3)
    with pytest.raises(InputError, match="rows are unreadable"):
        packed(tmp_path / "out", source, torn)
    assert PackedSet.open(tmp_path / "out", verify=True).manifest == before
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        [*FILES, "questions.bin", "manifest.json"]
    )
    assert packed(tmp_path / "out", rows_of(tmp_path / "in.jsonl", 20)).manifest["documents"] == 20


def test_other_peoples_files_are_never_replaced(tmp_path: Path) -> None:
    source = rows_of(tmp_path / "in.jsonl")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"thesis\.txt"):
        packed(tmp_path / "out", source)
    with pytest.raises(ConfigError, match="not a folder"):
        packed(source, source)
    assert (tmp_path / "out/thesis.txt").read_text() == "mine"


def test_bad_rows_are_counted_up_to_the_share_that_is_allowed(tmp_path: Path) -> None:
    source = rows_of(tmp_path / "in.jsonl", 9)
    source.write_text(source.read_text() + '{"messages": 3}\n')
    with pytest.raises(InputError, match=r"in\.jsonl:10: wrong_type"):
        packed(tmp_path / "out", source)
    assert packed(tmp_path / "out", source, max_bad=0.1).manifest["counts"]["bad_rows"] == {"wrong_type": 1}


def test_nothing_to_train_on_is_an_error_that_says_why(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [{"messages": [{"role": "user", "content": "hi"}]}])
    with pytest.raises(InputError, match="no_assistant_turn 1") as caught:
        packed(tmp_path / "out", source)
    assert "annotate" in caught.value.hint
    assert not (tmp_path / "out").exists()
    long = write_lines(tmp_path / "long.jsonl", [chat("hi", "四" * 100)])
    with pytest.raises(InputError, match="too_long 1"):
        packed(tmp_path / "out", long)


def test_turns_behind_the_last_reply_are_left_away(tmp_path: Path) -> None:
    whole = write_lines(tmp_path / "a.jsonl", [chat("a", "b")])
    asked = write_lines(tmp_path / "b.jsonl", [chat("a", "b", "and then?")])
    assert documents(packed(tmp_path / "1", whole)) == documents(packed(tmp_path / "2", asked))


def test_empty_replies_are_counted(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [chat("a", "", "b", "c"), chat("a", " \n")])
    assert packed(tmp_path / "out", source).manifest["counts"]["empty_replies"] == 2
    assert packed(tmp_path / "last", source, supervise="last").manifest["counts"]["empty_replies"] == 1


@pytest.mark.parametrize("changed", [{"supervise": "some"}, {"seq_len": 1}, {"template": "chatmk"}])
def test_wrong_settings_are_refused_before_anything_is_read(tmp_path: Path, changed: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        packed(tmp_path / "out", tmp_path / "absent.jsonl", **changed)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_made_is_an_error_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BlossomError, match="cannot write"):
        packed(tmp_path / "file/out", rows_of(tmp_path / "in.jsonl"))


def test_the_gates_stop_what_was_encoded_wrongly() -> None:
    tokenizer = byte_level("chatml")
    encoder = template_for("chatml", tokenizer)
    messages = [Message("user", "What?"), Message("assistant", "This.")]
    encoded = encoder.encode(messages)
    mask = mask_of(encoded, "all")
    ids, runs = ids_of(encoded), [mask.index(True), sum(mask), 1]
    gates = Gates(encoder, tokenizer, chat_template(encoder))
    gates.document(0, messages, encoded, ids, runs)
    with pytest.raises(ConfigError, match="prompt-prefix gate"):
        gates.document(0, messages, encoded, [*ids[:1], ids[2], *ids[2:]], runs)
    with pytest.raises(ConfigError, match="stop-token gate"):
        gates.document(1, messages, encoded, ids, [runs[0], runs[1] - 1, 2])


def test_a_killed_packing_is_no_packed_set_and_the_next_one_takes_its_place(tmp_path: Path) -> None:
    source = rows_of(tmp_path / "in.jsonl")
    (tmp_path / "out/.building").mkdir(parents=True)
    (tmp_path / "out/.building/ids.bin").write_bytes(b"12")
    (tmp_path / "out/.manifest.json.7.tmp").write_bytes(b"{")
    with pytest.raises(InputError, match="no packed set"):
        PackedSet.open(tmp_path / "out")
    assert packed(tmp_path / "out", source).manifest["documents"] == 40


def test_a_long_chat_of_a_thinking_family_is_cut_where_its_last_reply_thinks(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "This.", "reasoning": "Hm. " * 4}]
    long = {"role": "assistant", "content": "That. " * 200, "reasoning": "Hm."}
    source = write_lines(tmp_path / "in.jsonl", [{"messages": [*turns, *turns, turns[0], long]}])
    whole = write_lines(tmp_path / "whole.jsonl", [{"messages": [*turns, *turns]}])
    tokenizer, seq_len = byte_level("qwen3"), 128
    for name, path in (("cut", source), ("short", whole)):
        pack_dataset([path], tmp_path / name, tokenizer=tokenizer, template="qwen3", seq_len=seq_len)
    cut, short = (PackedSet.open(tmp_path / name) for name in ("cut", "short"))
    assert cut.document(0).ids.tolist() == short.document(0).ids.tolist()
    assert cut.document(0).supervised.tolist() == short.document(0).supervised.tolist()
    assert cut.manifest["counts"]["cut"]["turns"] == 2
    assert (cut.manifest["counts"]["context_replies"], short.manifest["counts"]["context_replies"]) == (1, 1)


def test_several_processes_write_the_same_bytes(tmp_path: Path) -> None:
    rows = [
        {"messages": [{"role": "user", "content": f"Ask {number}"}, {"role": "assistant", "content": "Yes. " * 9}]}
        for number in range(1300)
    ]
    # Bad rows and copies are counted in the order of the input.
    write_lines(tmp_path / "in.jsonl", [*rows, rows[0], {"messages": "none"}])
    found = [
        pack_dataset(
            [tmp_path / "in.jsonl"], tmp_path / f"out-{workers}", tokenizer=byte_level("chatml"), template="chatml",
            seq_len=256, workers=workers,
        )
        for workers in (1, 3)
    ]  # fmt: skip
    assert found[0]["counts"]["bad_rows"] == {"duplicate": 1, "wrong_type": 1}
    assert found[0]["gates"]["prompt_prefix"]["prompts"] > 60
    assert found[0] == found[1]
