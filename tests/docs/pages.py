"""Markdown pages as data: their sections, fenced lines, code spans and links.

    ## Run it                 Section("## Run it", fenced=["make demo    # ..."]), its commands ["make demo"],
    ```                       its spans {"--json"}, its links ["cost.md"]
    make demo    # all of it
    ```
    Takes `--json`, see [cost](cost.md).

It knows as much of Markdown as these pages use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_HEADING = re.compile(r"#{1,6} ")
_SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_REMARK = re.compile(r"(?:^|\s)#(?= ).*| {2,}\S.*")
"""What follows a command to explain it: behind a `#`, or behind two blanks and more."""


@dataclass(slots=True)
class Section:
    """A heading and what stands under it, up to the next heading of any level."""

    heading: str
    fenced: list[str] = field(default_factory=list)
    """Lines in fences, those that go on behind a backslash joined."""
    text: str = ""
    """The rest."""

    @property
    def level(self) -> int:
        return len(self.heading) - len(self.heading.lstrip("#"))

    @property
    def spans(self) -> set[str]:
        return {" ".join(found[2].split()) for found in _SPAN.finditer(self.text)}

    @property
    def links(self) -> list[str]:
        return _LINK.findall(_SPAN.sub("", self.text))

    @property
    def rows(self) -> int:
        """Rows of tables."""
        return sum(line.startswith("|") for line in self.text.splitlines())

    @property
    def commands(self) -> list[str]:
        """The fenced lines without what explains them."""
        return [line for line in (_REMARK.sub("", fenced.strip()).strip() for fenced in self.fenced) if line]


def all_pages() -> list[Path]:
    """Every page for people, decisions included."""
    return [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/**/*.md"))]


def sections(page: Path) -> list[Section]:
    """The sections of a page, the first one without a heading where text stands before any."""
    found = [Section("")]
    is_fenced = is_going_on = False
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```"):
            is_fenced = not is_fenced
        elif not is_fenced and _HEADING.match(line):
            found.append(Section(line))
        elif not is_fenced:
            found[-1].text += line + "\n"
        else:
            begun = found[-1].fenced.pop().removesuffix("\\") if is_going_on else ""
            found[-1].fenced.append(begun + (line.strip() if begun else line))
        is_going_on = is_fenced and bool(found[-1].fenced) and found[-1].fenced[-1].endswith("\\")
    assert not is_fenced, f"{page}: a fence is not closed"
    return [section for section in found if section.heading or section.text.strip() or section.fenced]


def anchors(page: Path) -> Iterator[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    for section in sections(page):
        name = section.heading.lstrip("#").strip().lower()
        yield re.sub(r"[^\w\- ]", "", name).replace(" ", "-")


def command_lines(page: Path) -> Iterator[tuple[str, bool]]:
    """Each `blossom-data ...` of a page, and whether it is fenced, so that it must be whole."""
    for section in sections(page):
        for line in section.commands:
            for part in re.split(r"\s[|>]\s|&&", line.removeprefix("$ ")):
                if part.strip().startswith("blossom-data"):
                    yield part.strip(), True
        yield from ((span, False) for span in section.spans if span.startswith("blossom-data "))
