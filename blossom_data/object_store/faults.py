"""What a store refused or could not do, as one line each: the object, the reason, what to do.

    with telling("s3://bucket/sets/math"):
        ...                  no such object: FileNotFoundError, as of a file
                             no such bucket, another region: ConfigError
                             a refused key, a clock that is off: AuthError
                             anything else, after the client's own retries: EndpointError

The client's own words are looked at and not handed on.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from blossom_data.errors import AuthError, BlossomError, ConfigError, EndpointError

_CODE = re.compile(r"<Code>(\w+)</Code>")
_REGION = ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException")
_REDIRECT = "redirect without LOCATION"
_KEYS = (
    "AccessDenied",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "AuthenticationFailed",
    "AuthorizationFailure",
    "Unauthorized",
)
_STATUS = re.compile(r"status code: (\d{3})")


class Conflict(Exception):
    """A conditional request met another object than it was to replace: somebody else was first."""


@contextmanager
def telling(url: str) -> Iterator[None]:
    """Turns what obstore raises into errors of ours.

    Raises:
        FileNotFoundError: there is no such object.
        Conflict: a condition of the request does not hold.
        BlossomError: see the module docstring.
    """
    from obstore.exceptions import AlreadyExistsError, BaseError, NotSupportedError, PreconditionError

    try:
        yield
    except (BlossomError, Conflict):
        raise
    except (AlreadyExistsError, PreconditionError) as why:
        raise Conflict(url) from why
    except FileNotFoundError as why:
        if "NoSuchBucket" in str(why) or "ContainerNotFound" in str(why):
            raise _no_bucket(url) from None
        raise FileNotFoundError(errno.ENOENT, "there is no such object", url) from None
    except NotSupportedError:
        raise _no_conditions(url) from None
    except (BaseError, OSError, ValueError) as why:
        raise _told(url, str(why)) from None


def _told(url: str, text: str) -> BlossomError:
    """The error for what the client said."""
    found = _CODE.search(text)
    code = found[1] if found else ""
    if code in ("NoSuchBucket", "ContainerNotFound"):
        return _no_bucket(url)
    if code in _REGION or _REDIRECT in text:
        return ConfigError(f"the bucket of {url} is in another region", hint="set AWS_REGION to the bucket's region")
    if code == "RequestTimeTooSkewed":
        return AuthError(f"the store refused {url}: this machine's clock is wrong ({code})", hint="set the clock (NTP)")
    if "169.254.169.254" in text:
        return AuthError(
            f"no credentials for {url}: the machine's own role gives none",
            hint="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role",
        )
    status = _STATUS.search(text)
    if code in _KEYS or (status and status[1] in ("401", "403")):
        return AuthError(
            f"the store refused {url} ({code or (status[1] if status else 'forbidden')})",
            hint="look at the credentials in the environment, and at what they may do with this bucket",
        )
    if code == "NotImplemented":
        return _no_conditions(url)
    reason = code or (f"status {status[1]}" if status else _brief(text))
    return EndpointError(
        f"the store of {url} cannot be reached, or fails ({reason})", hint="the same command again goes on"
    )


def _brief(text: str) -> str:
    """A cause that the client names, without addresses."""
    known = ("connection refused", "timed out", "timeout", "dns error", "connection reset", "connection closed")
    lower = text.lower()
    return next((cause for cause in known if cause in lower), "no answer")


def _no_conditions(url: str) -> ConfigError:
    return ConfigError(
        f"the store of {url} knows no conditional requests",
        hint="publishing needs If-None-Match and If-Match on PUT (S3, R2, MinIO, GCS and Azure have them)",
    )


def _no_bucket(url: str) -> ConfigError:
    bucket = "/".join(url.split("/")[:3])
    return ConfigError(f"there is no bucket {bucket}", hint="check its name, the endpoint and the region")
