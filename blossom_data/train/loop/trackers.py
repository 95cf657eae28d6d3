"""Experiment trackers by name, fed with the lines of metrics.jsonl.

    trackers = ["wandb"]      in a recipe; also mlflow, swanlab, trackio, each where its package is installed

A tracker is told numbers alone. One that fails is named once and left out from then on: a run does not end for it. A
run that goes on is the same run there, where the tracker knows such a thing.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from blossom_data.errors import ConfigError

Log = Callable[[dict[str, float], int], object]
PROJECT = "blossom-data"


class Trackers:
    """The trackers of one run; only the first process makes one.

    Raises:
        ConfigError: the package of one is not installed.
    """

    def __init__(
        self, names: Sequence[str], *, out: Path, name: str, settings: Mapping[str, Any], tell: Callable[[str], None]
    ) -> None:
        identity = hashlib.sha256(str(out.absolute()).encode()).hexdigest()[:12]
        self._tell = tell
        self._open: dict[str, tuple[Log, Callable[[], object]]] = {}
        for tracker in names:
            library = import_tracker(tracker)
            try:
                self._open[tracker] = _STARTS[tracker](library, name, identity, dict(settings), out)
            except Exception as why:
                self._leave_out(tracker, why)

    def write(self, kind: str, step: int, values: Mapping[str, Any]) -> None:
        """Hands on the numbers of a line."""
        numbers = {f"{kind}/{key}": float(value) for key, value in values.items() if type(value) in (int, float)}
        for tracker, (log, _) in list(self._open.items()):
            try:
                log(numbers, step)
            except Exception as why:
                self._leave_out(tracker, why)

    def close(self) -> None:
        """Ends the run in each."""
        for tracker, (_, end) in list(self._open.items()):
            try:
                end()
            except Exception as why:
                self._leave_out(tracker, why)

    def _leave_out(self, tracker: str, why: Exception) -> None:
        # Whatever a tracker's service or its network makes it raise, the run is worth more.
        self._open.pop(tracker, None)
        line = (str(why).strip().splitlines() or [type(why).__name__])[0]
        self._tell(f"warning: {tracker} is told nothing from here on ({line[:160]})")


def import_tracker(name: str) -> Any:
    """The package of a tracker.

    Raises:
        ConfigError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as why:
        raise ConfigError(f"the tracker {name} is not installed", hint=f"pip install {name}") from why


def _wandb(library: Any, name: str, identity: str, settings: dict[str, Any], out: Path) -> tuple[Log, Any]:
    run = library.init(project=PROJECT, name=name, id=identity, resume="allow", config=settings, dir=str(out))
    return lambda numbers, step: run.log(numbers, step=step), run.finish


def _swanlab(library: Any, name: str, identity: str, settings: dict[str, Any], out: Path) -> tuple[Log, Any]:
    library.init(project=PROJECT, experiment_name=name, config=settings, logdir=str(out / "swanlog"))
    return lambda numbers, step: library.log(numbers, step=step), library.finish


def _trackio(library: Any, name: str, identity: str, settings: dict[str, Any], out: Path) -> tuple[Log, Any]:
    library.init(project=PROJECT, name=f"{name}-{identity}", config=settings, resume="allow")
    return lambda numbers, step: library.log(numbers, step=step), library.finish


def _mlflow(library: Any, name: str, identity: str, settings: dict[str, Any], out: Path) -> tuple[Log, Any]:
    library.set_experiment(PROJECT)
    library.start_run(run_name=f"{name}-{identity}")
    library.log_params({key: str(value)[:250] for key, value in settings.items()})
    return lambda numbers, step: library.log_metrics(numbers, step=step), library.end_run


_STARTS: dict[str, Callable[[Any, str, str, dict[str, Any], Path], tuple[Log, Any]]] = {
    "wandb": _wandb,
    "swanlab": _swanlab,
    "trackio": _trackio,
    "mlflow": _mlflow,
}
