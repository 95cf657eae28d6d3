"""blossom-data train export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import switch


@as_command("export")
def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or of one of its checkpoints.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Folder of the model.")],
    common: Common,
    gguf: Annotated[
        bool, switch("--gguf", help="Also write OUT.gguf, with llama.cpp's convert_hf_to_gguf.py in PATH.")
    ] = False,
    converter: Annotated[
        Path | None, typer.Option("--converter", metavar="FILE", help="That converter, where it is not in PATH.")
    ] = None,
) -> int:
    """Write the newest model of RUN, or that of a checkpoint folder: weights, chat template, stop ids, Modelfile.

    Example: blossom-data train export runs/blossom -o models/blossom
    """
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.handoff.export import export
    except ImportError as why:
        raise missing_extra() from why
    written = export(run, out, gguf=gguf or converter is not None, converter=converter)
    if common.is_json:
        output.json_result(written)
    elif not common.is_quiet:
        lines = [f"{out}: {written['checkpoint']}", f"  talk    blossom-data train chat {out}"]
        lines += [f"  serve   vllm serve {out}", f"  ollama  ollama create NAME -f {out / 'Modelfile'}"]
        output.result("\n".join(lines + ([f"  gguf    {written['gguf']}"] if written["gguf"] else [])))
    return 0
