"""Stage `translate`: every system, user and assistant text of a record in the target language, or a Reject.

    {"lang": "en", "messages": [user "Explain `ls`."]}  ->  {"lang": "zh", "messages": [user "解释 `ls`。"]}

The ladder for what is not accepted: the same request with a new nonce, then at temperature 0.3, then segment by
segment, then another model where one is configured, then Reject. Nothing is accepted because tries ran out. With a
judge (judge/) what is doubtful, and what the checks are weak in, is accepted only if it says so. A record
with tools is rejected, or translated without them where that is asked for. It keeps `gold`, the id and every byte that
was not sent.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from blossom_data.asks import Ask, Foreseen, Note, Reply
from blossom_data.languages.tags import base_of, name_of
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Record, Reject
from blossom_data.stages.translate.accept import Outcome, judge_reply
from blossom_data.stages.translate.guard.act.orders import has_order
from blossom_data.stages.translate.guard.coverage import EN_ZH
from blossom_data.stages.translate.guard.finding import Finding
from blossom_data.stages.translate.judge.judging import ASKED_AS, CLEARED, OFF, Judging, Opinion
from blossom_data.stages.translate.judge.kinds import chats_of
from blossom_data.stages.translate.masks import without_spans
from blossom_data.stages.translate.prose import is_ask
from blossom_data.stages.translate.protocol import REPLY_SCHEMA, Request, make_nonce
from blossom_data.stages.translate.script import is_in
from blossom_data.stages.translate.segments import (
    KINDS,
    Plan,
    Segment,
    estimate_tokens,
    in_calls,
    plan_record,
    protected_spans,
)

REJECT_CODES = (
    "finish", "content_filter", "envelope", "json", "keys", "nonce", "count", "ids", "head", "mask", "damage",
    "language", "traditional", "simplified", "residue", "length", "structure", "numbers", "speech_act",
    "literal", "chatter",
    "ask", "description", "refusal", "turns", "lang_task", "loop", "balance", "cross", "quarantine", "judge",
    "source_language", "unsupported_content", "unreadable",
)  # fmt: skip
JUDGE_CLEARED, JUDGE_REFUSED = "judge-cleared", "judge-refused"
"""Steps of the lineage that hold the verdicts on a record's translations."""
MAX_KEPT_REPLY_CHARS = 64 << 10
"""So much of a rejected reply is kept."""
CALL_TOKENS = 2000
"""Source tokens that one call holds at most."""


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder."""

    temperature: float = 0.0
    is_one_by_one: bool = False
    model: str = ""


@dataclass(slots=True)
class Work:
    """What is known of one record on its way: accepted texts, and the story of what was not."""

    record: Record
    plan: Plan
    texts: dict[int, str] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    history: list[str] = field(default_factory=list)
    worst: Finding | None = None
    reply: str = ""
    doubted: int = 0
    chats: frozenset[int] = frozenset()
    """Indices of the segments that are small talk."""
    opinions: list[Opinion] = field(default_factory=list)
    """What the judge said of its translations, in the order in which it was asked."""

    def accepted(self) -> list[tuple[Segment, str]]:
        return [(segment, self.texts[segment.index]) for segment in self.plan.segments if segment.index in self.texts]

    def left(self) -> list[Segment]:
        return [segment for segment in self.plan.segments if segment.index not in self.texts]

    def heard(self, reply: Reply) -> None:
        """Notes the ledger key and model of a reply."""
        if reply.key:
            self.keys.append(reply.key)
        if reply.model and reply.model not in self.models:
            self.models.append(reply.model)

    def tell(self, attempt: int, rung: Rung, reply: Reply, outcome: Outcome) -> None:
        """Adds an attempt that failed to the history, and remembers why."""
        finding = outcome.first()
        if finding is None:
            return
        codes = sorted({each.code for faults in outcome.findings.values() for each in faults} or {finding.code})
        self.worst, self.reply = finding, reply.text[:MAX_KEPT_REPLY_CHARS]
        self.history.append(
            f"attempt {attempt} temperature {rung.temperature} finish {reply.finish_reason} "
            f"codes {','.join(codes)}: {finding.detail}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Translate:
    """Record in one language -> the same record in another."""

    prompt: Prompt
    """Takes `${document}`, the request as JSON."""
    source_lang: str = "en"
    target_lang: str = "zh"
    tries: int = 3
    """Times a document is asked for whole before its segments are asked for one by one."""
    judge: str = OFF
    """Which translations a second model compares with their source (config.JUDGE_MODES); without it soft findings are
    quarantined."""
    judge_prompt: Prompt | None = None
    """What the judge is asked by; takes `${document}`. Needed unless `judge` is off."""
    judge_model: str = ""
    """Another model of the endpoint as the judge; "" for its own."""
    fallback_model: str = ""
    """Asked last, when nothing else was accepted; "" for none."""
    keep_source: bool = False
    """Returns the source record too, linked to its translation by the tag `pair:<id>`."""
    drop_lang_tasks: bool = False
    """Rejects tasks about the English language in place of translating their ask."""
    drop_tools: bool = False
    """Leaves definitions and calls of tools and what they gave out, in place of rejecting the record."""
    spare_tokens: int = 64
    """Added to the output cap of a call; raise it for a model that thinks within its reply."""
    max_tokens: int | None = None
    """Output cap of a call, in place of the one that fits its source."""
    name: str = "translate"
    version: int = 1

    def run(self, record: Record) -> Generator[list[Ask] | Note, Any, Record | tuple[Record, ...]]:
        """Asks for the translation; see the module docstring.

        Raises:
            Reject: with one of REJECT_CODES, the last reply and a line for each attempt.
        """
        if not any(_is_one_language(record.lang, lang) for lang in (self.source_lang, self.target_lang)):
            wanted = f"{self.source_lang} is what is translated from (--from {record.lang} takes these)"
            raise Reject("source_language", f"the record is in {record.lang}, and {wanted}")
        if record.has_tools:
            if not self.drop_tools:
                raise Reject("unsupported_content", "it defines or calls tools, and these are not translated")
            record = record.without_tools()
            if all(turn.is_void for turn in record.messages):
                raise Reject("unsupported_content", "nothing is left of it without the tools")
        plan = plan_record(record.messages, self.source_lang)
        if plan.lang_task and self.drop_lang_tasks:
            raise Reject("lang_task", f"a task about the {name_of(self.source_lang)} language")
        if not plan.segments or self._is_translated(record):
            is_done = record.lang in (self.target_lang, "zh-Hant")
            return record if is_done else replace(record, lang=self.target_lang)
        judging = self.judging
        work = Work(record, plan, chats=chats_of(plan, self.source_lang) if judging else frozenset())
        for attempt, rung in enumerate(self._ladder()):
            if rung.is_one_by_one and len(plan.segments) == 1:
                continue
            yield from self._attempt(work, attempt, rung, judging)
            if not work.left():
                return self._finished(work)
            if work.worst is not None and work.worst.code == "content_filter":
                break
            if work.doubted > 1 and judging is None:
                break
        finding = work.worst or Finding("quarantine", False, "no reply was accepted")
        code = finding.code if finding.is_hard else "quarantine"
        detail = finding.detail if finding.is_hard else f"{finding.code}: {finding.detail}"
        raise Reject(code, detail, reply=work.reply, history=tuple(work.history))

    def _is_translated(self, record: Record) -> bool:
        """Whether a record is in the target language already; in Chinese characters, whatever its `lang` says."""
        if self.target_lang == "zh" and base_of(self.source_lang) != "zh-Hant":
            return _is_chinese(record)
        is_known = (self.source_lang, self.target_lang) not in EN_ZH
        return is_known and base_of(record.lang) == base_of(self.target_lang)

    def explain(self, record: Record) -> list[tuple[Request, Ask]]:
        """What the first attempt asks for `record`, with no call made; feed the replies to accept.explain_reply."""
        work = Work(record, plan_record(record.messages, self.source_lang))
        calls = in_calls(work.plan.segments, CALL_TOKENS)
        requests = [self._request(work, 0, part, segments) for part, segments in enumerate(calls)]
        return [(request, self._ask(request, 0, Rung())) for request in requests]

    def foresee(self, record: Record) -> list[Foreseen]:
        """The verdicts that a judge is likely to be asked for, for a plan; empty without one."""
        if (judging := self.judging) is None:
            return []
        plan = plan_record(record.messages, self.source_lang)
        chats = chats_of(plan, self.source_lang)
        request = Request("", self.source_lang, self.target_lang, plan.segments)
        calls = tokens_in = tokens_last = 0.0
        for segment in plan.segments:
            share = judging.share_shown(segment, chats)
            sent = [estimate_tokens(turn.content) for turn in judging.ask(request, segment.text, segment.text).messages]
            calls, tokens_in, tokens_last = calls + share, tokens_in + share * sum(sent), tokens_last + share * sent[-1]
        return [
            Foreseen(stage=ASKED_AS, calls=calls, tokens_in=tokens_in, tokens_last=tokens_last, model=self.judge_model)
        ]

    def _ladder(self) -> list[Rung]:
        rungs = [Rung(temperature=0.0 if attempt < 2 else 0.3) for attempt in range(self.tries)]
        rungs.append(Rung(is_one_by_one=True))
        if self.fallback_model:
            rungs.append(Rung(model=self.fallback_model))
        return rungs

    @property
    def judging(self) -> Judging | None:
        """The judge, None for none."""
        if self.judge == OFF or self.judge_prompt is None:
            return None
        return Judging(self.judge_prompt, self.judge, self.version, self.judge_model, self.spare_tokens)

    def _attempt(
        self, work: Work, attempt: int, rung: Rung, judging: Judging | None
    ) -> Generator[list[Ask] | Note, Any, None]:
        """One rung: asks for all that is left, and takes what is accepted into `work.texts`."""
        left = work.left()
        parts = [(segment,) for segment in left] if rung.is_one_by_one else in_calls(left, CALL_TOKENS)
        requests = [self._request(work, attempt, part, segments) for part, segments in enumerate(parts)]
        because = work.worst.code if work.worst else ""
        replies: Sequence[Reply] = yield [self._ask(request, attempt, rung, because) for request in requests]
        is_doubted = False
        for request, reply in zip(requests, replies, strict=True):
            work.heard(reply)
            outcome = judge_reply(request, reply, work.accepted())
            for note in outcome.notes:
                yield Note(note)
            if judging is not None:
                outcome = yield from judging.review(request, outcome, work.chats, work.opinions)
            work.texts.update(outcome.texts)
            work.tell(attempt, rung, reply, outcome)
            is_doubted = is_doubted or bool(outcome.doubtful)
        work.doubted += is_doubted

    def _request(self, work: Work, attempt: int, part: int, segments: tuple[Segment, ...]) -> Request:
        source = "\n".join(segment.text for segment in segments)
        seed = (work.record.id, self.prompt.hash, self.target_lang, str(attempt), str(part))
        return Request(make_nonce(seed, source), self.source_lang, self.target_lang, segments)

    def _ask(self, request: Request, attempt: int, rung: Rung, because: str = "") -> Ask:
        return Ask(
            stage=self.name,
            version=self.version,
            messages=self.prompt.fill(document=request.document()),
            attempt=attempt,
            temperature=rung.temperature,
            max_tokens=self.max_tokens or request.max_tokens(self.spare_tokens),
            response_schema=REPLY_SCHEMA,
            prompt_hash=self.prompt.hash,
            model=rung.model,
            because=because,
        )

    def _finished(self, work: Work) -> Record | tuple[Record, ...]:
        record = work.record
        step = Lineage(self.name, self.version, self.prompt.hash, ",".join(work.models), ",".join(work.keys))
        steps = (step, *self._judged(work.opinions))
        tags = record.tags
        if work.plan.lang_task and "lang_task" not in tags:
            tags = (*tags, "lang_task")
        translation = replace(
            record,
            lang=self.target_lang,
            messages=work.plan.rebuild(work.texts),
            tags=tags,
            lineage=(*record.lineage, *steps),
        )
        if not self.keep_source:
            return translation
        link = f"pair:{record.id}"
        return (
            replace(record, tags=(*tags, link)),
            replace(translation, id=f"{record.id}.{self.target_lang}", tags=(*tags, link)),
        )

    def _judged(self, opinions: list[Opinion]) -> Iterator[Lineage]:
        """The verdicts that cleared a translation of the record, and those that refused one, a step each."""
        for name, is_cleared in ((JUDGE_CLEARED, True), (JUDGE_REFUSED, False)):
            said = [each.reply for each in opinions if (each.verdict == CLEARED) is is_cleared and each.reply]
            if said and self.judge_prompt is not None:
                models = dict.fromkeys(reply.model for reply in said if reply.model)
                keys = dict.fromkeys(reply.key for reply in said if reply.key)
                yield Lineage(name, self.version, self.judge_prompt.hash, ",".join(models), ",".join(keys))


def _is_one_language(one: str, other: str) -> bool:
    """Whether two tags name one language; Chinese is one, whatever its characters."""
    return one.partition("-")[0] == other.partition("-")[0]


def _is_chinese(record: Record) -> bool:
    """Whether the first line of a record is written in Chinese, and most of it, and no English line orders alone."""
    lang = "en" if record.lang == "en" else "zh"
    texts = [
        without_spans(turn.content, protected_spans(turn.content, lang))
        for turn in record.messages
        if turn.role in KINDS
    ]
    lines = [line for text in texts for line in text.split("\n") if any(sign.isalpha() for sign in line)]
    if not (lines and is_in(lines[0], "zh") and is_in("\n".join(lines), "zh")):
        return False
    english = lang == "en" and any(line.isascii() and is_ask(line) for line in lines)
    return not english or any(has_order(line) or line.rstrip().endswith(("：", ":", "？")) for line in lines)
