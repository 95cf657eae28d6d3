"""What decides the outcome of a record beside the record and its stages: settings of the endpoints, and the code.

what_decides(endpoints, ("translate",))     equal bytes: equal outcomes, once the replies are the same
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import zstandard

import blossom_data
from blossom_data.config import Endpoint, serving
from blossom_data.executors.limits import ASKED_BY

_OF_THE_WAY = frozenset(
    (
        *("base_url", "api_key", "ca_file", "name", "roles", "weight", "structured"),
        *("max_in_flight", "requests_per_minute", "tokens_per_minute", "timeout_s", "max_tries", "max_body_bytes"),
    )
)
"""Settings of an endpoint that say how a reply is fetched. What is not named here counts as deciding the reply."""
_WITHOUT_PART = ("cli", "train")
"""Folders of the package that have no part in what becomes of a record."""


def what_decides(endpoints: Sequence[Endpoint], stages: Sequence[str], *, trusts_finish: bool = False) -> bytes:
    """Differs when the same records, sent through the same stages, may come out differently.

    Args:
        trusts_finish: an answer of which the endpoint does not say how it ended counts as whole.
    """
    asked = [(stage, what_is_asked(endpoints, stage)) for stage in (*stages, *ASKED_BY)]
    return repr((asked, trusts_finish, code_digest(), zstandard.ZSTD_VERSION)).encode()


def what_is_asked(endpoints: Sequence[Endpoint], stage: str) -> list[str]:
    """The models that answer `stage`, each with what of its endpoint decides a reply."""
    return sorted({_settings(endpoint) for endpoint in serving(endpoints, stage)})


def _settings(endpoint: Endpoint) -> str:
    """What of the endpoint decides a reply, such as its model."""
    names = [field.name for field in fields(endpoint) if field.name not in _OF_THE_WAY]
    return repr([(name, getattr(endpoint, name)) for name in names])


@functools.cache
def code_digest() -> str:
    """The hash of the code and its tables: who changes a stage sees the change, with or without a new version."""
    root = Path(blossom_data.__file__).parent
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(root.rglob("*")):
        inside = file.relative_to(root)
        if inside.parts[0] not in _WITHOUT_PART and "__pycache__" not in inside.parts and file.is_file():
            digest.update(f"{inside}\0{file.stat().st_size}\0".encode() + file.read_bytes())
    return digest.hexdigest()
