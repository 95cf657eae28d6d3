"""The pictures of the README show what the program shows today."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def words(picture: Path) -> list[str]:
    return re.findall(r"<text [^>]*>([^<]*)</text>", picture.read_text(encoding="utf-8"))


def test_the_pictures_are_those_of_a_run_of_today(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "tools/docs_images.py", tmp_path], check=True)
    for name in ("live", "funnel", "rejected"):
        drawn = words(tmp_path / f"{name}.svg")
        assert drawn == words(ROOT / "docs/images" / f"{name}.svg"), f"{name}: run make docs-images"
        assert len(drawn) > 10
        assert "url(http" not in (tmp_path / f"{name}.svg").read_text(encoding="utf-8")
