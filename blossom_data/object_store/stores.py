"""One client for each bucket, made of what the environment and the standard files of the cloud's own tools say.

    store_of("s3", "bucket")      AWS_* variables, else the profile in ~/.aws/credentials and ~/.aws/config
    store_of("gs", "bucket")      GOOGLE_* variables, else what `gcloud auth application-default login` left
    store_of("az", "container")   AZURE_* variables
    store_of("memory", "name")    of this process alone, for tests

No flag and no file of ours holds a key, and none is printed: obstore signs the requests.
"""

from __future__ import annotations

import configparser
import functools
import os
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError, extra_hint

_RETRY = {
    "max_retries": 8,
    "retry_timeout": timedelta(seconds=120),
    "backoff": {"init_backoff": timedelta(milliseconds=200), "max_backoff": timedelta(seconds=8), "base": 2},
}
_CLIENT = {"connect_timeout": "10s", "read_timeout": "60s", "timeout": "900s"}
_OWN_ROLE = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_METADATA, _METADATA_TIMEOUT_S = ("169.254.169.254", 80), 1.0
_MADE_KEYS = {"sso_session", "sso_start_url", "role_arn", "credential_process"}
_PROFILE_KEYS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "region": "region",
    "endpoint_url": "endpoint",
}


@functools.cache
def store_of(scheme: str, bucket: str) -> Any:
    """The client of a bucket, one in a process.

    Raises:
        ConfigError: obstore is not installed, or there are no credentials.
    """
    try:
        from obstore import store as stores
        from obstore.exceptions import BaseError
    except ImportError as why:
        raise ConfigError(
            f"{scheme}://{bucket} is in an object store, and obstore is not installed", hint=extra_hint("objects")
        ) from why
    if scheme == "memory":
        return stores.MemoryStore()
    try:
        if scheme == "s3":
            config = _s3_config(bucket)
            return stores.S3Store(bucket, config=config, client_options=_client(config), retry_config=_RETRY)
        kind = stores.GCSStore if scheme == "gs" else stores.AzureStore
        return kind(bucket, client_options=_client({}), retry_config=_RETRY)
    except (BaseError, ValueError, OSError) as why:
        reason = " ".join(str(why).split())[:200]
        raise ConfigError(f"cannot use {scheme}://{bucket}: {reason}", hint=_HINTS[scheme]) from None


_HINTS = {
    "s3": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE for a profile of ~/.aws/credentials",
    "gs": "set GOOGLE_APPLICATION_CREDENTIALS, or `gcloud auth application-default login`",
    "az": "set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or AZURE_STORAGE_SAS_KEY)",
}


def _client(config: dict[str, str]) -> dict[str, Any]:
    """Plain HTTP only where the user's own setting names such an endpoint: a server of their own."""
    named = [config.get("endpoint", ""), *(os.environ.get(name, "") for name in _ENDPOINTS)]
    return {**_CLIENT, "allow_http": any(text.startswith("http://") for text in named)}


_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT", "GOOGLE_BASE_URL")


def _s3_config(bucket: str) -> dict[str, str]:
    """What the environment leaves open, of the profile; obstore reads the environment itself.

    Raises:
        ConfigError: no credentials, and this machine has no role of its own.
    """
    found = _profile()
    if "AWS_ENDPOINT_URL_S3" in os.environ:
        found["endpoint"] = os.environ["AWS_ENDPOINT_URL_S3"]
    elif os.environ.get("AWS_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT"):
        found.pop("endpoint", None)
    if os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
        found.pop("region", None)
    if "AWS_ACCESS_KEY_ID" in os.environ:
        for name in ("access_key_id", "secret_access_key", "session_token"):
            found.pop(name, None)
    elif "access_key_id" not in found and not _has_role():
        raise ConfigError(f"there are no credentials for s3://{bucket}", hint=_HINTS["s3"])
    return found


def _profile() -> dict[str, str]:
    """The user's profile in the files of AWS's own tools; {} without them.

    Raises:
        ConfigError: AWS_PROFILE names none, or one whose keys another program has to make.
    """
    name, home = os.environ.get("AWS_PROFILE", "default"), Path.home() / ".aws"
    found: dict[str, str] = {}
    for variable, file, section in (
        ("AWS_CONFIG_FILE", "config", name if name == "default" else f"profile {name}"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    ):
        parser = configparser.RawConfigParser()
        try:
            parser.read(os.environ.get(variable) or home / file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            # What stands in it may be a key: no word of the parser's.
            raise ConfigError(f"cannot read ~/.aws/{file}", hint="look at it: `aws configure list`") from None
        if parser.has_section(section):
            found |= dict(parser[section])
    if "AWS_PROFILE" in os.environ and not found:
        raise ConfigError(f"there is no profile {name!r} in ~/.aws", hint="`aws configure list-profiles` names them")
    if "aws_access_key_id" not in found and _MADE_KEYS & {*found}:
        raise ConfigError(
            f"the keys of the profile {name!r} are made by the aws command",
            hint='eval "$(aws configure export-credentials --format env)" puts them into the environment',
        )
    return {ours: found[theirs] for theirs, ours in _PROFILE_KEYS.items() if found.get(theirs)}


def _has_role() -> bool:
    """Whether unsigned requests are wanted, or the machine or container has a role; asked once, a second at most."""
    is_unsigned = os.environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("1", "true")
    if is_unsigned or any(name in os.environ for name in _OWN_ROLE):
        return True
    if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return False
    try:
        socket.create_connection(_METADATA, timeout=_METADATA_TIMEOUT_S).close()
    except OSError:
        return False
    return True
