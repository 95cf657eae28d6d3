"""Budgets of runs through batches: nothing is submitted beyond them, and what is billed counts in any later run."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from batch_runs import go
from command import values
from loopback import answer as completion
from loopback_batch import BatchServer, Line

from blossom_data.errors import StoppedEarly
from blossom_data.ledger.sqlite import SqliteLedger
from blossom_data.llm.batch.store import BatchStore
from blossom_data.llm.money.prices import Price
from blossom_data.llm.money.spending import Spending

QUESTIONS = [f"What is {n}?" for n in range(30)]
OLD_SCHEMA = """
CREATE TABLE batches(
    number INTEGER PRIMARY KEY, intent TEXT NOT NULL UNIQUE, created REAL NOT NULL, endpoint TEXT NOT NULL,
    base_url TEXT NOT NULL, stage TEXT NOT NULL, model TEXT NOT NULL, lines INTEGER NOT NULL,
    batch_id TEXT NOT NULL DEFAULT '', state TEXT NOT NULL DEFAULT 'intent', keys BLOB NOT NULL);
CREATE TABLE batch_tries(key BLOB PRIMARY KEY, tries INTEGER NOT NULL);
"""


class Billing(BatchServer):
    """A provider that answers in `tokens` tokens, as far as it may, and counts what it bills."""

    def __init__(self, tokens: int = 50, **further: Any) -> None:
        super().__init__(**further)
        self.tokens, self.billed, self.caps = tokens, 0, list[int | None]()
        self.complete = self._billed

    def __enter__(self) -> Billing:
        super().__enter__()
        return self

    def _billed(self, body: dict[str, Any], text: str) -> dict[str, Any]:
        cap: int | None = body.get("max_tokens")
        self.caps.append(cap)
        tokens = min(self.tokens, cap or self.tokens)
        is_cut = tokens < self.tokens
        self.billed += 20 + tokens
        whole = completion(text[:4] if is_cut else text, finish_reason="length" if is_cut else "stop")
        return {**whole, "usage": {"prompt_tokens": 20, "completion_tokens": tokens, "total_tokens": 20 + tokens}}


def booked(folder: Path) -> int:
    ledger = SqliteLedger(folder / "ledger.sqlite")
    total = sum(row.tokens_in + row.tokens_out for row in ledger.totals())
    ledger.close()
    return total


def tokens(budget: int | None) -> Spending:
    return Spending(budget_tokens=budget)


def test_no_more_is_submitted_than_the_budget_holds_and_each_line_has_its_cap(tmp_path: Path) -> None:
    with Billing(tokens=1_000) as server:
        with pytest.raises(StoppedEarly, match="budget of 14,000 tokens"):
            go(tmp_path, server, QUESTIONS, spending=tokens(14_000))
        # Three lines at their worst case of 4,096 tokens fit; each round of answers makes room for the next.
        assert max(len(batch.lines) for batch in server.batches.values()) == 3
        assert set(server.caps) == {4096}
        assert server.billed == booked(tmp_path) <= 14_000
        bought = server.lines_paid
        go(tmp_path, server, QUESTIONS)
        assert (server.lines_paid, set(server.paid.values())) == (30, {1})
        assert server.caps[bought:] == [None] * (30 - bought)
    assert len(values(tmp_path / "out")) == 30


def test_a_budget_in_dollars_holds_as_well(tmp_path: Path) -> None:
    spending = Spending(flat=Price(1.0, 1.0, 1.0), factor=0.5, budget_usd=0.005)
    with Billing(tokens=1_000) as server:
        with pytest.raises(StoppedEarly, match=r"budget of \$0.005"):
            go(tmp_path, server, QUESTIONS, spending=spending)
        assert max(len(batch.lines) for batch in server.batches.values()) == 2
        assert 0 < server.billed * 0.5e-6 <= 0.005


def test_what_our_own_cap_has_cut_is_no_answer_and_goes_out_with_a_larger_one(tmp_path: Path) -> None:
    with Billing(tokens=6_000) as server:
        summary = go(tmp_path, server, QUESTIONS[:2], spending=tokens(100_000))
        assert sorted(cap or 0 for cap in server.caps) == [4096, 4096, 8192, 8192]
        assert booked(tmp_path) == server.billed
        assert summary["run"]["retries"]["cap"] == 2
    assert [row["messages"][1]["content"] for row in values(tmp_path / "out")] == [
        f"The answer to {text} is yes." for text in QUESTIONS[:2]
    ]


def test_a_cap_that_the_endpoint_does_not_allow_becomes_smaller(tmp_path: Path) -> None:
    class Short(Billing):
        def refusal_of(self, body: dict[str, Any]) -> Line | None:
            if (body.get("max_tokens") or 0) > 1_500:
                return Line(400, "max_tokens is too large: the model takes at most 1500", "invalid_request_error")
            return None

    with Short() as server:
        assert go(tmp_path, server, QUESTIONS[:3], spending=tokens(50_000))["kept"] == 3
        assert server.caps == [1024] * 3
    with Short(tokens=3_000) as server:
        summary = go(tmp_path, server, ["Long?"], out="long", spending=tokens(50_000))
        assert server.caps[0] == 1024 and summary["kept"] == 0


def test_lines_that_were_billed_and_cannot_be_read_count_in_this_run_and_the_next(tmp_path: Path) -> None:
    def unreadable(body: dict[str, Any], text: str) -> dict[str, Any]:
        return {"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 700, "total_tokens": 720}}

    with Billing() as server:
        server.complete = unreadable
        server.cut_content = 1
        summary = go(tmp_path, server, QUESTIONS[:3], spending=tokens(50_000))
        assert (summary["kept"], server.lines_paid) == (0, 6)
        assert booked(tmp_path) == 6 * 720
        with pytest.raises(StoppedEarly, match="4,320 tokens spent"):
            go(tmp_path, server, QUESTIONS[:3], spending=tokens(4_400))
        assert server.lines_paid == 6


def test_the_next_run_holds_what_is_out_also_for_lines_that_it_does_not_ask(tmp_path: Path) -> None:
    with Billing() as server:
        with pytest.raises(StoppedEarly, match="goes on at the provider"):
            go(tmp_path, server, QUESTIONS[:3], spending=tokens(14_000), is_detached=True)
        store = BatchStore(tmp_path / "ledger.sqlite")
        (stored,) = store.open_batches()
        store.close()
        assert (stored.cap, stored.held_tokens > 3 * 4096, stored.held_usd) == (4096, True, 0.0)
        server.states = ["in_progress"] * 8 + ["completed"]
        for batch in server.batches.values():
            batch.states = list(server.states)
        go(tmp_path, server, [f"Who is {n}?" for n in range(4)], spending=tokens(14_000))
        # Nothing fitted beside the three lines that were out: they were home before the next ones went.
        assert server.statuses.index("completed") >= 7
        assert next(len(batch.lines) for batch in server.batches.values()) == 3
        assert server.billed == booked(tmp_path) <= 14_000


def test_an_answer_that_a_cap_of_before_has_cut_is_none_for_a_run_without_a_budget(tmp_path: Path) -> None:
    with Billing(tokens=6_000) as server:
        with pytest.raises(StoppedEarly):
            go(tmp_path, server, QUESTIONS[:1], spending=tokens(50_000), is_detached=True)
        go(tmp_path, server, QUESTIONS[5:6])
        go(tmp_path, server, QUESTIONS[:1])
        assert server.caps == [4096, None, None]
        assert booked(tmp_path) == server.billed
    (row,) = values(tmp_path / "out")
    assert row["messages"][1]["content"] == f"The answer to {QUESTIONS[0]} is yes."


def test_a_ledger_of_before_is_read_and_its_batch_found_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Billing() as server:
        with pytest.raises(StoppedEarly):
            go(tmp_path, server, QUESTIONS[:3], is_detached=True)
        with sqlite3.connect(path) as database:
            rows = database.execute(
                "SELECT number, intent, created, endpoint, base_url, stage, model, lines, batch_id, state, keys "
                "FROM batches"
            ).fetchall()
            database.executescript(f"DROP TABLE batches; DROP TABLE batch_tries; {OLD_SCHEMA}")
            database.execute("DELETE FROM facts WHERE name = 'batches.schema'")
            database.executemany(f"INSERT INTO batches VALUES ({','.join('?' * 11)})", rows)
        database.close()
        for _ in range(2):
            assert go(tmp_path, server, QUESTIONS[:3], spending=tokens(14_000))["kept"] == 3
        assert (len(server.batches), server.lines_paid, server.billed) == (1, 3, booked(tmp_path))
