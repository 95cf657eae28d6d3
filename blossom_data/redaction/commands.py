"""Command lines and settings as they may be shown: without what is given for a key, token or password.

    shown_command("HF_TOKEN=hf_x vllm serve m --api-key sk-x --port {port}")
        ->  'HF_TOKEN=**** vllm serve m --api-key **** --port {port}'

What is secret is told by the name that it is given for, in any spelling of flags, variables, headers and JSON; what
looks like a key is masked wherever it stands. Nothing here raises, and when in doubt too much is hidden.
"""

from __future__ import annotations

import re

from blossom_data.redaction.urls import MASK, mask_credentials

_NAME = (
    r"(?:api)?(?:keys?|tokens?|secrets?|pass(?:words?|wd|phrase)?|pw|pwd|credentials?|auth|authorization|cookie|bearer)"
)
_SECRET = re.compile(rf"(?:^|[^A-Za-z]){_NAME}$", re.IGNORECASE)
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'[^']*'"
_ASSIGNED = re.compile(
    rf"(?<![A-Za-z])(?P<name>{_NAME})(?P<sign>\\?[\"']?\s*[=:]\s*)(?P<value>{_QUOTED}|(?:bearer\s+|basic\s+)?[^\s\"',;}}]+)",
    re.IGNORECASE,
)
_FLAG = re.compile(
    rf"(?P<name>(?<!\S)--?(?:[\w.]+-)*{_NAME})(?P<values>\s+(?:{_QUOTED}|\S+)(?:\s+(?:{_QUOTED}|[^\s\-\"']\S*))*)",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\s*[=:]?\s*\d{1,7}\Z")
"""--max-tokens 4096 is no secret."""
_KEYLIKE = re.compile(r"(?<![A-Za-z0-9])(?:sk|pk|gsk|hf|ghp|github_pat|xai|nvapi|AKIA|AIza)[-_]?[A-Za-z0-9_\-+/]{12,}")


def shown_command(text: str) -> str:
    """`text` without its secrets."""
    text = _FLAG.sub(lambda found: found[0] if _COUNTED.match(found["values"]) else f"{found['name']} {MASK}", text)
    text = _ASSIGNED.sub(_assigned, text)
    return _KEYLIKE.sub(MASK, mask_credentials(text))


def is_secret(name: str) -> bool:
    """Whether what is given under `name` is a secret."""
    return _SECRET.search(name) is not None


def _assigned(found: re.Match[str]) -> str:
    return found[0] if _COUNTED.match(found["value"]) else f"{found['name']}{found['sign']}{MASK}"
