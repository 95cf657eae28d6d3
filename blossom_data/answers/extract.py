r"""Extract the final answer out of a model's solution and read it.

    "...\n#### 18"                                     route "hash",          18
    "...\n\n**Answer:** $18 per day"                   route "answer",        18
    "...因此，小明还剩 3 个苹果。"                         route "last_sentence", 3
    "<think>...</think>"                               no answer: nothing after the thinking

The last strong marker with a payload wins; without a marker, the last sentence that states one value. Never a
bare last number. Looks at the last 8,000 characters, after cutting a run-on next question.
"""

from __future__ import annotations

from itertools import islice
from typing import NamedTuple

from blossom_data.answers.choice import AMBIGUOUS, CONTRAST, HEDGE, NO_NUMBER, TRUNCATED, Reading, Weight
from blossom_data.answers.clauses import has_number
from blossom_data.answers.markers import Marker, find_markers
from blossom_data.answers.patterns import pattern
from blossom_data.answers.quantity import Quantity
from blossom_data.answers.question import given_values, options
from blossom_data.answers.reading import read_payload
from blossom_data.answers.sentences import find_last_sentence, sentence_end
from blossom_data.answers.steps import is_step

MAX_TAIL = 8000
MAX_PAYLOAD = 400
UNMARKED = "last_sentence"
"""The route of an answer that nothing announces."""


class Extracted(NamedTuple):
    """How the answer was found, the text it was read from, and the reading."""

    route: str
    payload: str
    reading: Reading
    rest: str = ""
    """What stands behind the payload of a marker."""
    other_boxes: tuple[str, ...] = ()
    """The contents of the boxes next to the one that was read."""


_END_TOKENS = pattern(r"<\|(?:im_end|im_start|eot_id|endoftext|end|user)\|>|</s>|<end_of_turn>")
_FULL_WIDTH = pattern("[０-９]")
_ASCII_OF = str.maketrans("０１２３４５６７８９．／＋－＝％", "0123456789./+-=%")
_RUN_ON = pattern(r"\n(?:Question:|Q:|User:|Human:|Problem:|问题[：:]|问：|题目：|用户：|### Instruction|\*\*Question)")
_MAX_RUN_ONS = 6
_THINK_OPEN = ("<think>", "<thinking>")
_NEXT_LINE_SKIP = pattern(r"(?:[\s$`>*_#:：-]|\\\[|\\\]|\\\(|\\\)|```[a-z]*)*+")
_LINE_REST_EMPTY = pattern(r"[ *_$:：`)\]\\\[>~-]*+(?=\n|$)")
_BOX_SUFFIX = pattern(
    r"[ $]{0,3}(?:\\?%|％|万亿?|亿|成|折|(?:\\text\{)? ?(?:million|billion|thousand|percent)\b)"
    r"|[ $)\]*]{0,4}(?:\\text\{)? ?or\b[^\n]{1,40}"
)
_BOX_FOLLOWED = pattern(
    r"[ $)\]*}.]{0,4}(?:[+×÷^=]|\\times|\\div|\\cdot|\\approx|\\[dt]?frac|\\sqrt|\\pi|[.,][0-9]|/ ?\\?[0-9]|- ?[0-9\\])"
)
_BOX_IN_FRACTION = pattern(r"(?:frac ?|\}) ?\{ ?(?:\\(?:text|math)[a-z]* ?\{)?$")
_BRACE = pattern(r"[{}]")
_NUMBER_FIRST = pattern(
    r"[ :：*$¥￥€£\\(~≈约=-]*[0-9½¼¾][^\s。，,;；(（]*(?: +[^\s。，,.;；(（0-9]+){0,4}[\s*$)]*(?:[.。，,;；(（!！]|$)"
)
_LIST_LINE = pattern(r"(?:[0-9]{1,2}[.)、] ?\D|[-*•] |(?:\*\*)?(?:Step|步骤))")
_LETTER = pattern(r"[\s*(（\\]*(?:text\{|option )?([A-F])[\s*)）}.。]*")
_FIELD_ENDS = {"answer_tag": pattern("</"), "json": pattern(r'(?<!\\)"|[}\n]')}


def extract_answer(text: str, question: str = "") -> Extracted:
    """Find and read the final answer of `text`."""
    tail = answer_part(text)
    if tail is None:
        return Extracted("", "", Reading(None, NO_NUMBER))
    for marker in find_markers(tail):
        found = _read_marker(tail, marker, question)
        if found is not None:
            return found
    return _read_last_sentence(tail, question)


