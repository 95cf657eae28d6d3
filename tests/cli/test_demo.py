"""The demo: the whole job offline, every safeguard at work, and nothing paid twice."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from command import blossom, values

from blossom_data.demo.recording import KINDS
from blossom_data.demo.server import OfflineEndpoint
from blossom_data.prompts import bundled
from blossom_data.pull import pull
from blossom_data.records import Record

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    done = blossom("demo", "-o", "demo", "--json", cwd=folder)
    assert done.code == 0, done
    (folder / "summary.json").write_text(done.out)
    return folder


def test_every_fault_of_the_recording_is_caught_and_shown(demo: Path) -> None:
    summary = json.loads((demo / "summary.json").read_text())
    assert summary["read"] == 60
    assert summary["kept"] == 58
    assert summary["failed"] == {}
    assert summary["rejected"] == {"translate/quarantine": 1, "verify-math/wrong": 1}
    caught = {
        "translate/envelope",
        "translate/chatter",
        "translate/language",
        "annotate/identity",
        "annotate/refusal",
        "annotate/truncated",
        "verify-math/wrong",
    }
    assert caught <= set(summary["asked_again"])
    assert {row["code"] for row in values(demo / "demo/dataset/rejects")} == {"quarantine", "wrong"}
    assert all(row["history"] for row in values(demo / "demo/dataset/rejects"))
    assert set(summary["run"]["retries"]) == {"429", "reset"}


def test_the_report_of_the_demo_is_small(demo: Path) -> None:
    page = demo / "demo/report.html"
    assert 20_000 < page.stat().st_size <= 400_000
    assert "<script" not in page.read_text()


def test_a_second_run_makes_no_call_and_gives_the_same_bytes(demo: Path) -> None:
    def digests() -> dict[str, str]:
        files = sorted((demo / "demo/dataset").rglob("*.*"))
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()}

    before = digests()
    again = blossom("demo", "-o", "demo", "--json", cwd=demo)
    assert (again.code, again.json["run"]["calls"]) == (0, 0)
    assert digests() == before
    assert len(before) >= 4


def test_one_evolution_and_one_chat_are_made_each_after_a_try_that_was_caught(demo: Path) -> None:
    (evolved,) = values(demo / "demo/synthesis/evol")
    (chat,) = values(demo / "demo/synthesis/chat")
    assert "20 g of protein" in evolved["messages"][0]["content"]
    assert [turn["role"] for turn in chat["messages"]] == ["user", "assistant"] * 3
    assert "persona:demo" in chat["tags"]
    assert not any("Rewritten" in turn["content"] for turn in evolved["messages"])
    assert not any(turn["content"].startswith("当然可以") for turn in chat["messages"])


def test_no_original_output_is_in_the_data_set(demo: Path) -> None:
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in values(demo / "demo/dataset"))
    outputs: list[str] = []
    for name in KINDS:
        for line in (bundled("demo") / "raw" / f"{name}.jsonl").read_text().splitlines():
            row = json.loads(line)
            outputs += [str(row.get(key) or "") for key in ("answer", "completion", "output")]
            outputs += [instance["output"] for instance in row.get("instances", [])]
            turns = row.get("conversations", [])
            outputs += [turn["value"] for turn in turns if turn["from"] in ("gpt", "function_call")]
    long = [output.strip() for output in outputs if len(output.strip()) > 40]
    assert len(long) > 30
    assert not [output for output in long if json.dumps(output, ensure_ascii=False)[1:-1] in text]


def test_every_record_is_chinese_answered_and_of_one_shape(demo: Path) -> None:
    rows = values(demo / "demo/dataset")
    assert {tuple(row) for row in rows} == {
        ("id", "source", "source_id", "lang", "messages", "gold", "tags", "lineage")
    }
    for row in rows:
        roles = [turn["role"] for turn in row["messages"]]
        assert row["lang"] == "zh"
        assert roles[-1] == "assistant"
        assert roles.count("user") == roles.count("assistant")


def test_datasets_loads_the_folder(demo: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    loaded = datasets.load_dataset(str(demo / "demo/dataset"), split="train", cache_dir=str(tmp_path))
    assert len(loaded) == len(values(demo / "demo/dataset"))
    assert set(loaded.column_names) == {"id", "source", "source_id", "lang", "messages", "gold", "tags", "lineage"}
    assert loaded[0]["messages"][0]["role"] in ("user", "system")


def test_an_unrecorded_question_is_an_error_not_an_answer(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"messages": [{"role": "user", "content": "What is the meaning of life?"}]}\n')
    with OfflineEndpoint() as endpoint:
        flags = ["--base-url", endpoint.base_url, "--model", "recorded", "--json"]
        done = blossom("annotate", "in.jsonl", "-o", "out", *flags, cwd=tmp_path)
        assert endpoint.calls == 0
    assert (done.code, done.json["failed"]) == (3, {"annotate/refused_422": 1})
    (failure,) = values(tmp_path / "out" / "rejects")
    assert "not in the recording" in failure["reply"]


def test_the_bundled_rows_are_sixty_of_six_sources() -> None:
    counts = {
        name: sum(isinstance(item, Record) for item in pull(kind, bundled("demo") / "raw" / f"{name}.jsonl"))
        for name, kind in KINDS.items()
    }
    assert sum(counts.values()) == 60
    assert len(counts) == 6
