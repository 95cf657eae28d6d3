"""A chat with a model folder, token by token, prompted with the very ids that it was trained on.

talker = Talker.open(Path("models/out"))
for piece in talker.reply([Message("user", "What is 6 times 7?")]): print(piece, end="")
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from blossom_data.errors import ConfigError
from blossom_data.records import Message
from blossom_data.shards import read_manifest
from blossom_data.train.handoff.sampling import USUAL, Sampling
from blossom_data.train.model.configs import most_positions
from blossom_data.train.model.generate import continued, likeliest
from blossom_data.train.model.model import load_network
from blossom_data.train.template.encode import Encoder
from blossom_data.train.template.templates import described_template, template_for
from blossom_data.train.template.tokens import load_tokenizer

_UNFINISHED = "\ufffd"


class Talker:
    """A model, its template and the ids that end its replies."""

    def __init__(self, network: Any, encoder: Encoder, tokenizer: Any, stop_ids: Sequence[int]) -> None:
        self._network, self._encoder, self._tokenizer = network, encoder, tokenizer
        self._stop_ids = frozenset(stop_ids)
        self.finish_reason = "stop"
        """How the last reply ended: stop, or length where its budget was used up."""
        self.usage = (0, 0)
        """Tokens of its prompt, and of what was said."""

    @classmethod
    def open(cls, folder: Path, *, template: str = "") -> Talker:
        """The model in `folder`; `template` where it was not exported by blossom-data.

        Raises:
            ConfigError: no model, or no template is known for it.
        """
        described = (read_manifest(folder) or {}).get("template", {})
        name = template or described.get("name", "")
        if (folder / "checkpoints").is_dir() or folder.parent.name == "checkpoints":
            raise ConfigError(f"{folder} is a run's", hint="make a model of it first: blossom-data train export")
        if not name:
            raise ConfigError(f"{folder} names no template", hint="give --template NAME, or export the model first")
        tokenizer = load_tokenizer(folder)
        encoder = template_for(name, tokenizer) if template else described_template(described, tokenizer)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        network = load_network(folder, torch.bfloat16 if device.type == "cuda" else torch.float32).to(device).eval()
        ends = network.generation_config.eos_token_id
        listed = ends if isinstance(ends, list) else [] if ends is None else [ends]
        return cls(network, encoder, tokenizer, [*encoder.stop_ids(), *listed])

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """The prompt for `messages` as text, control tokens as they are written."""
        text: str = self._tokenizer.decode(self._encoder.encode_prompt(messages), skip_special_tokens=False)
        return text

    def reply(self, messages: Sequence[Message], sampling: Sampling = USUAL) -> Iterator[str]:
        """The reply to `messages`, in pieces of text, up to a stop token."""
        prompt = self._encoder.encode_prompt(messages)
        most = most_positions(self._network.config)
        budget = sampling.max_tokens if most is None else min(sampling.max_tokens, most - len(prompt))
        if budget <= 0:
            raise ConfigError(f"the chat has {len(prompt):,} tokens, the model takes {most:,}", hint="begin a new one")
        draw = torch.Generator(self._network.device).manual_seed(sampling.seed)
        said: list[int] = []
        shown = ""
        self.finish_reason, self.usage = "length", (len(prompt), 0)
        for token in continued(
            self._network, prompt, budget=budget, stop_ids=self._stop_ids, choose=lambda it: _choose(it, sampling, draw)
        ):
            if token in self._stop_ids:
                self.finish_reason = "stop"
                break
            said.append(token)
            self.usage = (len(prompt), len(said))
            text = self._tokenizer.decode(said, skip_special_tokens=True)
            # A character of several tokens is shown when it is whole.
            if not text.endswith(_UNFINISHED):
                yield text[len(shown) :]
                shown = text
        rest = self._tokenizer.decode(said, skip_special_tokens=True)
        if len(rest) > len(shown):
            yield rest[len(shown) :]


def _choose(logits: torch.Tensor, sampling: Sampling, draw: torch.Generator) -> int:
    """The next token: the likeliest, or one drawn from the smallest set whose shares reach `top_p`."""
    if sampling.temperature <= 0:
        return likeliest(logits)
    shares, order = (logits / sampling.temperature).softmax(-1).sort(descending=True)
    shares[shares.cumsum(-1) - shares >= sampling.top_p] = 0
    return int(order[torch.multinomial(shares, 1, generator=draw)])
