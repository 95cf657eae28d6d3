"""How a reply of a chat is drawn, whoever gives it; without torch, for those who only ask an endpoint."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How the next token is drawn; temperature 0 takes the likeliest."""

    temperature: float = 0.7
    top_p: float = 0.9
    max_tokens: int = 1024
    seed: int = 0


USUAL = Sampling()
