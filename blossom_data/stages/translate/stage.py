"""Stage `translate`: every system, user and assistant text of a record in the target language, or a Reject.

    {"lang": "en", "messages": [user "Explain `ls`."]}  ->  {"lang": "zh", "messages": [user "解释 `ls`。"]}

The ladder for what is not accepted: the same request with a new nonce, then at temperature 0.3, then segment by
segment, then another model where one is configured, then Reject. Nothing is accepted because tries ran out. A record
with tools is rejected, or translated without them where that is asked for. It keeps `gold`, the id and every byte that
was not sent.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from blossom_data.asks import Ask, Note, Reply
from blossom_data.languages.tags import base_of, name_of
from blossom_data.llm.decode import BadReply
from blossom_data.llm.reply.message_parts import finish_kind
from blossom_data.llm.reply_models import ReplyFlag, read_reply, reply_model, reply_schema
from blossom_data.prompts import Prompt
from blossom_data.records import Lineage, Record, Reject
from blossom_data.stages.translate.accept import Outcome, judge_reply
from blossom_data.stages.translate.guard.act.orders import has_order
from blossom_data.stages.translate.guard.coverage import EN_ZH
from blossom_data.stages.translate.guard.finding import Finding
from blossom_data.stages.translate.masks import without_spans
from blossom_data.stages.translate.prose import is_ask
from blossom_data.stages.translate.protocol import REPLY_SCHEMA, Request, make_nonce, named
from blossom_data.stages.translate.script import is_in
from blossom_data.stages.translate.segments import KINDS, Plan, Segment, in_calls, plan_record, protected_spans

REJECT_CODES = (
    "finish", "content_filter", "envelope", "json", "keys", "nonce", "count", "ids", "head", "mask", "damage",
    "language", "traditional", "simplified", "residue", "length", "structure", "numbers", "speech_act",
    "literal", "chatter",
    "ask", "description", "refusal", "turns", "lang_task", "loop", "balance", "cross", "quarantine", "judge",
    "source_language", "unsupported_content",
)  # fmt: skip
MAX_KEPT_REPLY_CHARS = 64 << 10
"""So much of a rejected reply is kept."""
CALL_TOKENS = 2000
"""Source tokens that one call holds at most."""


@reply_model
class Judgement:
    """What the judge says of a segment and its translation."""

    same_task: ReplyFlag
    answered: ReplyFlag


JUDGE_SCHEMA = reply_schema(Judgement)


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
    judge: Prompt | None = None
    """Second opinion on soft findings, takes `${document}`; without one they are quarantined."""
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
        work = Work(record, plan)
        for attempt, rung in enumerate(self._ladder()):
            if rung.is_one_by_one and len(plan.segments) == 1:
                continue
            yield from self._attempt(work, attempt, rung)
            if not work.left():
                return self._finished(work)
            if work.worst is not None and work.worst.code == "content_filter":
                break
            if work.doubted and (self.judge is None and work.doubted > 1):
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

    def _ladder(self) -> list[Rung]:
        rungs = [Rung(temperature=0.0 if attempt < 2 else 0.3) for attempt in range(self.tries)]
        rungs.append(Rung(is_one_by_one=True))
        if self.fallback_model:
            rungs.append(Rung(model=self.fallback_model))
        return rungs

    def _attempt(self, work: Work, attempt: int, rung: Rung) -> Generator[list[Ask] | Note, Any, None]:
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
            work.texts.update(outcome.texts)
            if outcome.doubtful and self.judge is not None:
                outcome = yield from self._second_opinion(work, attempt, request, outcome)
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

    def _second_opinion(
        self, work: Work, attempt: int, request: Request, outcome: Outcome
    ) -> Generator[list[Ask] | Note, Any, Outcome]:
        """Asks the judge about each doubtful segment; the ones that it clears are accepted."""
        assert self.judge is not None
        doubtful = [segment for segment in request.segments if segment.index in outcome.doubtful]
        asks = [self._judge_ask(request, attempt, segment, outcome.doubtful[segment.index]) for segment in doubtful]
        verdicts: Sequence[Reply] = yield asks
        findings = dict(outcome.findings)
        for segment, verdict in zip(doubtful, verdicts, strict=True):
            work.heard(verdict)
            if _is_cleared(verdict):
                work.texts[segment.index] = outcome.doubtful[segment.index]
                del findings[segment.index]
        return replace(outcome, findings=findings, doubtful={})

    def _judge_ask(self, request: Request, attempt: int, segment: Segment, text: str) -> Ask:
        assert self.judge is not None
        source, target = request.source_lang, request.target_lang
        source, target = (source, target) if (source, target) in EN_ZH else named(source, target)
        document = json.dumps(
            {
                "task": "judge",
                "from": source,
                "to": target,
                "source": segment.text,
                "translation": text,
            },
            ensure_ascii=False,
        )
        return Ask(
            stage="judge",
            version=self.version,
            messages=self.judge.fill(document=document),
            attempt=attempt,
            temperature=0.0,
            max_tokens=64 + self.spare_tokens,
            response_schema=JUDGE_SCHEMA,
            prompt_hash=self.judge.hash,
        )

    def _finished(self, work: Work) -> Record | tuple[Record, ...]:
        record = work.record
        step = Lineage(self.name, self.version, self.prompt.hash, ",".join(work.models), ",".join(work.keys))
        tags = record.tags
        if work.plan.lang_task and "lang_task" not in tags:
            tags = (*tags, "lang_task")
        translation = replace(
            record,
            lang=self.target_lang,
            messages=work.plan.rebuild(work.texts),
            tags=tags,
            lineage=(*record.lineage, step),
        )
        if not self.keep_source:
            return translation
        link = f"pair:{record.id}"
        return (
            replace(record, tags=(*tags, link)),
            replace(translation, id=f"{record.id}.{self.target_lang}", tags=(*tags, link)),
        )


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


def _is_cleared(verdict: Reply) -> bool:
    """Whether the judge says, in exactly the shape asked for, that the task is the same and not answered."""
    if verdict.refusal or finish_kind(verdict.finish_reason) != "stop":
        return False
    try:
        judgement = read_reply(Judgement, verdict.text).value
    except BadReply:
        return False
    return judgement.same_task and not judgement.answered
