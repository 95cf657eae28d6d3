"""From a reply to accepted segments: finish reason, strict decoding, match, then the checks of each segment.

    outcome = judge_reply(request, reply)
    outcome.texts     {0: "写一首诗。"}            segments without findings, masks put back
    outcome.findings  {1: (Finding("mask", ...),)}  the others
    outcome.fault     Finding("json", ...)          when the reply as a whole is no answer to the request

Nothing is repaired, and a segment with a finding is never among the texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from blossom_data.asks import Reply
from blossom_data.llm.decode import BadReply
from blossom_data.llm.reply.message_parts import finish_kind
from blossom_data.llm.reply_models import read_reply
from blossom_data.stages.translate.guard.finding import Finding, Pair
from blossom_data.stages.translate.guard.registry import Verdict, find_faults, verdicts
from blossom_data.stages.translate.masks import tokens_in, without_tokens
from blossom_data.stages.translate.protocol import Request, TranslationReply, match_reply
from blossom_data.stages.translate.segments import Segment


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one reply is worth."""

    texts: Mapping[int, str] = field(default_factory=dict)
    """Segment.index -> accepted translation."""
    doubtful: Mapping[int, str] = field(default_factory=dict)
    """Segment.index -> translation with soft findings only, for a judge."""
    findings: Mapping[int, tuple[Finding, ...]] = field(default_factory=dict)
    """Segment.index -> what is wrong with it."""
    fault: Finding | None = None
    """What is wrong with the reply as a whole; then there are no texts."""
    notes: tuple[str, ...] = ()
    """Wrappings that were tolerated around the object."""

    def first(self) -> Finding | None:
        """The finding to reject for: a hard one before a soft one."""
        found = [finding for faults in self.findings.values() for finding in faults]
        return self.fault or next((finding for finding in found if finding.is_hard), found[0] if found else None)


def judge_reply(request: Request, reply: Reply, others: Sequence[tuple[Segment, str]] = ()) -> Outcome:
    """Decodes and checks a reply; `others` is what the record has already. Raises nothing, whatever the reply holds."""
    if reply.refusal:
        return Outcome(fault=Finding("refusal", True, reply.refusal[:200]))
    finish = finish_kind(reply.finish_reason)
    if finish == "content_filter":
        return Outcome(fault=Finding("content_filter", True, "the endpoint filtered the answer"))
    if finish != "stop":
        return Outcome(fault=Finding("finish", True, f"finish reason {reply.finish_reason!r}"))
    try:
        read = read_reply(TranslationReply, reply.text)
        texts = match_reply(request, read.value)
    except BadReply as why:
        return Outcome(fault=Finding(why.code, True, why.detail))
    accepted: dict[int, str] = {}
    doubtful: dict[int, str] = {}
    findings: dict[int, tuple[Finding, ...]] = {}
    crossed = _crossed(request, texts, others)
    for segment, text in zip(request.segments, texts, strict=True):
        clean = text.strip()
        faults = tuple(find_faults(pair_of_segment(request, segment, clean)))
        if segment.index in crossed:
            faults = (*faults, Finding("cross", True, f"the same text as segment {crossed[segment.index] + 1}"))
        if not faults:
            accepted[segment.index] = segment.restored(clean, request.nonce)
            continue
        findings[segment.index] = faults
        if not any(finding.is_hard for finding in faults):
            doubtful[segment.index] = segment.restored(clean, request.nonce)
    return Outcome(accepted, doubtful, findings, notes=read.notes)


def pair_of_segment(request: Request, segment: Segment, text: str) -> Pair:
    """What the checks are given for one segment and its still masked translation."""
    return Pair(
        segment.plain,
        without_tokens(text),
        source_lang=request.source_lang,
        target_lang=request.target_lang,
        wanted=tuple(sorted(segment.tokens(request.nonce))),
        got=tuple(sorted(tokens_in(text))),
        is_lang_task=segment.is_lang_task,
    )


def explain_reply(request: Request, reply: Reply) -> Iterator[tuple[Segment, str, list[Verdict]]]:
    """(segment, its masked translation, what each check says) for a reply that decodes and matches.

    Raises:
        BadReply: the reply does not get as far as the checks.
    """
    texts = match_reply(request, read_reply(TranslationReply, reply.text).value)
    for segment, text in zip(request.segments, texts, strict=True):
        yield segment, text, list(verdicts(pair_of_segment(request, segment, text.strip())))


def _crossed(request: Request, texts: Sequence[str], others: Sequence[tuple[Segment, str]]) -> dict[int, int]:
    """Segment.index -> index of another segment with another source and the same translation of some length."""
    first = {_essence(text): segment for segment, text in others}
    crossed: dict[int, int] = {}
    for segment, text in zip(request.segments, texts, strict=True):
        said = _essence(segment.restored(text, request.nonce))
        if len(said) < 4:
            continue
        other = first.setdefault(said, segment)
        if _essence(other.text) != _essence(segment.text):
            crossed[segment.index] = other.index
    return crossed


def _essence(text: str) -> str:
    return "".join(sign for sign in text.lower() if sign.isalnum())
