"""`view` tells how a record was made out of a ledger in PostgreSQL, too."""

from __future__ import annotations

from pathlib import Path

from loopback import Loopback, LoopbackRequest
from postgres_server import PostgresServer
from test_ledger_in_postgres import command, rows_in, run
from view_server import ViewServer


def test_attempts_are_shown_out_of_the_database(tmp_path: Path, database: str, postgres: PostgresServer) -> None:
    def respond(request: LoopbackRequest) -> str:
        return "It is four." if request.try_number else "As an AI language model, I cannot add."

    rows_in(tmp_path, 1)
    with Loopback(respond) as model:
        done = run(tmp_path, tmp_path, *command(model, database))
        assert done.code == 0, done.err
    failed = (
        "INSERT INTO blossom_data.failures SELECT 0, key, stage, 503, 'status', 'try later' FROM blossom_data.replies"
    )
    postgres.sql(failed, url=database)
    secret = database.replace("blossom@", "blossom:s3cret-pw@")
    with ViewServer("out", cwd=tmp_path, env={"BLOSSOM_LEDGER": secret}) as server:
        page = server.page("/s/0/r/0")
    assert page.count('class="attempt"') == 2
    assert page.count('class="badge good"') == 1
    assert "As an AI language model" in page
    assert page.count("status 503: try later") == 2
    assert "s3cret" not in page
    with ViewServer("out", "--ledger", secret, cwd=tmp_path) as server:
        assert server.page("/s/0/r/0") == page
        name = database.rpartition("/")[2]
        postgres.sql(f"ALTER DATABASE {name} RENAME TO {name}_away")
        page = server.page("/s/0/r/0")
        postgres.sql(f"ALTER DATABASE {name}_away RENAME TO {name}")
    assert "does not exist" in page
    assert "s3cret" not in page
    assert "What is item 0?" in page


def test_a_database_that_is_not_there_is_told_at_once(tmp_path: Path, database: str) -> None:
    rows_in(tmp_path, 1)
    missing = database.replace("blossom@", "blossom:s3cret-pw@") + "_missing"
    done = run(tmp_path, tmp_path, "view", "in.jsonl", "--ledger", missing, "--no-open")
    assert (done.code, "does not exist" in done.err, "s3cret" in done.err) == (1, True, False), done.err
    done = run(tmp_path, tmp_path, "view", "in.jsonl", "--ledger", "none.sqlite", "--no-open")
    assert (done.code, "none.sqlite" in done.err) == (2, True), done.err


def test_the_report_tells_times_out_of_the_database(tmp_path: Path, database: str, postgres: PostgresServer) -> None:
    rows_in(tmp_path, 6)
    with Loopback() as model:
        assert run(tmp_path, tmp_path, *command(model, database)).code == 0
    secret = database.replace("blossom@", "blossom:s3cret-pw@")
    # A database is never asked because a manifest names it.
    for further, is_told in (((), False), (("--ledger", secret), True)):
        done = run(tmp_path, tmp_path, "report", "out", "-o", "page.html", *further)
        page = (tmp_path / "page.html").read_text()
        assert (done.code, "How long answers took" in page, "s3cret" in page + done.err) == (0, is_told, False), (
            done.err
        )
    assert run(tmp_path, tmp_path, "report", "out", "-o", "page.html", BLOSSOM_LEDGER=secret).code == 0
    assert "How long answers took" in (tmp_path / "page.html").read_text()
    # One that an earlier version made gets the table with the next run.
    newest = "number = (SELECT max(number) FROM blossom_data.migrations)"
    older = f"DROP TABLE blossom_data.calls; DELETE FROM blossom_data.migrations WHERE {newest}"
    postgres.sql(older, url=database)
    assert run(tmp_path, tmp_path, "report", "out", "-o", "page.html", BLOSSOM_LEDGER=secret).code == 0
    assert "How long answers took" not in (tmp_path / "page.html").read_text()
    rows_in(tmp_path, 7)
    with Loopback() as model:
        again = run(tmp_path, tmp_path, *command(model, database, "--replace"))
        assert (again.code, model.paid) == (0, 1), again.err
    assert run(tmp_path, tmp_path, "report", "out", "-o", "page.html", BLOSSOM_LEDGER=secret).code == 0
    assert "How long answers took" in (tmp_path / "page.html").read_text()
