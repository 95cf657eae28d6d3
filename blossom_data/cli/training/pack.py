"""blossom-data train pack."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.records import PANEL, Bad
from blossom_data.cli.flags.values import switch
from blossom_data.cli.jobs import refuse_same_folder
from blossom_data.cli.work_bar import working
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
    pairs: Annotated[
        bool, switch("--pairs", help="DATASET holds preference pairs; their replies are learnt, in a dpo stage.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Draws the order of documents and rows.")] = 0,
) -> int:
    """Encode the chats of each DATASET and pack them into rows for training.

    DATASET is a data set folder, a file (JSONL, JSON, Parquet) of {"messages": [...]} or in the layout of ShareGPT,
    Alpaca, Orca, GSM8K or Flan, or - for standard input; chats need assistant turns. With --pairs it holds
    {"prompt", "chosen", "rejected"}, and a row is twice --seq-len long. A template that fails the prompt-prefix or the
    stop-token gate packs nothing (exit code 2).

    Example: blossom-data train pack sft/gsm8k sft/orca -o packed/stage-1 --tokenizer models/base --template chatml
    """
    from blossom_data.train.template.tokens import missing_extra

    try:
        from blossom_data.train.data.pack import pack_dataset
        from blossom_data.train.data.pack_pairs import pack_pairs
    except ImportError as why:
        raise missing_extra() from why
    for dataset in datasets:
        refuse_same_folder(str(dataset), out)
    pack = pack_pairs if pairs else partial(pack_dataset, supervise=supervise)
    with working("pack", is_quiet=common.is_quiet) as counters:
        manifest = pack(
            datasets, out, tokenizer=tokenizer, template=template, seq_len=seq_len, seed=seed, max_bad=bad.max_bad,
            counters=counters,
        )  # fmt: skip
    if common.is_json:
        output.json_result({**manifest, "out": str(out)})
    elif not common.is_quiet:
        output.result(render_packed(manifest, str(out)))
    return 0


def render_packed(manifest: dict[str, Any], out: str) -> str:
    """What was packed and what was left out, for people."""
    counts, gates = manifest["counts"], manifest["gates"]
    first = {code: f" ({', '.join(places[:3])})" for code, places in counts.get("dropped_at", {}).items()}
    left_out = {**counts["dropped"], **counts["bad_rows"]}
    units, row_tokens = "documents", manifest["seq_len"]
    if manifest.get("pairs"):
        units, row_tokens = "pairs    ", 2 * row_tokens
    cut, served = counts["cut"], gates["served_as_one_text"]
    prefixes, stops = gates["prompt_prefix"]["prompts"], gates["stop_token"]["turns"]
    lines = [
        f"{out}: {manifest['rows']:,} rows of {row_tokens:,} tokens, {manifest['fill']:.2%} full",
        f"  {units}   {counts['kept']:,} of {counts['read']:,} records",
        f"  tokens      {manifest['tokens']:,}, {manifest['supervised']:,} supervised ({manifest['supervise']})",
        f"  gates       prompt prefix {prefixes:,} of {prefixes:,}, stop token {stops:,} of {stops:,}",
    ]
    if left_out:
        lines.append(
            "  left out    " + ", ".join(f"{code} {number:,}{first.get(code, '')}" for code, number in left_out.items())
        )
    if cut["documents"]:
        lines.append(
            f"  cut         {cut['documents']:,} documents lost {cut['turns']:,} turns, {cut['tokens']:,} tokens"
        )
    if counts["empty_replies"]:
        lines.append(f"  empty       {counts['empty_replies']:,} replies without a text, trained to stop at once")
    if served["same_ids"] < served["prompts"]:
        lines.append(
            f"  as one text {served['same_ids']:,} of {served['prompts']:,} prompts tokenised at once, as servers do, "
            "give the trained ids"
        )
    return "\n".join(lines)
