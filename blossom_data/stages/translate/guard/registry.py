"""All checks of a translation, in run order. To add one: write `find(pair) -> str`, enter it here, and say in
coverage.toml for which pairs of languages it runs.

`is_hard` findings are certain enough to reject and ask again; the others want a second opinion.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from blossom_data.stages.translate.guard import language, literals, numbers, shape, surface, talk, terms
from blossom_data.stages.translate.guard.act import speech_act
from blossom_data.stages.translate.guard.any_pair import language as any_language
from blossom_data.stages.translate.guard.any_pair import length as any_length
from blossom_data.stages.translate.guard.any_pair import numbers as any_numbers
from blossom_data.stages.translate.guard.any_pair import question as any_question
from blossom_data.stages.translate.guard.any_pair import residue as any_residue
from blossom_data.stages.translate.guard.any_pair import surface as any_surface
from blossom_data.stages.translate.guard.any_pair import talk as any_talk
from blossom_data.stages.translate.guard.coverage import EN_ZH, runs
from blossom_data.stages.translate.guard.finding import Check, Finding, Pair

CHECKS: tuple[Check, ...] = (
    Check("length", True, shape.find_size, "size"),
    Check("mask", True, shape.find_mask, "mask"),
    Check("damage", True, surface.find_damage, "damage_en_zh"),
    Check("damage", True, any_surface.find_damage, "damage"),
    Check("damage", True, literals.find_gap, "gap"),
    Check("language", True, language.find_language, "language_en_zh"),
    Check("language", True, any_language.find_language, "language"),
    Check("traditional", True, surface.find_traditional, "traditional"),
    Check("simplified", True, any_language.find_simplified, "simplified"),
    Check("residue", True, language.find_residue, "residue_en_zh"),
    Check("residue", True, any_residue.find_residue, "residue"),
    Check("length", True, shape.find_length, "length_en_zh"),
    Check("length", True, any_length.find_length, "length"),
    Check("structure", True, shape.find_structure, "structure"),
    Check("chatter", True, talk.find_chatter, "chatter_en_zh"),
    Check("chatter", True, any_talk.find_chatter, "chatter"),
    Check("ask", True, talk.find_ask, "ask"),
    Check("description", True, talk.find_description, "description"),
    Check("refusal", True, talk.find_refusal, "refusal_en_zh"),
    Check("refusal", True, any_talk.find_refusal, "refusal"),
    Check("turns", True, talk.find_turns, "turns"),
    Check("loop", True, surface.find_loop, "loop"),
    Check("literal", False, literals.find_literal, "literal"),
    Check("lang_task", False, terms.find_lang_task, "lang_task"),
    Check("numbers", False, numbers.find_numbers, "numbers_en_zh"),
    Check("numbers", False, any_numbers.find_numbers, "numbers"),
    Check("residue", False, language.find_soft_residue, "soft_residue_en_zh"),
    Check("structure", False, shape.find_marks, "marks"),
    Check("speech_act", False, speech_act.find_speech_act, "speech_act_en_zh"),
    Check("speech_act", False, any_question.find_question, "speech_act"),
    Check("balance", False, surface.find_balance, "balance_en_zh"),
    Check("balance", False, any_surface.find_balance, "balance"),
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
        if covers(check, pair) and (detail := check.find(pair)):
            faults.append(Finding(check.code, check.is_hard, detail))
            if check.is_hard:
                break
    return faults


def covers(check: Check, pair: Pair) -> bool:
    """Whether `check` runs for the languages of `pair`."""
    return runs(check.name, pair.source_lang, pair.target_lang)


def verdicts(pair: Pair) -> Iterator[Verdict]:
    """What each check says, for `--explain`; of two of one code for different languages, the one that runs."""
    told: dict[tuple[str, bool, str], Verdict] = {}
    for check in CHECKS:
        is_run = covers(check, pair)
        key = (check.code, check.is_hard, check.name.removesuffix("_en_zh"))
        if is_run or key not in told:
            told[key] = Verdict(check.code, check.is_hard, is_run, check.find(pair) if is_run else "")
    yield from told.values()


def left_out(source_lang: str, target_lang: str) -> list[str]:
    """Codes of what is checked between English and Chinese, and is not for this pair."""
    codes = {check.code for check in CHECKS if runs(check.name, source_lang, target_lang)}
    between = {check.code for check in CHECKS for pair in EN_ZH if runs(check.name, *pair)}
    return sorted(between - codes - {"traditional"})
