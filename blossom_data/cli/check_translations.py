"""blossom-data check-translations."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click
import orjson

from blossom_data.cli import output
from blossom_data.cli.options import common
from blossom_data.errors import InputError
from blossom_data.rows import BadRow, Row, read_rows
from blossom_data.stages.translate.guard.finding import Finding
from blossom_data.stages.translate.guard.pairs import check_pair
from blossom_data.stages.translate.guard.registry import knows

_SHOWN = 20


@click.command("check-translations")
@click.argument("pairs")
@click.option("--source-field", default="source", show_default=True, help="Field that holds the source text.")
@click.option("--output-field", default="output", show_default=True, help="Field that holds its translation.")
@click.option("--from", "source_lang", default="en", show_default=True, help="Language of the sources.")
@click.option("--to", "target_lang", default="zh", show_default=True, help="Language of the translations.")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="JSONL file for the findings, one pair a line.")
@common
def command(
    pairs: str, source_field: str, output_field: str, source_lang: str, target_lang: str, out: Path | None, **flags: Any
) -> int:
    """Run every check of `translate` over pairs that you have; nothing is asked, nothing is changed.

    PAIRS is a JSONL, JSON or Parquet file (or folder) of {"source": "...", "output": "..."}, or - for standard input.

    \b
    Example: blossom-data check-translations pairs.jsonl --source-field en --output-field zh -o findings.jsonl
    """
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    found: list[dict[str, Any]] = []
    if not knows(source_lang, target_lang):
        output.say(f"note: for {source_lang} to {target_lang} only the language-independent checks run")
    with open_report(out) as report:
        for row, source, text in _pairs(pairs, source_field, output_field, counts):
            findings = check_pair(source, text, source_lang=source_lang, target_lang=target_lang)
            counts["hard" if any(each.is_hard for each in findings) else "soft" if findings else "clean"] += 1
            codes.update({f"{each.code} ({'hard' if each.is_hard else 'soft'})" for each in findings})
            if findings and len(found) < _SHOWN:
                found.append(_told(row, findings))
            if findings and report is not None:
                report.write(orjson.dumps(_told(row, findings), option=orjson.OPT_APPEND_NEWLINE))
        if not counts.total() - counts["bad_rows"]:
            raise InputError(
                f"no pair in {pairs}: no row has the texts {source_field!r} and {output_field!r}",
                hint="name them with --source-field and --output-field",
            )
    summary = {"pairs": counts.total() - counts["bad_rows"], **counts, "codes": dict(codes.most_common())}
    if flags["is_json"]:
        output.json_result(summary)
    elif not flags["quiet"]:
        output.result(_render(summary, found, out))
    return 0


@contextlib.contextmanager
def open_report(path: Path | None) -> Iterator[IO[bytes] | None]:
    """A file that stands at `path` once the block is through; None without a path.

    Raises:
        InputError: another file stands there, or it cannot be written.
    """
    if path is None:
        yield None
        return
    if path.exists() and not _holds_findings(path):
        raise InputError(f"{path} is there and holds no findings", hint="name another file with -o")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except OSError as why:
        raise InputError(f"cannot write {path}: {why.strerror}", hint="name another file with -o") from why
    finally:
        temporary.unlink(missing_ok=True)


def _holds_findings(path: Path) -> bool:
    """Whether `path` is what this command wrote earlier: it may be replaced."""
    try:
        with path.open("rb") as file:
            first = file.readline(1 << 20)
        return not first or {"file", "line", "findings"} <= set(orjson.loads(first))
    except (OSError, ValueError, TypeError):
        return False


def _pairs(pairs: str, source_field: str, output_field: str, counts: Counter[str]) -> Iterator[tuple[Row, str, str]]:
    for row in read_rows(pairs):
        source, text = (
            (None, None) if isinstance(row, BadRow) else (row.value.get(source_field), row.value.get(output_field))
        )
        if isinstance(row, BadRow) or not isinstance(source, str) or not isinstance(text, str):
            counts["bad_rows"] += 1
        else:
            yield row, source, text


def _told(row: Row, findings: list[Finding]) -> dict[str, Any]:
    return {
        "file": row.file,
        "line": row.line,
        "id": str(row.value.get("id", "")),
        "findings": [{"code": each.code, "hard": each.is_hard, "detail": each.detail} for each in findings],
    }


def _render(summary: dict[str, Any], found: list[dict[str, Any]], out: Path | None) -> str:
    pairs = summary["pairs"]
    lines = [f"{pairs:,} pairs"]
    for name, told in (("clean", "accepted"), ("soft", "doubtful: want a second opinion"), ("hard", "rejected")):
        number = summary.get(name, 0)
        lines.append(f"  {name:<8} {number:>8,}  {100 * number / pairs:5.1f} %   {told}")
    if summary.get("bad_rows"):
        lines.append(f"  {summary['bad_rows']:,} rows could not be read as a pair")
    lines += [f"    {code:<22} {number:,}" for code, number in summary["codes"].items()]
    if out is not None:
        lines.append(f"findings: {out}")
    else:
        for entry in found:
            told = "; ".join(f"{each['code']}: {each['detail']}" for each in entry["findings"])
            lines.append(f"{entry['file']}:{entry['line']}: {told}")
    return "\n".join(lines)
