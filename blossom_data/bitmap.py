"""A set of hashes that answers "surely new" or "perhaps known", in 8 MB whatever it holds.

    known = Bitmap()
    digest in known     # False: surely new
    known.add(digest)
    digest in known     # True, as of 1.5 % of all other hashes once a million are in

It keeps a look-up that is dear (a database) from being made for what is not there, which is the usual case.
"""

from __future__ import annotations

_BITS = 26


class Bitmap:
    """A Bloom filter with one hash function: bits chosen by the first four bytes of hashes of uniform distribution."""

    __slots__ = ("_bits",)

    def __init__(self) -> None:
        self._bits = bytearray(1 << (_BITS - 3))

    def __contains__(self, digest: bytes) -> bool:
        bit = int.from_bytes(digest[:4], "little") & ((1 << _BITS) - 1)
        return bool(self._bits[bit >> 3] & 1 << (bit & 7))

    def add(self, digest: bytes) -> bool:
        """Adds `digest`, and says whether it seemed to be there already, as `in` does."""
        bit = int.from_bytes(digest[:4], "little") & ((1 << _BITS) - 1)
        place, mask = bit >> 3, 1 << (bit & 7)
        byte = self._bits[place]
        self._bits[place] = byte | mask
        return bool(byte & mask)
