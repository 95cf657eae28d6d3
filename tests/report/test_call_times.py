"""How long calls took and what failed: kept by the ledger, told by `status` and the report."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from command import user, write_lines
from forked import Result, blossom
from loopback import Fault, Loopback, LoopbackRequest, Response, refused

from blossom_data.ledger.call_times import CallTimes, bin_of, quantile_s
from blossom_data.ledger.place import job_of
from blossom_data.ledger.timeline import timeline

RECORDS = 12
SLOW_S = 0.4


def respond(request: LoopbackRequest) -> Response:
    """Every third question is told to wait once, and one is answered by a broken server first."""
    number = int(request.text.split()[-1].rstrip("?"))
    if request.count == 1 and number % 3 == 0:
        return refused(429, retry_after="0")
    if request.count == 1 and number == 1:
        return Fault(status=502, body=b"")
    return "It is four."


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calls")
    rows = write_lines(folder / "in.jsonl", (user(f"What is item {number}?") for number in range(RECORDS)))
    with Loopback(respond, latency_s=lambda request: SLOW_S if request.text.endswith(" 5?") else 0.0) as server:
        done = blossom("annotate", rows, "-o", "out", "--base-url", server.base_url, "--model", "m", cwd=folder)
        assert (done.code, server.paid) == (0, RECORDS), done.err
    return folder


def set_state(place: Path) -> dict[str, object]:
    (state,) = blossom("status", "--json", cwd=place).json["sets"]
    assert isinstance(state, dict)
    return state


def report(place: Path, *arguments: str) -> Result:
    return blossom("report", "out", "-o", "page.html", "--quiet", *arguments, cwd=place)


def test_status_tells_how_long_answers_took_and_which_tries_failed(place: Path) -> None:
    calls = set_state(place)["calls"]
    assert isinstance(calls, dict)
    assert (calls["answered"], calls["failed"]) == (RECORDS, {"429": 4, "5xx": 1})
    assert sum(step["answered"] for step in calls["steps"]) == RECORDS
    assert sum(step["failed"] for step in calls["steps"]) == 5
    assert 0 < calls["median_s"] <= calls["p95_s"] >= 0.9 * SLOW_S
    told = blossom("status", cwd=place).out
    assert "latency" in told
    assert f"5 of {RECORDS + 5} tries: 429 4, 5xx 1" in told


def test_the_report_tells_them_over_time(place: Path) -> None:
    assert report(place).code == 0
    page = (place / "page.html").read_text()
    assert "How long answers took" in page
    assert "failed: 429" in page
    assert report(place, "--lang", "zh").code == 0
    assert "回复的用时" in (place / "page.html").read_text()


def test_a_ledger_of_before_there_were_times_is_read_and_goes_on(place: Path) -> None:
    ledger = place / ".blossom" / "ledger.sqlite"
    with sqlite3.connect(ledger) as database:
        before = database.execute("SELECT count(*) FROM replies").fetchall()
        database.execute("CREATE TABLE kept AS SELECT * FROM calls")
        database.execute("DROP TABLE calls")
    database.close()
    assert set_state(place)["calls"] is None
    assert report(place).code == 0
    assert "How long answers took" not in (place / "page.html").read_text()
    assert timeline(ledger, job_of(place / "out")).replies["annotate"]
    with Loopback() as server:
        at = ("--base-url", server.base_url, "--model", "m")
        again = blossom("annotate", "in.jsonl", "-o", "out", *at, "--replace", cwd=place)
        assert (again.code, server.paid) == (0, 0), again.err
    with sqlite3.connect(ledger) as database:
        assert database.execute("SELECT count(*) FROM replies").fetchall() == before
        database.execute("INSERT INTO calls SELECT * FROM kept")
    database.close()
    assert set_state(place)["calls"] is not None


def test_a_ledger_that_is_named_and_not_there_is_one_line(place: Path) -> None:
    done = report(place, "--ledger", "none.sqlite")
    assert (done.code, "none.sqlite" in done.err, "Traceback" in done.err) == (2, True, False)


def test_times_stay_few_rows_and_keep_their_quantiles() -> None:
    times = CallTimes("job")
    for number in range(5_000):
        assert len(times.note("annotate", "m", "", 0.001 * (number + 1))) <= 60
    rows = times.rest()
    assert sum(row[-1] for row in rows) <= 5_000
    assert len(rows) <= 60
    assert times.rest() == []
    bins = [(bin_of(0.001 * (number + 1)), 1) for number in range(5_000)]
    for share in (0.5, 0.95, 1.0):
        assert quantile_s(bins, share) == pytest.approx(5.0 * share, rel=0.1)
