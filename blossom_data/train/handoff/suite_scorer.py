"""Scores a model while it is trained by the suites of `evaluate`: what a run is given as its scorer.

    score = suite_scorer(["gsm8k:100"], template="chatml")
    score(network, tokenizer)       0.31, the mean of the suites' accuracies: larger is better

Answers are the likeliest ones, prompted with the ids of the training. `evaluate` lies below `train` and knows nothing
of it: it is handed a callable. Several processes of a run answer every so-manieth question each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from blossom_data.asks import Reply
from blossom_data.errors import ConfigError
from blossom_data.evaluate.scorer import Scorer
from blossom_data.records import Message
from blossom_data.train.handoff.chat import Talker
from blossom_data.train.handoff.sampling import Sampling
from blossom_data.train.recipe.recipe import load_recipe
from blossom_data.train.template.templates import template_for

MOST_TOKENS = 512
"""Of one answer."""


class SuiteScorer:
    """Scores a model by suites, alone or as one of several processes."""

    def __init__(self, scorer: Scorer, *, template: str, max_tokens: int) -> None:
        self._scorer, self._template = scorer, template
        self._greedy = Sampling(temperature=0, max_tokens=max_tokens)

    def __call__(self, network: Any, tokenizer: Any) -> float:
        """The score of the model, all questions answered here."""
        return self.value([self.right(network, tokenizer, rank=0, world=1)])

    def right(self, network: Any, tokenizer: Any, *, rank: int, world: int) -> dict[str, list[bool]]:
        """Of each suite, whether the answers to the questions of process `rank` are right."""
        encoder = template_for(self._template, tokenizer)
        talker = Talker(network, encoder, tokenizer, encoder.stop_ids())

        def generate(messages: Sequence[Message]) -> Reply:
            try:
                text = "".join(talker.reply(messages, self._greedy))
            except ConfigError:
                # Longer than the model takes: a wrong answer like others, which does not end the run.
                return Reply(text="", finish_reason="length")
            return Reply(text=text, finish_reason=talker.finish_reason)

        return self._scorer.right(generate, rank=rank, world=world)

    def value(self, shares: Sequence[Mapping[str, Sequence[bool]]]) -> float:
        """The score of what all processes found."""
        return Scorer.value(Scorer.scores(shares))

    def cost(self, tokenizer: Any) -> dict[str, int]:
        """What one evaluation takes: questions, the tokens of their prompts, and of their answers at most."""
        encoder = template_for(self._template, tokenizer)
        prompts = [len(encoder.encode_prompt(messages)) for messages in self._scorer.questions]
        return {
            "questions": len(prompts),
            "prompt_tokens": sum(prompts),
            "answer_tokens": len(prompts) * self._greedy.max_tokens,
        }


def suite_scorer(
    suites: Sequence[str], *, template: str, bench_dir: Path | None = None, max_tokens: int = MOST_TOKENS
) -> SuiteScorer:
    """A scorer of (network, tokenizer); the questions are read at once.

    Args:
        suites: as `evaluate` takes them; each with gold labels.
        template: the name of the recipe's template.

    Raises:
        ConfigError, InputError: no such suite, one that needs a judge, or a question that cannot be read.
    """
    return SuiteScorer(Scorer(suites, bench_dir=bench_dir), template=template, max_tokens=max_tokens)


def recipe_scorer(recipe: Path, bench_dir: Path | None) -> SuiteScorer | None:
    """What scores a model by the suites that the recipe names, their questions read; None without suites.

    Raises:
        ConfigError, InputError: a suite is not here, needs a judge, or cannot be read.
    """
    read = load_recipe(recipe)
    if not read.eval_suites:
        return None
    return suite_scorer(read.eval_suites, template=read.template, bench_dir=bench_dir, max_tokens=read.eval_tokens)
