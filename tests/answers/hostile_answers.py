"""Inputs that hang, crash or fool other graders, at any length.

hostile(100_000)   yields ("box_openings", "\\\\boxed{\\\\boxed{..."), ...
"""

from __future__ import annotations

from collections.abc import Iterator

UNITS = {
    "box_openings": "\\boxed{", "boxes": "\\boxed{1} ", "parens": "(", "double_parens": "((", "nul": "\x00",
    "surrogates": "\ud800", "digits": "7", "hashes": "#### ", "hash_lines": "#### 1\n", "daan": "答案是",
    "da": "答：", "da_numbers": "答：1", "divisions": "1/",
    "numerals": "一", "hundreds": "三百", "fractions": "\\frac{1}{",
    "bare_fractions": "\\frac{", "rtl": "\u202e8", "spaces": " ", "newlines": "\n", "dollars": "$", "letters": "a",
    "answers": "answer ", "final": "the final answer is ", "final_numbers": "the final answer is 1 ",
    "headings": "Answer:\n", "ones": "1 ", "sums": "1+", "powers": "9**", "stars": "*", "bold": "**1** ",
    "thinking": "<think>", "thought": "</think>", "run_on": "\nQuestion:", "run_on_answers": "\nQ: 1\nThe answer is 1.",
    "tokens": "<|", "equals": "=", "equations": "1=", "approximations": "≈1", "commas": "1,", "points": "1.",
    "dots": ".", "sentences": "He has 12. ", "chinese_sentences": "他有12个。", "so": ", so 1", "suoyi": "所以1",
    "leads": "还剩还剩下", "about": "about ", "is": "is ", "cells": "|1", "bullets": "- 1\n", "steps": "Step 1: ",
    "number_words": "one and ", "braces": "{", "closing": "}",
    "backslashes": "\\", "texts": "\\text{", "exponents": "1e",
    "percents": "1%", "wan": "1万", "fenzhi": "1分之", "you": "1又", "ratios": "1:", "a_lines": "\nA:", "ans": "ns:",
    "tags": "<answer>", "full_tags": "<answer>1</answer>", "json": '{"answer":', "json_values": '"answer": "1", ',
    "hypotheses": "if the answer is ", "nouns": "the answer,, ", "negations": "not ", "alternatives": "1 or ",
    "halves": "½", "wide": "１", "superscripts": "²", "degrees": "1^\\circ", "calculators": "<<1=1>>", "open": "<<",
    "underscores": "__", "checks": "let's check ", "notes": "Note\n", "thin": "\u20091", "minus": "-1", "of": "1% of ",
    "conditions": " if you 1 ", "closers": "that's 1 ", "prices": "the final price is 1 ", "colons": "a: 1 ",
    "brackets": "(1 a) ", "compared": "，比1", "reasons": "，因为1", "restated": "也就是1元", "needed": "，需要1",
    "powers_of": "=1^2", "per": "= 1 per a ", "has": "a has 1, ", "later": "1年后1", "named": "的和是1",
    "unknowns": "1x = 1, so x = 1, ",
    "long_numbers": "12345678901234567890123456789012345678901234567890123456789012345678901234567890 ",
}  # fmt: skip

SMALL = (
    "9**9**9", "9^{9^9}", "10^{9999999}", "3**100000000", "20000000!", "(99999!)!", "1/0", "0/0", "1e9999", "1e-9999",
    "\\boxed{1e9999}", "\\boxed{\\frac{1}{0}}", "\\boxed{9^{9^{9^9}}}",
    "__import__('os').system('true')", "\x00", "\ufeff",
    "\u200f81\u200f", "\\boxed{}", "####", "#### ", "答：", "答案：", "<answer></answer>", "\\boxed", "The answer is",
    '{"answer": {"answer": {}}}', "-", "+", ".", ",", "%", "=", "≈",
    "负", "百分之", "分之", "又", "半", "\\frac", "$$", "**",
)  # fmt: skip


def hostile(length: int) -> Iterator[tuple[str, str]]:
    """Yield named inputs of about `length` characters: each unit alone and around an answer."""
    for name, unit in UNITS.items():
        mass = unit * (length // len(unit))
        yield name, mass
        yield f"{name} then an answer", f"{mass}\nThe answer is 18."
        yield f"{name} as the answer", f"The answer is {mass}"
        yield f"{name} in a box", f"\\boxed{{{mass}}}"
        yield f"{name} in the last line", f"{mass[:2000]}\n{mass[:390]} 18"
    nested = max(1, length // 20)
    yield "nested fractions", "\\frac{1}{" * nested + "2" + "}" * nested
    yield "nested boxes", "\\boxed{" * nested + "18" + "}" * nested
    yield "nested parens", "(" * nested + "18" + ")" * nested
