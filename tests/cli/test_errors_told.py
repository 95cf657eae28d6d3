"""What a new user does wrong: a line that says what and where, one that says what to do, and the code of the README."""

from __future__ import annotations

import os
import socketserver
import threading
from pathlib import Path

import pytest
from command import Result, user, write_lines
from forked import blossom
from loopback import Loopback, LoopbackRequest, refused

pytestmark = pytest.mark.slow

ASKING = ("--base-url", "http://127.0.0.1:9/v1", "--model", "m")


def told(done: Result, code: int, *words: str) -> None:
    """One error, one hint."""
    lines = done.err.splitlines()
    assert done.code == code, done
    assert [line[:7] for line in lines[-2:]] == ["error: ", "  try: "], done
    assert sum(line.startswith("error: ") for line in lines) == 1, done
    for word in words:
        assert word in "\n".join(lines[-2:]), done


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("errors")
    write_lines(folder / "in.jsonl", (user(f"Question {number}?", id=f"q{number}") for number in range(30)))
    (folder / "file").write_text("x")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "fifo")
    (folder / "open.toml").write_text('name = "x"\nlist = [1,\nother = 2\n')
    (folder / "latin.toml").write_bytes('name = "Käse"'.encode("latin-1"))
    return folder


def test_a_chain_of_commands_says_that_its_input_is_empty(tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", [user("A question without an answer?")])
    assert blossom("judge", "in.jsonl", "-o", "empty", *ASKING, cwd=tmp_path).code == 3
    done = blossom("annotate", "empty", "-o", "out", *ASKING, cwd=tmp_path)
    assert (done.code, "the input holds no record" in done.err) == (0, True), done
    mixed = blossom("mix", "out=50%", "-o", "train", cwd=tmp_path)
    assert (mixed.code, "there is no record in out" in mixed.err) == (2, True), mixed


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("run open.toml", ("line 3", "other = 2")),
        ("plan latin.toml", ("UTF-8",)),
        ("mix open.toml", ("line 3",)),
        ("train plan open.toml", ("line 3",)),
        ("run folder", ("folder",)),
        ("sample in.jsonl -n 3 --strata lang -o out", ("--by diversity",)),
        ("train preview nowhere", ("cannot read nowhere",)),
        ("evaluate --suite mt-bench --from-judgements in.jsonl", ("no score", "question_id")),
        ("show in.jsonl --rejected all", ("nothing was rejected",)),
        ("run file/x.toml", ("file/x.toml",)),
        ("translate in.jsonl -o out --explain zzz --model m", ("zzz", "show in.jsonl")),
        ("verify-math in.jsonl -o out --resample 2", ("--base-url",)),
        ("mix in.jsonl --replay nowhere=20% -o out", ("nowhere",)),
        ("mix in.jsonl --replay in.jsonl=x -o out", ("AMOUNT",)),
        ("mix in.jsonl --lang zh -o out", ("--lang zh=0.5,en=0.5",)),
        ("mix in.jsonl --lang zh=0.2,en=0.2 -o out", ("sum to 0.4",)),
        ("mix in.jsonl --cap a=x -o out", ("whole number",)),
        ("gc --ledger nowhere --drop-damaged", ("nowhere",)),
        ("gc --ledger file", ("--older-than 90",)),
        ("gc folder --yes", ("--ledger FILE",)),
        ("pull gsm8k /dev/null -o out", ("standard input",)),
        ("pull gsm8k fifo -o out", ("standard input",)),
        ("pull gsm8k in.jsonl --split test -o out", ("--allow-eval",)),
        ("pull gsm8k in.jsonl --revision v1 -o out", ("local path",)),
        ("pull custom in.jsonl -o /dev/null", ("not a folder",)),
        ("annotate in.jsonl -o file/out --base-url http://127.0.0.1:9/v1 --model m", ("file",)),
        ("annotate folder/nowhere -o out --base-url http://127.0.0.1:9/v1 --model m", ("check the path",)),
        ("annotate in.jsonl -o out --base-url http://127.0.0.1:9/v1 --model m --ledger folder", ("a folder",)),
        ("annotate in.jsonl -o out --base-url http://127.0.0.1:9/v1 --model m --ledger file/l", ("file/l",)),
        ("show folder", ("folder",)),
        ("status folder", ("folder",)),
        ("translate in.jsonl -o out --max-token 5", ("--max-tokens",)),
        ("publish folder -o site --name x", ("folder",)),
        ("check-translations file -o folder/x/y", ("folder/x/y",)),
    ],
)
def test_an_error_is_one_line_and_one_hint(place: Path, command: str, words: tuple[str, ...]) -> None:
    told(blossom(*command.split(), cwd=place), 2, *words)


def test_a_path_with_a_line_break_stays_on_its_line(place: Path) -> None:
    told(blossom("pull", "gsm8k", "no\nsuch", "-o", "out", cwd=place), 2, r"no\nsuch")


def test_no_permission_is_told(place: Path) -> None:
    shut = place / "shut"
    shut.mkdir(mode=0o500)
    done = blossom("annotate", "in.jsonl", "-o", shut / "out", *ASKING, "--ledger", "l.sqlite", cwd=place)
    if os.geteuid():
        told(done, 2, "Permission denied", "ls -ld")


class Plain(socketserver.BaseRequestHandler):
    """An HTTP server that is spoken to in TLS."""

    def handle(self) -> None:
        self.request.recv(5)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def test_https_where_http_is_spoken_is_a_setting(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "in.jsonl", [user("Question?")])
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Plain) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        where = ("--base-url", f"https://127.0.0.1:{server.server_address[1]}/v1", "--model", "m")
        told(blossom("annotate", rows, "-o", "out", *where, cwd=tmp_path), 2, "speaks no TLS", "http://")
        found = blossom("doctor", *where, "--no-call", cwd=tmp_path)
        server.shutdown()
    assert (found.code, "speaks no TLS" in found.out) == (2, True)


def test_a_json_mode_that_is_refused_is_a_setting(tmp_path: Path) -> None:
    rows = write_lines(tmp_path / "in.jsonl", [user("Question?")])

    def respond(request: LoopbackRequest) -> object:
        return refused(400, "response_format is not supported") if "response_format" in request.body else "Hello"

    with Loopback(respond) as server:
        where = ("--base-url", server.base_url, "--model", "m")
        done = blossom("translate", rows, "-o", "out", *where, "--structured", "json_schema", cwd=tmp_path)
    told(done, 2, "structured", "auto")
