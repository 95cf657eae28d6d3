"""The suites that models are evaluated on: what each asks, how it is scored, and where its questions are had.

    parse_suite("gsm8k:100", None)          Chosen(suite=SUITES["gsm8k"], place=..., limit=100)
    parse_suite("eval/mine.jsonl", None)    Chosen(suite=Suite(name="mine", ...), place=Path("eval/mine.jsonl"))

Where a suite's file lies is the business of curate/decontaminate/test_sets.py: a set is guarded against under the name
under which it is evaluated on. Temperatures by category are those of the suites' own programs.

Source: FastChat's `llm_judge/common.py` (MT-Bench), AlignBench's `config/temperature.json`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from blossom_data.curate.decontaminate.test_sets import find_named
from blossom_data.errors import ConfigError, near_hint
from blossom_data.object_store import is_url, path_of

EXACT, PUBLISHED, DOCUMENT = "exact", "published", "document"
"""How an answer is scored: against its gold label; by the published prompts; by a prompt that takes a document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A set of questions with the rules of its scores."""

    name: str
    test_set: str = ""
    """Its name among the test sets; "" for a file of the user's own."""
    scoring: str = DOCUMENT
    prompt: str = "judge_evaluation"
    """Of a judge that is sent a document."""
    least: float = 1.0
    most: float = 10.0
    """The worst and the best score of an answer."""
    temperatures: Mapping[str, float] = field(default_factory=dict)
    """Of the answers, by category."""
    temperature: float = 0.0
    """Of the answers of every other category."""
    lang: str = "en"
    """Language of a question that is in none that can be told."""


SUITES = {
    suite.name: suite
    for suite in (
        Suite(name="gsm8k", test_set="gsm8k-test", scoring=EXACT, least=0.0, most=1.0),
        Suite(name="math23k", test_set="math23k-test", scoring=EXACT, least=0.0, most=1.0, lang="zh"),
        Suite(
            name="mt-bench",
            test_set="mt-bench",
            scoring=PUBLISHED,
            temperatures={"writing": 0.7, "roleplay": 0.7, "stem": 0.1, "humanities": 0.1},
        ),
        Suite(
            name="alignbench",
            test_set="alignbench",
            prompt="judge_alignbench",
            temperatures={"角色扮演": 0.7, "文本写作": 0.7, "综合问答": 0.7},
            temperature=0.1,
            lang="zh",
        ),
        Suite(name="belle", test_set="belle", prompt="judge_belle", least=0.0, most=1.0, lang="zh"),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A suite with the file of its questions."""

    suite: Suite
    place: Path
    limit: int | None = None
    """The first so many questions; None: all."""


def parse_suite(given: str, bench_dir: Path | None) -> Chosen:
    """What `NAME`, `NAME:N`, `FILE` or `FILE:N` stands for; nothing is read.

    Raises:
        ConfigError: no such suite or file, or a suite whose questions are not here.
    """
    suite, name, limit = named_suite(given)
    if suite.test_set:
        # Questions and references of MT-Bench come along: those of its own file have other references.
        place = find_named(suite.test_set, None if suite.scoring == PUBLISHED else bench_dir)
        return Chosen(suite=suite, place=place, limit=limit)
    return Chosen(suite=suite, place=path_of(name), limit=limit)


def named_suite(given: str) -> tuple[Suite, str, int | None]:
    """The suite that is meant, the name or file that it was given by, and how many of its questions.

    Raises:
        ConfigError: no such suite or file.
    """
    name, limit = _name_and_limit(given)
    if limit == 0:
        raise ConfigError(f"{given!r} asks for no question", hint="such as gsm8k:100, or the name alone for all")
    if (suite := SUITES.get(name)) is not None:
        return suite, name, limit
    place = path_of(name)
    if not place.is_file():
        told = f"no suite and no file {name!r}"
        raise ConfigError(told, hint=near_hint(place.name, SUITES, "give a JSONL file, or one of:"))
    return Suite(name=place.name.split(".", 1)[0]), name, limit


def placed_suite(given: str, folder: Path) -> str:
    """The same suite, by an absolute path where it is a file, whose path is relative to `folder`."""
    return (
        given
        if _name_and_limit(given)[0] in SUITES
        else str((path_of(given) if is_url(given) else folder / given).absolute())
    )


def _name_and_limit(given: str) -> tuple[str, int | None]:
    head, mark, number = given.rpartition(":")
    return (head, int(number)) if mark and number.isdecimal() and not path_of(given).exists() else (given, None)


def parse_suites(given: Sequence[str], bench_dir: Path | None) -> list[Chosen]:
    """All suites that are named, none twice; raises as `parse_suite`."""
    chosen = [parse_suite(each, bench_dir) for each in given]
    names = [each.suite.name for each in chosen]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ConfigError(f"two of the suites are called {twice}", hint="name each once; rename one of two files")
    return chosen
