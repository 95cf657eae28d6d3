"""All checks of a translation, in run order. To add one: write `find(pair) -> str`, and enter it here.

`is_hard` findings are certain enough to reject and ask again; the others want a second opinion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from blossom_data.stages.translate.guard import language, numbers, shape, surface, talk, terms
from blossom_data.stages.translate.guard.act import speech_act
from blossom_data.stages.translate.guard.finding import Check, Finding, Pair

EN_ZH, ZH_EN = ("en", "zh"), ("zh", "en")
_BOTH = (EN_ZH, ZH_EN)

CHECKS: tuple[Check, ...] = (
    Check("length", True, shape.find_size),
    Check("mask", True, shape.find_mask),
    Check("damage", True, surface.find_damage),
    Check("language", True, language.find_language),
    Check("traditional", True, surface.find_traditional, (EN_ZH,)),
    Check("residue", True, language.find_residue),
    Check("length", True, shape.find_length),
    Check("structure", True, shape.find_structure),
    Check("chatter", True, talk.find_chatter),
    Check("ask", True, talk.find_ask, _BOTH),
    Check("description", True, talk.find_description, _BOTH),
    Check("refusal", True, talk.find_refusal),
    Check("turns", True, talk.find_turns),
    Check("loop", True, surface.find_loop),
    Check("lang_task", False, terms.find_lang_task, _BOTH),
    Check("numbers", False, numbers.find_numbers, _BOTH),
    Check("residue", False, language.find_soft_residue, (EN_ZH,)),
    Check("structure", False, shape.find_marks),
    Check("speech_act", False, speech_act.find_speech_act, _BOTH),
    Check("balance", False, surface.find_balance),
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check says of a pair; `detail` is "" where it found nothing, `is_run` whether it knows the languages."""

    code: str
    is_hard: bool
    is_run: bool
    detail: str


def find_faults(pair: Pair) -> list[Finding]:
    """The findings, in run order, up to the first hard one; none means that the translation is accepted."""
    faults: list[Finding] = []
    for check in CHECKS:
        if check.covers(pair) and (detail := check.find(pair)):
            faults.append(Finding(check.code, check.is_hard, detail))
            if check.is_hard:
                break
    return faults


def verdicts(pair: Pair) -> Iterator[Verdict]:
    """What each check says, for `--explain`."""
    for check in CHECKS:
        is_run = check.covers(pair)
        yield Verdict(check.code, check.is_hard, is_run, check.find(pair) if is_run else "")


def knows(source_lang: str, target_lang: str) -> bool:
    """Whether all checks run for these languages; for others only the language-independent ones do."""
    return (source_lang, target_lang) in _BOTH
