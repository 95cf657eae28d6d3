"""Scores a model while it is trained by the suites of `evaluate`: what a run is given as its scorer.

    score = suite_scorer(["gsm8k:100"], template="chatml")
    score(network, tokenizer)       0.31, the mean of the suites' accuracies: larger is better

Answers are the likeliest ones, prompted with the ids of the training. `evaluate` lies below `train` and knows nothing
of it: it is handed a callable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from blossom_data.asks import Reply
from blossom_data.errors import ConfigError
from blossom_data.evaluate.scorer import Scorer
from blossom_data.records import Message
from blossom_data.train.handoff.chat import Talker
from blossom_data.train.handoff.sampling import Sampling
from blossom_data.train.template.templates import template_for

MOST_TOKENS = 512
"""Of one answer."""


def suite_scorer(
    suites: Sequence[str], *, template: str, bench_dir: Path | None = None, max_tokens: int = MOST_TOKENS
) -> Callable[[Any, Any], float]:
    """A scorer of (network, tokenizer); the questions are read at once.

    Args:
        suites: as `evaluate` takes them; each with gold labels.
        template: the name of the recipe's template.

    Raises:
        ConfigError, InputError: no such suite, one that needs a judge, or a question that cannot be read.
    """
    scorer = Scorer(suites, bench_dir=bench_dir)
    greedy = Sampling(temperature=0, max_tokens=max_tokens)

    def score(network: Any, tokenizer: Any) -> float:
        encoder = template_for(template, tokenizer)
        talker = Talker(network, encoder, tokenizer, encoder.stop_ids())

        def generate(messages: Sequence[Message]) -> Reply:
            try:
                text = "".join(talker.reply(messages, greedy))
            except ConfigError:
                # Longer than the model takes: a wrong answer like others, which does not end the run.
                return Reply(text="", finish_reason="length")
            return Reply(text=text, finish_reason=talker.finish_reason)

        return Scorer.value(scorer(generate))

    return score
