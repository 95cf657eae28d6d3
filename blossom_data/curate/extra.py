"""The optional parts that measures are made of, and the one line that says how to get what is missing."""

from __future__ import annotations

from importlib.util import find_spec

from blossom_data.errors import ConfigError, extra_hint


def is_there(*modules: str) -> bool:
    """Whether all of these modules are installed."""
    try:
        return all(find_spec(module) is not None for module in modules)
    except (ImportError, ValueError):  # something keeps one from being imported
        return False


def require(what: str, extra: str, *modules: str) -> None:
    """Raises ConfigError when `what` cannot be done, for one of `modules` is not installed."""
    missing = [module for module in modules if not is_there(module)]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise ConfigError(f"{what} needs {' and '.join(missing)}, which {verb} not installed", hint=extra_hint(extra))
