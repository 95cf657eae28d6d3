"""URLs as they may be shown: without passwords, and without what follows a question mark.

    shown_url("http://user:secret@host:3128/v1?token=abc")      ->  'http://****@host:3128/v1?****'
    mask_credentials("cannot reach http://user:secret@host/")   ->  'cannot reach http://****@host/'

Nothing here raises: what is to be hidden may well be malformed. When in doubt too much is hidden.
"""

from __future__ import annotations

import re

MASK = "****"
_CREDENTIALS = re.compile(r"""(?<=[A-Za-z0-9]:)(/+)[^\s"'<>]*@""")


def mask_credentials(text: str) -> str:
    """`text` with all that stands before the @ of a URL masked."""
    return _CREDENTIALS.sub(rf"\1{MASK}@", text) if "@" in text else text


def shown_url(url: str) -> str:
    """`url`, or what was meant to be one, without user, password, query and fragment."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    credentials, _, place = rest.rpartition("@")
    end = re.search(r"[?#]", place)
    place = f"{place[: end.end()]}{MASK}" if end and end.end() < len(place) else place
    return f"{scheme}{separator}{f'{MASK}@' if credentials else ''}{place}"


def shown_host(url: str) -> str:
    """Scheme and host of a URL whose path is a secret too, as that of a webhook is."""
    scheme, separator, rest = url.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    return f"{scheme}://{host}/{MASK}" if separator and host and "@" not in rest else MASK
