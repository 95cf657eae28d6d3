"""blossom-data train export."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import choice, switch
from blossom_data.errors import ConfigError

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
    repo: Annotated[
        str | None,
        typer.Option("--push", metavar="REPO", help="Also push the model to this repository of the hub (org/name)."),
    ] = None,
    is_public: Annotated[
        bool, switch("--public", help="A repository that --push makes is for everybody; private without it.")
    ] = False,
    replaces: Annotated[
        bool, switch("--replace", help="--push puts the model in the place of another one that is there.")
    ] = False,
) -> int:
    """Write the newest model of RUN, or of a checkpoint folder: weights, chat template, stop ids, Modelfile, card.

    It proves what it writes: 200 chats are written by the exported chat template as they were in the training.

    Example: blossom-data train export runs/blossom -o models/blossom
    """
    from blossom_data.train.handoff.push import check_push
    from blossom_data.train.template.tokens import missing_extra

    if repo is not None:
        check_push(repo)
    elif is_public or replaces:
        raise ConfigError("--public and --replace are for --push", hint="add --push org/name, or leave them out")
    try:
        from blossom_data.train.handoff.export import export
    except ImportError as why:
        raise missing_extra() from why
    wants_gguf = gguf or converter is not None or bool(gguf_type)
    written = export(
        run, out, gguf=wants_gguf, converter=converter, form=gguf_type or "", space=space, evaluations=evaluations or ()
    )
    if common.is_told:
        output.result(_text(out, written, has_space=space))
    if repo is not None:
        written["push"] = _pushed(out, repo, is_public=is_public, replaces=replaces, is_told=not common.is_quiet)
    if common.is_json:
        output.json_result(written)
    return 0


def _pushed(out: Path, repo: str, *, is_public: bool, replaces: bool, is_told: bool) -> dict[str, Any]:
    """What the push of the model came to."""
    from blossom_data.train.handoff.push import push_model

    output.say(f"pushing {out} to {repo}")
    done = push_model(out, repo, is_private=not is_public, replaces=replaces)
    if is_told:
        text = f"pushed to {repo}" if done.is_new else f"{repo} has this model already"
        output.say(f"{text}: commit {done.commit[:12]}, {'private' if done.is_private else 'public'}")
    return asdict(done)


def _text(out: Path, written: dict[str, Any], *, has_space: bool) -> str:
    """What was written, and what can be done with it."""
    lines = [f"{out}: {written['checkpoint']}", f"  talk    blossom-data train chat {out}"]
    lines += [f"  serve   vllm serve {out}", f"  ollama  ollama create NAME -f {out / 'Modelfile'}"]
    if has_space:
        lines.append(f"  demo    pip install -r {out / 'requirements.txt'}; python {out / 'app.py'}")
    proof = written["proof"]
    lines.append(
        f"  proof   of {proof['chats']} chats the chat template writes {proof['same_text']} as the training did; "
        f"tokenised at once, {proof['same_ids']} are the same ids"
    )
    return "\n".join(lines + ([f"  gguf    {written['gguf']}"] if written["gguf"] else []))
