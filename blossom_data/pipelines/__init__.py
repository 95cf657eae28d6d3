"""Pipeline files: what to pull, through which stages, with which endpoints, into which mixes and versions.

    name = "math"
    out = "data/math"                  # relative to this file
    ledger = "ledger.sqlite"

    [endpoint]                         # or several [[endpoint]], with roles
    base_url = "http://127.0.0.1:8000/v1"
    model = "qwen2.5-72b-instruct"

    [[source]]
    kind = "gsm8k"                     # one of `blossom-data pull --help`
    path = "raw/gsm8k/train.jsonl"     # file, folder, hub id, or bundled:NAME
    stages = ["translate", "annotate", "verify-math"]

    [stage.verify-math]
    resample = 3

    [publish]                          # [[mix]], [refresh], [notify] and [train]: docs/pipelines.md
    root = "published"

It reads and checks the file; building stages is stages/build.py's part, running them executors/local.py's, mixes are
mix/recipe.py's, and what a refresh does with all of it is refresh/'s.
"""

from __future__ import annotations

from blossom_data.pipelines.load import find_pipeline, load_pipeline, open_pipeline
from blossom_data.pipelines.settings import (
    EVENTS,
    STAGES,
    NotifySettings,
    Pipeline,
    PublishSettings,
    RefreshSettings,
    SourceSettings,
)

__all__ = [
    "EVENTS",
    "STAGES",
    "NotifySettings",
    "Pipeline",
    "PublishSettings",
    "RefreshSettings",
    "SourceSettings",
    "find_pipeline",
    "load_pipeline",
    "open_pipeline",
]
