"""The file `.env` beside a pipeline file: keys, addresses and proxies for cron, which has no environment of its own.

    OPENAI_API_KEY=sk-...
    BLOSSOM_NOTIFY_URL="https://hooks.example.com/T0/B0/x"

It is read from the pipeline file's own folder alone, never from its parents or the current folder, and refused when
others than its owner can read it. What the environment says already goes before it. No value is ever shown.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from blossom_data.errors import ConfigError, system_hint
from blossom_data.pipelines.settings import Pipeline

DOTENV = ".env"
NAMES = (
    "BLOSSOM_API_KEY", "OPENAI_API_KEY", "BLOSSOM_BASE_URL", "OPENAI_BASE_URL", "BLOSSOM_MODEL", "BLOSSOM_NOTIFY_URL",
    "HF_TOKEN", "HF_ENDPOINT", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
)  # fmt: skip
_LINE = re.compile(r"\s*+(?:export\s++)?([A-Za-z_][A-Za-z0-9_]*+)\s*+=(.*)")
_MOST_BYTES = 1 << 16


def load_environment(pipeline: Pipeline) -> dict[str, str]:
    """Puts what `.env` says into the environment; gives the origin (`.env line 3`) of each name that came from it.

    Raises:
        ConfigError: others can read the file, or a line of it is no NAME=VALUE of a known name.
    """
    if pipeline.folder != pipeline.file.resolve().parent:
        return {}
    path = pipeline.folder / DOTENV
    keyed = [str(endpoint["key_env"]) for endpoint in pipeline.endpoints if "key_env" in endpoint]
    origins = {}
    for name, (value, line) in _read(path, (*NAMES, *keyed)).items():
        if not os.environ.get(name):
            os.environ[name] = value
            origins[name] = f"{path} line {line}"
    return origins


def _read(path: Path, known: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Value and line of each name in the file at `path`, which need not be there."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(
                    f"{path} holds keys and can be read by others (mode {stat.S_IMODE(mode):o}): not read",
                    hint=f"chmod 600 {path}",
                )
            text = file.read(_MOST_BYTES).decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as why:
        if isinstance(why, OSError):
            raise ConfigError(f"cannot read {path}: {why.strerror}", hint=system_hint(why)) from why
        raise ConfigError(f"cannot read {path}: it is not UTF-8", hint="save it as UTF-8") from why
    found: dict[str, tuple[str, int]] = {}
    names = sorted(set(known))
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise ConfigError(f"{path} line {number} is not NAME=VALUE", hint="such as OPENAI_API_KEY=...")
        if match[1] not in names:
            raise ConfigError(f"{path} line {number}: {match[1]} is not read", hint=f"known: {', '.join(names)}")
        found[match[1]] = (_unquoted(match[2].strip()), number)
    return found


def _unquoted(value: str) -> str:
    is_quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value
