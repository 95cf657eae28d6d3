"""A ledger in PostgreSQL, through the commands that use one: shared by folders, safe from kills of either side."""

from __future__ import annotations

import hashlib
import random
import signal
import time
from pathlib import Path

from command import user, values, write_lines
from forked import Child, Result, blossom, clean_environment, start
from loopback import Loopback
from postgres_server import PostgresServer

IN_FLIGHT = 16


def rows_in(folder: Path, count: int) -> Path:
    folder.mkdir(exist_ok=True)
    return write_lines(folder / "in.jsonl", (user(f"What is item {number}?") for number in range(count)))


def command(server: Loopback, ledger: str, *further: object, out: str = "out") -> tuple[object, ...]:
    asked = ("annotate", "in.jsonl", "-o", out, "--base-url", server.base_url, "--model", "m")
    return (*asked, "--ledger", ledger, "--max-in-flight", IN_FLIGHT, "--shard-records", 50, *further)


def in_background(folder: Path, tmp_path: Path, *arguments: object) -> Child:
    return start(*arguments, cwd=folder, env={**clean_environment(), "XDG_STATE_HOME": str(tmp_path / "state")})


def shards(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.jsonl*"))}


def wait_for(condition: object, seconds: float = 300.0) -> None:
    until_s = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < until_s
        time.sleep(0.02)


def run(folder: Path, tmp_path: Path, *arguments: object, **env: str) -> Result:
    return blossom(*arguments, cwd=folder, env={"XDG_STATE_HOME": str(tmp_path / "state"), **env})


def test_what_one_folder_bought_no_other_buys_again_and_no_password_is_shown(tmp_path: Path, database: str) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    rows_in(one, 120), rows_in(other, 130)
    secret = database.replace("blossom@", "blossom:pa%40ss-w0rd@")
    with Loopback() as server:
        done = run(one, tmp_path, *command(server, secret))
        assert (done.code, server.paid) == (0, 120), done.err
        assert run(one, tmp_path, *command(server, secret, "--replace")).code == 0
        assert run(other, tmp_path, *command(server, secret)).code == 0
        assert (server.paid, server.bought_twice) == (130, 0)
        planned = run(other, tmp_path, *command(server, secret, "--dry-run", "--json", out="fresh"))
        assert planned.code == 0, planned.err
        assert (planned.json["calls"], planned.json["in_ledger"]) == (0, 130)
    for text in [
        done.out + done.err,
        planned.out + planned.err,
        *(p.read_text("utf-8", "replace") for p in tmp_path.rglob("*") if p.is_file()),
    ]:
        assert "w0rd" not in text
    assert values(other / "out")[:120] == values(one / "out")


def test_two_runs_of_one_output_exclude_each_other_and_two_outputs_do_not(tmp_path: Path, database: str) -> None:
    rows_in(tmp_path, 60)
    with Loopback() as server:
        server.holds = lambda request: request.body["model"] == "m"
        first = in_background(tmp_path, tmp_path, *command(server, database))
        wait_for(lambda: server.requests)
        same = run(tmp_path, tmp_path, *command(server, database))
        assert same.code == 5
        assert f"pid {first.pid}" in same.err
        assert run(tmp_path, tmp_path, *command(server, database, "--model", "n", out="second")).code == 0
        assert first.poll() is None
        server.holds = lambda request: False
        first.communicate(300)
        assert first.returncode == 0


def test_runs_that_are_killed_buy_nothing_again(tmp_path: Path, database: str) -> None:
    rows_in(tmp_path, 900)
    drawn = random.Random(7)
    with Loopback(latency_s=lambda request: 0.02) as server:
        for _ in range(6):
            enough = server.paid + drawn.randrange(5, 90)
            # However late the kill comes, the run does not get through meanwhile.
            server.holds = lambda request, enough=enough: server.paid > enough + IN_FLIGHT
            child = in_background(tmp_path, tmp_path, *command(server, database))
            wait_for(lambda enough=enough: server.paid > enough)
            child.send_signal(signal.SIGKILL)
            child.communicate(300)
        server.holds = lambda request: False
        assert run(tmp_path, tmp_path, *command(server, database)).code == 0
        assert server.bought_twice <= 6 * IN_FLIGHT
        assert server.paid <= 900 + 6 * IN_FLIGHT
        assert run(tmp_path, tmp_path, *command(server, database, out="unkilled")).code == 0
        assert server.paid <= 900 + 6 * IN_FLIGHT
    assert shards(tmp_path / "out") == shards(tmp_path / "unkilled")


def test_a_server_that_dies_and_comes_back_is_a_pause(tmp_path: Path, postgres: PostgresServer) -> None:
    rows_in(tmp_path, 300)
    with PostgresServer() as mortal, Loopback(latency_s=0.05) as server:
        server.holds = lambda request: server.paid > 60
        child = in_background(tmp_path, tmp_path, *command(server, mortal.url))
        wait_for(lambda: server.paid > 60)
        mortal.kill()
        server.holds = lambda request: False
        # Without a ledger that takes them no further replies are asked for than are under way.
        wait_for(lambda: server.paid > 60 + IN_FLIGHT // 2 and not server.in_flight)
        time.sleep(1.0)
        mortal.start()
        out, err = child.communicate(300)
        assert child.returncode == 0, err
        assert "was away" in out + err
        assert server.bought_twice == 0
        assert mortal.sql("SELECT sum(replies)::int FROM blossom_data.totals") == [(300,)]


def test_what_could_not_be_stored_at_the_end_is_stored_by_the_next_run(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    rows_in(tmp_path, 200)
    with PostgresServer() as mortal, Loopback(latency_s=0.05) as server:
        server.holds = lambda request: server.paid > 40
        child = in_background(tmp_path, tmp_path, *command(server, mortal.url))
        wait_for(lambda: server.paid > 40)
        mortal.kill()
        server.holds = lambda request: False
        wait_for(lambda: server.paid > 40 + IN_FLIGHT // 2 and not server.in_flight)
        child.send_signal(signal.SIGKILL)
        child.communicate(300)
        mortal.start()
        assert run(tmp_path, tmp_path, *command(server, mortal.url)).code == 0
        assert server.bought_twice <= IN_FLIGHT


def test_the_pipeline_names_the_database_and_the_environment_does(tmp_path: Path, database: str) -> None:
    write_lines(tmp_path / "rows.jsonl", ({"question": f"{n} + 1?", "answer": f"#### {n + 1}"} for n in range(8)))
    source = '[[source]]\nkind = "gsm8k"\npath = "rows.jsonl"\nstages = ["annotate"]\n'
    text = f'out = "out"\n{{}}[endpoint]\nstructured = "off"\n{source}'
    (tmp_path / "named.toml").write_text(text.format(f'ledger = {{url = "{database}"}}\n'))
    (tmp_path / "plain.toml").write_text(text.format(""))
    (tmp_path / "wrong.toml").write_text(text.format('ledger = {url = "ledger.sqlite"}\n'))
    with Loopback() as server:
        at = ("--base-url", server.base_url, "--model", "m")
        assert run(tmp_path, tmp_path, "run", "named.toml", *at).code == 0
        again = run(tmp_path, tmp_path, "run", "plain.toml", "-o", "other", *at, BLOSSOM_LEDGER=database)
        assert (again.code, server.paid) == (0, 8), again.err
        wrong = run(tmp_path, tmp_path, "run", "wrong.toml", *at)
    assert (wrong.code, "wrong.toml line 2" in wrong.err, "postgresql://" in wrong.err) == (2, True, True), wrong.err
    state = run(tmp_path, tmp_path, "status", "named.toml", "--json").json
    assert state["ledger"]["replies"] == 8
    assert state["ledger_in_use"] is None
    assert not list(tmp_path.rglob("*.sqlite"))


def test_old_replies_and_damaged_ones_leave_it(tmp_path: Path, database: str, postgres: PostgresServer) -> None:
    rows_in(tmp_path, 20)
    with Loopback() as server:
        assert run(tmp_path, tmp_path, *command(server, database)).code == 0
        postgres.sql("UPDATE blossom_data.replies SET created = created - 864000", url=database)
        postgres.sql(
            "UPDATE blossom_data.replies SET body = 'torn' WHERE key IN (SELECT key FROM blossom_data.replies LIMIT 3)",
            url=database,
        )
        found = run(tmp_path, tmp_path, "gc", "--ledger", database, "--drop-damaged", "--dry-run", "--json").json
        assert (found["checked"], len(found["keys"])) == (20, 3)
        broken = run(tmp_path, tmp_path, *command(server, database, out="again"))
        assert broken.code == 1
        assert "--drop-damaged" in broken.err
        assert run(tmp_path, tmp_path, "gc", "--ledger", database, "--drop-damaged").code == 0
        assert run(tmp_path, tmp_path, *command(server, database, out="again")).code == 0
        assert server.paid == 23
        kept = run(
            tmp_path, tmp_path, "gc", "out", "--ledger", database, "--older-than", 5, "--exact", "--yes", "--json"
        )
        assert (kept.json["old"], kept.json["deleted"], kept.json["kept_named"]) == (17, 0, 17), kept.err
        write_lines(tmp_path / "few.jsonl", (user(f"What is item {number}?") for number in range(5)))
        asked = command(server, database, out="few")
        assert run(tmp_path, tmp_path, asked[0], "few.jsonl", *asked[2:]).code == 0
        went = run(
            tmp_path, tmp_path, "gc", "few", "--ledger", database, "--older-than", 5, "--exact", "--yes", "--json"
        )
        assert went.json["deleted"] > 0
        assert run(tmp_path, tmp_path, asked[0], "few.jsonl", *asked[2:], "--replace").code == 0
        assert server.paid == 23


def test_a_database_that_refuses_is_one_line(tmp_path: Path, database: str, postgres: PostgresServer) -> None:
    rows_in(tmp_path, 3)
    with Loopback() as server:
        for url, told in (
            (database + "_missing", "does not exist"),
            (
                f"postgresql://blossom:s3cret-pw@127.0.0.1:{postgres.port + 1 if postgres.port < 65000 else 1}/paid",
                "cannot be reached",
            ),
            (database + "?nonsense=1", "nonsense"),
        ):
            done = run(tmp_path, tmp_path, *command(server, url))
            assert done.code == 1, done.err
            assert told in done.err and "Traceback" not in done.err and "s3cret" not in done.err
        sound = run(tmp_path, tmp_path, "doctor", "--no-call", BLOSSOM_LEDGER=database)
        assert "holds no ledger yet" in sound.out
        batched = run(tmp_path, tmp_path, *command(server, database, "--batch"))
        assert (batched.code, "ledger file" in batched.err) == (2, True), batched.err
        assert run(tmp_path, tmp_path, *command(server, database)).code == 0
        postgres.sql("INSERT INTO blossom_data.migrations(number) VALUES (99)", url=database)
        newer = run(tmp_path, tmp_path, *command(server, database, out="newer"))
        assert (newer.code, "version 99" in newer.err) == (1, True)


def test_an_output_whose_ledger_was_a_database_says_so_before_it_buys_with_a_file(
    tmp_path: Path, database: str
) -> None:
    rows_in(tmp_path, 4)
    with Loopback() as server:
        assert run(tmp_path, tmp_path, *command(server, database)).code == 0
        write_lines(tmp_path / "in.jsonl", (user(f"What is thing {number}?") for number in range(4)))
        other = run(tmp_path, tmp_path, *command(server, "new.sqlite", "--replace"))
    assert other.code == 0
    assert "was made with the ledger postgresql://" in other.err
