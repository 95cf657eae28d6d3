"""A user's own documents as chunks: parts of one section each, no longer than asked for, that overlap a little.

    guide.md    # Bees / ## Winter / text ...     ->   Chunk("guide.md#2-9f3c1a2b", "Bees / Winter", "text ...")

Markdown, text, HTML (extra `html`) and PDF (extra `pdf`). A chunk ends at a heading; a long section is parted between
paragraphs, where one is too long between sentences, and each part begins with the end of the one before. Memory: one
document.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from blossom_data.errors import ConfigError, InputError, extra_hint
from blossom_data.object_store import path_of
from blossom_data.rows import BadRow
from blossom_data.rows.row import Unreadable
from blossom_data.sources.html import as_markdown

SUFFIXES = {".md": "markdown", ".markdown": "markdown", ".txt": "text", ".html": "html", ".htm": "html", ".pdf": "pdf"}
CHUNK_CHARS, OVERLAP_CHARS = 2_000, 200
_PAGE_PARTS = ("script", "style", "nav", "footer", "head", "button", "svg", "form")
"""Elements of a page that are none of its text."""
_LEAST_CHARS = 200
"""A section that is shorter goes together with the next one."""
_MOST_BYTES = 64 << 20
_HEADING = re.compile(r"(#{1,6})[ \t]+(.+)")
_HEADING_CHARS = 400
_FENCE = re.compile(r"[ \t]*(```|~~~)")
_SENTENCE = re.compile(r"(?<=[.!?。！？；])\s*(?=\S)")
_PARAGRAPH = re.compile(r"\n\s*\n")


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a document; `headings` are those above it, `document` its file's name."""

    id: str
    document: str
    headings: str
    text: str