def answer_part(text: str) -> str | None:
    """Return the part of `text` that can hold the answer; None for unfinished thinking or nothing at all."""
    if "think" in text:
        closed = max(text.rfind("</think>"), text.rfind("</thinking>"))
        opened = max(text.rfind(token) for token in _THINK_OPEN)
        if opened > closed:
            return None
        if closed >= 0:
            text = text[text.index(">", closed) + 1 :]
    text = text[: _run_on_start(text)][-MAX_TAIL:].rstrip()
    if not text.isascii() and _FULL_WIDTH.search(text):
        text = text.translate(_ASCII_OF)
    return text or None


def _run_on_start(text: str) -> int:
    """Return where the model went on with another question after it had answered this one."""
    token = _END_TOKENS.search(text)
    cut = token.start() if token else len(text)
    for match in islice(_RUN_ON.finditer(text, 0, cut), _MAX_RUN_ONS):
        if _is_answered(text[max(0, match.start() - 1000) : match.start()]):
            return match.start()
    return cut


def _is_answered(text: str) -> bool:
    """Tell whether `text` holds a strong marker with a number behind it."""
    return any(has_number(text[marker.start : marker.start + 200]) for marker in find_markers(text))


def _read_marker(tail: str, marker: Marker, question: str) -> Extracted | None:
    """Read what a marker announces; None when it announces nothing, so that an earlier one may count."""
    if marker.route == "boxed":
        return _read_boxed(tail, marker, question)
    start, end = _payload_span(tail, marker)
    payload = tail[start:end]
    if not payload or (not has_number(payload) and not tail[end:].strip() and not payload.strip(" *_:：$`.。\n")):
        return Extracted(marker.route, "", Reading(None, TRUNCATED))
    ending = tail[end : end + 1]
    if ending in ("?", "？"):
        return None
    if marker.is_heading and start > marker.start and _LIST_LINE.match(tail, start):
        return _read_last_sentence(tail[start:], question)
    before = tail[max(0, marker.position - 2000) : marker.position]
    reading = read_payload(payload, question, before, Weight.HEADING if marker.is_heading else Weight.STATEMENT)
    rest = tail[end:]
    if reading.quantity is None and reading.problem == NO_NUMBER:
        return _without_number(tail, marker, payload, rest, question)
    if marker.is_heading and has_number(rest):
        return _read_heading(marker, payload, rest, reading, question)
    return Extracted(marker.route, payload, _unless_revoked(reading, rest, question), rest)


def _without_number(tail: str, marker: Marker, payload: str, rest: str, question: str) -> Extracted | None:
    """Decide about a payload without a number: a choice or a refusal ends the search, other words do not."""
    letter = _LETTER.fullmatch(payload)
    if letter:
        option = options(question).get(letter[1], "")
        return Extracted(marker.route, payload, read_payload(option, question), rest)
    if marker.route in ("json", "answer_tag") or HEDGE.search(payload):
        return Extracted(marker.route, payload, Reading(None, NO_NUMBER))
    return None


def _read_heading(marker: Marker, payload: str, rest: str, reading: Reading, question: str) -> Extracted:
    """Tell an answer with an explanation behind it from a heading that opens the whole solution."""
    last = _read_last_sentence(rest, question)
    is_short = _NUMBER_FIRST.match(payload) is not None or marker.route in ("da", "daan")
    if is_short and reading.quantity is not None:
        return Extracted(marker.route, payload, _unless_revoked(reading, rest, question), rest)
    if last.reading.problem == NO_NUMBER:
        return Extracted(marker.route, payload, reading)
    return last


def _unless_revoked(reading: Reading, rest: str, question: str) -> Reading:
    """Give up when the text behind the answer comes to another value, in whatever words it does so."""
    if reading.quantity is None or not has_number(rest):
        return reading
    last = _read_last_sentence(rest, question, is_check_counted=True)
    other = last.reading.quantity
    if other is None:
        is_doubtful = CONTRAST.search(last.payload) or HEDGE.search(last.payload)
        is_revoked = last.reading.problem == AMBIGUOUS and is_doubtful is not None
    else:
        is_revoked = other.value != reading.quantity.value and other.value not in given_values(question)
    return Reading(None, AMBIGUOUS) if is_revoked else reading


