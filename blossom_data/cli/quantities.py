"""Money, counts and times as people read them: "$3.18", "1.2M", "13m"."""

from __future__ import annotations


def usd(amount: float) -> str:
    """3.179 -> $3.18, 0.00125 -> $0.0013."""
    return f"${amount:,.2f}" if amount >= 1 or not amount else f"${amount:.4f}"


def short(number: int) -> str:
    """1234567 -> 1.2M."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f}{unit}"
    return str(number)


def short_time(seconds: float) -> str:
    """3725 -> 1h02m."""
    if seconds < 60:
        return f"{seconds:.0f}s"
    minutes = int(seconds // 60)
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}m"
