"""Runs through batches: the same result as online, and no line bought twice, whatever the provider does."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from batch_runs import digest, go
from command import values
from loopback import Loopback
from loopback_batch import KEY, Answer, Batch, BatchServer, Line

from blossom_data.asks import Ask, Reply, Steps
from blossom_data.config import Endpoint
from blossom_data.counters import Counters
from blossom_data.errors import AuthError, ConfigError, EndpointError, StoppedEarly
from blossom_data.ledger.sqlite import SqliteLedger
from blossom_data.llm.batch.asker import BatchAsker
from blossom_data.llm.batch.settings import BatchSettings
from blossom_data.llm.batch.store import BatchStore, StoredBatch
from blossom_data.llm.money.account import Account
from blossom_data.llm.money.budget import Budget
from blossom_data.llm.money.spending import Spending
from blossom_data.llm.pool import Pool
from blossom_data.records import Message, Record

pytestmark = pytest.mark.slow

QUESTIONS = [f"What is {n}?" for n in range(12)]


def kept(folder: Path, out: str = "out") -> list[str]:
    return [row["messages"][1]["content"] for row in values(folder / out)]


def right(texts: list[str]) -> list[str]:
    return [f"The answer to {text} is yes." for text in texts]


def test_batches_give_the_same_bytes_as_calls_at_any_size(tmp_path: Path) -> None:
    texts = [*QUESTIONS, "First? | Second? | Third?", "a sorry one?", "a poisonous one?", "What is 3?"]

    def answer(text: str, _: int | None) -> Answer:
        if "poison" in text:
            return Line(400, "this is too long", "context_length_exceeded")
        return "I'm sorry, but I can't help with that." if "sorry" in text else f"The answer to {text} is yes."

    with BatchServer(answer) as server:
        go(tmp_path, server, texts, out="online/out", ledger="online", is_batch=False)
        asked_online = server.paid_online
        summary = go(tmp_path, server, texts, out="a/out", ledger="a")
        go(tmp_path, server, texts, out="b/out", ledger="b", lines=3)
        assert server.paid_online == asked_online
        assert max(server.lines_run.values()) == 2
    assert digest(tmp_path / "a/out") == digest(tmp_path / "online/out") == digest(tmp_path / "b/out")
    assert (summary["kept"], summary["run"]["calls"]) == (14, 12 + 3 + 3)
    assert summary["failed"] == {"annotate/refused_400": 1}
    assert summary["rejected"] == {"annotate/refusal": 1}


def test_the_same_run_again_submits_nothing_and_a_new_row_one_line(tmp_path: Path) -> None:
    with BatchServer() as server:
        go(tmp_path, server, QUESTIONS)
        go(tmp_path, server, QUESTIONS)
        assert (len(server.batches), server.lines_paid) == (1, 12)
        go(tmp_path, server, ["new?", *QUESTIONS])
        assert (len(server.batches), server.lines_paid) == (2, 13)
        go(tmp_path, server, QUESTIONS, is_batch=False)
        assert server.paid_online == 0


@pytest.mark.parametrize("code", ["batch_expired", "batch_cancelled", "server_error"])
def test_only_unanswered_lines_go_into_the_next_batch(tmp_path: Path, code: str) -> None:
    def answer(text: str, before: int | None) -> Answer:
        is_late = text in QUESTIONS[:3] and not before
        return Line(0, "not executed in time", code) if is_late else f"The answer to {text} is yes."

    with BatchServer(answer) as server:
        summary = go(tmp_path, server, QUESTIONS)
        assert [len(batch.lines) for batch in server.batches.values()] == [12, 3]
        assert set(server.paid.values()) == {1}
    assert kept(tmp_path) == right(QUESTIONS)
    assert sum(summary["run"]["retries"].values()) == 3


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_line_that_failed_for_a_while_is_sent_again(tmp_path: Path, status: int) -> None:
    with BatchServer(lambda text, before: "fine" if before else Line(status, "busy", "busy")) as server:
        go(tmp_path, server, QUESTIONS[:2])
        assert [len(batch.lines) for batch in server.batches.values()] == [2, 2]


def test_a_line_without_answer_after_two_batches_fails_its_record_and_is_asked_again_by_the_next_run(
    tmp_path: Path,
) -> None:
    lost = QUESTIONS[4]

    def answer(text: str, before: int | None) -> Answer:
        return Line() if text == lost and (before or 0) < 2 else f"The answer to {text} is yes."

    with BatchServer(answer) as server:
        summary = go(tmp_path, server, QUESTIONS)
        assert summary["failed"] == {"annotate/unanswered": 1}
        assert len(server.batches) == 2
        assert go(tmp_path, server, QUESTIONS)["kept"] == 12
        assert [len(batch.lines) for batch in server.batches.values()] == [12, 1, 1]


def test_what_two_batches_left_over_is_asked_online_with_top_up(tmp_path: Path) -> None:
    def answer(text: str, before: int | None) -> Answer:
        return Line() if text in QUESTIONS[:2] and before is not None else f"The answer to {text} is yes."

    with BatchServer(answer) as server:
        go(tmp_path, server, QUESTIONS, is_topped_up=True)
        assert (server.paid_online, server.lines_paid, len(server.batches)) == (2, 10, 2)
    assert kept(tmp_path) == right(QUESTIONS)


def test_a_batch_that_expires_gives_what_it_has(tmp_path: Path) -> None:
    def answer(text: str, before: int | None) -> Answer:
        return f"The answer to {text} is yes." if before or text == QUESTIONS[0] else Line()

    with BatchServer(answer, states=("validating", "in_progress", "finalizing", "expired")) as server:
        go(tmp_path, server, QUESTIONS)
        assert [len(batch.lines) for batch in server.batches.values()] == [12, 11]
        assert set(server.paid.values()) == {1}


@pytest.mark.parametrize("how", ["cut_content", "short_content"])
def test_a_download_that_is_not_whole_is_begun_again(tmp_path: Path, how: str) -> None:
    with BatchServer() as server:
        setattr(server, how, 2)
        go(tmp_path, server, QUESTIONS)
        assert (server.lines_paid, server.reached["content"]) == (12, 3)
    assert kept(tmp_path) == right(QUESTIONS)


def test_answers_that_the_provider_lost_are_bought_again_and_told(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.drop_output = True
        summary = go(tmp_path, server, QUESTIONS[:3])
        assert len(server.batches) == 2
    assert any("is gone" in note for note in summary["run"]["notes"])
    assert kept(tmp_path) == right(QUESTIONS[:3])


def test_odd_lines_among_the_results_harm_nobody(tmp_path: Path) -> None:
    foreign = b'{"custom_id": "%s", "response": {"status_code": 200, "body": {}}}' % (b"ab" * 16)
    odd = [b"", b"\xff\xfe", b"[]", b'{"custom_id": 7}', b'{"custom_id": "zz"}', foreign, b'{"custom_id":']
    with BatchServer() as server:
        server.mangle = lambda body: b"\n".join([*odd, body, body, *odd])
        go(tmp_path, server, QUESTIONS)
        assert len(server.batches) == 1
    assert kept(tmp_path) == right(QUESTIONS)


def test_a_batch_that_fails_validation_says_why_and_costs_nothing(tmp_path: Path) -> None:
    reasons = [("model_not_supported", f"The provided model is not supported by the Batch API ({KEY}).")]
    with BatchServer(refuse=lambda _: reasons[0] if reasons else None) as server:
        with pytest.raises(ConfigError, match="batch_1 as a whole: model_not_supported: The provided model") as caught:
            go(tmp_path, server, QUESTIONS)
        assert KEY not in str(caught.value)
        reasons.clear()
        go(tmp_path, server, QUESTIONS)
        assert server.lines_paid == 12


def test_a_provider_without_room_gets_the_batch_when_another_has_ended(tmp_path: Path) -> None:
    def full(batch: Batch) -> tuple[str, str] | None:
        others = [other for other in server.batches.values() if other.states[0] not in ("completed", "failed")]
        return ("token_limit_exceeded", "Enqueued token limit reached") if others else None

    with BatchServer(refuse=full) as server:
        go(tmp_path, server, QUESTIONS, lines=6)
        assert server.lines_paid == 12
        assert "failed" in server.statuses
    assert kept(tmp_path) == right(QUESTIONS)


def test_a_batch_too_large_for_the_account_stops_the_run_with_advice(tmp_path: Path) -> None:
    with (
        BatchServer(refuse=lambda _: ("token_limit_exceeded", "Enqueued token limit reached")) as server,
        pytest.raises(EndpointError, match="Enqueued token limit") as caught,
    ):
        go(tmp_path, server, QUESTIONS)
    assert "--batch-lines" in caught.value.hint


def test_a_refused_key_ends_the_run_at_once(tmp_path: Path) -> None:
    with BatchServer() as server:
        server.status_401 = True
        with pytest.raises(AuthError, match="refused the key") as caught:
            go(tmp_path, server, QUESTIONS)
        assert server.reached.total() == 1
    assert KEY not in str(caught.value) + caught.value.hint


def test_a_quota_that_runs_out_inside_a_batch_stops_after_its_answers_are_stored(tmp_path: Path) -> None:
    def answer(text: str, before: int | None) -> Answer:
        is_late = text in QUESTIONS[5:] and not before
        return (
            Line(429, "You exceeded your quota", "insufficient_quota") if is_late else f"The answer to {text} is yes."
        )

    with BatchServer(answer) as server:
        with pytest.raises(AuthError, match="quota"):
            go(tmp_path, server, QUESTIONS)
        go(tmp_path, server, QUESTIONS)
        assert [len(batch.lines) for batch in server.batches.values()] == [12, 7]
        assert set(server.paid.values()) == {1}


def test_an_endpoint_without_batches_is_told_apart(tmp_path: Path) -> None:
    with Loopback() as server, pytest.raises(ConfigError, match="no batches") as caught:
        go(tmp_path, server, QUESTIONS)  # type: ignore[arg-type]
    assert "--batch" in caught.value.hint


@pytest.mark.parametrize("step", ["create", "created"])
def test_a_batch_whose_creation_was_not_confirmed_is_created_once(tmp_path: Path, step: str) -> None:
    with BatchServer() as server:
        server.fail[step] = [web.Response(status=500)]
        go(tmp_path, server, QUESTIONS)
        assert (len(server.batches), server.lines_paid) == (1, 12)
        assert server.reached["list"] == 1


def test_an_endpoint_that_stumbles_over_every_call_is_borne_with(tmp_path: Path) -> None:
    def busy(status: int) -> web.Response:
        return web.Response(status=status, headers={"Retry-After": "0.01"}, text="busy")

    with BatchServer() as server:
        server.fail = {step: [busy(429)] for step in ("upload", "create", "retrieve", "content")}
        go(tmp_path, server, QUESTIONS)
        assert server.lines_paid == 12


def test_batches_keep_to_the_size_of_file(tmp_path: Path) -> None:
    texts = [f"{n} " + "x" * 1_000 for n in range(10)] + ["y" * 9_000]
    with BatchServer() as server:
        summary = go(tmp_path, server, texts, most_bytes=5_000)
        sizes = [len(body) for name, body in server.files.items() if name.startswith("file-in")]
        assert len(sizes) > 2
        assert max(sizes) <= 5_000
        assert server.lines_paid == 10
    assert summary["failed"] == {"annotate/refused_413": 1}


def test_answers_that_this_run_does_not_ask_for_are_kept_for_the_next(tmp_path: Path) -> None:
    with BatchServer() as server:
        with pytest.raises(StoppedEarly):
            go(tmp_path, server, QUESTIONS, is_detached=True)
        go(tmp_path, server, QUESTIONS[:3])
        go(tmp_path, server, QUESTIONS, is_batch=False)
        assert (server.lines_paid, server.paid_online) == (12, 0)
    ledger = SqliteLedger(tmp_path / "ledger.sqlite")
    assert [(row.stage, row.replies) for row in ledger.totals()] == [("annotate", 12)]
    ledger.close()


def test_a_batch_at_another_endpoint_is_left_alone(tmp_path: Path) -> None:
    with BatchServer() as first, BatchServer() as second:
        with pytest.raises(StoppedEarly):
            go(tmp_path, first, QUESTIONS[:2], is_detached=True)
        summary = go(tmp_path, second, QUESTIONS[:2])
        assert (first.reached["create"], second.reached["create"]) == (1, 1)
        assert any("batch_1" in note and "left alone" in note for note in summary["run"]["notes"])


def test_an_intent_that_never_became_a_batch_is_dropped_once_the_provider_says_so(tmp_path: Path) -> None:
    SqliteLedger(tmp_path / "ledger.sqlite").close()
    with BatchServer() as server:
        store = BatchStore(tmp_path / "ledger.sqlite")
        place = {"endpoint": "here", "base_url": server.base_url, "stage": "annotate", "model": "m"}
        store.intend(StoredBatch(intent="ab" * 16, created=2e9, keys={bytes(16)}, **place))
        store.close()
        server.status_401 = True
        with pytest.raises(AuthError):
            go(tmp_path, server, QUESTIONS)
        server.status_401 = False
        go(tmp_path, server, QUESTIONS)
        go(tmp_path, server, QUESTIONS)
        assert (server.reached["list"], len(server.batches)) == (3, 1)


def test_what_the_ledger_has_by_now_goes_into_no_batch(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"

    async def ask() -> Reply:
        async with Pool([endpoint], counters=counters) as pool:
            batches = BatchAsker(
                [endpoint],
                pool=pool,
                ledger=ledger,
                store=BatchStore(path),
                settings=BatchSettings(poll_s=0.01),
                counters=counters,
                account=Account(Budget(Spending()), counters, ledger),
            )
            async with batches as asker:
                await ledger.put(question.key("m"), question, Reply(text="bought before"))
                return await asker.complete(question)

    with BatchServer() as server:
        endpoint, counters = Endpoint(base_url=server.base_url, model="m"), Counters()
        question = Ask(stage="s", version=1, messages=(Message("user", "q"),))
        ledger = SqliteLedger(path)
        try:
            assert asyncio.run(ask()).text == "bought before"
        finally:
            ledger.close()
        assert not server.reached


class Formal:
    """Asks for JSON."""

    name, version = "formal", 1

    def run(self, record: Record) -> Steps:
        schema = {"type": "object"}
        reply = yield Ask(stage=self.name, version=1, messages=record.messages, response_schema=schema)
        return replace(record, messages=(*record.messages, Message("assistant", reply.text)))


def test_lines_ask_for_json_as_the_endpoint_understands_it(tmp_path: Path) -> None:
    with BatchServer() as server:
        go(tmp_path, server, QUESTIONS, stage=Formal(), lines=4)
        formats = [line["body"]["response_format"] for batch in server.batches.values() for line in batch.lines]
        assert formats == [{"type": "json_object"}] * 12
        assert server.canaries == 1


def test_a_format_that_only_the_batch_refuses_is_left_out_of_the_next(tmp_path: Path) -> None:
    def answer(text: str, before: int | None) -> Answer:
        return f"{{}} {text}" if before else Line(400, "response_format json_object is not supported", "invalid")

    with BatchServer(answer) as server:
        summary = go(tmp_path, server, QUESTIONS[:2], stage=Formal())
        assert "response_format" not in list(server.batches.values())[1].lines[0]["body"]
    assert summary["kept"] == 2


@pytest.mark.parametrize(
    "wrong",
    [{"lines": 0}, {"lines": 50_001}, {"poll_s": 0.0}, {"tries": 0}, {"most_bytes": 0}],
)
def test_settings_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, float]) -> None:
    with BatchServer() as server, pytest.raises(ConfigError):
        go(tmp_path, server, QUESTIONS, **wrong)
