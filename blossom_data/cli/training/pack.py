"""blossom-data train pack."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import PANEL, Bad
from blossom_data.cli.flags.values import share, switch
from blossom_data.cli.jobs import refuse_same_folder
from blossom_data.cli.work_bar import working
from blossom_data.curate import clean_sets
from blossom_data.errors import ConfigError
from blossom_data.train.template.names import FAMILIES

TEMPLATE_HELP = f"How chats are written: {', '.join(FAMILIES)}, a file .toml, or own: the model's chat template."


Supervise = Annotated[
    Literal["all", "last"],
    typer.Option("--supervise", help="What is learnt: every assistant turn, or the last of each chat."),
]
SeqLen = Annotated[int, typer.Option("--seq-len", min=2, metavar="N", help="Tokens of a row.")]


@as_command("pack")
def command(
    datasets: Annotated[list[Path], typer.Argument(metavar="DATASET", help="Data set folder or file of chats, or -.")],
    out: Annotated[
        Path,
        typer.Option(
            "-o", "--out", metavar="FOLDER", rich_help_panel=PANEL, help="Folder that the rows are written to."
        ),
    ],
    tokenizer: Annotated[Path, typer.Option("--tokenizer", metavar="FOLDER", help="Folder of the model or tokenizer.")],
    template: Annotated[str, typer.Option("--template", metavar="NAME", help=TEMPLATE_HELP)],
    bad: Bad,
    common: Common,
    seq_len: SeqLen = 2048,
    supervise: Supervise = "all",
    max_dropped: Annotated[
        float,
        typer.Option(
            "--max-dropped",
            parser=share,
            metavar="SHARE",
            rich_help_panel=PANEL,
            help="Largest share of records that may fall out, too long or without a reply: 0.1, 10%.",
        ),
    ] = 1.0,
    pairs: Annotated[
        bool, switch("--pairs", help="DATASET holds preference pairs; their replies are learnt, in a dpo stage.")
    ] = False,
    decontaminated: Annotated[
        list[str] | None,
        typer.Option(
            "--decontaminated",
            metavar="NAME",
            help="Refuse a DATASET of which the items of this test set were not left out; may be given again.",
        ),
    ] = None,
    judged: Annotated[
        bool, switch("--judged", help="DATASET holds chats with a label, whether the reply is good, for a kto stage.")
    ] = False,
    text: Annotated[bool, switch("--text", help='DATASET holds {"text": ...}; every token is learnt.')] = False,
    workers: Annotated[
        int, typer.Option("--workers", min=1, metavar="N", rich_help_panel=PANEL, help="Processes that encode.")
    ] = 1,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Draws the order of documents and rows.")] = 0,
) -> int:
    """Encode the chats of each DATASET and pack them into rows for training.

    DATASET is a data set folder, a file (JSONL, JSON, Parquet) of {"messages": [...]} or in the layout of ShareGPT,
    Alpaca, Orca, GSM8K or Flan, or - for standard input; chats need assistant turns. With --pairs it holds
    {"prompt", "chosen", "rejected"}, with --judged chats with a "label", and a row is twice --seq-len long. A template
    that fails the prompt-prefix or the stop-token gate packs nothing (exit code 2).

    Example: blossom-data train pack sft/gsm8k sft/orca -o packed/stage-1 --tokenizer models/base --template chatml
    """
    for dataset in datasets:
        refuse_same_folder(str(dataset), out)
        _refuse_unclean(dataset, decontaminated or [])
    pack = _packer(supervise, pairs=pairs, judged=judged, text=text)
    with working("pack", is_quiet=common.is_quiet) as counters:
        manifest = pack(
            datasets, out, tokenizer=tokenizer, template=template, seq_len=seq_len, seed=seed, max_bad=bad.max_bad,
            max_dropped=max_dropped, workers=workers, counters=counters,
        )  # fmt: skip
    if common.is_json:
        output.json_result({**manifest, "out": str(out)})
    elif not common.is_quiet:
        from blossom_data.train.data.packing_report import packed_lines

        output.result("\n".join(packed_lines(manifest, str(out))))
    return 0


def _refuse_unclean(dataset: Path, wanted: list[str]) -> None:
    """Raises ConfigError where items of a test set may be in `dataset`."""
    for name in wanted:
        if clean_sets.still_in(name, clean_sets.left_out_of(dataset)):
            raise ConfigError(
                f"{dataset} may hold items of {name}: they were never looked for",
                hint=f"blossom-data decontaminate {dataset} -o FOLDER --against {name}, and pack that",
            )


def _packer(
    supervise: Literal["all", "last"], *, pairs: bool, judged: bool, text: bool
) -> Callable[..., dict[str, Any]]:
    """What packs records of the kind that the flags name."""
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.data.pack import pack_dataset
        from blossom_data.train.data.pack_judged import pack_judged
        from blossom_data.train.data.pack_pairs import pack_pairs
        from blossom_data.train.data.pack_text import pack_text
    except ImportError as why:
        raise missing_extra() from why
    if pairs + judged + text > 1:
        raise ConfigError("--pairs, --judged and --text say different things of DATASET", hint="give one of them")
    if supervise != "all" and (pairs or judged or text):
        raise ConfigError(f"--supervise {supervise} is for chats", hint="leave it out")
    pack: Callable[..., dict[str, Any]] = partial(pack_dataset, supervise=supervise)
    return pack_pairs if pairs else pack_judged if judged else pack_text if text else pack
