"""What libraries say of themselves (deprecations, bars of loading, advice) stays out of our output; `--debug` shows it.

Processes that a command starts inherit it. Who sets one of these variables, or Python's own warnings, is heeded.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings

_QUIET = {
    "TRANSFORMERS_VERBOSITY": "error",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    "HF_HUB_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DATASETS_VERBOSITY": "error",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
}


def hush_libraries() -> None:
    """Silences the libraries that are imported from now on."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    # It sets the level of its logger when it is imported, and others import it.
    logging.getLogger("DeepSpeed").addFilter(_is_error)
    # It tells of each odd byte of a file, and of a broken one twice: what cannot be read is counted, with its reason.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)


def _is_error(line: logging.LogRecord) -> bool:
    return line.levelno >= logging.ERROR
