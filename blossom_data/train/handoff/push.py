"""The push of an exported model to a hub: one commit that names the commit it was made on.

    push_model(Path("models/blossom"), "org/blossom")
    -> PushedModel(repo="org/blossom", commit="9f2c...", is_new=True, is_private=True)

A repository that is not there is made, private unless asked otherwise. The hub takes the commit whole or not at all and
keeps the weights that reached it before a push broke, so the same push again sends the rest. What is there is replaced
only where it is the same model, or where that was asked for. Needs huggingface_hub (extra `hub`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blossom_data.config import Secret
from blossom_data.errors import ConfigError
from blossom_data.publish.hub_client import Kind, calls, check_repo
from blossom_data.shards import MANIFEST, read_manifest

_MODEL = Kind("model", "model", "the model", "exported")
_BRANCH = "main"
_OF_THE_HUB = (".gitattributes", "README.md", "LICENSE")


@dataclass(frozen=True, slots=True)
class PushedModel:
    """What a push came to; not new where the repository held this model before."""

    repo: str
    commit: str
    is_new: bool
    is_private: bool


def check_push(repo: str) -> None:
    """Raises ConfigError when a push to `repo` cannot work from here; makes no request."""
    check_repo(repo, _MODEL)


def push_model(folder: Path, repo: str, *, is_private: bool = True, replaces: bool = False) -> PushedModel:
    """Copies the exported model in `folder` to the model `repo` of the hub.

    Args:
        is_private: of a repository that is made for it; one that is there stays as it is.
        replaces: files of another model that are there go.

    Raises:
        ConfigError: `folder` is no whole model of ours, or the repository holds something else.
        AuthError: the hub wants another token.
        EndpointError: somebody committed meanwhile, or the hub cannot be reached; the same push again goes on.
    """
    check_push(repo)
    names = _files(folder)
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token

    api = HfApi(library_name="blossom-data")
    with calls(repo, _MODEL, Secret(get_token() or "")):
        if not api.repo_exists(repo):
            api.create_repo(repo, private=is_private, exist_ok=True)
        about = api.model_info(repo, revision=_BRANCH)
        there = {
            entry.path: entry
            for entry in api.list_repo_tree(repo, revision=about.sha, recursive=True)
            if hasattr(entry, "blob_id")
        }
        hidden = bool(about.private)
        if _is_same(folder, there.get(MANIFEST)):
            return PushedModel(repo, str(about.sha), is_new=False, is_private=hidden)
        others = sorted(there.keys() - set(_OF_THE_HUB))
        if others and not replaces:
            raise ConfigError(
                f"{repo} holds another model, or other files ({others[0]} ...): not pushed",
                hint="name a new repository, or add --replace to put this model in its place",
            )
        commit = api.create_commit(
            repo,
            [
                *(CommitOperationDelete(path_in_repo=name) for name in others if name not in names),
                *(CommitOperationAdd(path_in_repo=name, path_or_fileobj=folder / name) for name in names),
            ],
            commit_message="Model by blossom-data",
            revision=_BRANCH,
            parent_commit=about.sha,
        )
    return PushedModel(repo, str(commit.oid), is_new=True, is_private=hidden)


def _files(folder: Path) -> list[str]:
    """The files of a whole model, its manifest last."""
    manifest = read_manifest(folder)
    files: list[dict[str, Any]] = (manifest or {}).get("files", []) if (manifest or {}).get("kind") == "model" else []
    if not files or any(_size(folder / str(entry["file"])) != entry["bytes"] for entry in files):
        raise ConfigError(f"{folder} is no whole exported model: not pushed", hint="export it again")
    return [*(str(entry["file"]) for entry in files), MANIFEST]


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _is_same(folder: Path, manifest: Any) -> bool:
    """Whether the manifest that the hub has is that of the model in `folder`, which names the hash of every file."""
    if manifest is None:
        return False
    data = (folder / MANIFEST).read_bytes()
    git = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    return bool(manifest.lfs.sha256 == hashlib.sha256(data).hexdigest() if manifest.lfs else manifest.blob_id == git)
