"""A small bilingual world: raw files of every kind, and a model on loopback that translates and answers all of them.

world = World(tmp_path)
world.write(orca=240, wizard=240)         tmp_path/raw/orca/rows.jsonl ...
with Loopback(respond=world.respond) as server: ...
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from command import write_lines
from loopback import LoopbackRequest, Response

Row = dict[str, Any]


class World:
    """Raw files in FOLDER/raw, and what the model knows of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.chinese: dict[str, str] = {}
        self.results: dict[str, str] = {}
        """Result of each word problem, in both languages."""
        self.wrong: set[str] = set()
        """Word problems that the model gets wrong, however often it is asked."""

    def write(self, **counts: int) -> None:
        """Writes so many rows of each kind."""
        for kind, count in counts.items():
            (self.folder / "raw" / kind).mkdir(parents=True, exist_ok=True)
            make: Callable[[int], Row] = getattr(self, f"_{kind}")
            write_lines(self.folder / "raw" / kind / "rows.jsonl", (make(number) for number in range(1, count + 1)))

    def _orca(self, number: int) -> Row:
        asked = self._pair(f"List three facts about planet {number}.", f"列出关于行星{number}的三个事实。")
        return {"id": f"flan.{number}", "system_prompt": "", "question": asked, "response": "an old answer"}

    def _wizard(self, number: int) -> Row:
        asked = self._pair(f"Write a short poem about robot {number}.", f"写一首关于机器人{number}的短诗。")
        return {"instruction": asked, "output": "an old answer"}

    def _gsm8k(self, number: int) -> Row:
        asked = self._pair(
            f"Tom has {number} apples and buys 5 more. How many apples does he have now?",
            f"汤姆有{number}个苹果，又买了5个。他现在有多少个苹果？",
        )
        self.results[asked] = self.results[self.chinese[asked]] = str(number + 5)
        return {"question": asked, "answer": f"He has {number} + 5.\n#### {number + 5}"}

    def _math23k(self, number: int) -> Row:
        asked = f"小明有{number}支铅笔，又买了7支，现在有多少支铅笔？"
        self.results[asked] = str(number + 7)
        return {"id": str(number), "original_text": asked, "equation": "x=1", "ans": str(number + 7)}

    def _chat(self, number: int) -> Row:
        first = self._pair(f"Tell me about city {number}.", f"介绍一下城市{number}。")
        second = self._pair("How many people live there?", "那里住着多少人？")
        turns = [("human", first), ("gpt", "an old answer"), ("human", second), ("gpt", "another old answer")]
        return {"id": f"chat-{number}", "conversations": [{"from": who, "value": text} for who, text in turns]}

    def _pair(self, english: str, chinese: str) -> str:
        self.chinese[english] = chinese
        return english

    def respond(self, request: LoopbackRequest) -> Response:
        """The reply of a model that knows this world, and never errs but where it is told to."""
        try:
            document = json.loads(request.text)
        except ValueError:
            return self._answer(request.text)
        segments = [
            {"id": each["id"], "head": " ".join(each["text"].split()[:3]), "text": self.chinese[each["text"]]}
            for each in document["segments"]
        ]
        return json.dumps({"nonce": document["nonce"], "n": document["n"], "segments": segments}, ensure_ascii=False)

    def _answer(self, text: str) -> str:
        is_chinese = any("\u4e00" <= sign <= "\u9fff" for sign in text)
        result = self.results.get(text)
        if result is None:
            return f"下面是回答：{text}" if is_chinese else f"This answers the request: {text}"
        result = "999999" if text in self.wrong else result
        return f"把两数相加。\n答案：{result}" if is_chinese else f"We add both numbers.\nAnswer: {result}"


def flags(server: Any) -> dict[str, str]:
    """The environment that names the endpoint of `server`."""
    return {"OPENAI_BASE_URL": server.base_url, "BLOSSOM_MODEL": "m"}
