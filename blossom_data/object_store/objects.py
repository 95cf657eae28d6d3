"""One request each to a store: look, read a range, list, write on a condition, delete.

    head("s3", "bucket", "sets/math/manifest.json")    Facts(size=812, etag='"9f2c..."', version=None, modified=...)
    write(..., data, replaces=None)                    Conflict where an object is there already
    write(..., data, replaces=facts)                   Conflict where it is no longer the one that was seen

obstore retries what fails on the way (5xx, 429, a connection that breaks) for about half a minute; errors are told by
faults.py. All that is read or written here is in memory: `stream` is asked for blocks, `write` for what fits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from blossom_data.errors import EndpointError
from blossom_data.object_store.faults import telling
from blossom_data.object_store.stores import store_of

_LIST_CHUNK = 1000
SHA256 = "sha256"
"""The name under which an object of ours carries the hash of its bytes."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a store says of an object."""

    size: int
    etag: str | None
    version: str | None
    modified: datetime


def url_of(scheme: str, bucket: str, key: str) -> str:
    return f"{scheme}://{bucket}/{key}"


def head(scheme: str, bucket: str, key: str) -> Facts:
    """Raises FileNotFoundError where there is no such object."""
    store = store_of(scheme, bucket)
    try:
        with telling(url_of(scheme, bucket, key)):
            import obstore

            return _facts(obstore.head(store, key))
    except EndpointError:
        # The answer to HEAD has no body, and so no reason: that to GET has one.
        return read(scheme, bucket, key, end=1)[1]


def read(scheme: str, bucket: str, key: str, end: int | None = None) -> tuple[bytes, Facts]:
    """A small object whole, or up to `end`, with its facts; raises FileNotFoundError."""
    store = store_of(scheme, bucket)
    with telling(url_of(scheme, bucket, key)):
        import obstore

        found = obstore.get(store, key, options={"range": (0, end)} if end else None)
        return bytes(found.bytes()), _facts(found.meta)


def stream(scheme: str, bucket: str, key: str, start: int, end: int, facts: Facts) -> Iterator[bytes]:
    """Bytes `start` to `end` (exclusive) of the object that was seen as `facts`, in pieces as they come.

    Raises:
        Conflict: it is another one by now.
    """
    store = store_of(scheme, bucket)
    with telling(url_of(scheme, bucket, key)):
        import obstore

        options: dict[str, Any] = {"range": (start, end)}
        if facts.etag:
            options["if_match"] = facts.etag
        for piece in obstore.get(store, key, options=options):
            yield bytes(piece)


def sha256_noted(scheme: str, bucket: str, key: str) -> str | None:
    """The hash that an object of ours carries; None of an object that is not there, "" of one without a hash."""
    store = store_of(scheme, bucket)
    try:
        with telling(url_of(scheme, bucket, key)):
            import obstore

            return str(obstore.get(store, key, options={"head": True}).attributes.get(SHA256, ""))
    except FileNotFoundError:
        return None


def write(
    scheme: str, bucket: str, key: str, data: bytes, *, replaces: Facts | None, attributes: dict[str, str] | None = None
) -> None:
    """Writes an object in one request: a reader sees all of it or nothing.

    Args:
        replaces: the object that was seen in its place; None: there must be none.

    Raises:
        Conflict: there is another one by now.
    """
    store = store_of(scheme, bucket)
    seen = {"e_tag": replaces.etag, "version": replaces.version} if replaces else {}
    mode: Any = {name: value for name, value in seen.items() if value} or "create"
    with telling(url_of(scheme, bucket, key)):
        import obstore

        obstore.put(store, key, data, mode=mode, attributes=attributes, use_multipart=False)


def delete(scheme: str, bucket: str, keys: list[str]) -> None:
    """Deletes objects; those that are not there do not matter."""
    store = store_of(scheme, bucket)
    with telling(url_of(scheme, bucket, keys[0] if keys else "")):
        import obstore

        for start in range(0, len(keys), _LIST_CHUNK):
            obstore.delete(store, keys[start : start + _LIST_CHUNK])


def children(scheme: str, bucket: str, prefix: str) -> tuple[list[str], dict[str, Facts]]:
    """The "folders" and the objects right under `prefix` ("" is the bucket), by their last names."""
    store = store_of(scheme, bucket)
    with telling(url_of(scheme, bucket, prefix)):
        import obstore

        found = obstore.list_with_delimiter(store, prefix or None)
    objects = {each["path"].rsplit("/", 1)[-1]: _facts(each) for each in found["objects"]}
    return sorted(each.rstrip("/").rsplit("/", 1)[-1] for each in found["common_prefixes"]), objects


def beneath(scheme: str, bucket: str, prefix: str) -> Iterator[tuple[str, Facts]]:
    """The keys of all objects under `prefix`, however deep, a page at a time."""
    store = store_of(scheme, bucket)
    with telling(url_of(scheme, bucket, prefix)):
        import obstore

        for page in obstore.list(store, prefix or None, chunk_size=_LIST_CHUNK):
            for each in page:
                yield each["path"], _facts(each)


def _facts(meta: Any) -> Facts:
    return Facts(meta["size"], meta["e_tag"], meta["version"], meta["last_modified"])
