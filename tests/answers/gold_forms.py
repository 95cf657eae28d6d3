"""Gold labels of both data sets, thirty ways to end an answer with one, and ten ways to get it wrong.

render(form, style)                       "答：一共39.76元。"
perturbed(form)["lost_point"]             "3976"
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

FRACTION = re.compile(r"([0-9]*)\(\(([0-9]+)\)/\(([0-9]+)\)\)")
FULL_WIDTH = str.maketrans("0123456789.%/-", "０１２３４５６７８９．％／－")


@dataclass(frozen=True, slots=True)
class Form:
    """A gold label as it stands in the data, with its exact value read by other means than the package."""

    question: str
    gold: str
    value: Fraction

    @property
    def parts(self) -> tuple[str, str, str] | None:
        """Whole part, numerator and denominator of a fraction label."""
        match = FRACTION.fullmatch(self.gold)
        return (match[1], match[2], match[3]) if match else None

    @property
    def plain(self) -> str:
        """The label as a person would type it."""
        if self.parts is None:
            return self.gold
        whole, top, bottom = self.parts
        return f"{whole} {top}/{bottom}" if whole else f"{top}/{bottom}"

    @property
    def latex(self) -> str:
        """The label in LaTeX."""
        if self.parts is None:
            return self.gold.replace("%", "\\%").replace(",", "{,}")
        whole, top, bottom = self.parts
        return f"{whole}\\frac{{{top}}}{{{bottom}}}"

    @property
    def grouped(self) -> str:
        """The label with separators between thousands."""
        match = re.fullmatch(r"(-?)([0-9,]+)(\.[0-9]+)?(%?)", self.gold)
        if match is None:
            return self.plain
        return f"{match[1]}{int(match[2].replace(',', '')):,}{match[3] or ''}{match[4]}"

    @property
    def chinese(self) -> str:
        """The label with 又, 分之 or 百分之."""
        if self.parts is not None:
            whole, top, bottom = self.parts
            return f"{whole}又{bottom}分之{top}" if whole else f"{bottom}分之{top}"
        return f"百分之{self.gold[:-1]}" if self.gold.endswith("%") else self.gold

    @property
    def decimal(self) -> str:
        """The value as a terminating decimal, if it has one."""
        for places in range(1, 9):
            scaled = self.value * 10**places
            if scaled.denominator == 1:
                digits = f"{abs(scaled.numerator):0{places + 1}d}"
                return f"{'-' if self.value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
        return self.plain


STYLES: tuple[tuple[str, str], ...] = (
    ("raw", "She makes 16 - 7 = 9.\n#### {}"),
    ("plain", "The answer is {}."),
    ("plain", "**Answer:** {}"),
    ("grouped", "Final Answer: {}"),
    ("latex", "So we get\n\\[ \\boxed{{{}}} \\]"),
    ("latex", "Therefore, the final answer is $\\boxed{{{}}}$."),
    ("plain", "<answer>{}</answer>"),
    ("plain", '{{"steps": "...", "answer": "{}"}}'),
    ("plain", "First add, then multiply.\nA: {}"),
    ("plain", "So, the answer is **{}**."),
    ("grouped", "### Final Answer\n\n{}"),
    ("plain", "Thus x = {}\n\nThe answer is: {}"),
    ("plain", "Therefore, she has {} left."),
    ("grouped", "The correct answer is {}, as shown above."),
    ("latex", "The answer is \\({}\\)."),
    ("plain", "答案是{}。"),
    ("plain", "答：一共 {} 。"),
    ("raw", "答案：{}"),
    ("plain", "**答案：** {}"),
    ("plain", "故填：{}"),
    ("plain", "【答案】{}"),
    ("latex", "所以，最终答案为 \\boxed{{{}}}。"),
    ("plain", "因此，结果一共是 {} 。"),
    ("full", "答：{}。"),
    ("plain", "设结果为x，解得 x = {}\n答：结果是{}。"),
    ("chinese", "答案是{}。"),
    ("grouped", "综上所述，结果等于{}。\n\n希望对你有帮助！"),
    ("decimal", "经过计算，答案为{}。"),
    ("minus", "答案就是{}！"),
    ("plain", "{}"),
)


def spell(form: Form, spelling: str) -> str:
    """Write the label in one of the spellings that the styles name."""
    if spelling == "raw":
        return form.gold
    if spelling == "full":
        return form.plain.replace(",", "").translate(FULL_WIDTH)
    if spelling == "minus":
        return form.plain.replace("-", "\u2212")
    return str(getattr(form, spelling))


def render(form: Form, style: int) -> str:
    """Write an answer that ends in the label."""
    spelling, template = STYLES[style]
    text = spell(form, spelling)
    return template.format(text, text)


def perturbed(form: Form) -> dict[str, tuple[str, Fraction | None]]:
    """Return wrong spellings of the label with the values that they denote (None: no number at all)."""
    plain, value = form.plain, form.value
    found: dict[str, tuple[str, Fraction | None]] = {
        "sign": (plain[1:] if plain.startswith("-") else f"-{plain}", -value),
        "times_ten": _number(value * 10),
        "tenth": _number(value / 10),
        "plus_one": _number(value + 1),
    }
    if "," in form.grouped:
        first, _, rest = form.grouped.partition(",")
        found["cut_separator"] = (first, Fraction(first))
        found["cut_group"] = (rest.replace(",", ""), None)
    if "." in plain:
        bare = plain.replace(".", "")
        found["lost_point"] = (bare, _value(bare))
    if form.parts is not None:
        whole, top, bottom = form.parts
        found["swapped"] = (f"{bottom}/{top}", Fraction(int(bottom), int(top)))
        if whole:
            found["whole_dropped"] = (f"{top}/{bottom}", Fraction(int(top), int(bottom)))
            found["fraction_dropped"] = (whole, Fraction(int(whole)))
        else:
            found["fraction_dropped"] = (top, Fraction(int(top)))
    if plain.endswith("%"):
        found["percent_moved"] = (plain[:-1], value * 100)
    elif form.parts is None:
        found["percent_moved"] = (f"{plain}%", value / 100)
    return {name: (text, wrong) for name, (text, wrong) in found.items() if wrong != value}


def _number(value: Fraction) -> tuple[str, Fraction]:
    form = Form("", "", value)
    text = form.decimal if value.denominator != 1 else str(value.numerator)
    return (text or f"{value.numerator}/{value.denominator}", value)


def _value(text: str) -> Fraction:
    return Fraction(text.rstrip("%")) / (100 if text.endswith("%") else 1)


def load_golds(shared: Path) -> Iterator[Form]:
    """Yield the labels of GSM8K (train and test) and Math23K, 31,954 in all."""
    for name in ("train", "test"):
        for line in _lines(shared / "data" / "gsm8k" / f"{name}.jsonl"):
            gold = str(line["answer"]).rpartition("####")[2].strip()
            yield Form(str(line["question"]), gold, Fraction(gold.replace(",", "")))
    for line in _lines(shared / "data" / "math23k" / "math23k.jsonl"):
        gold = str(line["ans"])
        match = FRACTION.fullmatch(gold)
        value = int(match[1] or 0) + Fraction(int(match[2]), int(match[3])) if match else _value(gold)
        yield Form(str(line["original_text"]), gold, value)


def _lines(path: Path) -> Iterator[dict[str, object]]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


Check = Callable[[str, str, str], str]


def failures(forms: list[Form], styles: range, check: Check, turn: int | None = None) -> Iterator[str]:
    """Yield a line for every right answer that is refused and every wrong one that is accepted.

    `check` takes answer, gold and question and returns the verdict. With `turn` only one of the perturbations is
    tried, a different one for each turn.
    """
    for form in forms:
        wrongs = list(perturbed(form).items())
        if turn is not None:
            wrongs = [wrongs[turn % len(wrongs)]]
        for style in styles:
            answer = render(form, style)
            verdict = check(answer, form.gold, form.question)
            if verdict != "correct":
                yield f"{verdict} for {answer!r}, gold {form.gold}"
            template = STYLES[style][1]
            for name, (text, _) in wrongs:
                wrong = template.format(text, text)
                if check(wrong, form.gold, "") == "correct":
                    yield f"{name} accepted: {wrong!r}, gold {form.gold}"
