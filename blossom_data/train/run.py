"""One training run from its recipe to its last checkpoint, in each of its processes.

    train(Path("recipe.toml"), Path("runs/a"), tell=print)
    {"steps": 1820, "tokens": 115200000, "loss": 0.913, "checkpoint": "checkpoints/stage-2-step-000910", ...}

The same command again goes on from the newest checkpoint. SIGTERM and Ctrl-C end the step, save and leave.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import torch

from blossom_data import __version__
from blossom_data.errors import ConfigError
from blossom_data.shards import FORMAT, MANIFEST, read_manifest, write_atomic
from blossom_data.train.loop.best import Scorer, score_of
from blossom_data.train.loop.loop import Loop
from blossom_data.train.loop.metrics import Metrics, read_metrics
from blossom_data.train.loop.samples import Samples
from blossom_data.train.loop.trackers import Trackers, import_tracker
from blossom_data.train.model.flops import flops_of
from blossom_data.train.model.folders import SPACE_HINT
from blossom_data.train.model.loss_model import LossModel
from blossom_data.train.model.model import load_model, settle
from blossom_data.train.model.token_rows import untrained_rows
from blossom_data.train.parallel.adapter_choice import loading, make_adapter
from blossom_data.train.parallel.checkpoint import BEST, Position, load_state, newest, refuse_other_run, verify
from blossom_data.train.parallel.optimisers import check_optimiser_here
from blossom_data.train.parallel.processes import Group, join_group, losing_peers
from blossom_data.train.preflight.lock import locked
from blossom_data.train.preflight.memory_check import refuse_shortage
from blossom_data.train.preflight.prepare import Prepared, meta_network, prepare
from blossom_data.train.recipe.recipe import Recipe, load_recipe
from blossom_data.train.template.tokens import load_tokenizer


def train(
    path: Path,
    out: Path,
    *,
    tell: Callable[[str], None],
    ignore_memory_plan: bool = False,
    continues: Path | None = None,
    scorer: Scorer | None = None,
) -> dict[str, Any]:
    """Runs the recipe at `path` in this process, which is one of its group; gives what was done.

    Args:
        continues: a finished run that this one goes on from.
        scorer: judges the model at each evaluation, in place of its loss; called in the first process, or shared
            (loop/best.py). One that asks the recipe's `eval_suites` is made by handoff/suite_scorer.py.
        ignore_memory_plan: go on where a step is planned to take more memory than is free.

    Raises:
        ConfigError, InputError: something does not fit; nothing was computed.
        Interrupted: a signal asked it to end; it was saved.
        Locked: another run writes to `out`.
    """
    recipe = load_recipe(path)
    if recipe.eval_suites and scorer is None:
        raise ConfigError(
            f"{path} names eval_suites, and no scorer was given that asks them",
            hint="scorer=suite_scorer(recipe.eval_suites, template=recipe.template), of train.handoff.suite_scorer",
        )
    if recipe.deterministic:
        # cuBLAS reads it when it is first used, and without it refuses.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    group = join_group(always=recipe.deepspeed is not None)
    check_optimiser_here(recipe.optimiser, group.device)
    for tracker in recipe.trackers:
        import_tracker(tracker)
    if group.device.type == "cpu":
        # More threads than processes would share the same cores, and sums in another order.
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if recipe.deterministic:
        torch.use_deterministic_algorithms(True)
    quiet: Callable[[str], None] = tell if group.is_first else lambda line: None
    try:
        with losing_peers(), locked(out, group), _stopping() as stop:
            prepared = _prepared(path, out, group, quiet, continues)
            refuse_shortage(prepared, group, ignored=ignore_memory_plan, tell=quiet)
            result = _run(prepared, out, group, quiet, stop, scorer)
            group.leave()
    except BaseException:
        # The others wait in a barrier that will not come: the launcher ends them.
        with contextlib.suppress(Exception):
            if torch.distributed.is_initialized() and group.world == 1:
                torch.distributed.destroy_process_group()
        raise
    return result


def _prepared(path: Path, out: Path, group: Group, tell: Callable[[str], None], continues: Path | None) -> Prepared:
    """Prepares in the first process, which packs and compares hashes, then in the others.

    Raises:
        ConfigError, InputError: something does not fit, in every process, or not all of them have the same.
    """
    check = functools.partial(prepare, path, out, tell=tell, continues=continues)
    prepared = group.attempt(check if group.is_first else None)
    later = group.attempt(functools.partial(check, verify=False) if prepared is None else None)
    prepared = prepared or later
    assert prepared is not None
    about = prepared.about(group.world)
    told = group.gather({key: about[key] for key in ("recipe", "data")})
    for rank, other in enumerate(told):
        for key, value in other.items():
            if value != told[0][key]:
                raise ConfigError(
                    f"process {rank} has another {key} than the first",
                    hint="start the same command on every machine, in folders that all of them share",
                )
    return prepared


def _run(
    prepared: Prepared,
    out: Path,
    group: Group,
    tell: Callable[[str], None],
    stop: Callable[[], int],
    scorer: Scorer | None,
) -> dict[str, Any]:
    recipe, about = prepared.recipe, prepared.about(group.world)
    checkpoint = newest(out)
    if checkpoint is not None:
        refuse_other_run(checkpoint, about)
    origin = checkpoint or (prepared.continued.checkpoint if prepared.continued else None)
    if origin is not None:
        group.attempt(functools.partial(verify, origin) if group.is_first else None)
    with loading(recipe, group):
        weights = origin.model if origin is not None else None
        model = load_model(recipe, device=group.device, weights=weights)
    if origin is None:
        _warn_of_untrained(model.network, prepared, tell)
    # Before the model is tried: what is spread over the processes computes through the adapter's hooks alone.
    adapter = make_adapter(recipe, model, group)
    found = settle(model, recipe, device=group.device, tell=tell)
    tell(f"attention {found.backend}: leak {found.leak:.1e}, deviation {found.deviation:.1e}")
    position = checkpoint.position if checkpoint is not None else Position()
    if checkpoint is not None:
        load_state(checkpoint, adapter, group)
    metrics = _metrics(recipe, out, position, tell) if group.is_first else None
    samples = None
    if recipe.samples:
        samples = Samples(recipe, out, group, stop_ids=prepared.template["stop_ids"], after=position.total)
    loop = Loop(
        recipe,
        prepared.draws,
        adapter,
        group,
        out=out,
        pad_id=prepared.pad_id,
        about=about,
        metrics=metrics,
        samples=samples,
        score=_score(scorer, recipe, model, group),
        flops=flops_of(meta_network(prepared.config), lora=recipe.lora is not None),
        tell=tell,
        stop=stop,
    )
    if checkpoint is not None:
        is_done = position.total >= loop.steps
        told = f"all {loop.steps:,} steps are done" if is_done else f"going on after step {position.total:,}"
        tell(f"{told}: {checkpoint.folder}")
    try:
        position = loop.run(position)
    finally:
        if metrics is not None:
            metrics.close()
    return _finish(prepared, out, group, position)


def _metrics(recipe: Recipe, out: Path, position: Position, tell: Callable[[str], None]) -> Metrics:
    trackers = None
    if recipe.trackers:
        trackers = Trackers(recipe.trackers, out=out, name=recipe.name, settings=recipe.to_dict(), tell=tell)
    return Metrics(out, after=position.total, trackers=trackers)


def _score(scorer: Scorer | None, recipe: Recipe, model: LossModel, group: Group) -> Callable[[], float] | None:
    if scorer is None:
        return None
    if recipe.deepspeed and recipe.deepspeed.stage == 3:
        raise ConfigError(
            "a scorer needs the whole model in each process, and ZeRO-3 spreads it", hint="set [deepspeed] stage = 2"
        )
    return functools.partial(score_of, scorer, model, load_tokenizer(recipe.base_model), group)


def _warn_of_untrained(network: Any, prepared: Prepared, tell: Callable[[str], None]) -> None:
    """Tells which rows of the chat tokens look untrained, and that adapters alone leave them so."""
    lines = untrained_rows(network, prepared.chat_tokens)
    for line in lines:
        tell(f"warning: {line}")
    lora = prepared.recipe.lora
    if lines and lora is not None and not lora.modules_to_save:
        tell('warning: adapters leave these rows as they are: [lora] modules_to_save = ["embed_tokens", "lm_head"]')
    if lines:
        tell("         blossom-data train add-tokens gives them the mean of the trained rows to begin with")


def _finish(prepared: Prepared, out: Path, group: Group, position: Position) -> dict[str, Any]:
    """Writes the manifest of a finished run; gives what was done."""
    lines = [line for line in read_metrics(out) if line["kind"] == "train"]
    last, best = newest(out), read_manifest(out / BEST)
    assert last is not None
    result = {
        "steps": position.total,
        "tokens": position.tokens,
        "loss": lines[-1]["loss"] if lines else None,
        "checkpoint": str(last.folder.relative_to(out)),
        **({"best": best["evaluation"]} if best and "evaluation" in best else {}),
        "stages": [{"name": draw.recipe.name, "unit": draw.recipe.unit, **draw.counts} for draw in prepared.draws],
    }
    manifest = {
        "format": FORMAT,
        "kind": "training",
        "version": __version__,
        **result,
        **prepared.about(group.world),
        "settings": prepared.recipe.to_dict(),
    }
    data = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    write = functools.partial(write_atomic, out / MANIFEST, data, hint=SPACE_HINT)
    group.attempt(write if group.is_first else None)
    return {**result, "out": str(out)}


@contextlib.contextmanager
def _stopping() -> Iterator[Callable[[], int]]:
    """Gives a function that gives the number of the signal that asked this process to end, or 0."""
    asked = [0]

    def remember(number: int, _frame: object) -> None:
        asked[0] = number

    before = {number: signal.signal(number, remember) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda: asked[0]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
