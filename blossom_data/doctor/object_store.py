"""Whether versions can be published to a folder of an object store: it is written, and keeps conditions.

    check_store(path_of("s3://bucket/data/math"))   ->   "s3://bucket/data/math can be written; conditions are kept"

Some stores take If-None-Match and If-Match and do not look at them; two publishes at once would then lose one of them
without a word. The look writes one object of a few bytes, and deletes it.
"""

from __future__ import annotations

import secrets

from blossom_data.errors import ConfigError
from blossom_data.object_store import ObjectPath, objects
from blossom_data.object_store.faults import Conflict
from blossom_data.object_store.objects import Facts


def check_store(folder: ObjectPath) -> str:
    """What was found.

    Raises:
        ConfigError: the store does not look at conditions.
        BlossomError: it cannot be written.
    """
    scheme, bucket, key = folder.child(f".doctor-{secrets.token_hex(8)}").address()

    def is_refused(data: bytes, replaces: Facts | None) -> bool:
        try:
            objects.write(scheme, bucket, key, data, replaces=replaces)
        except Conflict:
            return True
        return False

    try:
        is_refused(b"1", None)
        first = objects.head(scheme, bucket, key)
        keeps_create = is_refused(b"2", None)
        is_refused(b"33", first)
        keeps_replace = is_refused(b"444", first)
    finally:
        objects.delete(scheme, bucket, [key])
    if not (keeps_create and keeps_replace):
        raise ConfigError(
            f"{folder} can be written, but its store does not look at If-None-Match and If-Match",
            hint="publish to a local folder, or to a store that does (S3, R2, MinIO, GCS, Azure)",
        )
    return f"{folder} can be written, and conditional writes are kept"
