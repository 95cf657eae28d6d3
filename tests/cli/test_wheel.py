"""The wheel alone, in an empty folder: prompts, pipelines, recipes, word lists and the demo come with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


def test_an_installed_wheel_runs_the_demo_in_an_empty_folder(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    (tmp_path / "empty").mkdir()
    script = "import sys; sys.path.insert(0, sys.argv.pop(1)); from blossom_data.cli.app import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", script, str(tmp_path / "site"), "demo", "--json", "--debug"],
        cwd=tmp_path / "empty",
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout)["read"] == 60
    assert (tmp_path / "site/blossom_data/recipes_data/qwen2.5-0.5b.toml").is_file()
    shipped = {path.name for path in (tmp_path / "site/blossom_data").rglob("lexicon/*.t*")}
    assert shipped == {path.name for path in (ROOT / "blossom_data").rglob("lexicon/*.t*")} != set()
    assert [entry.name for entry in (tmp_path / "empty").iterdir()] == ["demo"]
