r"""A key taken out of what a server sent, in any spelling that it may have echoed it in.

    scrub(r'your key is sk-a\u002Bb\/c', "sk-a+b/c")     ->  'your key is ****'

Nothing here raises: what came may be anything.
"""

from __future__ import annotations

import functools
import re

from blossom_data.redaction.urls import MASK

_SHORTEST = 4
"""A shorter key would be found in any text."""
_ESCAPE = re.compile(r"\\+u00([0-9a-fA-F]{2})|%([0-9a-fA-F]{2})|&#x0*([0-9a-fA-F]{2});?|&#0*([0-9]{2,3});?")
_MARK = re.compile(r"\\u00|\\/|%[0-9a-fA-F]{2}|&#")
_MARK_BYTES = re.compile(_MARK.pattern.encode())
"""What any text with an escaped sign holds: most hold none, and are done with soon."""


def scrub(text: str, secret: str) -> str:
    """`text` without `secret`, be it plain or escaped as JSON (once or more often), URLs and HTML do it."""
    if len(secret) < _SHORTEST:
        return text
    text = text.replace(secret, MASK)
    if not _MARK.search(text) and not _is_quoted(secret):
        return text
    if _bare(secret) in _bare(_ESCAPE.sub(_unescaped, text)):
        return _spellings(secret).sub(MASK, text)
    return text


def scrub_bytes(body: bytes, secret: str) -> bytes:
    """As scrub; a body without `secret` stays as it is, whatever its character set."""
    if len(secret) < _SHORTEST:
        return body
    if secret.encode() not in body and not _MARK_BYTES.search(body) and not _is_quoted(secret):
        return body
    text = body.decode("utf-8", "replace")
    scrubbed = scrub(text, secret)
    return body if scrubbed == text else scrubbed.encode()


def _is_quoted(secret: str) -> bool:
    """Whether JSON writes `secret` with escapes always."""
    return "\\" in secret or '"' in secret


def _unescaped(found: re.Match[str]) -> str:
    *hexadecimal, decimal = found.groups()
    return chr(int(decimal) if decimal else int(next(filter(None, hexadecimal)), 16))


def _bare(text: str) -> str:
    return text.replace("\\", "")


@functools.lru_cache(maxsize=64)
def _spellings(secret: str) -> re.Pattern[str]:
    def spelling(sign: str) -> str:
        number = ord(sign)
        plain = rf"\\*(?:{re.escape(sign)}|u00(?i:{number:02x}))"
        return rf"(?:{plain}|%(?i:{number:02x})|&#(?:x0*(?i:{number:x})|0*{number});?)"

    return re.compile("".join(spelling(sign) for sign in secret))
