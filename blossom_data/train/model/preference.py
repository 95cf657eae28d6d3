"""The losses of preference stages, over the documents of a batch: pairs (chosen, rejected, ...), or judged replies.

    preference = Preference(Dpo(beta=0.1), counts=(41, 52), reference=tensor([-38.1, -61.7]))
    preference.judge(token_losses [93])      float32 [7]: the summed loss, then `figures_of` the stage, summed

Log-probabilities are sums over a reply's tokens, stop token included. Where the reference comes from is reference.py's
part; dividing by the pairs or the replies of a step is the loop's. The papers are named in recipe/preferences.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from blossom_data.train.recipe.preferences import Dpo, Ipo, Kto, Orpo, Preferring, Simpo

FIGURES = (
    "accuracy",
    "reward_margin",
    "chosen_reward",
    "rejected_reward",
    "chosen_log_prob",
    "rejected_log_prob",
)
LABELLED_FIGURES = (
    "desirable",
    "desirable_reward",
    "undesirable_reward",
    "desirable_log_prob",
    "undesirable_log_prob",
    "kl",
)


def figures_of(settings: Preferring | None) -> tuple[str, ...]:
    """What is summed beside the loss."""
    if settings is None:
        return ()
    return LABELLED_FIGURES if isinstance(settings, Kto) else FIGURES


def told_figures(settings: Preferring | None, means: Sequence[float]) -> dict[str, float]:
    """What a line of metrics says of a preference stage; `means` are over the pairs or the replies."""
    found = dict(zip(figures_of(settings), means, strict=True))
    if not isinstance(settings, Kto):
        return found
    told = {"desirable": found["desirable"], "kl": found["kl"]}
    for kind, share in (("desirable", found["desirable"]), ("undesirable", 1 - found["desirable"])):
        # The sums are over the replies of one judgement, their means over those of both.
        told |= {f"{kind}_{what}": found[f"{kind}_{what}"] / share for what in ("reward", "log_prob") if share > 0}
    if 0 < found["desirable"] < 1:
        told["reward_margin"] = told["desirable_reward"] - told["undesirable_reward"]
    return told


@dataclass(frozen=True, slots=True)
class Preference:
    """How the documents of a batch are judged: `counts` are the targets of each, chosen and rejected in turn."""

    settings: Preferring | None
    """None: only the log-probabilities are wanted."""
    counts: tuple[int, ...]
    reference: Tensor | None = None
    """float64 [documents]: log-probabilities under the stage's first weights, where the loss compares with them."""
    labels: Tensor | None = None
    """bool [documents]: which of judged replies are desirable."""
    kl: Tensor | None = None
    """float64 scalar: how far the model has gone from the reference, on replies to other prompts; never below 0."""

    def judge(self, token_losses: Tensor) -> Tensor:
        """Of the losses of all targets: the sums for a step, or where there are no settings the log-probabilities."""
        # In float64 the sum over a long reply does not swallow what the pair differs by.
        losses = token_losses.double()
        if self.counts:
            losses = torch.stack([part.sum() for part in losses.split(list(self.counts))])
        log_probs = -losses
        if self.settings is None:
            return log_probs
        if isinstance(self.settings, Kto):
            assert self.reference is not None and self.labels is not None and self.kl is not None
            return judged_sums(log_probs, self.reference, self.labels, self.kl, self.settings)
        counts = torch.tensor(self.counts, dtype=torch.float64, device=losses.device)
        return pair_sums(log_probs, self.reference, counts, self.settings)


def pair_sums(log_probs: Tensor, reference: Tensor | None, counts: Tensor, settings: Preferring) -> Tensor:
    """float32 [1 + FIGURES]: the summed loss of the pairs of `log_probs` float64 [documents], and their figures.

    Args:
        counts: the tokens of each reply.
    """
    log_probs, counts = (one.view(len(one) // 2, 2) for one in (log_probs, counts))
    ratios = log_probs if reference is None else log_probs - reference.view_as(log_probs)
    losses, rewards = _pair_losses(log_probs, ratios, counts, settings)
    margin = rewards[:, 0] - rewards[:, 1]
    of_each = torch.cat([(margin > 0)[:, None], margin[:, None], rewards, log_probs], dim=1)
    return torch.cat([losses.sum()[None], of_each.detach().sum(0)]).float()


def _pair_losses(log_probs: Tensor, ratios: Tensor, counts: Tensor, settings: Preferring) -> tuple[Tensor, Tensor]:
    """[pairs] losses and [pairs, 2] rewards; `ratios` are log-probabilities over those of the reference, if any."""
    means = log_probs / counts.clamp(min=1)
    match settings:
        case Dpo(beta=beta, label_smoothing=smoothing, sft=sft):
            rewards = beta * ratios
            margin = rewards[:, 0] - rewards[:, 1]
            losses = -(1 - smoothing) * F.logsigmoid(margin) - smoothing * F.logsigmoid(-margin)
            return losses - sft * means[:, 0], rewards
        case Ipo(beta=beta):
            gained = ratios / counts.clamp(min=1)
            return (gained[:, 0] - gained[:, 1] - 1 / (2 * beta)) ** 2, beta * ratios
        case Simpo(beta=beta, gamma=gamma):
            rewards = beta * means
            return -F.logsigmoid(rewards[:, 0] - rewards[:, 1] - gamma), rewards
        case Orpo(beta=beta):
            # log(p / (1 - p)) of the mean log-probability; a reply that is certain has odds without end.
            odds = means - torch.log(-torch.expm1(means.clamp(max=-1e-12)))
            return -means[:, 0] - beta * F.logsigmoid(odds[:, 0] - odds[:, 1]), beta * means
    raise AssertionError(f"{settings} is not of pairs")


def judged_sums(log_probs: Tensor, reference: Tensor, labels: Tensor, kl: Tensor, settings: Kto) -> Tensor:
    """float32 [1 + LABELLED_FIGURES]: the summed loss of replies that were judged one by one, and their figures."""
    ratios = log_probs - reference
    value = torch.sigmoid(settings.beta * torch.where(labels, ratios - kl, kl - ratios))
    weights = torch.where(labels, settings.desirable, settings.undesirable).double()
    is_good = labels.double()
    figures = [is_good, *(part * of for part in (settings.beta * ratios, log_probs) for of in (is_good, 1 - is_good))]
    sums = [(weights * (1 - value)).sum(), *(one.detach().sum() for one in figures), kl * len(labels)]
    return torch.stack(sums).float()
