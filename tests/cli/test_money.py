"""Money as a user sees it: prices, budgets over restarts, and a price that is not known."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import user, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest, answer

PRICED = ["--price-in", "10", "--price-out", "100"]


def respond(request: LoopbackRequest) -> dict[str, object]:
    body = answer("Fine.")
    length = sum(len(turn["content"]) for turn in request.body["messages"])
    body["usage"] = {"prompt_tokens": length // 4, "completion_tokens": 100}
    return body


def call_usd(server: Loopback) -> float:
    """What one call costs at PRICED."""
    length = sum(len(turn["content"]) for turn in server.requests[0].body["messages"])
    return (length // 4 * 10 + 100 * 100) / 1e6


def rows_of(folder: Path, number: int) -> Path:
    return write_lines(folder / "in.jsonl", (user(f"question {n}") for n in range(number)))


def run(folder: Path, server: Loopback, *further: str, max_in_flight: int = 4) -> list[str]:
    place = ["annotate", str(folder / "in.jsonl"), "-o", "out", "--base-url", server.base_url, "--model", "m"]
    return [*place, "--max-in-flight", str(max_in_flight), "--max-tokens", "100", "--json", *further]


def test_what_was_paid_is_told_and_adds_up_over_runs(tmp_path: Path) -> None:
    with Loopback(respond=respond) as server:
        rows_of(tmp_path, 5)
        first = blossom(*run(tmp_path, server, *PRICED), cwd=tmp_path)
        rows_of(tmp_path, 8)
        second = blossom(*run(tmp_path, server, *PRICED), cwd=tmp_path)
        price = call_usd(server)
    assert first.json["run"]["cost_usd"] == pytest.approx(5 * price)
    assert second.json["run"]["cost_usd"] == pytest.approx(3 * price)
    assert second.json["run"]["spent_usd"] == pytest.approx(8 * price)


@pytest.mark.parametrize("budget", [["--budget-usd", "0.15", *PRICED], ["--budget-tokens", "4800"]])
def test_a_budget_holds_over_all_runs_of_a_job(tmp_path: Path, budget: list[str]) -> None:
    rows_of(tmp_path, 40)
    with Loopback(respond=respond, latency_s=0.01) as server:
        first = blossom(*run(tmp_path, server, *budget, max_in_flight=16), cwd=tmp_path)
        assert (first.code, first.json["error"]["kind"]) == (4, "StoppedEarly")
        price = call_usd(server)
        most = int(0.15 / price) if "--budget-usd" in budget else int(4800 / (100 + (price * 1e6 - 10_000) / 10))
        assert most - 2 <= server.paid <= most
        paid = server.paid
        again = blossom(*run(tmp_path, server, *budget), cwd=tmp_path)
        assert again.code == 4
        assert server.paid <= most
        whole = blossom(*run(tmp_path, server), cwd=tmp_path)
        assert (whole.code, whole.json["kept"]) == (0, 40)
        assert server.paid == 40
        assert whole.json["run"]["replayed"] >= paid
        assert server.bought_twice == 0


def test_an_unknown_price_stays_unknown(tmp_path: Path) -> None:
    rows_of(tmp_path, 2)
    with Loopback(respond=respond) as server:
        done = blossom(*run(tmp_path, server), cwd=tmp_path)
        assert (done.code, done.json["run"]["cost_usd"]) == (0, None)
        refused = blossom(*run(tmp_path, server, "--budget-usd", "1"), "-o", "other", cwd=tmp_path)
        assert refused.code == 2 or server.paid == 2
        half = blossom(*run(tmp_path, server, "--price-in", "1"), cwd=tmp_path)
        assert (half.code, half.json["error"]["kind"]) == (2, "ConfigError")


def test_a_price_file_of_ones_own(tmp_path: Path) -> None:
    rows_of(tmp_path, 2)
    (tmp_path / "prices.toml").write_text('as_of = "2026-11-01"\n[models]\nm = { in = 10.0, out = 100.0 }\n')
    (tmp_path / "bad.toml").write_text('as_of = "2026-11-01"\n[models]\nm = { in = "cheap", out = 1 }\n')
    with Loopback(respond=respond) as server:
        done = blossom(*run(tmp_path, server, "--prices", "prices.toml"), cwd=tmp_path)
        assert done.json["run"]["cost_usd"] == pytest.approx(2 * call_usd(server))
        bad = blossom(*run(tmp_path, server, "--prices", "bad.toml"), cwd=tmp_path)
        assert bad.code == 2
        assert "bad.toml line 3: [models.m]: in must be a number" in bad.json["error"]["message"]


def planned(folder: Path, base_url: str, model: str, *further: str) -> dict[str, object]:
    """The one stage of a dry run."""
    rows_of(folder, 2)
    place = ["annotate", str(folder / "in.jsonl"), "-o", "out", "--base-url", base_url, "--model", model]
    told = blossom(*place, "--dry-run", "--json", *further, cwd=folder).json
    return dict(told["stages"][0])


def test_a_hosted_model_has_the_list_price_of_the_provider_that_the_address_names(tmp_path: Path) -> None:
    openai = "https://api.openai.com/v1"
    listed = planned(tmp_path, openai, "gpt-4o-mini-2024-07-18")
    assert "openai on 20" in str(listed["price"])
    assert "genai-prices" in str(listed["price"])
    stated = planned(tmp_path, openai, "gpt-4o-mini", "--price-in", "0.15", "--price-out", "0.60")
    assert (listed["cost_usd"], stated["price"]) == (stated["cost_usd"], "--price-in and --price-out")
    halved = planned(tmp_path, openai, "gpt-4o-mini", "--batch", "--price-in", "0.15", "--price-out", "0.60")
    assert planned(tmp_path, openai, "gpt-4o-mini", "--batch")["cost_usd"] == halved["cost_usd"] != listed["cost_usd"]
    (tmp_path / "own.toml").write_text('as_of = "2026-11-01"\n[models]\ngpt-4o-mini = { in = 10.0, out = 10.0 }\n')
    own = planned(tmp_path, openai, "gpt-4o-mini-2024-07-18", "--prices", "own.toml")
    assert own["price"] == "own.toml of 2026-11-01"
    assert planned(tmp_path, "https://API.OpenAI.com:443/v1", "gpt-4o-mini")["cost_usd"] == listed["cost_usd"]
    lookalike = "https://api.openai.com.example.com/v1"
    for elsewhere in ("http://127.0.0.1:1/v1", "http://engine:8000/v1", "https://gateway.example.com/v1", lookalike):
        assert planned(tmp_path, elsewhere, "gpt-4o-mini")["cost_usd"] is None
    assert planned(tmp_path, openai, "a-model-of-nobody")["price"] is None
