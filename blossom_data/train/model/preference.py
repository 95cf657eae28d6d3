"""The loss of direct preference optimisation (DPO), over the documents of a batch: chosen, rejected, chosen, ...

    preference = Preference(Dpo(beta=0.1), counts=(41, 52), reference=tensor([-38.1, -61.7]))
    preference.judge(token_losses [93])      float32 [7]: the summed loss, then FIGURES summed over the pairs

With the reward of a reply beta x (its log-probability - that under the stage's first weights), a pair costs
-log sigmoid(reward of the chosen - reward of the rejected). Log-probabilities are sums over the reply's tokens, stop
token included. Where the reference comes from is reference.py's part; dividing by the pairs of a step is the loop's.

Source: Rafailov et al., Direct Preference Optimization, 2023, equation 7.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from blossom_data.train.recipe.recipe import Dpo

FIGURES = (
    "accuracy",
    "reward_margin",
    "chosen_reward",
    "rejected_reward",
    "chosen_log_prob",
    "rejected_log_prob",
)


@dataclass(frozen=True, slots=True)
class Preference:
    """How the documents of a batch are judged: `counts` are the targets of each, chosen and rejected in turn."""

    dpo: Dpo
    counts: tuple[int, ...]
    reference: Tensor | None
    """float64 [documents]: log-probabilities under the stage's first weights; None while these are computed."""

    def judge(self, token_losses: Tensor) -> Tensor:
        """Of the losses of all targets: the sums for a step, or where there is no reference the log-probabilities."""
        # In float64 the sum over a long reply does not swallow what the pair differs by.
        losses = token_losses.double()
        if self.counts:
            losses = torch.stack([part.sum() for part in losses.split(list(self.counts))])
        log_probs = -losses
        return log_probs if self.reference is None else dpo_sums(log_probs, self.reference, self.dpo)


def dpo_sums(log_probs: Tensor, reference: Tensor, dpo: Dpo) -> Tensor:
    """float32 [1 + FIGURES]: the summed loss of the pairs of `log_probs` float64 [documents], and their figures."""
    log_probs, reference = (one.view(len(one) // 2, 2) for one in (log_probs, reference))
    rewards = dpo.beta * (log_probs - reference)
    margin = rewards[:, 0] - rewards[:, 1]
    loss = -(1 - dpo.label_smoothing) * F.logsigmoid(margin) - dpo.label_smoothing * F.logsigmoid(-margin)
    of_each = torch.cat([(margin > 0)[:, None], margin[:, None], rewards, log_probs], dim=1)
    return torch.cat([loss.sum()[None], of_each.detach().sum(0)]).float()
