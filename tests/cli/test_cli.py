"""The command line as a user meets it: streams, exit codes, errors, resume, what a dry run says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import user, values, write_lines
from forked import blossom
from loopback import Fault, Loopback, LoopbackRequest, refused

KEY = "sk-CANARY-0123456789abcdef"


def flags(server: Loopback) -> list[str]:
    return ["--base-url", server.base_url, "--model", "m", "--max-in-flight", "4"]


def test_annotate_writes_a_data_set_and_the_same_command_again_pays_nothing(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "in.jsonl", (user(f"What is {n}?") for n in range(5)))
    with Loopback(respond=lambda request: f"It is {request.text}") as server:
        first = blossom("annotate", rows, "-o", "out", *flags(server), "--json", cwd=tmp_path)
        assert first.code == 0, first
        again = blossom("annotate", rows, "-o", "out", *flags(server), "--json", cwd=tmp_path)
        assert server.paid == 5
    assert (first.json["kept"], first.json["run"]["calls"], again.json["run"]["calls"]) == (5, 5, 0)
    assert first.json["shards"] == again.json["shards"]
    assert [row["messages"][1]["content"] for row in values(tmp_path / "out")] == [
        f"It is What is {n}?" for n in range(5)
    ]


def test_a_chat_is_answered_turn_by_turn_with_the_new_history(tmp_path: Path) -> None:
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "an old answer that must go"},
        {"role": "user", "content": "second"},
    ]
    rows = write_lines(tmp_path / "in.jsonl", [{"messages": turns}])

    def respond(request: LoopbackRequest) -> str:
        return "This answers: " + " + ".join(turn["content"] for turn in request.body["messages"][1:])

    with Loopback(respond=respond) as server:
        assert blossom("annotate", rows, "-o", "out", *flags(server), cwd=tmp_path).code == 0
        assert "Be brief." in server.requests[0].body["messages"][0]["content"]
    (row,) = values(tmp_path / "out")
    assert [turn["role"] for turn in row["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert row["messages"][4]["content"] == "This answers: first + This answers: first + second"
    assert "old answer" not in json.dumps(row)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("抱歉，我无法回答这个问题。", "refusal"),
        ("I am ChatGPT, a language model trained by OpenAI. Here is the answer.", "identity"),
        ("", "empty"),
        ("The answer repeats. " * 400, "loop"),
    ],
)
def test_a_bad_answer_is_sampled_again_and_never_kept(tmp_path: Path, bad: str, code: str) -> None:
    rows = write_lines(tmp_path / "in.jsonl", [user("What is good?"), user("What is always bad?")])

    def respond(request: LoopbackRequest) -> str:
        return bad if request.try_number == 0 or "always" in request.text else "A good answer."

    with Loopback(respond=respond) as server:
        done = blossom("annotate", rows, "-o", "out", *flags(server), "--json", cwd=tmp_path)
    assert done.code == 0, done
    assert done.json["rejected"] == {f"annotate/{code}": 1}
    assert [row["messages"][1]["content"] for row in values(tmp_path / "out")] == ["A good answer."]
    (reject,) = values(tmp_path / "out" / "rejects")
    assert reject["record"]["messages"][0]["content"] == "What is always bad?"
    assert len(reject["history"]) == 3


def test_a_poisonous_row_costs_one_call_and_says_why(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "in.jsonl", (user(f"question {n}") for n in range(20)))

    def respond(request: LoopbackRequest) -> str | Fault:
        return refused(400, "the prompt is too long") if request.text == "question 7" else "Fine."

    with Loopback(respond=respond) as server:
        done = blossom("annotate", rows, "-o", "out", *flags(server), "--json", cwd=tmp_path)
        assert sum(request.text == "question 7" for request in server.requests) == 1
    assert (done.code, done.json["kept"], done.json["failed"]) == (3, 19, {"annotate/refused_400": 1})
    (failure,) = values(tmp_path / "out" / "rejects")
    assert failure["failed"]
    assert "too long" in failure["reply"]


def test_hostile_lines_are_counted_with_their_place(tmp_path: Path) -> None:
    good = json.dumps(user("fine")).encode()
    lines = [good, b'{"messages": NaN}', b"\xff\xfe", b'{"messages": "x"}', b"[" * 100_000, b'{"a":1,"a":2}']
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    with Loopback() as server:
        strict = blossom("annotate", "in.jsonl", "-o", "out", *flags(server), cwd=tmp_path)
        assert strict.code == 2
        assert "in.jsonl:2: bad_json" in strict.err
        assert "5 of 6 rows" in strict.err
        lenient = blossom(
            "annotate", "in.jsonl", "-o", "out", *flags(server), "--max-bad", "100%", "--json", cwd=tmp_path
        )
        assert server.paid == 1
    assert lenient.code == 0
    assert (lenient.json["read"], lenient.json["kept"]) == (6, 1)
    rejects = values(tmp_path / "out" / "rejects")
    assert [(row["line"], row["code"]) for row in rejects] == [
        (2, "bad_json"),
        (3, "bad_utf8"),
        (4, "wrong_type"),
        (5, "too_deep"),
        (6, "duplicate_key"),
    ]


def test_a_dry_run_calls_nothing_and_knows_the_ledger(tmp_path: Path) -> None:
    few = write_lines(tmp_path / "few.jsonl", (user(f"What is {n}?") for n in range(3)))
    many = write_lines(tmp_path / "many.jsonl", (user(f"What is {n}?") for n in range(10)))
    with Loopback() as server:
        blossom("annotate", few, "-o", "few", *flags(server), cwd=tmp_path)
        plan = blossom("annotate", many, "-o", "many", *flags(server), "--dry-run", "--json", cwd=tmp_path)
        priced = ["--price-in", "1", "--price-out", "2"]
        told = blossom("annotate", many, "-o", "many", *flags(server), "--dry-run", *priced, cwd=tmp_path)
        assert server.paid == 3
    assert (plan.json["records"], plan.json["finished"], plan.json["calls"]) == (10, 3, 7)
    assert plan.json["cost_usd"] is None
    assert plan.json["tokens_in"] > 0
    assert "$0.0" in told.out
    assert not (tmp_path / "many").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (
            ["translate", "missing.jsonl", "-o", "out", "--base-url", "http://127.0.0.1:9/v1", "--model", "m"],
            "missing.jsonl",
        ),
        (["annotate", "in.jsonl", "-o", "out"], "no endpoint is named"),
        (["annotate", "in.jsonl", "-o", "out", "--base-url", "ftp://x", "--model", "m"], "ftp://x"),
        (["annotate", "in.jsonl", "-o", "out", "--base-url", "http://127.0.0.1:9/v1"], "no model"),
        (["annotate", "in.jsonl", "-o", "out", "--max-inflight", "3"], "--max-in-flight"),
        (
            ["annotate", "in.jsonl", "-o", "out", "--model", "m", "--ledger", ".", "--serve", "sleep {port}", "-q"],
            "is a folder",
        ),
        (["anotate"], "annotate"),
        (["pull", "gsm9k", "in.jsonl", "-o", "out"], "gsm9k"),
        (["pull", "gsm8k", "in.jsonl", "-o", "out"], "messages"),
        (["run", "nowhere.toml"], "nowhere.toml"),
        (["show", "in.jsonl", "--id", "zzz"], "no record"),
        (["verify-math", "in.jsonl", "-o", "in.jsonl"], "in.jsonl"),
    ],
)
def test_a_mistake_gets_one_clear_line_and_exit_2(tmp_path: Path, arguments: list[str], told: str) -> None:
    write_lines(tmp_path / "in.jsonl", [user("a question")])
    done = blossom(*arguments, cwd=tmp_path)
    assert done.code == 2, done
    assert done.err.startswith("error: ")
    assert told in done.err
    assert "Traceback" not in done.err
    assert done.out == ""
    as_json = blossom(*arguments, "--json", cwd=tmp_path)
    assert as_json.json["error"]["exit_code"] == 2
    assert (tmp_path / "in.jsonl").read_text()


def test_debug_shows_the_traceback_and_changes_no_exit_code(tmp_path: Path) -> None:
    done = blossom("run", "nowhere.toml", "--debug", "--json", cwd=tmp_path)
    assert (done.code, done.json["error"]["exit_code"]) == (2, 2)
    assert "Traceback" in done.err
    assert "ConfigError: " in done.err


def test_a_dead_endpoint_is_exit_4_and_can_be_resumed(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "in.jsonl", [user("a question")])
    with Loopback() as server:
        pass
    done = blossom("annotate", rows, "-o", "out", *flags(server), cwd=tmp_path)
    assert done.code == 4, done
    assert "error: " in done.err
    assert "same command again" in done.err


def test_the_key_is_nowhere(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "in.jsonl", (user(f"question {n}") for n in range(4)))

    def respond(request: LoopbackRequest) -> str | Fault:
        assert request.headers["authorization"] == f"Bearer {KEY}"
        status = {"question 0": 400, "question 1": 422}.get(request.text)
        return refused(status, f"your key is {KEY}") if status else "Fine."

    with Loopback(respond=respond) as server:
        done = blossom(
            "annotate", rows, "-o", "out", *flags(server), "--debug", cwd=tmp_path, env={"OPENAI_API_KEY": KEY}
        )
        refusing = Loopback(respond=lambda _: refused(401, f"bad key {KEY}"))
        with refusing:
            arguments = ["annotate", rows, "-o", "other", *flags(refusing), "--ledger", "other.sqlite"]
            wrong = blossom(*arguments, cwd=tmp_path, env={"OPENAI_API_KEY": KEY})
            assert len(refusing.requests) == 1
    assert (done.code, wrong.code) == (3, 2)
    assert "OPENAI_API_KEY" in wrong.err
    everything = [done.out, done.err, wrong.out, wrong.err]
    everything += [file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()]
    everything += [json.dumps(row) for row in values(tmp_path / "out" / "rejects")]
    assert not [text for text in everything if KEY in text]


def test_show_pages_records_rejects_and_hides_control_characters(tmp_path: Path) -> None:
    hostile = "clear \x1b[2J me \x1b]52;c;aGk=\x07 and \u202e turn"
    rows = write_lines(
        tmp_path / "in.jsonl", [user(hostile, id="a1"), user("plain", id="b2"), user("always bad", id="c3")]
    )
    with Loopback(respond=lambda request: "" if "bad" in request.text else "Fine.") as server:
        blossom("annotate", rows, "-o", "out", *flags(server), cwd=tmp_path)
    shown = blossom("show", "out", cwd=tmp_path)
    assert "plain" in shown.out
    assert not {"\x1b", "\x07", "\u202e"} & set(shown.out)
    one = blossom("show", "out", "--id", "b2", "--original", "in.jsonl", cwd=tmp_path)
    assert "plain" in one.out
    assert "clear" not in one.out
    rejected = blossom("show", "out", "--rejected", "empty", cwd=tmp_path)
    assert "annotate/empty" in rejected.out
    assert "always bad" in rejected.out
    drawn = [
        blossom("show", "out", "--sample", "1", "--seed", str(seed), "--json", cwd=tmp_path).json for seed in (1, 1)
    ]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]["records"]) == 1


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user"}]},
        {"messages": "text", "tags": [1]},
        {"messages": [None]},
        {"conversations": [{"from": "human", "value": "shown as it is"}]},
        {"messages": [{"role": "user", "content": "shown as it is"}], "lineage": [{}]},
    ],
)
def test_show_gives_a_row_that_is_no_record_as_it_is(tmp_path: Path, row: dict[str, Any]) -> None:
    write_lines(tmp_path / "odd.jsonl", [{"id": "a", **row}])
    write_lines(tmp_path / "in.jsonl", [user("a question", id="a")])
    shown = blossom("show", "odd.jsonl", cwd=tmp_path)
    assert shown.code == 0, shown
    assert "no record: " in shown.out
    assert json.loads(shown.out[shown.out.index("{") :]) == {"id": "a", **row}
    assert blossom("show", "in.jsonl", "--original", "odd.jsonl", cwd=tmp_path).code == 0


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
@pytest.mark.parametrize("command", [["verify-math", "in.jsonl", "-o", "out"], ["show", "in.jsonl"]])
def test_an_input_that_cannot_be_read_is_exit_2(tmp_path: Path, command: list[str]) -> None:
    (tmp_path / "in.jsonl").symlink_to("/proc/self/mem")
    done = blossom(*command, cwd=tmp_path)
    assert (done.code, "cannot read in.jsonl" in done.err) == (2, True), done


def test_standard_input_and_a_closed_pipe(tmp_path: Path) -> None:
    lines = "".join(json.dumps(user(f"q{n}")) + "\n" for n in range(3)).encode()
    with Loopback() as server:
        done = blossom("annotate", "-", "-o", "out", *flags(server), "--json", cwd=tmp_path, stdin=lines)
    assert done.json["kept"] == 3


def test_the_flag_that_the_deepspeed_launcher_puts_first_is_accepted(tmp_path: Path) -> None:
    done = blossom("--local_rank=1", "train", "--help", cwd=tmp_path)
    assert (done.code, "train" in done.out) == (0, True)


def test_exact_copies_of_rows_are_left_out_and_are_no_fault(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", (user(f"q{number % 10}") for number in range(20)))
    with Loopback() as server:
        done = blossom("annotate", "in.jsonl", "-o", "out", *flags(server), "--json", cwd=tmp_path)
        assert (done.code, done.json["kept"], done.json["rejected"], server.paid) == (0, 10, {"read/duplicate": 10}, 10)


def test_a_run_that_keeps_nothing_is_no_success(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", [user("q")])
    with Loopback(respond=lambda request: "") as server:
        done = blossom("annotate", "in.jsonl", "-o", "out", *flags(server), cwd=tmp_path)
    assert (done.code, "not one record was kept" in done.err) == (3, True), done


@pytest.mark.parametrize("name", ["part-00000-abcd.snappy.parquet", "README.md", "rejects/mine.txt"])
def test_a_folder_of_another_program_is_left_alone(tmp_path: Path, name: str) -> None:
    write_lines(tmp_path / "in.jsonl", [user("q")])
    theirs = tmp_path / "out" / name
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    with Loopback() as server:
        done = blossom("annotate", "in.jsonl", "-o", "out", *flags(server), cwd=tmp_path)
    assert (done.code, theirs.read_text()) == (2, "theirs"), done
