"""A table of words that is read in blocks, for a whole one takes longer to read than a text to check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class Blocks:
    """Lines of a key, a tab and a value, in blocks that are read when one of their keys is first asked for."""

    def __init__(self, text: str, length: int) -> None:
        self._length = length
        self._blocks = {block[:length]: block for block in text.split("\n\n")}
        self._lines: dict[str, str] = {}

    def opened(self, starts: Iterable[str]) -> Mapping[str, str]:
        """All lines read so far, those of blocks that begin with one of `starts` among them."""
        for start in self._blocks.keys() & set(starts):
            self.get(start)
        return self._lines

    def get(self, key: str) -> str | None:
        block = self._blocks.pop(key[: self._length], None)
        if block is not None:
            self._lines.update((name, value) for name, _, value in (line.partition("\t") for line in block.split("\n")))
        return self._lines.get(key)
