"""blossom-data check-translations."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import orjson
import typer

from blossom_data.cli import output
from blossom_data.cli.flags.common import Common
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import switch
from blossom_data.errors import InputError
from blossom_data.languages.tags import canonical
from blossom_data.rows import BadRow, Row, read_rows
from blossom_data.stages.translate.guard.finding import Finding
from blossom_data.stages.translate.guard.pairs import check_pair
from blossom_data.stages.translate.guard.registry import left_out

_SHOWN = 20


@as_command("check-translations")
def command(
    pairs: Annotated[
        str, typer.Argument(metavar="PAIRS", help="JSONL, JSON or Parquet file, or folder, or - for standard input.")
    ],
    common: Common,
    source_field: Annotated[
        str, typer.Option("--source-field", metavar="FIELD", help="Field that holds the source text.")
    ] = "source",
    output_field: Annotated[
        str, typer.Option("--output-field", metavar="FIELD", help="Field that holds its translation.")
    ] = "output",
    source_lang: Annotated[
        str, typer.Option("--from", metavar="TAG", help="Language of the sources, a BCP-47 tag such as en or pt-BR.")
    ] = "en",
    target_lang: Annotated[
        str, typer.Option("--to", metavar="TAG", help="Language of the translations, such as zh, zh-Hant, ja or de.")
    ] = "zh",
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="JSONL file for the findings, one pair a line."),
    ] = None,
    is_replacing: Annotated[
        bool, switch("--replace", help="Let findings of other pairs go that FILE holds; without it that is refused.")
    ] = False,
) -> int:
    """Run every check of `translate` over pairs that you have; nothing is asked, nothing is changed.

    PAIRS is a JSONL, JSON or Parquet file (or folder) of {"source": "...", "output": "..."}, or - for standard input.

    Example: blossom-data check-translations pairs.jsonl --source-field en --output-field zh -o findings.jsonl
    """
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    found: list[dict[str, Any]] = []
    unreadable: list[dict[str, Any]] = []
    source_lang, target_lang = canonical(source_lang), canonical(target_lang)
    if skipped := left_out(source_lang, target_lang):
        output.say(f"note: these checks do not know {source_lang} to {target_lang}: {', '.join(skipped)}")
    with open_report(out, None if is_replacing else pairs) as report:
        for row, source, text in _pairs(pairs, source_field, output_field):
            if isinstance(row, BadRow):
                findings = [Finding(row.code, True, row.detail)]
                counts["bad_rows"] += 1
            else:
                findings = check_pair(source, text, source_lang=source_lang, target_lang=target_lang)
                counts["hard" if any(each.is_hard for each in findings) else "soft" if findings else "clean"] += 1
                codes.update({f"{each.code} ({'hard' if each.is_hard else 'soft'})" for each in findings})
            listed = unreadable if isinstance(row, BadRow) else found
            if findings and len(listed) < _SHOWN:
                listed.append(_told(row, findings))
            if findings and report is not None:
                report.write(orjson.dumps(_told(row, findings), option=orjson.OPT_APPEND_NEWLINE))
        if not counts.total() - counts["bad_rows"]:
            raise InputError(
                f"no pair in {pairs}: no row has the texts {source_field!r} and {output_field!r}",
                hint="name them with --source-field and --output-field",
            )
    summary = {"pairs": counts.total() - counts["bad_rows"], **counts, "codes": dict(codes.most_common())}
    summary["unreadable"] = [f"{entry['file']}:{entry['line']}: {_findings(entry)}" for entry in unreadable]
    if common.is_json:
        output.json_result(summary)
    elif not common.is_quiet:
        output.result(_render(summary, found, out))
    return 0


@contextlib.contextmanager
def open_report(path: Path | None, pairs: str | None = None) -> Iterator[IO[bytes] | None]:
    """A file that stands at `path` once the block is through; None without a path.

    Args:
        pairs: the input whose findings may be replaced; None: those of any.

    Raises:
        InputError: another file stands there, or it cannot be written.
    """
    if path is None:
        yield None
        return
    if path.exists():
        checked = _checked_file(path)
        if checked is None:
            raise InputError(f"{path} is there and holds no findings", hint="name another file with -o")
        if pairs is not None and checked and not _is_of(checked, pairs):
            raise InputError(
                f"{path} holds the findings of {checked}, which those of {pairs} would replace",
                hint="name another file with -o, or let them go: --replace",
            )
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except OSError as why:
        raise InputError(f"cannot write {path}: {why.strerror}", hint="name another file with -o") from why
    finally:
        temporary.unlink(missing_ok=True)


def _checked_file(path: Path) -> str | None:
    """The file that the findings in `path` are of, "" where there are none; None where it holds something else."""
    try:
        with path.open("rb") as file:
            first = file.readline(1 << 20)
        found = orjson.loads(first) if first else {"file": "", "line": 0, "findings": []}
        return str(found["file"]) if {"file", "line", "findings"} <= set(found) else None
    except (OSError, ValueError, TypeError):
        return None


def _is_of(checked: str, pairs: str) -> bool:
    """Whether the file `checked` is the input `pairs`, or one of its files."""
    if pairs == "-":
        return checked == "<stdin>"
    place = Path(checked).absolute()
    return Path(pairs).absolute() in (place, place.parent)


def _pairs(pairs: str, source_field: str, output_field: str) -> Iterator[tuple[Row | BadRow, str, str]]:
    """Each row with its two texts; one that is no pair as a BadRow that says why."""
    for row in read_rows(pairs):
        if isinstance(row, BadRow):
            yield row, "", ""
            continue
        texts = [row.value.get(name) for name in (source_field, output_field)]
        lacking = [
            name for name, text in zip((source_field, output_field), texts, strict=True) if not isinstance(text, str)
        ]
        if lacking:
            yield BadRow(row.file, row.line, "missing_field", f"no text {' and '.join(map(repr, lacking))}"), "", ""
        else:
            yield row, str(texts[0]), str(texts[1])


def _findings(entry: dict[str, Any]) -> str:
    return "; ".join(f"{each['code']}: {each['detail']}".removesuffix(": ") for each in entry["findings"])


def _told(row: Row | BadRow, findings: list[Finding]) -> dict[str, Any]:
    return {
        "file": row.file,
        "line": row.line,
        "id": "" if isinstance(row, BadRow) else str(row.value.get("id", "")),
        "findings": [{"code": each.code, "hard": each.is_hard, "detail": each.detail} for each in findings],
    }


def _render(summary: dict[str, Any], found: list[dict[str, Any]], out: Path | None) -> str:
    pairs = summary["pairs"]
    lines = [f"{pairs:,} pairs"]
    for name, told in (("clean", "accepted"), ("soft", "doubtful: want a second opinion"), ("hard", "rejected")):
        number = summary.get(name, 0)
        lines.append(f"  {name:<8} {number:>8,}  {100 * number / pairs:5.1f} %   {told}")
    if summary.get("bad_rows"):
        shown = summary["unreadable"]
        first = f"; the first {len(shown)}" if len(shown) < summary["bad_rows"] else ""
        lines.append(f"  {summary['bad_rows']:,} rows could not be read as a pair{first}:")
        lines += [f"    {row}" for row in shown]
    lines += [f"    {code:<22} {number:,}" for code, number in summary["codes"].items()]
    if out is not None:
        lines.append(f"findings: {out}")
    else:
        lines += [f"{entry['file']}:{entry['line']}: {_findings(entry)}" for entry in found]
    return "\n".join(lines)
