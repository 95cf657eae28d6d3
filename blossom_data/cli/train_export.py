"""blossom-data train export."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from blossom_data.cli import output
from blossom_data.cli.options import common


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder of the model.")
@click.option("--gguf", is_flag=True, help="Also write OUT.gguf, with llama.cpp's convert_hf_to_gguf.py in PATH.")
@click.option("--converter", type=click.Path(path_type=Path), help="That converter, where it is not in PATH.")
@common
def command(run: Path, out: Path, gguf: bool, converter: Path | None, **flags: Any) -> int:
    """Write the newest model of RUN, or that of a checkpoint folder: weights, chat template, stop ids, Modelfile.

    \b
    Example: blossom-data train export runs/blossom -o models/blossom
    """
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.handoff.export import export
    except ImportError as why:
        raise missing_extra() from why
    written = export(run, out, gguf=gguf or converter is not None, converter=converter)
    if flags["is_json"]:
        output.json_result(written)
    elif not flags["quiet"]:
        lines = [f"{out}: {written['checkpoint']}", f"  talk    blossom-data train chat {out}"]
        lines += [f"  serve   vllm serve {out}", f"  ollama  ollama create NAME -f {out / 'Modelfile'}"]
        output.result("\n".join(lines + ([f"  gguf    {written['gguf']}"] if written["gguf"] else [])))
    return 0
