"""The data set that a command looks at: what was named, the version that is current, or what an evaluation holds."""

from __future__ import annotations

import shlex
from pathlib import Path

from blossom_data.errors import ConfigError
from blossom_data.publish.reading import located
from blossom_data.shards import MANIFEST, read_manifest

_ANSWERS, _SCORES = "answers", "scores.json"
"""What `evaluate` writes into its folder."""


def located_set(path: Path, verb: str) -> Path:
    """`path`, or the version that its `current` names; `verb` is the command that looks.

    Raises:
        ConfigError: it is the folder of an evaluation, whose answers are a data set of their own.
    """
    answers = path / _ANSWERS
    is_evaluation = (path / _SCORES).is_file() or (answers / MANIFEST).is_file()
    if is_evaluation and read_manifest(path) is None:
        pages = f"; its scores: {path / 'scores.html'}" if (path / "scores.html").is_file() else ""
        raise ConfigError(
            f"{path} is an evaluation: the data set in it is {answers}",
            hint=f"blossom-data {verb} {shlex.quote(str(answers))}{pages}",
        )
    return located(path)
