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
BROWSER = ROOT / "tests/browser"


@pytest.fixture(scope="session", autouse=True)
def signals_as_on_a_terminal() -> Iterator[None]:
    """Commands that tests start hear SIGINT and SIGHUP, although nohup made the suite itself deaf to them."""
    heard = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in heard.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """--browser: run what needs a browser too."""
    parser.addoption("--browser", action="store_true", help="run the tests that drive a real browser, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Slow files first, so that at the end no process works through one alone; no browser where none is asked for."""
    if not config.getoption("--browser"):
        left = [item for item in items if BROWSER in item.path.parents]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if BROWSER not in item.path.parents]
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture
def shared() -> Path:
    """The folder of real data beside the checkout; tests that need it are skipped where it is absent."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the real data in ../shared")
    return folder
