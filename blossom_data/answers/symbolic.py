r"""Compare LaTeX answers with LaTeX gold labels through Math-Verify, in a process of its own that may be killed.

    SymbolicChecker().equal(r"\frac{\sqrt{3}}{2}", r"\sqrt{\frac{3}{4}}")   -> True
    SymbolicChecker().equal(r"(-\infty, 2]", r"x \le 3")                    -> False
    SymbolicChecker().equal(r"x^2", r"9^{9^{9^9}}")                         -> SymbolicTimeout after 1 s

For labels that `parse_gold` cannot read (roots, intervals, expressions in x). Symbolic work has no bound of its own
and cannot be stopped in a thread, so a forkserver worker with 1 GB of address space does it, and is killed after a
second. The result depends on the two texts alone. Needs the extra `symbolic`; it does not extract answers.
"""

from __future__ import annotations

import atexit
import importlib.util
import multiprocessing
import re
import threading
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any

from blossom_data.answers.choice import CONTRAST, HEDGE
from blossom_data.answers.extract import extract_answer
from blossom_data.answers.patterns import pattern
from blossom_data.answers.verdict import MAX_ANSWER, CheckedAnswer, Verdict, is_complete
from blossom_data.errors import BlossomError, ConfigError, extra_hint

LIMIT_S = 1.0
"""Longest time of one comparison."""
MEMORY_BYTES = 1 << 30
START_S = 60.0
"""Longest time until a new worker has imported sympy."""
MAX_PAYLOAD = 400
_FLOAT_PLACES = 12


class SymbolicTimeout(TimeoutError):
    """The comparison took too long, or too much memory, or its process died."""


class SymbolicChecker:
    """One worker process, started with the first comparison and again after each kill; safe to share by threads."""

    def __init__(self, limit_s: float = LIMIT_S) -> None:
        if importlib.util.find_spec("math_verify") is None:
            raise ConfigError(
                "--symbolic needs Math-Verify, which is not installed",
                hint=extra_hint("symbolic"),
            )
        self._limit_s = limit_s
        self._lock = threading.Lock()
        self._worker: tuple[Any, Connection] | None = None

    def readable(self, text: str) -> bool:
        """Tell whether `text` is something that can be compared at all.

        Raises:
            SymbolicTimeout: reading it took too long.
        """
        return bool(self._ask(("read", text)))

    def equal(self, gold: str, payload: str) -> bool | None:
        """Tell whether two texts mean the same; None when `payload` cannot be read.

        Raises:
            SymbolicTimeout: it took longer than the limit, or the worker died.
        """
        answer = self._ask(("equal", gold, payload))
        return None if answer is None else bool(answer)

    def close(self) -> None:
        """Ends the worker."""
        with self._lock:
            self._kill()

    def _ask(self, request: tuple[str, ...]) -> bool | None:
        if max(map(len, request)) > MAX_PAYLOAD:
            return None
        with self._lock:
            connection = self._started()
            try:
                connection.send(request)
                if connection.poll(self._limit_s):
                    answer: bool | None = connection.recv()
                    return answer
            except (EOFError, OSError) as why:
                self._kill()
                raise SymbolicTimeout("the symbolic comparison died, most likely of its memory limit") from why
            self._kill()
            raise SymbolicTimeout(f"the symbolic comparison took longer than {self._limit_s:g} s")

    def _started(self) -> Connection:
        """The connection to a worker that has said that it is ready."""
        if self._worker is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["math_verify"])
            here, there = context.Pipe()
            process = context.Process(target=work, args=(there, MEMORY_BYTES), daemon=True)
            process.start()
            there.close()
            self._worker = process, here
            try:
                is_ready = here.poll(START_S) and here.recv() == "ready"
            except (EOFError, OSError):
                is_ready = False
            if not is_ready:
                self._kill()
                raise BlossomError("the process for --symbolic did not start", hint="does `import math_verify` work?")
        return self._worker[1]

    def _kill(self) -> None:
        if self._worker is not None:
            process, connection = self._worker
            self._worker = None
            process.kill()
            process.join()
            connection.close()


