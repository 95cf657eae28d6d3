"""The budget: money or tokens are reserved before a call is sent and settled when its reply is there.

    budget = Budget(Spending(budget_usd=10.0, ...), spent_usd=3.18)     # 3.18 from earlier runs of the same job
    hold = await budget.reserve(ask, model)                    # raises StoppedEarly when it cannot fit any more
    budget.settle(hold, reply.usage, model)

64 calls at once cannot overshoot together: each holds its worst case until it is known what it took, and one that
would not fit beside those held waits for them.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from blossom_data.asks import Ask, Usage
from blossom_data.errors import ConfigError, StoppedEarly
from blossom_data.llm.reading import estimate_prompt
from blossom_data.llm.spending import Spending

OUT_UNBOUNDED_TOKENS = 4_096
"""Output tokens held for an ask without max_tokens: longer than nearly every answer. What it takes is settled after."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What one call may take at most."""

    usd: float
    tokens: int
    estimated_in: int
    """Input tokens by estimate: what the endpoint reports instead corrects the next ones."""


class Budget:
    """Holds a job to its Spending; `spent_usd` and `spent_tokens` count all its runs."""

    def __init__(self, spending: Spending, *, spent_usd: float = 0.0, spent_tokens: int = 0) -> None:
        self._spending = spending
        self.spent_usd, self.spent_tokens = spent_usd, spent_tokens
        self._held_usd, self._held_tokens, self._holds = 0.0, 0, 0
        self._settled = asyncio.Event()
        self._in_ratio = 1.0

    async def reserve(self, ask: Ask, model: str) -> Hold:
        """Holds the worst case of `ask`, waiting for calls in flight where it does not fit beside theirs.

        Raises:
            StoppedEarly: it does not fit into what is left.
            ConfigError: a budget in USD for a model without a price.
        """
        estimated_in = estimate_prompt(ask)
        tokens_in = int(estimated_in * self._in_ratio) + 1
        tokens_out = ask.max_tokens or OUT_UNBOUNDED_TOKENS
        price = self._spending.price_of(model)
        if self._spending.budget_usd is not None and price is None:
            raise ConfigError(
                f"--budget-usd needs the price of {model!r}, which is unknown",
                hint="give --price-in and --price-out (USD per million tokens), --prices FILE, or --budget-tokens",
            )
        usd = price.cost_usd(tokens_in, tokens_out) if price else 0.0
        hold = Hold(usd, tokens_in + tokens_out, estimated_in)
        while not self._fits(hold):
            if not self._holds:
                raise self._exhausted(hold)
            self._settled.clear()
            await self._settled.wait()
        self._holds += 1
        self._held_usd += hold.usd
        self._held_tokens += hold.tokens
        return hold

    def settle(self, hold: Hold, usage: Usage | None, model: str) -> float | None:
        """Lets go of `hold`, books what was really taken and gives its cost in USD, None when the price is unknown.

        Args:
            usage: None when the call brought no reply.
        """
        self._holds -= 1
        self._held_usd -= hold.usd
        self._held_tokens -= hold.tokens
        self._settled.set()
        if usage is None:
            return 0.0
        self._in_ratio = max(self._in_ratio, usage.tokens_in / max(1, hold.estimated_in))
        self.spent_tokens += usage.tokens_in + usage.tokens_out
        price = self._spending.price_of(model)
        if price is None:
            return None
        self.spent_usd += price.of(usage)
        return price.of(usage)

    def _fits(self, hold: Hold) -> bool:
        limits = self._spending
        usd, tokens = self.spent_usd + self._held_usd + hold.usd, self.spent_tokens + self._held_tokens + hold.tokens
        is_dear = limits.budget_usd is not None and usd > limits.budget_usd
        return not is_dear and (limits.budget_tokens is None or tokens <= limits.budget_tokens)

    def _exhausted(self, hold: Hold) -> StoppedEarly:
        limits = self._spending
        told = [f"${limits.budget_usd:,g}"] if limits.budget_usd is not None else []
        told += [f"{limits.budget_tokens:,} tokens"] if limits.budget_tokens is not None else []
        # Without a price nobody knows what was spent in dollars.
        usd = f"${self.spent_usd:,.4f}, " if limits.budget_usd is not None else ""
        spent = f"{usd}{self.spent_tokens:,} tokens"
        return StoppedEarly(
            f"the budget of {' and '.join(told)} leaves no room for another call, which may take "
            f"{hold.tokens:,} tokens: {spent} spent over all runs of it",
            hint="lower --max-tokens, or raise --budget-usd or --budget-tokens, and run the same command again: "
            "nothing paid for is lost",
        )
