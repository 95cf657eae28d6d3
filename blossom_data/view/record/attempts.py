"""How a record's texts came about: each stage with every attempt, its request, reply, cost and verdict.

    stories = Workshop(...).stories(row, record, original)
    stories[1].stage, len(stories[1].attempts), stories[1].attempts[0].verdict      "translate", 2, "numbers"

Replies are the ledger's. Requests are made anew by the stage itself (replaying.py) and known to be those that were sent
by their hash; where the record that went in or the stage's settings are not at hand, the replies are shown alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from blossom_data.asks import Ask, Reply, Stage
from blossom_data.errors import BlossomError, LedgerError
from blossom_data.languages.tags import base_of
from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.opening import open_snapshot
from blossom_data.ledger.place import ledger_named
from blossom_data.llm.decode import BadReply
from blossom_data.llm.money.prices import Price
from blossom_data.records import Lineage, Record, Reject
from blossom_data.report.page.html import visible
from blossom_data.stages.build import build_stage
from blossom_data.stages.translate.accept import explain_reply
from blossom_data.stages.translate.stage import Translate
from blossom_data.view.record.replaying import Round, replay

if TYPE_CHECKING:
    from blossom_data.ledger.opening import Snapshot

ACCEPTED = "accepted"
_ASKING = ("translate", "annotate", "classify", "judge", "verify-math")
_MOST_FAILURES = 20


@dataclass(frozen=True, slots=True)
class Check:
    """What one check said of one segment of a translation."""

    source: str
    output: str
    verdicts: list[tuple[str, bool, str]]
    """(code, whether it rejects, what it found) of every check that ran; nothing found is ""."""


@dataclass(slots=True)
class Attempt:
    """One request and its reply."""

    reply: str = ""
    thinking: str = ""
    model: str = ""
    finish_reason: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float | None = None
    request: list[tuple[str, str]] = field(default_factory=list)
    """Role and text of every message that was sent; empty where that is not known."""
    settings: str = ""
    verdict: str = ""
    """ACCEPTED, the code of what was wrong, or "" where that is not known."""
    detail: str = ""
    checks: list[Check] = field(default_factory=list)


@dataclass(slots=True)
class Story:
    """What one stage did with the record."""

    stage: str
    version: int = 0
    model: str = ""
    prompt: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    missing: str = ""
    """Why requests are not shown: settings, original, ledger, unread; "" where they are."""
    unread: str = ""
    """Why the ledger could not be read."""
    failures: list[tuple[str, int, str]] = field(default_factory=list)
    """(cause, HTTP status, detail) of calls that brought no reply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What is known of how a set was made."""

    ledger: LedgerAddress | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of each stage, as a pipeline has them; what is not named has the command's defaults."""
    prompts: Path | None = None
    """The folder in which prompts are looked for first."""
    models: Sequence[str] = ()
    """Models that were asked, by the names that requests had."""
    further: Mapping[str, Any] = field(default_factory=dict)
    """What the endpoint added to every request."""
    prices: Mapping[str, Price] = field(default_factory=dict)

    def stories(self, row: Mapping[str, Any], record: Record, original: Record | None) -> list[Story]:
        """What every stage of the record's lineage did, and of a reject the stage that refused it."""
        steps = list(record.lineage)
        code = ""
        if "code" in row and row.get("stage") != "read":
            code = f"{row['code']}: {row.get('detail', '')}"
            steps.append(Lineage(str(row["stage"]), 0))
        if self.ledger is None or (isinstance(self.ledger, Path) and not self.ledger.is_file()):
            return [Story(step.stage, step.version, step.model, step.prompt, missing="ledger") for step in steps]
        try:
            with closing(open_snapshot(self.ledger)) as stored:
                return list(self._told(steps, code, record, original, stored))
        except LedgerError as why:
            told = visible(str(why))
            return [
                Story(step.stage, step.version, step.model, step.prompt, missing="unread", unread=told)
                for step in steps
            ]

    def _told(
        self, steps: list[Lineage], code: str, record: Record, original: Record | None, stored: Snapshot
    ) -> Iterator[Story]:
        """The stories; what one stage made goes into the next."""
        current = original
        for number, step in enumerate(steps):
            is_refused = bool(code) and number == len(steps) - 1
            story = Story(step.stage, step.version, step.model, visible(step.prompt))
            keys = [bytes.fromhex(key) for key in step.reply.split(",") if _is_key(key)]
            if step.stage in _ASKING and (keys or is_refused or step.stage == "verify-math"):
                given = record if is_refused else current or _before(step.stage, record)
                current = self._tell(story, step, given, keys, stored)
            if is_refused and story.attempts and not story.attempts[-1].detail:
                story.attempts[-1].verdict, _, story.attempts[-1].detail = visible(code).partition(": ")
            yield story

    def _tell(
        self, story: Story, step: Lineage, given: Record | None, keys: list[bytes], stored: Snapshot
    ) -> Record | None:
        """Fills the story in; gives the record that the stage made, where that is known."""
        made: Record | None = None
        asked: list[bytes] = []
        models = [model for key in keys if (model := stored.model_of(key))] + [step.model, *self.models]
        with suppress(BlossomError):
            stage = self._stage(step.stage, given) if given is not None else None
            if stage is not None and given is not None:
                found = replay(stage, given, stored, models=models, further=self.further)
                asked = [key for part in found.rounds for key in part.keys]
                # The best of several may be another reply than the one that the stage takes by itself.
                if not keys or not set(keys).isdisjoint(asked):
                    story.attempts = [each for part in found.rounds for each in self._attempts(stage, given, part)]
                    made = found.result if isinstance(found.result, Record) else None
                    self._judge(story, found.rounds, found.result)
        story.failures = _failures(stored, [*keys, *asked])
        known = {attempt.reply for attempt in story.attempts}
        for key in keys:
            with suppress(BlossomError):
                reply = stored.get(key)
                if reply is not None and visible(reply.text) not in known:
                    story.attempts.append(self._attempt(None, reply))
        if not story.attempts or not story.attempts[0].request:
            story.missing = "original" if given is None else "settings"
            if step.stage == "verify-math" and not keys:
                story.missing = ""
        return made

    def _judge(self, story: Story, rounds: list[Round], result: Record | Reject | None) -> None:
        """Gives every attempt the verdict that its round came to."""
        at = 0
        for number, part in enumerate(rounds):
            is_last = number == len(rounds) - 1
            for attempt in story.attempts[at : at + len(part.asks)]:
                if not is_last:
                    attempt.verdict = part.because
                elif isinstance(result, Reject):
                    attempt.verdict, attempt.detail = result.code, visible(result.detail)
                elif result is not None:
                    attempt.verdict = ACCEPTED
            at += len(part.asks)

    def _stage(self, name: str, given: Record) -> Stage | None:
        settings = dict(self.settings.get(name, {}))
        if name == "translate" and not settings and base_of(given.lang) == "zh":
            settings = {"from": given.lang, "to": "en"}
        return build_stage(name, settings, folder=self.prompts)

    def _attempts(self, stage: Stage, given: Record, part: Round) -> Iterator[Attempt]:
        requests = {}
        if isinstance(stage, Translate):
            requests = {ask.messages: request for request, ask in stage.explain(given)}
        for ask, reply in zip(part.asks, part.replies, strict=True):
            attempt = self._attempt(ask, reply)
            if (request := requests.get(ask.messages)) is not None:
                # A reply that is no such document says so in its verdict.
                with suppress(BadReply):
                    attempt.checks = [
                        Check(
                            visible(segment.text),
                            visible(text),
                            [(each.code, each.is_hard, visible(each.detail)) for each in verdicts if each.is_run],
                        )
                        for segment, text, verdicts in explain_reply(request, reply)
                    ]
            yield attempt

    def _attempt(self, ask: Ask | None, reply: Reply) -> Attempt:
        price = self.prices.get(reply.model)
        return Attempt(
            reply=visible(reply.text),
            thinking=visible(reply.reasoning),
            model=visible(reply.model),
            finish_reason=visible(reply.finish_reason),
            tokens_in=reply.usage.tokens_in,
            tokens_out=reply.usage.tokens_out,
            cost_usd=price.of(reply.usage) if price else None,
            request=[(turn.role, visible(turn.content)) for turn in ask.messages] if ask else [],
            settings=_settings(ask) if ask else "",
        )


def ledger_of(dataset: Path) -> Path | None:
    """The ledger that the manifest of a set names, where it is there."""
    named = ledger_named(dataset)
    return named if named is not None and named.is_file() else None


def _before(stage: str, record: Record) -> Record | None:
    """The record as it went into `stage`, as far as the one that came out tells: an answer's question is unchanged."""
    return record if stage in ("annotate", "classify", "judge") else None


def _settings(ask: Ask) -> str:
    told = {"attempt": ask.attempt, "temperature": ask.temperature, "top_p": ask.top_p, "max_tokens": ask.max_tokens}
    return visible(orjson.dumps({key: value for key, value in told.items() if value is not None}).decode())


def _failures(stored: Snapshot, keys: list[bytes]) -> list[tuple[str, int, str]]:
    found = stored.failures_of(keys) if keys else []
    return [(visible(cause), status, visible(detail)) for _, status, cause, detail in found[:_MOST_FAILURES]]


def _is_key(text: str) -> bool:
    return len(text) == 32 and all(sign in "0123456789abcdef" for sign in text)
