r"""Compare LaTeX answers with LaTeX gold labels through Math-Verify, in a process of its own that may be killed.

    SymbolicChecker().equal(r"\frac{\sqrt{3}}{2}", r"\sqrt{\frac{3}{4}}")   -> True
    SymbolicChecker().equal(r"(-\infty, 2]", r"x \le 3")                    -> False
    SymbolicChecker().equal(r"x^2", r"9^{9^{9^9}}")                         -> NotCompared after 1 s of CPU time

For labels that `parse_gold` cannot read (roots, intervals, matrices, expressions in x). Symbolic work has no bound of
its own and cannot be stopped in a thread, so a forkserver worker with 1 GB of address space does it, and is ended by
the kernel after a second of its CPU time: what else the machine does changes no verdict. Needs the extra `symbolic`.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import multiprocessing
import re
import signal
import threading
from functools import lru_cache
from multiprocessing.connection import Connection
from typing import Any

from blossom_data.answers.choice import CONTRAST, HEDGE
from blossom_data.answers.extract import UNMARKED, extract_answer
from blossom_data.answers.patterns import pattern
from blossom_data.answers.verdict import MAX_ANSWER, CheckedAnswer, NotCompared, Verdict, is_complete
from blossom_data.errors import BlossomError, ConfigError, extra_hint

CPU_LIMIT_S = 1.0
"""Most processor time of one comparison."""
MEMORY_BYTES = 1 << 30
WAIT_S = 120.0
"""Longest time until a worker has imported sympy, or has used up its processor time on a busy machine."""
MAX_PAYLOAD = 400
_FLOAT_PLACES = 12
_MEMORY_EXIT = 12
"""Exit code of a worker that ran out of memory."""


class SymbolicChecker:
    """One worker process, started with the first comparison and again after each kill; safe to share by threads."""

    def __init__(self, cpu_limit_s: float = CPU_LIMIT_S) -> None:
        if importlib.util.find_spec("math_verify") is None:
            raise ConfigError(
                "--symbolic needs Math-Verify, which is not installed",
                hint=extra_hint("symbolic"),
            )
        self._cpu_limit_s = cpu_limit_s
        self._lock = threading.Lock()
        self._worker: tuple[Any, Connection] | None = None

    def readable(self, text: str) -> bool:
        """Tell whether `text` is something that can be compared at all.

        Raises:
            NotCompared: as for `equal`.
        """
        return bool(self._ask(("read", text)))

    def equal(self, gold: str, payload: str) -> bool | None:
        """Tell whether two texts mean the same; None when `payload` cannot be read.

        Raises:
            NotCompared: "symbolic_timeout" or "symbolic_memory": it took too much of either.
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
            with contextlib.suppress(EOFError, OSError):
                connection.send(request)
                if connection.poll(WAIT_S):
                    answer: bool | None = connection.recv()
                    return answer
            if self._kill() in (-signal.SIGPROF, 0):
                raise NotCompared(
                    "symbolic_timeout", f"comparing takes longer than {self._cpu_limit_s:g} s of CPU time"
                )
            raise NotCompared("symbolic_memory", "comparing takes too much memory")

    def _started(self) -> Connection:
        """The connection to a worker that has said that it is ready."""
        if self._worker is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(["math_verify"])
            here, there = context.Pipe()
            process = context.Process(target=work, args=(there, MEMORY_BYTES, self._cpu_limit_s), daemon=True)
            process.start()
            there.close()
            self._worker = process, here
            try:
                is_ready = here.poll(WAIT_S) and here.recv() == "ready"
            except (EOFError, OSError):
                is_ready = False
            if not is_ready:
                self._kill()
                raise BlossomError("the process for --symbolic did not start", hint="does `import math_verify` work?")
        return self._worker[1]

    def _kill(self) -> int | None:
        """Ends the worker; its exit code, 0 when it had to be killed."""
        if self._worker is None:
            return None
        process, connection = self._worker
        self._worker = None
        connection.close()
        process.join(1)
        if process.exitcode is not None:
            return int(process.exitcode)
        process.kill()
        process.join()
        return 0


_COMMAND = pattern(
    r"\\(?:begin|end)\{[a-z]+\*?\}|\\(?:text|mathrm|operatorname)\{[^{}]*\}|\\[A-Za-z]+|\b(?:sin|cos|tan|log|ln|exp|pi)\b"
)
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
    is_marked_only: bool = False,
    checker: SymbolicChecker | None = None,
) -> CheckedAnswer:
    """Compare the final answer with a gold label that is a formula, on the extracted payload only.

    Raises:
        NotCompared: the comparison was stopped.
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
    if is_marked_only and found.route == UNMARKED:
        return CheckedAnswer(Verdict.UNMARKED, found.route, payload[:MAX_ANSWER])
    spans = ["".join(match.groups("")) for match in _MATH_SPAN.finditer(payload)]
    boxes = dict.fromkeys((*found.other_boxes, spans[0] if spans else payload.rstrip(".")))
    later = {"".join(match.groups("")) for match in _MATH_SPAN.finditer(found.rest)}
    is_unclear = len(spans) > 1 or (not spans and found.route == UNMARKED) or not later <= boxes.keys()
    words = _MATH_SPAN.sub(" ", payload) if spans else payload
    if is_unclear or CONTRAST.search(words) or HEDGE.search(words):
        return CheckedAnswer(Verdict.AMBIGUOUS, found.route, payload[:MAX_ANSWER])
    is_equal = checker.equal(gold_text, ", ".join(boxes))
    verdict = Verdict.NO_ANSWER if is_equal is None else Verdict.CORRECT if is_equal else Verdict.WRONG
    return CheckedAnswer(verdict, found.route, payload[:MAX_ANSWER])


def _is_readable(gold_text: str, checker: SymbolicChecker) -> bool:
    try:
        return checker.readable(gold_text)
    except NotCompared:
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


def work(connection: Connection, memory_bytes: int, cpu_limit_s: float) -> None:
    """The worker's whole life: reads requests, answers True, False or None (unreadable), until the pipe closes."""
    import logging
    import resource

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
        # Nothing handles SIGPROF, so the kernel ends the process, whatever sympy is in the middle of.
        signal.setitimer(signal.ITIMER_PROF, cpu_limit_s)
        try:
            golds = read(gold)
            answers = read(payload[0]) if payload else golds
            is_read = bool(golds and answers)
            outcome = is_read if kind == "read" else is_same(golds, answers) if is_read else None
        except MemoryError:
            raise SystemExit(_MEMORY_EXIT) from None
        except Exception:
            # Math-Verify raises whatever sympy raises; what it cannot compare is not equal.
            outcome = None
        signal.setitimer(signal.ITIMER_PROF, 0)
        connection.send(outcome)
