"""Several engines of one command on this machine, each at a port of its own and with GPUs of its own.

    serving = replicate(plan, 4)        plan(1).serving with three more beside it; of 8 GPUs each has two

The GPUs are those that CUDA_VISIBLE_DEVICES names, else all that the driver shows; without any, none is given out.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from blossom_data.config import Endpoint
from blossom_data.errors import ConfigError
from blossom_data.llm.engines.serve import Serving

_VISIBLE = "CUDA_VISIBLE_DEVICES"


def replicate(plan: Callable[[Path], Serving], log: Path, number: int) -> Serving:
    """So many engines, each as `plan` makes one for a log of its own.

    Raises:
        ConfigError: there are fewer GPUs than engines.
    """
    devices = gpus(os.environ, Path("/dev"))
    if devices and len(devices) < number:
        raise ConfigError(
            f"{number} engines for {len(devices)} GPU{'s' if len(devices) > 1 else ''}",
            hint=f"give --replicas {len(devices)} at most, or set {_VISIBLE}= for engines that need none",
        )
    each = len(devices) // number
    first, *further = (
        replace(
            plan(log if not place else log.with_name(f"{log.stem}.{place + 1}{log.suffix}")),
            variables={_VISIBLE: ",".join(devices[place * each : (place + 1) * each])} if each else {},
        )
        for place in range(number)
    )
    return replace(first, beside=tuple(further))


def gpus(environment: Mapping[str, str], devices: Path) -> list[str]:
    """The GPUs that engines may use, by what CUDA_VISIBLE_DEVICES calls them."""
    if (named := environment.get(_VISIBLE)) is not None:
        return [name for name in (part.strip() for part in named.split(",")) if name]
    return sorted((path.name[6:] for path in devices.glob("nvidia[0-9]*")), key=int)


def spread(endpoint: Endpoint, serving: Serving | None) -> tuple[Endpoint, ...]:
    """`endpoint`, and the same at the addresses of the engines beside it."""
    beside = serving.beside if serving is not None else ()
    return (endpoint, *(replace(endpoint, base_url=engine.base_url) for engine in beside))
