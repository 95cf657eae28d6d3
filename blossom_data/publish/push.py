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
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.config import Secret
from blossom_data.errors import BlossomError, ConfigError
from blossom_data.object_store import is_url
from blossom_data.publish.build import CARD, is_intact
from blossom_data.publish.hub_client import Kind, calls, check_repo
from blossom_data.publish.names import VERSION
from blossom_data.shards import MANIFEST, read_manifest

_SHARD = re.compile(r"[a-z0-9_]+-\d{5}\.(?:parquet|jsonl\.zst)")
_BRANCH = "main"
_DATASET = Kind("data set", "dataset", "the version", "published")


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
    check_repo(repo, _DATASET)


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
    with calls(repo, _DATASET, secret):
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
