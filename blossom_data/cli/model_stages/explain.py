"""`translate --explain ID`: one record's segments, masks, request, reply and the verdict of every check.

The reply is the one in the ledger, if there is one; no call is made. Of each segment it says too whether a judge
would be shown it, and what for.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from blossom_data.asks import Ask, Reply
from blossom_data.cli import output
from blossom_data.cli.flags.endpoint import EndpointFlags
from blossom_data.cli.flags.records import Records
from blossom_data.errors import ConfigError
from blossom_data.ledger.address import LedgerAddress
from blossom_data.ledger.opening import open_snapshot
from blossom_data.ledger.place import find_ledger
from blossom_data.llm.decode import BadReply
from blossom_data.prompts import load_prompt
from blossom_data.records import Record
from blossom_data.rows import read_records
from blossom_data.stages.build import build_stage
from blossom_data.stages.translate.accept import explain_reply, pair_of_segment
from blossom_data.stages.translate.guard.act.sign import THRESHOLD
from blossom_data.stages.translate.guard.act.speech_act import explain_sum
from blossom_data.stages.translate.guard.finding import Finding
from blossom_data.stages.translate.guard.registry import Verdict
from blossom_data.stages.translate.judge.judging import OFF, SOFT, Judging
from blossom_data.stages.translate.judge.kinds import chats_of
from blossom_data.stages.translate.protocol import Request
from blossom_data.stages.translate.segments import Segment, plan_record
from blossom_data.stages.translate.stage import Translate


def explain_record(
    wanted: str, settings: Mapping[str, Any], given: Records, endpoint: EndpointFlags, *, is_json: bool
) -> int:
    """Prints how the record whose id begins with `wanted` is asked for and judged; gives the exit code."""
    found = (item for item in read_records(given.records) if isinstance(item, Record) and item.id.startswith(wanted))
    record = next(found, None)
    if record is None:
        raise ConfigError(
            f"no record in {given.records} has an id that begins with {wanted!r}",
            hint=f"ids: blossom-data show {shlex.quote(given.records)}",
        )
    stage = build_stage("translate", settings)
    assert isinstance(stage, Translate)
    attempts = stage.explain(record)
    effort = {"reasoning_effort": endpoint.reasoning_effort} if endpoint.reasoning_effort else {}
    asks = [replace(ask, further={**(endpoint.extra_body or {}), **effort}) for _, ask in attempts]
    ledger = endpoint.ledger or find_ledger(given.out or Path("out"), given.records)
    replies = _replies(asks, ledger, endpoint.model)
    shown = _Shown(stage, chats_of(plan_record(record.messages, stage.source_lang), stage.source_lang))
    told = [_tell(request, ask, reply, shown) for (request, ask), reply in zip(attempts, replies, strict=True)]
    if is_json:
        output.json_result({"id": record.id, "calls": told})
    else:
        output.result("\n".join(_lines(record, told)))
    return 0


def _replies(asks: list[Ask], ledger: LedgerAddress, model: str) -> list[Reply | None]:
    """The first attempt's replies as far as the ledger holds them."""
    if not model or (isinstance(ledger, Path) and not ledger.is_file()):
        return [None] * len(asks)
    with closing(open_snapshot(ledger)) as stored:
        return [stored.get(ask.key(model)) for ask in asks]


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a judge would be shown of a record; without one, what `--judge soft` would."""

    stage: Translate
    chats: frozenset[int]

    def told(self, request: Request, segment: Segment, text: str, verdicts: Sequence[Verdict]) -> str:
        mode = self.stage.judge if self.stage.judge != OFF else SOFT
        judging = Judging(load_prompt("judge_translation"), mode, self.stage.version)
        findings = [Finding(each.code, each.is_hard, each.detail) for each in verdicts if each.detail]
        said = judging.told(segment, segment.restored(text.strip(), request.nonce), self.chats, findings)
        return said if self.stage.judge != OFF else f"{said} (with --judge soft; it is off)"


def _tell(request: Request, ask: Ask, reply: Reply | None, shown: _Shown) -> dict[str, Any]:
    """One call as plain data."""
    segments = [
        {"source": segment.text, "kind": segment.kind, "masks": dict(_masks(request, segment))}
        for segment in request.segments
    ]
    told: dict[str, Any] = {"segments": segments, "request": ask.messages[-1].content, "max_tokens": ask.max_tokens}
    if reply is None:
        return told
    told |= {"reply": reply.text, "finish_reason": reply.finish_reason, "fault": "", "checks": []}
    try:
        for segment, text, verdicts in explain_reply(request, reply):
            ran = [
                {"code": each.code, "hard": each.is_hard, "run": each.is_run, "found": each.detail} for each in verdicts
            ]
            signs = [
                {"weight": round(weight, 2), "seen": seen}
                for weight, seen in explain_sum(pair_of_segment(request, segment, text.strip()))
            ]
            judge = shown.told(request, segment, text, verdicts)
            told["checks"].append(
                {"source": segment.text, "output": text, "verdicts": ran, "signs": signs, "judge": judge}
            )
    except BadReply as why:
        told["fault"] = f"{why.code}: {why.detail}"
    return told


def _masks(request: Request, segment: Any) -> Iterator[tuple[str, str]]:
    yield from zip(segment.tokens(request.nonce), segment.protected, strict=True)


def _lines(record: Record, calls: list[dict[str, Any]]) -> Iterator[str]:
    yield f"{record.id}  {record.source}  {record.lang}"
    if not calls:
        yield "nothing to translate: passes without a call"
    for number, call in enumerate(calls, 1):
        yield f"── call {number} of {len(calls)}, at most {call['max_tokens']:,} tokens back"
        for segment in call["segments"]:
            yield f"  {segment['kind']}: {segment['source']}"
            yield from (f"      {token} = {span}" for token, span in segment["masks"].items())
        yield "── request"
        yield call["request"]
        if "reply" not in call:
            yield "── no reply in the ledger (give --ledger and --model of the run)"
            continue
        yield f"── reply, finish_reason {call['finish_reason']}"
        yield call["reply"]
        if call["fault"]:
            yield f"── refused as a whole: {call['fault']}"
        for checked in call["checks"]:
            yield f"── {checked['source']}"
            if checked["signs"]:
                total = sum(sign["weight"] for sign in checked["signs"])
                yield f"  signs, {total:.2f} of the {THRESHOLD:.2f} that make a finding:"
                yield from (f"      {sign['weight']:5.2f}  {sign['seen']}" for sign in checked["signs"])
            yield f"   {checked['output']}"
            for verdict in checked["verdicts"]:
                state = verdict["found"] or ("ok" if verdict["run"] else "not for these languages")
                yield f"     {verdict['code']:<12} {'hard' if verdict['hard'] else 'soft'}  {state}"
            yield f"     {'judge':<12}       {checked['judge']}"
