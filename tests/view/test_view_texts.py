"""Every text of the pages has its Chinese, and no translation is left over or has other places."""

from __future__ import annotations

import re
import string
from pathlib import Path

import blossom_data.view
from blossom_data.records import ROLES
from blossom_data.report import codes
from blossom_data.review import COUNTED, MARKS
from blossom_data.view.index.differences import KINDS
from blossom_data.view.index.facets import FAILED, KEPT, REJECTED, UNREADABLE
from blossom_data.view.server.html import FACET_LABELS, translations

ROOM = Path(blossom_data.view.__file__).parent
IN_TEMPLATE = re.compile(r"""\bt\(\s*(?:"([^"]*)"|'([^']*)')""")
IN_CODE = re.compile(r"""(?:_forbidden\(|HTTPException\(\d+, |self\.text\()"([^"]+)"\)""")


def texts() -> set[str]:
    """All texts that a page may show, in English."""
    found = {*ROLES, *MARKS, *COUNTED, *KINDS, KEPT, REJECTED, FAILED, UNREADABLE, *FACET_LABELS.values()}
    for file in ROOM.rglob("*.html"):
        found |= {one or other for one, other in IN_TEMPLATE.findall(file.read_text())}
    for file in ROOM.rglob("*.py"):
        found |= set(IN_CODE.findall(file.read_text()))
    for code in codes.all_meanings():
        found.add(code)
    return found | {"Not Found", "Method Not Allowed"}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_every_text_is_translated() -> None:
    known = translations("zh")
    assert {text for text in texts() if text not in known} == set()
    assert {text for text in known if text not in texts()} == set()
    assert {text: told for text, told in known.items() if places(text) != places(told)} == {}


def test_templates_hold_no_text_that_is_not_translated() -> None:
    left = {}
    for file in ROOM.rglob("*.html"):
        text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}", "", file.read_text(), flags=re.DOTALL)
        text = re.sub(r"<[^>]*>", "\n", text)
        words = set(re.findall(r"[A-Za-z]{3,}", text)) - {"blossom", "data"}
        if words:
            left[file.name] = words
        assert not re.search(r'(?:placeholder|title|aria-label)="[A-Za-z]', file.read_text()), file.name
    assert left == {}
