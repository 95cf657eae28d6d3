"""blossom-data train pack."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Literal

import click

from blossom_data.cli import output
from blossom_data.cli.jobs import refuse_same_folder
from blossom_data.cli.options import common, max_bad_option
from blossom_data.cli.work_bar import working
from blossom_data.train.template.chat_formats import TEMPLATES

TEMPLATE_HELP = f"How chats are written: {', '.join(TEMPLATES)}, plain (as bloom), or own: the model's chat template."


@click.command("pack")
@click.argument("datasets", metavar="DATASET...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), required=True, help="Folder that the rows are written to."
)
@click.option("--tokenizer", type=click.Path(path_type=Path), required=True, help="Folder of the model or tokenizer.")
@click.option("--template", required=True, help=TEMPLATE_HELP)
@click.option("--seq-len", type=click.IntRange(min=2), default=2048, show_default=True, help="Tokens of a row.")
@click.option(
    "--supervise",
    type=click.Choice(["all", "last"]),
    default="all",
    show_default=True,
    help="What is learnt: every assistant turn, or the last of each chat.",
)
@click.option("--pairs", is_flag=True, help="DATASET holds preference pairs; their replies are learnt, in a dpo stage.")
@click.option("--seed", type=int, default=0, show_default=True, help="Draws the order of documents and rows.")
@max_bad_option
@common
def command(
    datasets: tuple[Path, ...],
    out: Path,
    tokenizer: Path,
    template: str,
    seq_len: int,
    supervise: Literal["all", "last"],
    pairs: bool,
    seed: int,
    max_bad: float,
    **flags: Any,
) -> int:
    """Encode the chats of each DATASET and pack them into rows for training.

    DATASET is a data set folder, a file (JSONL, JSON, Parquet) of {"messages": [...]} or in the layout of ShareGPT,
    Alpaca, Orca, GSM8K or Flan, or - for standard input; chats need assistant turns. With --pairs it holds
    {"prompt", "chosen", "rejected"}, and a row is twice --seq-len long. A template that fails the prompt-prefix or the
    stop-token gate packs nothing (exit code 2).

    \b
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
    with working("pack", is_quiet=flags["quiet"]) as counters:
        manifest = pack(
            list(datasets), out, tokenizer=tokenizer, template=template, seq_len=seq_len, seed=seed, max_bad=max_bad,
            counters=counters,
        )  # fmt: skip
    if flags["is_json"]:
        output.json_result({**manifest, "out": str(out)})
    elif not flags["quiet"]:
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