_COMMAND = pattern(r"\\(?:text|mathrm|operatorname)\{[^{}]*\}|\\[A-Za-z]+|\b(?:sin|cos|tan|log|ln|exp|pi)\b")
_PLAIN_WORD = pattern(r"[^\W\d_]{2,}")
_SYMBOL = pattern(r"[A-Za-z\\^(\[{,]")
_MATH_SPAN = pattern(r"\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)


def is_symbolic_gold(text: str) -> bool:
    """Tell whether a label that is no number looks like a formula: no words, and more than digits and operators."""
    return len(text) <= MAX_PAYLOAD and bool(_SYMBOL.search(text)) and not _PLAIN_WORD.search(_COMMAND.sub(" ", text))


def check_symbolic(
    answer_text: str,
    gold_text: str,
    question: str = "",
    finish_reason: str | None = "stop",
    checker: SymbolicChecker | None = None,
) -> CheckedAnswer:
    """Compare the final answer with a gold label that is a formula, on the extracted payload only.

    Raises:
        SymbolicTimeout: the comparison was stopped.
        ConfigError: Math-Verify is not installed.
    """
    checker = checker or shared_checker()
    if not is_symbolic_gold(gold_text) or not _is_readable(gold_text, checker):
        return CheckedAnswer(Verdict.BAD_GOLD)
    if not is_complete(finish_reason):
        return CheckedAnswer(Verdict.TRUNCATED)
    found = extract_answer(answer_text, question)
    payload = found.payload.strip()
    if not payload:
        problem = found.reading.problem or Verdict.NO_ANSWER.value
        return CheckedAnswer(Verdict(problem), found.route)
    spans = ["".join(match.groups("")) for match in _MATH_SPAN.finditer(payload)]
    if len(spans) > 1 or (not spans and found.route == "last_sentence"):
        return CheckedAnswer(Verdict.AMBIGUOUS, found.route, payload[:MAX_ANSWER])
    words = _MATH_SPAN.sub(" ", payload) if spans else payload
    if CONTRAST.search(words) or HEDGE.search(words):
        return CheckedAnswer(Verdict.AMBIGUOUS, found.route, payload[:MAX_ANSWER])
    is_equal = checker.equal(gold_text, spans[0] if spans else payload.rstrip("."))
    verdict = Verdict.NO_ANSWER if is_equal is None else Verdict.CORRECT if is_equal else Verdict.WRONG
    return CheckedAnswer(verdict, found.route, payload[:MAX_ANSWER])


def _is_readable(gold_text: str, checker: SymbolicChecker) -> bool:
    try:
        return checker.readable(gold_text)
    except SymbolicTimeout:
        return False


@lru_cache(maxsize=1)
def shared_checker() -> SymbolicChecker:
    """The worker that all stages of this process share.

    Raises:
        ConfigError: Math-Verify is not installed.
    """
    checker = SymbolicChecker()
    atexit.register(checker.close)
    return checker


def work(connection: Connection, memory_bytes: int) -> None:
    """The worker's whole life: reads requests, answers True, False or None (unreadable), until the pipe closes."""
    import logging
    import resource
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import math_verify

    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    config = [math_verify.LatexExtractionConfig()]

    def read(text: str) -> list[Any]:
        wrapped = text if "$" in text or "\\boxed" in text else f"${text}$"
        found: list[Any] = math_verify.parse(wrapped, config, fallback_mode="no_fallback", parsing_timeout=None)
        return found

    def is_same(golds: list[Any], answers: list[Any]) -> bool:
        if not math_verify.verify(golds, answers, float_rounding=_FLOAT_PLACES, timeout_seconds=None):
            return False
        left, right = golds[0], answers[0]
        if not (getattr(left, "is_number", False) and getattr(right, "is_number", False)):
            return True
        # Math-Verify rounds numbers, so that 1/2^99 is 1/2^98 to it.
        return bool(abs((left - right).evalf(60)) <= abs(left.evalf(60)) / 10**40)

    # The first comparison of a process imports and compiles for most of a second; it must not count.
    is_same(read("\\frac{\\sqrt{3}}{2}"), read("\\sqrt{\\frac{3}{4}}"))
    is_same(read("(x+1)^2"), read("x^2+2x+1"))
    connection.send("ready")
    while True:
        try:
            kind, gold, *payload = connection.recv()
        except EOFError:
            return
        try:
            golds = read(gold)
            answers = read(payload[0]) if payload else golds
            if kind == "read" or not golds or not answers:
                connection.send(bool(golds) if kind == "read" else None)
                continue
            connection.send(is_same(golds, answers))
        except MemoryError:
            return
        except Exception:
            # Math-Verify raises whatever sympy raises; what it cannot compare is not equal.
            connection.send(None)