def find_documents(paths: Sequence[str]) -> list[Path]:
    """The files that are named, and those of known kinds in folders that are, sorted.

    Raises:
        InputError: there is no such file, or none that can be read.
    """
    found: list[Path] = []
    for name in paths:
        place = path_of(name)
        if place.is_dir():
            found += sorted(file for file in place.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        elif not place.is_file():
            raise InputError(f"cannot read {place}: no such file", hint="check the path")
        elif place.suffix.lower() not in SUFFIXES:
            raise InputError(f"{place} is of no known kind", hint=f"one of {', '.join(SUFFIXES)}")
        else:
            found.append(place)
    if not found:
        raise InputError(f"{paths[0]} holds no document", hint=f"files that end in {', '.join(SUFFIXES)}")
    _require({SUFFIXES[file.suffix.lower()] for file in found})
    return list(dict.fromkeys(found))


def read_chunks(
    files: Sequence[Path], *, size: int = CHUNK_CHARS, overlap: int = OVERLAP_CHARS
) -> Iterator[Chunk | BadRow]:
    """The chunks of `files`, in order, one that two files of a name hold once; a file that cannot be read as a BadRow.

    Args:
        size: most characters of a chunk.
        overlap: most characters that a chunk shares with the one before it, of the same section.
    """
    seen: set[str] = set()
    for file in files:
        try:
            text = _text_of(file)
        except (OSError, ValueError) as why:
            yield BadRow(str(file), 0, "empty", str(why))
            continue
        for number, (headings, part) in enumerate(_parts(text, size, overlap), 1):
            digest = hashlib.blake2b(part.encode(errors="surrogatepass"), digest_size=4).hexdigest()
            chunk = Chunk(f"{file.name}#{number}-{digest}", file.name, headings, part)
            if chunk.id not in seen:
                seen.add(chunk.id)
                yield chunk


def _require(kinds: set[str]) -> None:
    """Raises ConfigError where what reads one of `kinds` is not installed."""
    for kind, module, extra in (("pdf", "pypdf", "pdf"), ("html", "markdownify", "html")):
        if kind in kinds:
            try:
                __import__(module)
            except ImportError as why:
                raise ConfigError(f"reading {kind.upper()} needs {module}", hint=extra_hint(extra)) from why


def _text_of(file: Path) -> str:
    """The text of a document, headings as in Markdown.

    Raises:
        ValueError: it holds no text that can be read.
    """
    if (size := file.stat().st_size) > _MOST_BYTES:
        raise ValueError(f"{size:,} bytes, at most {_MOST_BYTES:,} are read")
    kind = SUFFIXES[file.suffix.lower()]
    text = _pdf_text(file) if kind == "pdf" else _decoded(file.read_bytes())
    if kind == "html":
        text = _html_text(text)
    if "\0" in text:
        raise ValueError("it holds a NUL: this is no text")
    if not text.strip():
        raise ValueError("it holds no text" + (" (a scan needs OCR first)" if kind == "pdf" else ""))
    return text


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        raise ValueError(f"it is not UTF-8 at byte {why.start}: convert it with iconv") from None


def _html_text(text: str) -> str:
    try:
        return as_markdown(text, without=_PAGE_PARTS, only_text_of=("a", "img"))
    except Unreadable as why:
        raise ValueError(why.detail) from None


def _pdf_text(file: Path) -> str:
    from pypdf import PdfReader
    from pypdf.errors import DependencyError, PyPdfError

    try:
        reader = PdfReader(file)
        if reader.is_encrypted and not reader.decrypt(""):
            raise ValueError("it wants a password")
        return "\n\n".join(page.extract_text() for page in reader.pages)
    except DependencyError:
        raise ValueError("it is encrypted, which takes the package cryptography to read") from None
    except (PyPdfError, RecursionError, KeyError, TypeError, AttributeError, NotImplementedError) as why:
        raise ValueError(f"no PDF that can be read: {type(why).__name__}") from None


def _parts(text: str, size: int, overlap: int) -> Iterator[tuple[str, str]]:
    """(headings, text) of each chunk."""
    held_headings, held = "", ""
    for headings, section in _sections(text):
        if held and len(held) < _LEAST_CHARS and len(held) + len(section) + 2 <= size:
            section = f"{held}\n\n{section}"
        elif held:
            yield held_headings, held
        *whole, held = _cut(section, size, overlap)
        held_headings = headings
        for part in whole:
            yield headings, part
    if held.strip():
        yield held_headings, held


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """(headings above it, its text with its own heading) of each section that says something."""
    above: list[tuple[int, str]] = []
    lines: list[str] = []
    is_code = False
    told = ""
    for line in [*text.splitlines(), None]:
        found = None if is_code or line is None or len(line) > _HEADING_CHARS else _HEADING.fullmatch(line)
        if line is None or found:
            if _says_something(lines):
                yield told, "\n".join(lines).strip()
                lines = []
            if found:
                level, title = len(found[1]), _title(found[2])
                above = [each for each in above if each[0] < level] + [(level, title)]
                told = " / ".join(name for _, name in above)
        if line is not None:
            is_code ^= bool(_FENCE.match(line))
            lines.append(line.rstrip())


def _title(text: str) -> str:
    """A heading without the `#` behind it."""
    return text.rstrip(" \t").rstrip("#").rstrip(" \t") or text[:1]


def _says_something(lines: Sequence[str]) -> bool:
    return any(line.strip() and (len(line) > _HEADING_CHARS or not _HEADING.fullmatch(line)) for line in lines)


def _cut(section: str, size: int, overlap: int) -> list[str]:
    """Parts of a section of at most `size` characters, each but the first with the end of the one before."""
    pieces: list[str] = []
    for paragraph in _PARAGRAPH.split(section):
        pieces += [paragraph] if len(paragraph) <= size - overlap else _sentences(paragraph, size - overlap)
    parts: list[str] = []
    held: list[str] = []
    for piece in pieces:
        if held and len("\n\n".join([*held, piece])) > size:
            parts.append("\n\n".join(held))
            held = _tail(held, min(overlap, size - len(piece) - 2))
        held.append(piece)
    return [*parts, "\n\n".join(held)]


def _tail(pieces: Sequence[str], most: int) -> list[str]:
    """The last whole pieces of at most `most` characters, or the end of the last one, cut at a sentence or a word."""
    if most <= 0:
        return []
    kept: list[str] = []
    for piece in reversed(pieces):
        if len("\n\n".join([piece, *kept])) > most:
            break
        kept.insert(0, piece)
    if kept:
        return kept
    end = pieces[-1][-most:]
    first = _SENTENCE.search(end) or re.search(r"\s", end)
    return [end[first.end() :]] if first and first.end() < len(end) else [end]


def _sentences(paragraph: str, most: int) -> list[str]:
    """A long paragraph between its sentences; one that is too long itself is cut where it must be."""
    found: list[str] = []
    for sentence in _SENTENCE.split(paragraph):
        pieces = [sentence[at : at + most] for at in range(0, len(sentence), most)]
        for piece in pieces:
            if found and len(found[-1]) + len(piece) + 1 <= most:
                found[-1] = f"{found[-1]} {piece}" if piece.isascii() else found[-1] + piece
            else:
                found.append(piece)
    return found