def _payload_span(tail: str, marker: Marker) -> tuple[int, int]:
    """Return where the payload of a marker starts and ends: its sentence, or the next line after a heading."""
    start = marker.start
    if marker.route in _FIELD_ENDS:
        start += len(tail[start : start + MAX_PAYLOAD]) - len(tail[start : start + MAX_PAYLOAD].lstrip('\n "'))
        stop = _FIELD_ENDS[marker.route].search(tail, start, start + MAX_PAYLOAD)
        return start, stop.start() if stop else min(len(tail), start + MAX_PAYLOAD)
    empty = _LINE_REST_EMPTY.match(tail, start)
    if empty:
        skip = _NEXT_LINE_SKIP.match(tail, start)
        start = skip.end() if skip else start
        if start > marker.start and tail[start - 1] in "-$":
            start -= 1
    end = tail.find("\n", start, start + MAX_PAYLOAD)
    if end < 0:
        end = min(len(tail), start + MAX_PAYLOAD)
    return start, sentence_end(tail, start, end)


def _read_boxed(tail: str, marker: Marker, question: str) -> Extracted:
    r"""Read `\boxed{...}`, together with other boxes of the same line and a percent sign behind it."""
    content, end = _box_content(tail, marker)
    if content is None:
        return Extracted(marker.route, "", Reading(None, NO_NUMBER))
    opening = tail.rfind("\\", max(0, marker.position - 3), marker.position)
    opening = opening if opening >= 0 else marker.position - 1
    lead = tail[max(0, opening - 24) : opening]
    if lead[-1:].isdigit() or _BOX_FOLLOWED.match(tail, end) or _BOX_IN_FRACTION.search(lead):
        return Extracted(marker.route, content, Reading(None, AMBIGUOUS))
    if lead.endswith(("-", "−")) and not lead[:-1].rstrip()[-1:].isalnum():
        content = "-" + content
    suffix = _BOX_SUFFIX.match(tail, end)
    if suffix:
        content, end = content + suffix[0].lstrip(" $"), suffix.end()
    reading = read_payload(content, question, tail[max(0, opening - 2000) : opening])
    others = _boxes_before(tail, opening)
    if reading.quantity is not None and not all(_has_value(other, reading.quantity, question) for other in others):
        reading = Reading(None, AMBIGUOUS)
    rest = tail[end:]
    if has_number(rest) or "$" in rest[4:]:
        line_end = tail.find("\n", end)
        rest = tail[max(end, sentence_end(tail, opening, line_end if line_end >= 0 else len(tail))) :]
    return Extracted(marker.route, content, _unless_revoked(reading, rest, question), rest, others)


def _box_content(tail: str, marker: Marker) -> tuple[str | None, int]:
    """Return the text inside the braces of a box and where it ends; None when it is never closed."""
    depth = 1
    for match in _BRACE.finditer(tail, marker.start, marker.start + MAX_PAYLOAD):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return tail[marker.start : match.start()], match.end()
    return None, len(tail)


def _boxes_before(tail: str, opening: int) -> tuple[str, ...]:
    """Return the contents of the boxes on the same line as the one that opens at `opening`."""
    found: list[str] = []
    while (start := tail.rfind("oxed{", max(0, opening - MAX_PAYLOAD), opening)) >= 0:
        content, end = _box_content(tail, Marker("boxed", start, start + 5))
        between = tail[end:opening]
        if "\n" in between and any(character.isalnum() for character in between):
            break
        found.insert(0, "" if content is None else content)
        opening = start
    return tuple(found)


def _has_value(box: str, quantity: Quantity, question: str) -> bool:
    """Tell whether another box holds the same value, or no number at all."""
    other = read_payload(box, question).quantity
    return other.value == quantity.value if other else bool(box)


def _read_last_sentence(tail: str, question: str, is_check_counted: bool = False) -> Extracted:
    """Read the last sentence that states a value, when there is no strong marker."""
    sentence = find_last_sentence(tail, is_check_counted)
    if sentence.problem:
        return Extracted(UNMARKED if sentence.text else "", sentence.text, Reading(None, sentence.problem))
    is_whole = len(sentence.text) >= len(tail) - 4
    weight = Weight.HEADING if is_whole else Weight.NONE
    reading = read_payload(sentence.text, question, sentence.before, weight)
    if reading.quantity is not None and is_step(sentence, reading.quantity, reading, question):
        reading = Reading(None, AMBIGUOUS)
    return Extracted(UNMARKED, sentence.text, reading)
