"""What decides a draw, and what counts as the same prompt.

A record is drawn by a keyed hash of its id: a part takes its lowest. So a draw depends on the seed and the ids alone,
and a record that comes or goes moves at most one other across the line. The final order is another keyed hash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from hashlib import blake2b

from blossom_data.records import Message
from blossom_data.rows.normal import normal


def keyed_hash(seed: int, purpose: str) -> Callable[[str], int]:
    """A function from an id to a number from -2**63 to 2**63 - 1, as good as random for each seed and purpose."""
    state = blake2b(key=blake2b(f"{purpose}/{seed}".encode(), digest_size=32).digest(), digest_size=8)

    def hashed(text: str) -> int:
        copy = state.copy()
        copy.update(text.encode(errors="surrogatepass"))
        return int.from_bytes(copy.digest(), "big", signed=True)

    return hashed


def prompt_key(messages: Iterable[Message]) -> bytes | None:
    """16 bytes that are equal for conversations whose person says the same; None where no person says anything.

    Compatibility forms (full width, ligatures), case and white space make no difference.
    """
    turns = [normal(turn.content) for turn in messages if turn.role == "user"]
    if not any(turns):
        return None
    return blake2b("\0".join(turns).encode(errors="surrogatepass"), digest_size=16).digest()
