"""A real browser, the distribution's own, driven by Playwright; and what every page in it must be."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "hostile"))

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    path = next((found for name in _NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail(f"no browser found ({', '.join(_NAMES)}): apt-get install chromium", pytrace=False)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


class Watched:
    """A page of which everything is noted that must not happen."""

    def __init__(self, browser: Browser, base: str, **settings: Any) -> None:
        self.context = browser.new_context(accept_downloads=True, **settings)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.faults: list[str] = []
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.faults.append(said.text))
        self.page.on("pageerror", lambda why: self.faults.append(str(why)))
        self.page.on("dialog", lambda dialog: (self.faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
        self.page.on("popup", lambda other: self.faults.append(f"popup {other.url}"))
        self.context.on("request", lambda sent: self._note(sent.url, base))

    def _note(self, address: str, base: str) -> None:
        if not address.startswith((base + "/", "about:", "blob:" + base)):
            self.faults.append(f"request to {address}")

    def find_barriers(self) -> list[str]:
        """What axe finds to be serious or critical for people who cannot see or point well."""
        # An isolated world is not the page's: its policy, which allows no inline script, stays as it is.
        self.page.evaluate((HERE / "axe.min.js").read_text(encoding="utf-8") + "; undefined")
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
            for each in found["violations"]
            if each["impact"] in ("serious", "critical")
            for node in each["nodes"][:3]
        ]

    def is_too_wide(self) -> bool:
        """Whether the page has to be moved sideways to be read."""
        return bool(
            self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1")
        )

    def close(self) -> None:
        self.context.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Any]:
    """Opens the link of a server; in the end no page has done what it must not."""
    opened: list[Watched] = []

    def opening(server: Any, address: str = "/", **settings: Any) -> Watched:
        watched = Watched(browser, server.base, **{"viewport": {"width": 1440, "height": 900}, **settings})
        opened.append(watched)
        watched.page.goto(server.link)
        if address != "/":
            watched.page.goto(server.base + address)
        return watched

    yield opening
    for each in opened:
        each.close()
    assert [fault for each in opened for fault in each.faults] == []
