"""What every push to a hub does alike: the check before it, a quiet client, and its errors as ours without the token.

check_repo("org/math", kind)
with calls("org/math", kind, Secret(get_token() or "")):
    api.create_commit(...)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from blossom_data.config import Secret
from blossom_data.errors import AuthError, BlossomError, ConfigError, EndpointError, extra_hint

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_TOLD_MAX = 300


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of repository, in words for people; `type` is the hub's name of it."""

    name: str
    type: str
    pushed: str
    """What is pushed: "the version"."""
    is_here: str
    """What became of it on this machine: "published"."""

    @property
    def again(self) -> str:
        """What to do when a push broke."""
        return f"{self.pushed} is {self.is_here} here; run the same command again to push it"


def check_repo(repo: str, kind: Kind) -> None:
    """Raises ConfigError when a push to `repo` cannot work from here; makes no request."""
    if _REPO.fullmatch(repo) is None or ".." in repo or "--" in repo:
        raise ConfigError(f"{repo[:120]!r} is no {kind.name} id of a hub", hint="such as --push org/name")
    try:
        from huggingface_hub import constants
    except ImportError as why:
        raise ConfigError("--push needs huggingface_hub", hint=extra_hint("hub")) from why
    if constants.HF_HUB_OFFLINE:
        raise ConfigError("HF_HUB_OFFLINE is set: nothing can be pushed", hint="unset it, or leave --push out")


@contextmanager
def calls(repo: str, kind: Kind, secret: Secret) -> Iterator[None]:
    """Makes the client quiet, and turns what it raises into errors of ours, the token taken out of every text."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        with _quiet():
            yield
    except BlossomError:
        raise
    except HfHubHTTPError as why:
        raise _http_error(repo, kind, why, secret) from None
    except Exception as why:  # its transport, xet and checks raise what they raise, without a common base
        raise EndpointError(
            f"cannot push to {repo}: {type(why).__name__}: {_short(why, secret)}", hint=kind.again
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the client's bars and remarks off the terminal; whoever runs this by cron gets one line."""
    from logging import ERROR

    from huggingface_hub import utils

    hub: Any = utils  # which exports these names at run time only
    verbosity, had_bars = hub.logging.get_verbosity(), not hub.are_progress_bars_disabled()
    hub.logging.set_verbosity(ERROR)
    hub.disable_progress_bars()
    try:
        yield
    finally:
        hub.logging.set_verbosity(verbosity)
        if had_bars:
            hub.enable_progress_bars()


def _http_error(repo: str, kind: Kind, why: Any, secret: Secret) -> BlossomError:
    status, said = why.response.status_code, _short(why.server_message or why, secret)
    if status in (409, 412):
        return EndpointError(
            f"{repo} has changed while {kind.pushed} was pushed ({status}): nothing was changed there",
            hint=f"{kind.again} on top of what is there now",
        )
    if status in (401, 403):
        return AuthError(
            f"the hub refused the push to {repo} ({status}: {said})",
            hint="set HF_TOKEN to a token that may write there, or `hf auth login`; does the repository exist?",
        )
    if status == 404:
        return ConfigError(
            f"the hub knows no {kind.name} {repo} ({said})",
            hint=f"make it first: hf repo create {repo} --repo-type {kind.type}; or the token may not see it",
        )
    return EndpointError(f"cannot push to {repo}: the hub answered {status} ({said})", hint=kind.again)


def _short(why: object, secret: Secret) -> str:
    return secret.scrub(" ".join(str(why).split()))[:_TOLD_MAX]
