"""What an instruction does to what: its first content word and the next one.

    verb_object(tokenizer, "Please write a short poem about cats.")     ->  ("write", "short")
    verb_object(tokenizer, "写一首关于猫的诗。")                            ->  ("写首", "关于")

Source: verb and object pairs as in Self-Instruct (Wang et al. 2023), by word order alone.
"""

from __future__ import annotations

from blossom_data.curate.tokens import CONTENT, Tokenizer, is_single
from blossom_data.records import Record


def instruction_and_input(record: Record) -> tuple[str, str]:
    """What the first turn of a person asks (its first paragraph), and what it is asked of."""
    first = next((turn.content for turn in record.messages if turn.role == "user"), "")
    instruction, _, given = first.strip().partition("\n")
    return instruction, given.strip()


def verb_object(tokenizer: Tokenizer, instruction: str) -> tuple[str, str] | None:
    """The first two content words; of a script without blanks, the first two pairs of characters."""
    words: list[str] = []
    run = ""
    for token in tokenizer.tokens(instruction):
        if token.kind == CONTENT and is_single(token.text):
            run += token.text
            if len(run) < 2:
                continue
            words.append(run)
        elif token.kind == CONTENT:
            words.append(token.text)
        run = ""
        if len(words) == 2:
            return words[0], words[1]
    return None
