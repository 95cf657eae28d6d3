"""Sets in Japanese, German and Arabic, from English rows to a published version and to packed rows for training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("transformers")

from command import values, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest
from tiny import byte_level

ROWS = [json.loads(line) for line in (Path(__file__).parent / "three_languages.jsonl").read_text("utf-8").splitlines()]


class Model:
    """Replays the recorded translations and answers of one language."""

    def __init__(self, lang: str) -> None:
        pairs = [(row["en"], *row[lang]) for row in ROWS]
        self.lines = {
            one: other
            for english, question, _ in pairs
            for one, other in zip(english.split("\n"), question.split("\n"), strict=True)
        }
        self.answers = {question: answer for _, question, answer in pairs}
        self.systems: set[str] = set()
        self.documents: list[dict[str, Any]] = []

    def __call__(self, request: LoopbackRequest) -> str:
        self.systems.add(request.body["messages"][0]["content"])
        if not request.text.startswith("{"):
            return self.answers[request.text]
        document = json.loads(request.text)
        self.documents.append(document)
        return json.dumps({
            "nonce": document["nonce"],
            "n": document["n"],
            "segments": [
                {"id": each["id"], "head": " ".join(each["text"].split()[:3]), "text": self.rendered(each["text"])}
                for each in document["segments"]
            ],
        })  # fmt: skip

    def rendered(self, text: str) -> str:
        """The translation of a line, its token put where the code stood."""
        if "⟦" not in text:
            return self.lines[text]
        token = text[text.index("⟦") : text.index("⟧") + 1]
        return self.lines[text.replace(token, "`git rebase`")].replace("`git rebase`", token)


@pytest.mark.parametrize(("lang", "name"), [("ja", "Japanese (ja)"), ("de", "German (de)"), ("ar", "Arabic (ar)")])
def test_a_set_in_another_language_from_rows_to_training(tmp_path: Path, lang: str, name: str) -> None:
    write_lines(tmp_path / "rows.jsonl", [{"instruction": row["en"], "input": "", "output": "?"} for row in ROWS])
    byte_level("chatml").save_pretrained(tmp_path / "tokenizer")

    def run(*arguments: object) -> Any:
        done = blossom(*arguments, "--json", cwd=tmp_path)
        assert done.code == 0, done
        return done.json

    model = Model(lang)
    with Loopback(respond=model) as server:
        ask = ("--base-url", server.base_url, "--model", "m", "--structured", "off")
        run("pull", "alpaca", "rows.jsonl", "-o", "raw", "--licence", "CC0-1.0")
        translated = run("translate", "raw", "-o", lang, "--to", lang, *ask)
        annotated = run("annotate", lang, "-o", "sft", *ask)
    assert (translated["kept"], annotated["kept"]) == (len(ROWS), len(ROWS))
    assert {(document["from"], document["to"]) for document in model.documents} == {("English (en)", name)}
    assert any(f"answer in {name}, unless" in system for system in model.systems)
    assert not any("Simplified Chinese or English" in system for system in model.systems)
    records = values(tmp_path / "sft")
    assert {record["lang"] for record in records} == {lang}
    assert {record["messages"][0]["content"]: record["messages"][1]["content"] for record in records} == model.answers

    mixed = run("mix", "sft=5", "--lang", f"{lang}=1", "-o", "mix")
    assert mixed["mixes"][0]["by_lang"] == {lang: 5}
    packed = run("train", "pack", "mix", "-o", "packed", "--tokenizer", "tokenizer", "--template", "chatml")
    assert packed["documents"] == 5, packed
    run("publish", "sft", "-o", "site", "--name", "set")
    card = next((tmp_path / "site" / "set").rglob("README.md")).read_text("utf-8")
    assert f"- {lang}\n" in card or f'["{lang}"]' in card or f"- '{lang}'" in card, card[:500]
    shown = blossom("show", "site/set", cwd=tmp_path)
    assert shown.code == 0 and model.answers[ROWS[0][lang][0]].split("。")[0].split(".")[0] in shown.out, shown
