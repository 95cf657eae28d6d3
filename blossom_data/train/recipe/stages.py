"""The [[stage]] tables of a recipe: what a stage is trained on, what it learns of it, and at which rates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, Strict, with_config

from blossom_data.settings_types import STRICT, Amount, Count, FilePath, Flag, FreeText, Positive, Share, Text
from blossom_data.train.recipe.preferences import Dpo, Ipo, Kto, Orpo, Preferring, Simpo

Kind = Literal["chats", "pairs", "labelled", "text"]
"""What a packed set or a stage's data are: chats, preference pairs, replies judged one by one, or plain text."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class DataPart:
    """One part of a stage's data: a packed set, or a data set that is packed first; all of it, a count or a share."""

    path: FilePath
    """A packed set, a file of records, or a published data set, relative to this file."""
    config: FreeText = ""
    """The configuration, where `path` is a published data set that has several."""
    count: Count | None = None
    """So many documents, drawn by their hashes."""
    share: Share | None = None
    """Or this share of them."""
    text: Flag = False
    """Its records are plain texts, {"text": ...}, of which every token is learnt."""

    @property
    def place(self) -> Path:
        """What tells it from other parts: the path, and the configuration below it."""
        return self.path / self.config if self.config else self.path


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """The share of an earlier stage's documents that a stage sees again, drawn by document hash."""

    stage: Text
    """The name of the earlier stage."""
    share: Share
    """Of its documents."""


@with_config(STRICT)
@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecipe:
    """One [[stage]]: its data, and its own schedule and optimiser state."""

    name: Text
    """Letters, digits, - and _; each name once."""
    data: tuple[DataPart, ...] = ()
    """What it is trained on."""
    replay: Replay | None = None
    """A share of an earlier stage's documents that is seen again."""
    dpo: Dpo | None = None
    """The data are preference pairs, and the stage learns the preference."""
    ipo: Ipo | None = None
    """As `dpo`, with a margin that is aimed at."""
    simpo: Simpo | None = None
    """As `dpo`, without a reference, by mean log-probabilities."""
    orpo: Orpo | None = None
    """As `dpo`, without a reference, and the chosen replies are learnt as well."""
    kto: Kto | None = None
    """The data are replies that were judged one by one, and the stage learns the judgement."""
    label_smoothing: Annotated[float, Strict(), Field(ge=0, lt=1)] = 0.0
    """Share of each target that is spread over the whole vocabulary."""
    neftune: Amount = 0.0
    """Noise on the embeddings (NEFTune's alpha), 5 is common; 0: none."""
    epochs: Count = 1
    """Times that all of it is seen."""
    learning_rate: Positive | None = None
    """The highest; 2e-5 where none is given, 5e-6 with `orpo`, 5e-7 with other preferences."""
    schedule: Literal["cosine", "linear", "wsd", "constant"] = "cosine"
    """How the learning rate goes."""
    warmup: Share = 0.03
    """Share of the stage's steps over which the learning rate rises."""
    decay: Share = 0.2
    """wsd: share of the stage's steps over which it falls at the end."""
    floor: Share = 0.0
    """Share of the learning rate that it falls to."""

    @property
    def preference(self) -> Preferring | None:
        """The preference that it learns; None where it learns tokens."""
        return self.dpo or self.ipo or self.simpo or self.orpo or self.kto

    @property
    def kind(self) -> Kind:
        """What its data are."""
        if self.kto:
            return "labelled"
        return "pairs" if self.preference else "chats"

    @property
    def unit(self) -> str:
        """What the stage's documents are, and its loss is a mean over: pairs, replies, or documents (of tokens)."""
        return {"chats": "documents", "pairs": "pairs", "labelled": "replies"}[self.kind]

    @property
    def peak_rate(self) -> float:
        """The learning rate, or the default of this kind of stage."""
        if self.learning_rate is not None:
            return self.learning_rate
        return self.preference.peak_rate if self.preference else 2e-5
