"""The items of test sets: files, data sets, and names that stand for them.

    read_items("gsm8k-test", None)            comes with blossom-data (bundled/NOTICE.md)
    read_items("math23k-test", Path("bench")) bench/math23k-test.jsonl, math23k_test.json or math23k/test.jsonl in it
    read_items("eval/mine.jsonl", None)       [TestItem("eval/mine.jsonl", "3", "Which of these ..."), ...]

A row gives its question alone: the answer of a test item is its own text only where a row is a conversation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError, InputError
from blossom_data.object_store import path_of
from blossom_data.rows import BadRow, read_rows

_BUNDLED = ("gsm8k-test", "mt-bench")
_FILE_NAMES = {
    "mt-bench": ("mt_bench_question", "question"),
    "alignbench": ("data_v1.1_release",),
    "belle": ("belle_eval_set", "eval_set"),
}
"""Names that a test set has where it is had from."""
_HAD_FROM = {
    "gsm8k-test": "github.com/openai/grade-school-math, grade_school_math/data/test.jsonl",
    "mt-bench": "github.com/lm-sys/FastChat, fastchat/llm_judge/data/mt_bench/question.jsonl",
    "alignbench": "github.com/THUDM/AlignBench, data/data_v1.1_release.jsonl",
    "belle": "github.com/LianjiaTech/BELLE, eval/eval_set.json",
    "math23k-test": "github.com/SCNU203/Math23k, math23k_test.json",
}
_ENDINGS = (".jsonl", ".json", ".parquet", ".jsonl.zst", ".jsonl.gz", "")
_QUESTIONS = ("question", "instruction", "prompt", "original_text", "problem", "query", "Question", "ctx", "text")
_FURTHER = ("input", "context", "choices", "options")
_IDS = ("id", "question_id", "task_id", "idx")


@dataclass(frozen=True, slots=True)
class TestItem:
    """One question of a test set."""

    __test__ = False
    set_name: str
    id: str
    text: str


def check_name(name: str, bench_dir: Path | None) -> Path:
    """Where the test set `name` lies; nothing is read.

    Raises:
        ConfigError: nowhere.
    """
    path = path_of(name)
    return path if path.exists() else find_named(name, bench_dir)


def find_named(name: str, bench_dir: Path | None) -> Path:
    """Where the test set of this name lies, be there a file called so or not; raises as `check_name`."""
    for folder in [bench_dir] if bench_dir is not None else []:
        for stem in (name, name.replace("-", "_"), name.replace("-", "/", 1), *_FILE_NAMES.get(name, ())):
            for ending in _ENDINGS:
                if (found := folder / f"{stem}{ending}").exists():
                    return found
    if name in _BUNDLED:
        return Path(str(files(__package__).joinpath(f"bundled/{name}.jsonl.zst")))
    if name in _HAD_FROM:
        raise ConfigError(
            f"the test set {name} does not come with blossom-data: it is had from {_HAD_FROM[name]}",
            hint=f"put it into a folder as {name}.jsonl, and name that with --bench-dir or BLOSSOM_BENCH",
        )
    raise ConfigError(
        f"no test set {name}: it is no file, and none of that name is in {bench_dir or '--bench-dir (not given)'}",
        hint=f"give a file, or one of {', '.join(sorted(_HAD_FROM))}",
    )


def read_items(name: str, bench_dir: Path | None) -> list[TestItem]:
    """The items of a test set, none twice.

    Raises:
        ConfigError: it is nowhere.
        InputError: it cannot be read, or no row of it has a question.
    """
    path = check_name(name, bench_dir)
    items = [
        TestItem(name, _id_of(row.value) or str(row.line), text)
        for row in read_rows(path)
        if not isinstance(row, BadRow) and (text := _question(row.value))
    ]
    if not items:
        raise InputError(
            f"no row of the test set {name} has a question",
            hint=f"a row is a conversation, or has one of {', '.join(_QUESTIONS)}",
        )
    return list({item.text: item for item in items}.values())


def _question(row: Mapping[str, Any]) -> str:
    """What a row asks; "" where it asks nothing."""
    for turns in (row.get("messages"), row.get("conversations"), row.get("turns")):
        if isinstance(turns, list):
            return "\n".join(_asked(turns))
    text = next((row[name] for name in _QUESTIONS if isinstance(row.get(name), str) and row[name].strip()), "")
    further = [each for name in _FURTHER for each in _texts(row.get(name))]
    return "\n".join([text, *further]) if text else ""


def _asked(turns: Iterable[Any]) -> Iterator[str]:
    for turn in turns:
        if isinstance(turn, str):
            yield turn
        elif isinstance(turn, dict) and turn.get("role", turn.get("from")) in ("user", "human"):
            text = turn.get("content", turn.get("value"))
            if isinstance(text, str):
                yield text


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.strip():
        yield value
    elif isinstance(value, list):
        yield from (each for each in value if isinstance(each, str))


def _id_of(row: Mapping[str, Any]) -> str:
    return next((str(row[name]) for name in _IDS if isinstance(row.get(name), str | int)), "")
