"""What a stage that learns preferences is told: one table a loss, each with the parameters of its paper.

dpo = {beta = 0.1, sft = 1.0}      direct preference optimisation, with a term that keeps the chosen replies likely
kto = {beta = 0.1}                 replies that were judged one by one, good or bad

The losses are in model/preference.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field, Strict, with_config

from blossom_data.settings_types import STRICT, Amount, Positive

_Smoothing = Annotated[float, Strict(), Field(ge=0, le=0.5)]


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Dpo:
    """Direct preference optimisation: a stage that learns which of two replies is preferred.

    Sources: Rafailov et al. 2023; label smoothing as in Mitchell 2023 (conservative DPO); the term for the chosen reply
    as in Pang et al. 2024 (iterative reasoning preference optimisation).
    """

    key: ClassVar[str] = "dpo"
    has_reference: ClassVar[bool] = True
    peak_rate: ClassVar[float] = 5e-7

    beta: Positive = 0.1
    """How strongly the model is held to the weights with which the stage begins."""
    label_smoothing: _Smoothing = 0.0
    """Share of the pairs that are taken to be labelled the wrong way round."""
    sft: Amount = 0.0
    """What the mean cross-entropy of a chosen reply's tokens weighs beside the preference."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Ipo:
    """Identity preference optimisation: a margin is aimed at, and not left behind.

    Source: Azar et al. 2023, equation 17; log-probabilities are means over a reply's tokens, as its authors use them.
    """

    key: ClassVar[str] = "ipo"
    has_reference: ClassVar[bool] = True
    peak_rate: ClassVar[float] = 5e-7

    beta: Positive = 0.1
    """The margin between the replies that is aimed at is 1 / (2 beta)."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Simpo:
    """Simple preference optimisation: mean log-probabilities with a margin, without a reference.

    Source: Meng et al. 2024, equation 6.
    """

    key: ClassVar[str] = "simpo"
    has_reference: ClassVar[bool] = False
    peak_rate: ClassVar[float] = 5e-7

    beta: Positive = 2.0
    """Scale of the mean log-probability of a reply's tokens."""
    gamma: Amount = 1.0
    """By how much the chosen reply is to be ahead."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Orpo:
    """Odds-ratio preference optimisation: chosen replies are learnt, and their odds raised over the rejected ones'.

    Source: Hong et al. 2024, equations 6 and 7.
    """

    key: ClassVar[str] = "orpo"
    has_reference: ClassVar[bool] = False
    peak_rate: ClassVar[float] = 5e-6

    beta: Positive = 0.1
    """What the odds ratio weighs beside the cross-entropy of the chosen reply (lambda in the paper)."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Kto:
    """Kahneman-Tversky optimisation: replies that were judged one by one, desirable or not.

    Source: Ethayarajh et al. 2024, equations 7 and 8.
    """

    key: ClassVar[str] = "kto"
    has_reference: ClassVar[bool] = True
    peak_rate: ClassVar[float] = 5e-7

    beta: Positive = 0.1
    """How strongly the model is held to the weights with which the stage begins."""
    desirable: Positive = 1.0
    """What a desirable reply weighs."""
    undesirable: Positive = 1.0
    """What an undesirable reply weighs."""


Preferring = Dpo | Ipo | Simpo | Orpo | Kto
