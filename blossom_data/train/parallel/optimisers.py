"""Optimisers by name, over the float32 masters of the plain adapter (or what DeepSpeed flattens them into).

    make_optimiser(Optimiser(name="muon"), parameter_groups(model, recipe), device)

Learning rates are the loop's: it writes them into `param_groups` before each step. All of them keep their states as
tensors and numbers, so that a checkpoint holds no code.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from blossom_data.errors import ConfigError
from blossom_data.train.model.loss_model import LossModel
from blossom_data.train.recipe.methods import Optimiser
from blossom_data.train.recipe.recipe import Recipe

IS_HIDDEN = "is_hidden"
"""Key of a parameter group: its parameters are matrices of the blocks."""

Groups = list[dict[str, Any]]


def parameter_groups(model: LossModel, recipe: Recipe) -> Groups:
    """The trained parameters: weight decay pulls on matrices only; for muon the matrices of the blocks stand apart."""
    trained = [one for one in model.parameters() if one.requires_grad]
    ends: set[int] = set()
    if recipe.optimiser.name == "muon":
        ends = {id(one) for end in model.ends for one in end.parameters()}
    decay, groups = recipe.weight_decay, Groups()
    for is_matrix, is_hidden in ((True, True), (True, False), (False, False)):
        # A model whose parts are all pulled on alike, and updated alike, needs one group.
        params = [one for one in trained if (one.ndim > 1, _is_hidden(one, ends, recipe)) == (is_matrix, is_hidden)]
        groups.append({"params": params, "weight_decay": decay if is_matrix else 0.0, IS_HIDDEN: is_hidden})
    if not decay and recipe.optimiser.name != "muon":
        return [{"params": trained, "weight_decay": 0.0, IS_HIDDEN: False}]
    return [group for group in groups if group["params"]]


def _is_hidden(parameter: Tensor, ends: set[int], recipe: Recipe) -> bool:
    return recipe.optimiser.name == "muon" and parameter.ndim == 2 and id(parameter) not in ends


def make_optimiser(settings: Optimiser, groups: Groups, device: torch.device) -> Any:
    """The optimiser that `settings` name, over `groups` of `parameter_groups`.

    Raises:
        ConfigError: it cannot run here.
    """
    groups = [dict(group) for group in groups]
    given: dict[str, Any] = {key: tuple(value) if key == "betas" else value for key, value in settings.given.items()}
    match settings.name:
        case "adamw":
            return torch.optim.AdamW(_plain(groups), lr=0.0, fused=True, **given)
        case "adamw-8bit" | "paged-adamw-8bit":
            kind = "PagedAdamW8bit" if settings.name.startswith("paged") else "AdamW8bit"
            return getattr(_bitsandbytes(settings.name, device), kind)(_plain(groups), lr=0.0, **given)
        case "adafactor":
            from transformers.optimization import Adafactor

            # The learning rate is the recipe's alone, as it is for the others.
            fixed = {"scale_parameter": False, "relative_step": False, "warmup_init": False}
            return Adafactor(_plain(groups), lr=0.0, **fixed, **given)
        case "lion":
            return Lion(_plain(groups), **given)
        case "muon":
            return Muon(groups, device, **given)


def flat_optimiser(settings: Optimiser, groups: Groups) -> torch.optim.Optimizer:
    """One of those that work number by number, for shares of weights that know no shapes."""
    betas = {"betas": tuple(settings.betas)} if settings.betas else {}
    if settings.name == "lion":
        return Lion(_plain(groups), **betas)
    eps = {"eps": settings.eps} if settings.eps else {}
    return torch.optim.AdamW(_plain(groups), lr=0.0, **betas, **eps)


def check_optimiser_here(settings: Optimiser, device: torch.device) -> None:
    """Raises ConfigError where the optimiser cannot run on this device, before any weight is loaded."""
    if "8bit" in settings.name:
        _bitsandbytes(settings.name, device)
    if settings.name == "muon" and not hasattr(torch.optim, "Muon"):
        raise ConfigError(
            f"the optimiser muon comes with torch 2.9, here is {torch.__version__}",
            hint="install a newer torch, or take adamw",
        )


def _plain(groups: Groups) -> Groups:
    return [{key: value for key, value in group.items() if key != IS_HIDDEN} for group in groups]


def _bitsandbytes(name: str, device: torch.device) -> Any:
    if device.type != "cuda":
        raise ConfigError(f"the optimiser {name} needs a GPU", hint="take adamw, adafactor or lion")
    try:
        bitsandbytes: Any = importlib.import_module("bitsandbytes")
    except ImportError as why:
        raise ConfigError(f"the optimiser {name} needs bitsandbytes", hint="pip install bitsandbytes") from why
    return bitsandbytes.optim


class Lion(torch.optim.Optimizer):
    """The sign of a momentum. Source: Chen et al., Symbolic Discovery of Optimization Algorithms, 2023, algorithm 2."""

    def __init__(self, groups: Groups, *, betas: tuple[float, ...] = (0.9, 0.99)) -> None:
        super().__init__(groups, {"lr": 0.0, "betas": tuple(betas), "weight_decay": 0.0})

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One update; a parameter without a gradient stays."""
        with torch.no_grad():
            self._update()

    def _update(self) -> None:
        for group in self.param_groups:
            first, second = group["betas"]
            for one in group["params"]:
                if one.grad is None:
                    continue
                state = self.state[one]
                momentum = state.setdefault("momentum", torch.zeros_like(one))
                one.mul_(1 - group["lr"] * group["weight_decay"])
                one.add_(torch.lerp(one.grad, momentum, first).sign_(), alpha=-group["lr"])
                momentum.lerp_(one.grad, 1 - second)


class Muon:
    """torch's Muon for the matrices of the blocks, AdamW for embeddings, output layer and vectors.

    An update is scaled to the size of AdamW's, so that one learning rate fits both.
    Sources: Jordan et al. 2024; Liu et al., Muon is Scalable for LLM Training, 2025, section 2.2.
    """

    def __init__(
        self,
        groups: Groups,
        device: torch.device,
        *,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_steps: int = 5,
        **of_adamw: Any,
    ) -> None:
        check_optimiser_here(Optimiser(name="muon"), device)
        hidden = _plain([group for group in groups if group[IS_HIDDEN]])
        others = _plain([group for group in groups if not group[IS_HIDDEN]])
        self._parts: list[Any] = []
        if hidden:
            own = {"momentum": momentum, "nesterov": nesterov, "ns_steps": ns_steps}
            scale: Any = {"adjust_lr_fn": "match_rms_adamw"}
            self._parts.append(torch.optim.Muon(hidden, lr=0.0, **own, **scale))
        if others:
            self._parts.append(torch.optim.AdamW(others, lr=0.0, fused=True, **of_adamw))

    @property
    def param_groups(self) -> Sequence[dict[str, Any]]:
        """The groups of both."""
        return [group for part in self._parts for group in part.param_groups]

    def step(self) -> None:
        """One update of both."""
        for part in self._parts:
            part.step()

    def zero_grad(self, *, set_to_none: bool) -> None:
        """Takes the gradients away."""
        for part in self._parts:
            part.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """The states of both."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts back what `state_dict` gave."""
        for part, saved in zip(self._parts, state["parts"], strict=True):
            part.load_state_dict(saved)
