"""How a reply is stored and read back: in the column `body`, or in the journal, where it is not compressed.

read_stored(key, b'{"text": "72", "finish_reason": "stop", ..., "usage": {"tokens_in": 90, ...}}')   ->   Reply(...)
"""

from __future__ import annotations

import orjson
import zstandard

from blossom_data.asks import Reply, Usage
from blossom_data.errors import LedgerError


def stored_text(reply: Reply) -> bytes:
    """`reply` as JSON, as it is stored."""
    usage = reply.usage
    return orjson.dumps(
        {
            "text": reply.text,
            "finish_reason": reply.finish_reason,
            # Absent where there is none, so that an older program reads what it knows.
            **({"reasoning": reply.reasoning} if reply.reasoning else {}),
            "refusal": reply.refusal,
            "model": reply.model,
            "usage": {
                "tokens_in": usage.tokens_in,
                "tokens_out": usage.tokens_out,
                "tokens_cached": usage.tokens_cached,
                "is_estimated": usage.is_estimated,
            },
        }
    )


def read_body(key: bytes, body: bytes, unpack: zstandard.ZstdDecompressor) -> Reply:
    """The reply in the column `body`; those of earlier versions have no checksum.

    Raises:
        ValueError: it is damaged.
    """
    try:
        return read_stored(key, unpack.decompress(body))
    except (zstandard.ZstdError, MemoryError) as why:
        raise ValueError(str(why) or type(why).__name__) from why


def read_stored(key: bytes, text: bytes) -> Reply:
    """The reply in the JSON `text`; raises ValueError where it is damaged."""
    try:
        stored = orjson.loads(text)
        usage = Usage(**stored.pop("usage"))
        return Reply(**stored, key=key.hex(), usage=usage)
    except (KeyError, TypeError, AttributeError) as why:
        raise ValueError(str(why) or type(why).__name__) from why


def damaged_reply(ledger: object, key: bytes, why: Exception) -> LedgerError:
    """The error of a stored reply that cannot be read back."""
    return LedgerError(
        f"ledger {ledger}: the stored reply {key.hex()} is damaged: {why}",
        hint=f"keep a copy of the ledger, then: blossom-data gc --ledger {ledger} --drop-damaged, "
        "and the same command again buys what was dropped",
    )
