"""blossom-data train export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import choice, switch

FORMATS = ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_1")

Evaluations = Annotated[
    list[Path] | None,
    typer.Option(
        "--evaluation",
        metavar="FOLDER",
        exists=True,
        file_okay=False,
        help="Copy the scores of this finished evaluation into the model's card; again for more.",
    ),
]


@as_command("export")
def command(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run, or of one of its checkpoints.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="FOLDER", help="Folder of the model.")],
    common: Common,
    evaluations: Evaluations = None,
    gguf: Annotated[
        bool,
        switch(
            "--gguf",
            help="Also write OUT.gguf: with llama.cpp's convert_hf_to_gguf.py where it is in PATH, else by itself "
            "(Llama, Mistral, Qwen2, Qwen3; extra `gguf`).",
        ),
    ] = False,
    gguf_type: Annotated[
        str | None,
        choice(
            "--gguf-type",
            among=FORMATS,
            help="Number format of a GGUF file that is written here; that of the weights without it.",
        ),
    ] = None,
    converter: Annotated[
        Path | None, typer.Option("--converter", metavar="FILE", help="That converter, where it is not in PATH.")
    ] = None,
    space: Annotated[
        bool, switch("--space", help="Also write a web demo into the folder: app.py (Gradio) and requirements.txt.")
    ] = False,
) -> int:
    """Write the newest model of RUN, or of a checkpoint folder: weights, chat template, stop ids, Modelfile, card.

    It proves what it writes: 200 chats are written by the exported chat template as they were in the training.

    Example: blossom-data train export runs/blossom -o models/blossom
    """
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.handoff.export import export
    except ImportError as why:
        raise missing_extra() from why
    written = export(
        run,
        out,
        gguf=gguf or converter is not None or bool(gguf_type),
        converter=converter,
        form=gguf_type or "",
        space=space,
        evaluations=evaluations or (),
    )
    if common.is_json:
        output.json_result(written)
    elif not common.is_quiet:
        lines = [f"{out}: {written['checkpoint']}", f"  talk    blossom-data train chat {out}"]
        lines += [f"  serve   vllm serve {out}", f"  ollama  ollama create NAME -f {out / 'Modelfile'}"]
        if space:
            lines.append(f"  demo    pip install -r {out / 'requirements.txt'}; python {out / 'app.py'}")
        proof = written["proof"]
        lines.append(
            f"  proof   of {proof['chats']} chats the chat template writes {proof['same_text']} as the training did; "
            f"tokenised at once, {proof['same_ids']} are the same ids"
        )
        output.result("\n".join(lines + ([f"  gguf    {written['gguf']}"] if written["gguf"] else [])))
    return 0
