"""The push of a version to a hub: one commit that names the commit it was made on, then a tag.

    push(Path("data/math/current").resolve(), "org/math")
    -> Pushed(repo="org/math", tag="2026-01-31T030000Z-ab12cd34", commit="9f2c...", is_new=True)

The hub takes a commit whole or not at all, and refuses it when somebody else has committed in between. The tag comes
last, so a tag is a whole version; one that is there with the same manifest means that nothing is left to do. Needs
huggingface_hub (extra `hub`), whose settings hold: HF_ENDPOINT, HF_TOKEN or `hf auth login`, HF_HUB_OFFLINE.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.config import Secret
from blossom_data.errors import AuthError, BlossomError, ConfigError, EndpointError, extra_hint
from blossom_data.object_store import is_url
from blossom_data.publish.build import CARD, is_intact
from blossom_data.publish.names import VERSION
from blossom_data.shards import MANIFEST, read_manifest

_REPO = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_SHARD = re.compile(r"[a-z0-9_]+-\d{5}\.(?:parquet|jsonl\.zst)")
_BRANCH = "main"
_TOLD_MAX = 300


@dataclass(frozen=True, slots=True)
class Pushed:
    """What a push came to; not new when the hub had this version before."""

    repo: str
    tag: str
    commit: str
    is_new: bool


def check_push(repo: str, root: Path = Path()) -> None:
    """Raises ConfigError when a push to `repo` of what is published in `root` cannot work; makes no request."""
    if is_url(root):
        raise ConfigError("--push copies a version of a local folder", hint="give -o FOLDER, or leave --push out")
    if _REPO.fullmatch(repo) is None or ".." in repo or "--" in repo:
        raise ConfigError(f"{repo[:120]!r} is no data set id of a hub", hint="such as --push org/name")
    try:
        from huggingface_hub import constants
    except ImportError as why:
        raise ConfigError("--push needs huggingface_hub", hint=extra_hint("hub")) from why
    if constants.HF_HUB_OFFLINE:
        raise ConfigError("HF_HUB_OFFLINE is set: nothing can be pushed", hint="unset it, or leave --push out")


def push(version: Path, repo: str) -> Pushed:
    """Copies the published folder `version` to the data set `repo` of the hub.

    Raises:
        ConfigError: not an intact version; no such repository; its tag holds another version.
        AuthError: the hub wants another token.
        EndpointError: somebody committed meanwhile, or the hub cannot be reached; the same push again goes on.
    """
    check_push(repo)
    manifest = read_manifest(version)
    if manifest is None or VERSION.fullmatch(version.name) is None or not is_intact(version, manifest):
        raise BlossomError(f"{version} is not an intact version: not pushed", hint="publish it again")
    from huggingface_hub import HfApi, get_token

    secret = Secret(get_token() or "")
    api = HfApi(library_name="blossom-data")
    with _told(repo, secret), _quiet():
        refs = api.list_repo_refs(repo, repo_type="dataset")
        if tag := next((ref for ref in refs.tags if ref.name == version.name), None):
            _require_same(api, repo, version)
            return Pushed(repo, tag.name, str(tag.target_commit), is_new=False)
        head = next((ref.target_commit for ref in refs.branches if ref.name == _BRANCH), None)
        if head is None:
            raise ConfigError(f"{repo} has no branch {_BRANCH}", hint="make the repository anew, with a first commit")
        commit = api.create_commit(
            repo,
            _operations(api, repo, version, manifest, head),
            commit_message=f"Version {version.name}",
            commit_description=f"{manifest['records']:,} records; content {manifest['content']}",
            repo_type="dataset",
            revision=_BRANCH,
            parent_commit=head,
        )
        api.create_tag(
            repo, tag=version.name, tag_message=str(manifest["content"]), revision=commit.oid, repo_type="dataset"
        )
    return Pushed(repo, version.name, str(commit.oid), is_new=True)


def _operations(api: Any, repo: str, version: Path, manifest: Mapping[str, Any], head: str) -> list[Any]:
    """Every file of the version in, every shard of an earlier one out; other files of the repository stay."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    names = [*(shard["file"] for shard in manifest["shards"]), CARD, MANIFEST]
    there = [entry.path for entry in api.list_repo_tree(repo, revision=head, repo_type="dataset")]
    old = [path for path in there if _SHARD.fullmatch(path) and path not in names]
    return [
        *(CommitOperationDelete(path_in_repo=path) for path in sorted(old)),
        *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=version / name) for name in names),
    ]


def _require_same(api: Any, repo: str, version: Path) -> None:
    """Raises ConfigError when the tag's manifest is not the one in `version`."""
    data = (version / MANIFEST).read_bytes()
    found = api.get_paths_info(repo, [MANIFEST], revision=version.name, repo_type="dataset")
    oids = {hashlib.sha256(data).hexdigest(), hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()}  # git's own
    if not any((file.lfs.sha256 if file.lfs else file.blob_id) in oids for file in found):
        raise ConfigError(
            f"{repo} has the tag {version.name} with another manifest",
            hint="somebody else made that tag; delete it there if it is wrong, then push again",
        )


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


@contextmanager
def _told(repo: str, secret: Secret) -> Iterator[None]:
    """Turns what the client raises into errors of ours, the token taken out of every text."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except BlossomError:
        raise
    except HfHubHTTPError as why:
        raise _http_error(repo, why, secret) from None
    except Exception as why:  # its transport, xet and checks raise what they raise, without a common base
        raise EndpointError(
            f"cannot push to {repo}: {type(why).__name__}: {_short(why, secret)}",
            hint="the version is published here; run the same command again to push it",
        ) from None


def _http_error(repo: str, why: Any, secret: Secret) -> BlossomError:
    status, said = why.response.status_code, _short(why.server_message or why, secret)
    if status in (409, 412):
        return EndpointError(
            f"{repo} has changed while the version was pushed ({status}): nothing was changed there",
            hint="the version is published here; run the same command again to push it on top of what is there now",
        )
    if status in (401, 403):
        return AuthError(
            f"the hub refused the push to {repo} ({status}: {said})",
            hint="set HF_TOKEN to a token that may write there, or `hf auth login`; does the repository exist?",
        )
    if status == 404:
        return ConfigError(
            f"the hub knows no data set {repo} ({said})",
            hint=f"make it first: hf repo create {repo} --repo-type dataset; or the token may not see it",
        )
    return EndpointError(
        f"cannot push to {repo}: the hub answered {status} ({said})",
        hint="the version is published here; run the same command again to push it",
    )


def _short(why: object, secret: Secret) -> str:
    return secret.scrub(" ".join(str(why).split()))[:_TOLD_MAX]
