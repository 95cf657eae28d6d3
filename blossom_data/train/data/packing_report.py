"""What a packing made and what fell out of it, as lines for people: train pack, plan and run say the same.

packed/chat: 895 rows of 2,048 tokens, 99.95% full
  documents   7,473 of 7,534 records
  left out    too_long 61
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WARNED = 0.02
"""Where more falls out, it is said with a warning."""


def packed_lines(manifest: Mapping[str, Any], out: str) -> list[str]:
    """What was packed and what was left out, for people."""
    counts, gates = manifest["counts"], manifest["gates"]
    first = {code: f" ({', '.join(places[:3])})" for code, places in counts.get("dropped_at", {}).items()}
    left_out = {**counts["dropped"], **counts["bad_rows"]}
    units, row_tokens = "documents", manifest["seq_len"]
    if manifest.get("pairs") or manifest.get("labelled"):
        units, row_tokens = "pairs    " if manifest.get("pairs") else "replies  ", 2 * row_tokens
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
    if counts.get("context_replies"):
        lines.append(
            f"  context     {counts['context_replies']:,} replies are not learnt, as the data or the template says"
        )
    template = manifest["template"]
    lines += [
        f"  template    {template['name']} writes no {role} turns: {why}"
        for role, why in template.get("left_out", {}).items()
    ]
    if (share := dropped_share(counts)) > WARNED:
        lines.append(f"  warning     {share:.1%} of the records fell out")
    return lines


def dropped_share(counts: Mapping[str, Any]) -> float:
    """The share of the records that could be read and were not trained on."""
    read = counts["read"] - sum(counts["bad_rows"].values())
    return sum(counts["dropped"].values()) / read if read else 0.0
