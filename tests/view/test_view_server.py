"""The pages, asked as a browser asks them: what they show, what they refuse, and what they write."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import blossom, values
from hostile_texts import TEXTS
from view_server import ViewServer, rejected, talk, write_set

from blossom_data.report.card import reviewed_rows

SCRIPT = "<script>alert(1)</script>"


def sets(folder: Path) -> None:
    kept = [talk(number, lang="zh" if number % 2 else "en", tags=["judge:7"]) for number in range(120)]
    kept.append(
        talk(
            120,
            source=SCRIPT,
            tags=[SCRIPT],
            tools='[{"type":"function","function":{"name":"add","parameters":{}}}]',
            messages=[
                {"role": "system", "content": "Be kind."},
                {"role": "user", "content": f"Run `ls -l` on {{{{host}}}}. {SCRIPT}"},
                {
                    "role": "assistant",
                    "content": "",
                    "reasoning_content": "a hidden thought",
                    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": "{}"}}],
                },
                {"role": "tool", "content": "3", "tool_call_id": "c1"},
                {"role": "assistant", "content": "\u202eDone\x1b[31m.", "train": False},
            ],
        )
    )
    write_set(folder / "set", kept, [rejected(talk(200), "translate", "speech_act", reply=SCRIPT)])
    changed = [row if number != 3 else talk(3, lang="zh", answer="It is SIX.") for number, row in enumerate(kept)]
    write_set(folder / "other", [*changed[1:], talk(500)])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ViewServer]:
    folder = tmp_path_factory.mktemp("view")
    sets(folder)
    with ViewServer("set", "other", cwd=folder) as started:
        yield started


def rows_of(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'class="row" href="/s/\d+/r/(\d+)', page)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, list(range(50))),
        ({"at": "61"}, list(range(60, 110))),
        ({"at": "1,000"}, []),
        ({"at": "nonsense"}, list(range(50))),
        ({"lang": "zh", "at": "100"}, [*range(99, 120, 2)]),
        ({"lang": ["zh", "en"], "kind": "rejected"}, [121]),
        ({"kind": "rejected"}, [121]),
        ({"code": "translate/speech_act"}, [121]),
        ({"code": "-", "source": SCRIPT}, [120]),
        ({"score": "7", "lang": "en", "source": "sums", "at": "118"}, [118]),
        ({"q": "119 plus"}, []),
        ({"q": "118 PLUS"}, []),
        ({"q": "118 plus"}, [118]),
        ({"q": "等于", "at": "115"}, [115, 117, 119]),
        ({"q": "a hidden thought"}, [120]),
        ({"nobody": "knows", "lang": ""}, list(range(50))),
    ],
)
def test_rows_are_those_of_the_address(server: ViewServer, query: dict[str, str], expected: list[int]) -> None:
    assert rows_of(server.page("/s/0", **query)) == expected


def test_paging_leads_to_every_row_and_back(server: ViewServer) -> None:
    address, seen = "/s/0?lang=en", []
    while address:
        page = server.page(address)
        seen += rows_of(page)
        found = re.search(r'rel="next"[^>]*href="([^"]+)"', page)
        address = found[1].replace("&amp;", "&") if found else ""
    assert seen == [*range(0, 120, 2), 120, 121]
    page = server.page("/s/0?at=61")
    back = re.search(r'rel="prev" href="([^"]+)"', page)
    assert back is not None
    assert rows_of(server.page(back[1].replace("&amp;", "&")))[0] == 10


def test_a_record_shows_all_that_it_holds_and_nothing_of_it_is_markup(server: ViewServer) -> None:
    page = server.page("/s/0/r/120")
    assert '<mark class="mask"' in page
    for told in ("Be kind.", "a hidden thought", "calls a tool", "not learnt", "c1", "\\u202eDone\\u001b[31m."):
        assert told in page
    assert SCRIPT not in page
    assert page.count("&lt;script&gt;") >= 3
    assert SCRIPT not in server.page("/s/0/r/121")
    assert "translate/speech_act" in server.page("/s/0/r/121")
    assert "Answers the text" in server.page("/s/0/r/121") or "answers the text" in server.page("/s/0/r/121")


def test_two_sets_are_compared(server: ViewServer) -> None:
    page = server.page("/compare")
    counts = re.findall(r'show=(\w+)"[^>]*>[^<]*<span class="count">([\d,]+)', page)
    assert dict(counts) == {"changed": "1", "added": "1", "removed": "1", "same": "119"}
    found = re.search(r'href="(/compare/\d+/\d+\?[^"]+)"', page)
    assert found is not None
    record = server.page(found[1].replace("&amp;", "&"))
    assert "<del>6</del>" in record
    assert "<ins>SIX</ins>" in record
    assert f"{500:032x}" in server.page("/compare?show=added")


def test_nobody_else_is_let_in(server: ViewServer) -> None:
    cookie = {"Cookie": server.cookie}
    assert server.ask("GET", "/s/0", headers={})[0] == 403
    assert server.ask("GET", "/static/view.css", headers={})[0] == 403
    assert server.ask("GET", "/?token=wrong", headers={})[0] == 403
    assert server.ask("GET", "/s/0?token=wrong", headers=cookie)[0] == 403
    assert server.ask("GET", "/s/0", headers={"Cookie": server.cookie[:-1]})[0] == 403
    for host in ("evil.example", "127.0.0.1", "evil.example:" + server.host.partition(":")[2], ""):
        assert server.ask("GET", "/s/0", headers={**cookie, "Host": host})[0] == 403
        assert server.ask("GET", f"/?token={server.token}", headers={"Host": host})[0] == 403
    assert (
        server.ask("GET", "/s/0", headers={**cookie, "Host": server.host.replace("127.0.0.1", "localhost")})[0] == 200
    )


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_no_other_page_can_mark_a_record(server: ViewServer, headers: dict[str, str]) -> None:
    sent = {"Cookie": server.cookie, **headers}
    if "Sec-Fetch-Site" in headers:
        sent["Origin"] = server.base
    assert server.ask("POST", "/s/0/r/0/mark", headers=sent, body="mark=drop")[0] == 403
    assert server.ask("POST", f"/s/0/r/0/mark?token={server.token}", headers=headers, body="mark=drop")[0] == 403


def test_every_answer_forbids_what_is_not_the_pages_own(server: ViewServer) -> None:
    for address in ("/s/0", "/s/0/r/0", "/static/view.js", "/nowhere", "/?token=wrong"):
        _, headers, _ = server.ask("GET", address)
        policy = str(headers["Content-Security-Policy"])
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


def test_files_are_attachments_and_no_path_leads_out(server: ViewServer) -> None:
    status, headers, text = server.ask("GET", "/s/0/r/120/file")
    assert status == 200
    assert str(headers["Content-Disposition"]).startswith("attachment;")
    assert headers["Content-Type"] == "application/octet-stream"
    assert json.loads(text)["source"] == SCRIPT
    for name in ("../view.css", "..%2fhtml.py", "%2e%2e/%2e%2e/errors.py", "htmx.LICENSE", "nothing.js"):
        assert server.ask("GET", f"/static/{name}")[0] == 404


@pytest.mark.parametrize(
    "address",
    ["/s/9", "/s/0/r/9999", "/s/-1", "/s/0/r/x", "/nowhere", "/compare/0/1?a=0&b=0", "/compare/99999/0", "/chat"],
)
def test_what_is_not_there_is_said(server: ViewServer, address: str) -> None:
    status, _, text = server.ask("GET", address)
    assert status == 404
    assert "<h1>404</h1>" in text


def hash_of(page: str) -> str:
    found = re.search(r'name="messages" value="(\w+)"', page)
    assert found is not None
    return found[1]


def test_marks_are_written_beside_the_set_and_honoured(tmp_path: Path) -> None:
    sets(tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()}
    with ViewServer("set", cwd=tmp_path) as server:

        def mark(row: int, **form: object) -> int:
            known = hash_of(server.page(f"/s/0/r/{row}"))
            return server.post(f"/s/0/r/{row}/mark", {"messages": known, **form})

        assert mark(0, mark="keep") == 303
        assert mark(1, mark="drop", note=f"wrong {SCRIPT}") == 303
        assert mark(2, mark="fix", text=["What is\r\n2 + 2?", "Four."], note="shorter") == 303
        assert mark(4, mark="drop") == 303
        assert mark(4, mark="none") == 303
        assert mark(5, mark="fix", text=["one turn"]) == 400
        assert mark(5, mark="burn") == 400
        assert server.post("/s/0/r/5/mark", {"messages": "0" * 32, "mark": "drop"}) == 409
        assert server.post("/s/0/r/121/mark", {"messages": "", "mark": "drop"}) == 400
        assert rows_of(server.page("/s/0", mark=["drop", "fix"])) == [1, 2]
        assert "shorter" in server.page("/s/0/marks")
        assert SCRIPT not in server.page("/s/0/marks")
        _, headers, text = server.ask("GET", "/s/0/marks/file")
        assert str(headers["Content-Disposition"]).startswith("attachment;")
        assert text == (tmp_path / "set.review.jsonl").read_text()
    assert {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()} == before
    done = blossom("mix", "set", "-o", "train", "--json", cwd=tmp_path)
    assert done.code == 0, done
    mixed = {row["id"]: row["messages"] for row in values(tmp_path / "train")}
    assert f"{1:032x}" not in mixed
    assert [turn["content"] for turn in mixed[f"{2:032x}"]] == ["What is\n2 + 2?", "Four."]
    assert f"{4:032x}" in mixed
    manifest = json.loads((tmp_path / "train/manifest.json").read_text())
    assert manifest["reviewed"] == {"keep": 1, "drop": 1, "fix": 1}
    assert manifest["rejected"]["mix/marked_drop"] == 1
    card = (tmp_path / "train/README.md").read_text()
    assert all(f"| {told} | {number} |" in card for told, number in reviewed_rows(manifest))


def test_a_mark_whose_record_has_changed_is_stale(tmp_path: Path) -> None:
    folder = write_set(tmp_path / "set", [talk(1), talk(2)])
    with ViewServer("set", cwd=tmp_path) as server:
        for row in (0, 1):
            known = hash_of(server.page(f"/s/0/r/{row}"))
            assert server.post(f"/s/0/r/{row}/mark", {"messages": known, "mark": "drop"}) == 303
    write_set(folder, [talk(1, answer="Something else."), talk(3)])
    with ViewServer("set", cwd=tmp_path) as server:
        assert rows_of(server.page("/s/0", mark="stale")) == [0]
        assert rows_of(server.page("/s/0", mark="drop")) == []
        assert "no such record any more" in server.page("/s/0/marks")
        assert "has changed since it was marked" in server.page("/s/0/r/0")
    done = blossom("mix", "set", "-o", "train", "--json", cwd=tmp_path)
    assert {row["id"] for row in values(tmp_path / "train")} == {f"{1:032x}", f"{3:032x}"}, done
    assert json.loads((tmp_path / "train/manifest.json").read_text())["reviewed"] == {"stale": 1}


def test_a_run_that_goes_on_shows_what_it_has_settled(tmp_path: Path) -> None:
    from blossom_data.shards import DatasetWriter

    lines = [json.dumps(talk(number)).encode() + b"\n" for number in range(30)]
    tally = {"counts": {"kept": 10}}
    with DatasetWriter(tmp_path / "set", shard_records=10) as writer:
        for number in range(10):
            writer.write(number, kept=[lines[number]])
        writer.settle(0, {"digest": "d0", "marks": "", "tally": tally, "bad_rows": []})
        with ViewServer("set", cwd=tmp_path) as server:
            page = server.page("/s/0")
            assert rows_of(page) == list(range(10))
            assert "still writing" in page
            for number in range(10, 20):
                writer.write(number, kept=[lines[number]])
            writer.settle(1, {"digest": "d1", "marks": "", "tally": tally, "bad_rows": []})
            until_s = time.monotonic() + 60
            while len(found := rows_of(server.page("/s/0"))) < 20 and time.monotonic() < until_s:
                time.sleep(0.2)
            assert found == list(range(20))
            assert "What is 12 plus 12?" in server.page("/s/0/r/12")
            assert sorted(path.name for path in tmp_path.iterdir()) == ["set"]
            for number in range(20, 30):
                writer.write(number, kept=[lines[number]])
            counts = {"read": 30, "added": 0, "kept": 30, "skipped": 0, "rejected": {}, "failed": {}}
            writer.finish({"blossom_data": "0", "stage": "pull", **counts})
            while len(found := rows_of(server.page("/s/0"))) < 30 and time.monotonic() < until_s:
                time.sleep(0.2)
            assert found == list(range(30))
            assert "still writing" not in server.page("/s/0")


def test_hostile_texts_are_shown_as_what_they_are(tmp_path: Path) -> None:
    rows = [
        talk(number, source=text[:50], tags=[text[:50]], answer=text, gold=text[:50])
        for number, text in enumerate(text for text in TEXTS.values() if "\x00" not in text)
    ]
    write_set(tmp_path / "set", rows, [rejected(row, "translate", "json", reply=row["gold"]) for row in rows])
    with ViewServer("set", cwd=tmp_path) as server:
        pages = [server.page("/s/0"), *(server.page(f"/s/0/r/{number}") for number in range(2 * len(rows)))]
        pages += [server.page("/s/0", source=row["source"], q=row["gold"]) for row in rows]
    for whole in pages:
        # What a form sends back is the text itself.
        page = re.sub(r'value="[^"]*"|<textarea.*?</textarea>', "", whole, flags=re.DOTALL)
        assert "<script>alert" not in whole
        assert "<img" not in page
        assert "\x1b" not in page
        assert "\u202e" not in page


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "nothing to look at"),
        (["nowhere"], "nowhere"),
        (["set", "--port", "99999"], "65535"),
        (["set", "--lang", "xx"], "xx"),
        (["set", "--chat", "nobody"], "no endpoint is named"),
        (["set", "--chat", "a", "--chat", "b", "--chat", "c"], "3 models"),
        (["set", "--pipeline", "nowhere.toml"], "no pipeline file"),
    ],
)
def test_what_cannot_be_shown_is_one_line(tmp_path: Path, arguments: list[str], told: str) -> None:
    write_set(tmp_path / "set", [talk(1)])
    done = blossom("view", "--no-open", *arguments, cwd=tmp_path)
    assert done.code == 2
    assert told in done.err
    assert "Traceback" not in done.err
