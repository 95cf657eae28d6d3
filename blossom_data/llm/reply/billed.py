"""What a completion says it billed, in any vendor's spelling.

    {"usage": {"prompt_tokens": 12, "completion_tokens": 3}}                       ->  12 in, 3 out
    {"usage": {"input_tokens": 12, "output_tokens": 3}}                            ->  the same
    {"usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 3}}         ->  the same
    {"usage": {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 115}}  ->  12 in, 103 out

In the last one the thinking is billed beside the answer: whatever the total holds beyond both is output.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from blossom_data.asks import Usage

_MOST_TOKENS = 1_000_000_000
_IN = ("prompttokens", "inputtokens", "prompttokencount", "inputtokencount", "promptevalcount")
_OUT = ("completiontokens", "outputtokens", "candidatestokencount", "outputtokencount", "evalcount", "generatedtokens")
_TOTAL = ("totaltokens", "totaltokencount")
_CACHED = ("promptcachehittokens", "cachedtokens", "cachereadinputtokens", "cachedcontenttokencount")
_DETAILS = ("prompttokensdetails", "inputtokensdetails")


def billed(whole: Mapping[str, Any], text: str) -> Usage | None:
    """The tokens that `whole` reports for the answer `text`; None where it reports none, or impossible ones."""
    return next(filter(None, (_usage(place, text) for place in _places(whole))), None)


def _places(whole: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Where servers report it: beside the choices, in a field of their own, or in the first choice."""
    choices = whole.get("choices")
    inner = [whole.get("x_groq"), *(choices[:1] if isinstance(choices, list) else ())]
    found = [whole.get("usage"), whole.get("usageMetadata"), whole.get("usage_metadata")]
    for place in (*found, *(each.get("usage") for each in inner if isinstance(each, dict))):
        place = place[-1] if isinstance(place, list) and place else place
        if isinstance(place, dict):
            yield place


def _usage(place: Mapping[str, Any], text: str) -> Usage | None:
    names = {str(name).replace("_", "").lower(): value for name, value in place.items()}
    tokens_in, tokens_out = _first(names, _IN), _first(names, _OUT)
    if not tokens_in:
        return None
    rest = (_first(names, _TOTAL) or 0) - tokens_in
    tokens_out = max(rest, tokens_out or 0) if tokens_out is not None or rest > 0 else None
    if tokens_out is None or (text and not tokens_out):
        return None
    details: dict[str, Any] = next((names[name] for name in _DETAILS if isinstance(names.get(name), dict)), {})
    cached = _count(details.get("cached_tokens"))
    cached = _first(names, _CACHED) if cached is None else cached
    return Usage(tokens_in=tokens_in, tokens_out=tokens_out, tokens_cached=min(cached or 0, tokens_in))


def _first(names: Mapping[str, Any], wanted: tuple[str, ...]) -> int | None:
    return next((count for name in wanted if (count := _count(names.get(name))) is not None), None)


def _count(value: object) -> int | None:
    """A number of tokens, as a whole number, a double without a fraction or their digits."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None
