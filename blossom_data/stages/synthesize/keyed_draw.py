"""A number that is drawn by a key alone: the same for it whatever is drawn before, beside or on another machine.

keyed_draw(0, record.id) % len(personas)
"""

from __future__ import annotations

import hashlib


def keyed_draw(*key: object) -> int:
    """A number of 64 bits for `key`."""
    text = "/".join(map(str, key)).encode(errors="surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")
