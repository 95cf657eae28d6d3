"""Fixtures for the whole suite."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on who else uses the machine.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

# Several tests run at once: torch, and every process that a test starts, keeps to a core. Sums that threads share would
# differ in their last bits, too.
os.environ["OMP_NUM_THREADS"] = "1"

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = (ROOT / "tests/browser", ROOT / "tests/cluster")
"""Tests of what the machine has to have beside Python: a browser, a database server."""
_WHOLE_RUNS = (ROOT / "tests/pipelines", ROOT / "tests/publish")
"""Tests that go through whole pipelines and publications: slow, all of them."""


@pytest.fixture(scope="session", autouse=True)
def signals_as_on_a_terminal() -> Iterator[None]:
    """Commands that tests start hear SIGINT and SIGHUP, although nohup made the suite itself deaf to them."""
    heard = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in heard.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """--all: run what needs a browser or a database server, too."""
    parser.addoption("--all", action="store_true", help="run what needs a browser or a database server, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow files first, so that no process works through one alone at the end; ELSEWHERE only where asked for."""
    if not config.getoption("--all"):
        is_left = {item: any(folder in item.path.parents for folder in ELSEWHERE) for item in items}
        config.hook.pytest_deselected(items=[item for item in items if is_left[item]])
        items[:] = [item for item in items if not is_left[item]]
    for item in items:
        if any(folder in item.path.parents for folder in _WHOLE_RUNS):
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def shared() -> Path:
    """The folder of real data beside the checkout; tests that need it are skipped where it is absent."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the real data in ../shared")
    return folder
