"""Who answers a chat: flags and names that become talkers.

models/blossom             a folder that `train export` wrote, run by this process (extra `train`)
models/blossom.gguf        a GGUF file, run by the embedded engine (extra `local`); hf:... and tiny too
qwen2.5-72b                a model of the endpoint that --base-url names
http://127.0.0.1:8000/v1#qwen2.5-72b      a model of this endpoint
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import typer

from blossom_data.cli.flags.endpoint import CaFile, ExtraBody, ReasoningEffort, key_from_environment
from blossom_data.config import Endpoint, Secret, authority_of
from blossom_data.errors import ConfigError

if TYPE_CHECKING:
    from blossom_data.view.chat.talkers import Talker

_GGUF, _HUB, _TINY = ".gguf", "hf:", "tiny"


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkerFlags:
    """The endpoint of a chat, and how a folder's chats are written."""

    panel: ClassVar[str] = "Endpoint"

    base_url: Annotated[
        str,
        typer.Option(
            "--base-url",
            metavar="URL",
            envvar=["BLOSSOM_BASE_URL", "OPENAI_BASE_URL"],
            help="OpenAI-compatible endpoint of a MODEL that is no file or folder. Its key is read from "
            "BLOSSOM_API_KEY or OPENAI_API_KEY.",
        ),
    ] = ""
    timeout_s: Annotated[
        float, typer.Option("--timeout-s", min=0.1, metavar="SECONDS", help="Longest wait for the next piece.")
    ] = 300.0
    extra_body: ExtraBody = None
    reasoning_effort: ReasoningEffort = ""
    ca_file: CaFile = ""
    template: Annotated[
        str,
        typer.Option(
            "--template",
            metavar="NAME",
            help="How chats are written, where MODEL is a folder that blossom-data did not export.",
        ),
    ] = ""


@dataclass(slots=True)
class Talkers:
    """Makes talkers of names; what an embedded engine logs goes with it."""

    flags: TalkerFlags
    _logs: list[Any] = field(default_factory=list)

    def make(self, name: str) -> Talker:
        """The talker that `name` means.

        Raises:
            ConfigError: no such file or folder, and no endpoint is named.
        """
        from blossom_data.view.chat.talkers import EndpointTalker, FolderTalker

        path = Path(name)
        if path.is_dir():
            return FolderTalker(path, template=self.flags.template)
        if name.endswith(_GGUF) or name.startswith(_HUB) or name == _TINY:
            return self._embedded(name)
        base_url, mark, model = name.partition("#") if name.startswith(("http://", "https://")) else ("", "", name)
        if not mark:
            base_url, model = base_url or self.flags.base_url, model
        if not base_url or ("/" in name and not self.flags.base_url and not mark):
            raise ConfigError(
                f"{name} is no model folder, no GGUF file, and no endpoint is named",
                hint="check the path, or give --base-url http://HOST:PORT/v1 with the model's name",
            )
        return EndpointTalker(self._endpoint(base_url, model))

    def _endpoint(self, base_url: str, model: str) -> Endpoint:
        flags = self.flags
        # The key is for the endpoint that the environment or --base-url names, and for no other host.
        is_named = not flags.base_url or authority_of(base_url) == authority_of(flags.base_url)
        return Endpoint(
            base_url=base_url,
            model=model,
            timeout_s=flags.timeout_s,
            extra_body=flags.extra_body or {},
            reasoning_effort=flags.reasoning_effort,
            ca_file=flags.ca_file,
            api_key=key_from_environment() if is_named else Secret(),
        )

    def _embedded(self, name: str) -> Talker:
        from blossom_data.llm.engines.settings import plan_embedded
        from blossom_data.view.chat.talkers import EndpointTalker

        place = tempfile.TemporaryDirectory(prefix="blossom-chat-", ignore_cleanup_errors=True)
        self._logs.append(place)
        local = plan_embedded(name, log=Path(place.name) / "engine.log")
        return EndpointTalker(Endpoint(base_url=local.serving.base_url, model=local.model), local.serving)

    def close(self) -> None:
        """Takes the logs away."""
        for place in self._logs:
            place.cleanup()
