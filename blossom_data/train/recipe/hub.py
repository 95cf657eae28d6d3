"""Base models of the hub: fetched once, at a commit that is kept, without anything that holds code.

    fetch("Qwen/Qwen2.5-0.5B", "", has_weights=True, tell=print)
    -> Path("~/.cache/huggingface/hub/models--Qwen--Qwen2.5-0.5B/snapshots/060db6499f32faf8b98477b0a26969ef7d8b9987")

The folder's name is the commit. HF_ENDPOINT, HF_HOME, HF_TOKEN and HF_HUB_OFFLINE hold as everywhere. Weights are taken
as safetensors alone: the older files are pickles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError, EndpointError
from blossom_data.train.template.tokens import missing_extra

_SMALL = ["*.json", "*.model", "*.txt", "*.jinja"]
_WEIGHTS = "*.safetensors"


def fetch(hub_id: str, revision: str, *, has_weights: bool, tell: Callable[[str], None]) -> Path:
    """The folder of the model's files in the hub's local cache, fetched where they are not there yet.

    Args:
        revision: commit, branch or tag; "" takes the newest of the main branch, or what is cached of it when offline.
        has_weights: False leaves the weights away: a plan needs the shapes alone.

    Raises:
        ConfigError: the hub has no such model or revision for this user, or the model has no safetensors.
        EndpointError: the hub cannot be reached, and the model is not in the cache.
    """
    try:
        from huggingface_hub import errors, snapshot_download
        from huggingface_hub.utils.tqdm import disable_progress_bars
    except ImportError as why:
        raise missing_extra() from why
    disable_progress_bars()
    tell(f"fetching {hub_id}{f' at {revision}' if revision else ''} from the hub, unless it is here")
    patterns = [*_SMALL, _WEIGHTS] if has_weights else _SMALL
    absent = (errors.GatedRepoError, errors.RepositoryNotFoundError, errors.RevisionNotFoundError)
    try:
        folder = Path(
            snapshot_download(hub_id, revision=revision or None, allow_patterns=patterns, ignore_patterns="*/*")
        )
    except (*absent, errors.HFValidationError) as why:
        raise ConfigError(
            f"the hub has no model {hub_id}{f' at {revision}' if revision else ''} for you ({type(why).__name__})",
            hint="look at its page; a gated model needs HF_TOKEN",
        ) from why
    except (errors.LocalEntryNotFoundError, errors.HfHubHTTPError, OSError) as why:
        raise EndpointError(
            f"the hub cannot be reached for {hub_id}, and it is not on this machine",
            hint="check the network and HF_ENDPOINT, or set base_model to a folder",
        ) from why
    if has_weights and not any(folder.glob(_WEIGHTS)):
        raise ConfigError(f"{hub_id} has no safetensors weights", hint="take a revision that has, or convert them")
    return folder


def base_folder(manifest: Mapping[str, Any]) -> Path:
    """The folder of the base model that the manifest of a checkpoint names, fetched again where it has gone."""
    folder = Path(manifest["base_model"])
    hub_id, _, revision = str(manifest.get("hub", "")).partition("@")
    if hub_id and not folder.is_dir():
        return fetch(hub_id, revision, has_weights=True, tell=lambda line: None)
    return folder
