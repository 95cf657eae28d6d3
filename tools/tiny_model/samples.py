"""What the model is trained on: the product's own rendered requests, and the replies that it wants.

    translate: [system "Translate the segments.", user '{"task": "translate", ... "nonce": "7fQ2xkB9", ...}']
               -> '{"nonce": "7fQ2xkB9", "n": 1, "segments": [{"id": "a", "head": "Tom buys 12", "text": "汤姆…"}]}'
    annotate:  [system "Answer.", user "汤姆…"]  ->  "12 + 30 = 42\\n答案：42"

The requests are made by blossom_data itself, so a change of the protocol or of the two prompts needs a new model.
"""

from __future__ import annotations

import json
import random
import re

from grammar import ADJECTIVES, NAMES, NOUNS, PLACES, TOPICS, VERBS, Row, draw_row

from blossom_data.prompts import load_prompt
from blossom_data.records import Message
from blossom_data.stages.translate.protocol import Request, letter_id, make_nonce
from blossom_data.stages.translate.segments import plan_record

HELD_OUT = 200
HELD_OUT_SEED = 2
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
PAD, _, END = range(3)
_ZH_WORDS = {
    *NAMES.values(),
    *VERBS.values(),
    *(word for pair in NOUNS.values() for word in pair),
    *ADJECTIVES.values(),
    *PLACES.values(),
    *TOPICS.values(),
}
_ZH = re.compile(f"({'|'.join(sorted(_ZH_WORDS, key=len, reverse=True))})|[0-9 \n]+")
TRANSLATE, ANNOTATE = load_prompt("translate_tiny"), load_prompt("annotate_tiny")
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def held_out() -> list[Row]:
    """The rows that are never trained on."""
    draw = random.Random(HELD_OUT_SEED)
    rows: dict[str, Row] = {}
    while len(rows) < HELD_OUT:
        row = draw_row(draw)
        rows.setdefault(row.en, row)
    return list(rows.values())


def chat(messages: tuple[Message, ...]) -> str:
    """The prompt as the chat template of the model writes it."""
    turns = "".join(f"<|im_start|>{turn.role}\n{turn.content}<|im_end|>\n" for turn in messages)
    return f"{turns}<|im_start|>assistant\n"


def translation(row: Row, seed: str) -> tuple[str, str]:
    """Prompt and reply of a translation of `row`; the nonce depends on `seed`."""
    segments = plan_record((Message("user", row.en),), "en").segments
    request = Request(make_nonce([seed], row.en), "en", "zh", segments)
    reply = {
        "nonce": request.nonce,
        "n": len(segments),
        "segments": [
            {"id": letter_id(place), "head": " ".join(segment.text.split()[:3]), "text": text}
            for place, (segment, text) in enumerate(zip(segments, row.zh.split("\n"), strict=True))
        ],
    }
    return chat(TRANSLATE.fill(document=request.document())), json.dumps(reply, ensure_ascii=False)


def annotation(row: Row) -> tuple[str, str]:
    """Prompt and reply of an answer to the Chinese side of `row`."""
    return chat(ANNOTATE.fill(text=row.zh)), row.answer


class Vocabulary:
    """Words of the grammar and fixed pieces of the protocol as tokens of their own; all else byte by byte.

    A nonce is spelled in bytes, so copying it is copying eight tokens. Cut the way llama.cpp cuts user-defined tokens:
    the longest first, each wherever it stands.
    """

    def __init__(self) -> None:
        draw = random.Random(1)
        rows = [draw_row(draw) for _ in range(4000)]
        pieces = {piece for row in rows for piece in re.findall(r" ?[A-Za-z]{2,}| [a-z]", row.en)}
        pieces |= {piece for row in rows for text in (row.zh, row.answer) for piece in _chinese(text)}
        pieces |= _protocol(rows)
        self.words = sorted(pieces, key=lambda piece: (-len(piece.encode()), piece))
        self.byte_at = len(SPECIAL)
        self.word_at = self.byte_at + 256
        self._ids = {word: self.word_at + place for place, word in enumerate(self.words)}
        self._ids |= {word: place for place, word in enumerate(SPECIAL)}
        ordered = sorted(self._ids, key=lambda piece: -len(piece.encode()))
        self._cut = re.compile("|".join(re.escape(word) for word in ordered))

    def __len__(self) -> int:
        return self.word_at + len(self.words)

    def encode(self, text: str) -> list[int]:
        """Token ids of `text`."""
        ids: list[int] = []
        start = 0
        for found in self._cut.finditer(text):
            ids += [self.byte_at + byte for byte in text[start : found.start()].encode()]
            ids.append(self._ids[found.group()])
            start = found.end()
        return ids + [self.byte_at + byte for byte in text[start:].encode()]

    def decode(self, ids: list[int]) -> str:
        """Text of token ids, special tokens left out."""
        parts = [
            self.words[token - self.word_at].encode()
            if token >= self.word_at
            else bytes([token - self.byte_at])
            if token >= self.byte_at
            else b""
            for token in ids
        ]
        return b"".join(parts).decode("utf-8", "replace")


def _chinese(text: str) -> list[str]:
    """The Chinese words of `text`, as the grammar lists them, and what stands between them."""
    return [piece for piece in _ZH.split(text) if piece and not piece.isascii()]


def _protocol(rows: list[Row]) -> set[str]:
    """The parts of requests and replies that never change, cut where something that does change stands."""
    pieces: set[str] = set()
    for row in rows[:200]:
        for prompt, reply in (translation(row, "x"), annotation(row)):
            for text in (prompt, reply):
                values = [row.en, row.zh, row.answer, *row.en.split("\n"), *row.zh.split("\n")]
                values += [" ".join(line.split()[:3]) for line in row.en.split("\n")]
                nonce = re.search(r'"nonce": "(\w{8})"', text)
                values += [nonce[1]] if nonce else []
                values = sorted({json.dumps(v, ensure_ascii=False)[1:-1] for v in values} | set(values), key=len)[::-1]
                cuts = "|".join(re.escape(value) for value in values)
                variable = rf'{cuts}|(?<="n": )\d|(?<="id": ")[a-z](?=")|<\|im_\w+\|>|\n'
                pieces |= {piece for piece in re.split(variable, text) if len(piece) > 1}
    return pieces
