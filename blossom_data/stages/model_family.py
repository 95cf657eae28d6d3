"""Which family a model is of, by its name: a judge scores answers of its own family too well.

model_family("Qwen/Qwen2.5-72B-Instruct")     "qwen"
model_family("gpt-4o")                        "gpt"
"""

from __future__ import annotations

import re

_FAMILY = re.compile(r"[a-z]+")


def model_family(model: str) -> str:
    """The first letters of the name behind its owner; "" where there are none."""
    found = _FAMILY.match(model.rsplit("/", 1)[-1].lower())
    return found[0] if found else ""


def of_one_family(judge: str, author: str) -> str:
    """The family of both models, "" where they are of two, or one of them is unknown."""
    family = model_family(judge)
    return family if family and family == model_family(author) else ""
