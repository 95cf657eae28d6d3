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

settings.py and stage_settings.py say what the file may hold, load.py reads it; building stages is stages/build.py's
part, running them executors/local.py's, mixes are mix/recipe.py's, what a refresh does with all of it is refresh/'s.
"""
