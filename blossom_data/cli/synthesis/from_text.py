"""blossom-data synthesize from-text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import typer

from blossom_data.cli.flags.common import CommonOfLong
from blossom_data.cli.flags.endpoint import Asking
from blossom_data.cli.flags.groups import as_command
from blossom_data.cli.flags.values import switch
from blossom_data.cli.synthesis.making import Making, load_prompts, refuse_early, run_rounds
from blossom_data.errors import ConfigError
from blossom_data.prompts import load_prompt

_PROMPT = "ask_text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutting:
    """How documents are cut, and what is asked about a chunk."""

    panel: ClassVar[str] = "Documents"

    chunk_chars: Annotated[
        int, typer.Option("--chunk-chars", min=200, max=100_000, metavar="N", help="Longest chunk, in characters.")
    ] = 2_000
    overlap_chars: Annotated[
        int, typer.Option("--overlap-chars", min=0, metavar="N", help="What a chunk shares with the one before it.")
    ] = 200
    questions: Annotated[
        int, typer.Option("--questions", min=1, max=32, metavar="N", help="Questions that are asked for of a chunk.")
    ] = 3
    lang: Annotated[
        str,
        typer.Option("--lang", metavar="TAG", help="Language of questions and answers; that of the chunk without it."),
    ] = ""
    judge: Annotated[
        str, typer.Option("--judge", metavar="NAME", help="Model that checks the support; the one that writes else.")
    ] = ""
    keep_text: Annotated[bool, switch("--keep-text", help="Leave the chunk before the question, as a system turn.")] = (
        False
    )
    temperature: Annotated[
        float, typer.Option("--temperature", min=0, max=2, metavar="T", help="Of questions and answers.")
    ] = 0.7
    prompt: Annotated[
        str, typer.Option("--prompt", metavar="PROMPT", help="How questions are written: prompt name or .toml file.")
    ] = _PROMPT


@as_command("from-text")
def command(
    making: Making,
    asking: Asking,
    common: CommonOfLong,
    cutting: Cutting,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILES", help="Markdown, text, HTML (extra html), PDF (extra pdf), or folders of them."),
    ],
) -> int:
    """Write questions and answers about documents, and keep those whose answer the document supports.

    Documents are cut at their headings. An answer is kept when its quotation stands in the chunk to the letter, its
    numbers too, and a second look finds each claim supported; one that is not is written once more. The chunk's id is
    a tag of the record.

    Example: blossom-data synthesize from-text docs/ manual.pdf -o made/answers --questions 3 --model qwen2.5-72b
    """
    if cutting.overlap_chars * 2 > cutting.chunk_chars:
        raise ConfigError(
            f"chunks of {cutting.chunk_chars} characters cannot overlap by {cutting.overlap_chars}",
            hint="half of a chunk at most, such as --overlap-chars 200",
        )
    from blossom_data.languages.tags import canonical
    from blossom_data.stages.synthesize.from_text import AskText, Ground
    from blossom_data.synthesize.documents import find_documents, read_chunks
    from blossom_data.synthesize.texts import Texts

    lang = canonical(cutting.lang) if cutting.lang else ""
    found = find_documents(files)
    replacement = refuse_early("from-text", files, making, is_dry_run=asking.endpoint.dry_run)
    asks = AskText(
        prompts=load_prompts(cutting.prompt, _PROMPT),
        number=cutting.questions,
        temperature=cutting.temperature,
    )
    ground = Ground(
        judge=load_prompt("judge_grounding"),
        repair=load_prompt("repair_answer"),
        keep_text=cutting.keep_text,
        judge_model=cutting.judge,
    )
    chunks = read_chunks(found, size=cutting.chunk_chars, overlap=cutting.overlap_chars)
    return run_rounds(
        "from-text",
        Texts(list(chunks) if asking.endpoint.dry_run else chunks, asks, ground, lang=lang),
        stages=("from-text", "ground"),
        prompts=[*asks.prompts.values(), ground.judge, ground.repair],
        settings={
            "chunk_chars": cutting.chunk_chars,
            "overlap_chars": cutting.overlap_chars,
            "questions": cutting.questions,
            "lang": lang,
        },
        replacement=replacement,
        making=making,
        asking=asking,
        common=common,
    )
