"""Commands that read data sets, files and versions from a real S3-speaking server, and what they say when it fails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command import write_lines
from forked import blossom
from loopback import Loopback
from s3_server import KEY, SECRET, S3Server, cut, refused

from blossom_data.errors import BlossomError
from blossom_data.object_store.stores import store_of
from blossom_data.rows import read_rows

ROWS = [{"question": f"{number} + 1?", "answer": f"#### {number + 1}"} for number in range(60)]
BIG = "".join(json.dumps({"id": f"r{number}", "text": "x" * 200}) + "\n" for number in range(8000)).encode()


def upload(s3: S3Server, folder: Path, key: str) -> str:
    for file in folder.rglob("*"):
        if file.is_file():
            s3.put(f"{key}/{file.relative_to(folder)}", file.read_bytes())
    return f"s3://bucket/{key}"


def differing(here: Path, there: Path) -> dict[str, tuple[Any, Any]]:
    """What differs in two data sets: entries of their manifests, and files."""
    first, second = (json.loads((folder / "manifest.json").read_bytes()) for folder in (here, there))
    found = {key: (first.get(key), second.get(key)) for key in {**first, **second} if first.get(key) != second.get(key)}
    for file in here.rglob("*"):
        if file.is_file() and file.name != "manifest.json":
            copy = there / file.relative_to(here)
            found |= {} if copy.read_bytes() == file.read_bytes() else {file.name: (here, there)}
    return found


def test_what_is_made_of_a_url_has_the_bytes_of_what_is_made_of_the_folder(tmp_path: Path, s3: S3Server) -> None:
    def run(*arguments: object) -> None:
        done = blossom(*arguments, cwd=tmp_path)
        assert done.code == 0, done

    write_lines(tmp_path / "train.jsonl", ROWS)
    s3.put("raw/train.jsonl", (tmp_path / "train.jsonl").read_bytes())
    s3.put("raw/test.jsonl", b'{"question": "another?", "answer": "#### 1"}\n')
    run("pull", "gsm8k", "train.jsonl", "-o", "here/raw", "--licence", "MIT")
    run("pull", "gsm8k", "s3://bucket/raw/train.jsonl", "-o", "there/raw", "--licence", "MIT")
    run("pull", "gsm8k", "s3://bucket/raw", "-o", "other/raw", "--licence", "MIT")
    assert differing(tmp_path / "here/raw", tmp_path / "there/raw").keys() == {"made_of"}
    assert json.loads((tmp_path / "other/raw/manifest.json").read_bytes())["records"] == 60
    url = upload(s3, tmp_path / "here/raw", "sets/raw")
    with Loopback() as server:
        at = ("--base-url", server.base_url, "--model", "m")
        run("annotate", "here/raw", "-o", "here/sft", *at)
        run("annotate", url, "-o", "there/sft", *at)
        assert (server.paid, server.bought_twice) == (60, 0)
    assert differing(tmp_path / "here/sft", tmp_path / "there/sft") == {
        "made_of": ({"command": "annotate", "inputs": ["../raw"]}, {"command": "annotate", "inputs": [url]})
    }
    url = upload(s3, tmp_path / "here/sft", "sets/sft")
    for home, given in (("here", "here/sft"), ("there", url)):
        run("dedup", given, "-o", f"{home}/deduped")
        run("mix", f"{given}=20", "-o", f"{home}/mixed", "--seed", "1")
        run("publish", given, "-o", f"{home}/data", "--name", "math", "--format", "jsonl")
    assert differing(tmp_path / "here/deduped", tmp_path / "there/deduped").keys() == {"made_of"}
    assert differing(tmp_path / "here/mixed", tmp_path / "there/mixed").keys() <= {
        "made_of",
        "recipe",
        "parts",
        "inputs",
    }
    shown = [blossom("show", given, "--json", cwd=tmp_path).json for given in ("here/sft", url)]
    assert {**shown[0], "path": "", "dataset": ""} == {**shown[1], "path": "", "dataset": ""}


def test_a_pipeline_reads_from_a_store_and_publishes_to_it(tmp_path: Path, s3: S3Server) -> None:
    s3.put("raw/train.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS).encode())
    (tmp_path / "sums.toml").write_text(
        'name = "sums"\nout = "out"\n[endpoint]\nstructured = "off"\n[[source]]\nkind = "gsm8k"\nlicence = "MIT"\n'
        'path = "s3://bucket/raw/train.jsonl"\nstages = ["annotate"]\n'
        '[publish]\nroot = "s3://bucket/data"\nname = "sums"\nkeep = 3\n'
    )
    with Loopback() as server:
        at = ("--base-url", server.base_url, "--model", "m")
        first = blossom("refresh", "sums.toml", *at, "--json", cwd=tmp_path)
        assert (first.code, first.json["outcome"]) == (0, "published"), first
        again = blossom("refresh", "sums.toml", *at, "--json", cwd=tmp_path)
        assert (again.code, again.json["outcome"], server.paid) == (0, "nothing new", 60), again
        looked = blossom("doctor", "sums.toml", *at, "--no-call", "--json", cwd=tmp_path).json
    told = {finding["name"]: finding for finding in looked["findings"]}
    assert (told["publish"]["state"], "conditional" in told["publish"]["told"]) == ("ok", True)
    assert s3.keys("data/sums/.") == []  # the look leaves nothing
    state = blossom("status", "sums.toml", "--json", cwd=tmp_path).json
    assert [version["is_current"] for version in state["versions"]] == [True]


def test_doctor_tells_of_a_store_that_does_not_look_at_conditions(tmp_path: Path, s3: S3Server) -> None:
    (tmp_path / "sums.toml").write_text(
        'name = "sums"\nout = "out"\n[[source]]\nkind = "gsm8k"\nlicence = "MIT"\npath = "x.jsonl"\n'
        'stages = ["annotate"]\n[publish]\nroot = "s3://bucket/data"\nname = "sums"\n'
    )
    s3.ignores_conditions = True
    at = ("--base-url", f"{s3.url}/v1", "--model", "m")
    done = blossom("doctor", "sums.toml", *at, "--no-call", "--json", cwd=tmp_path)
    told = {finding["name"]: finding for finding in done.json["findings"]}
    assert (done.code, told["publish"]["state"], "does not look at" in told["publish"]["told"]) == (2, "fail", True)


def test_a_cut_connection_goes_on_where_it_stopped_and_a_busy_store_is_asked_again(s3: S3Server) -> None:
    url = s3.put("raw/big.jsonl", BIG)
    s3.faults += [refused("503 Slow Down", "SlowDown", "GET"), cut(BIG, 100_000), cut(BIG, 50_000)]
    assert sum(1 for _ in read_rows(url)) == 8000
    ranges = [asked for method, _, asked in s3.requests if method == "GET"]
    assert ranges[:4] == ["bytes=0-262143", "bytes=0-262143", "bytes=100000-262143", "bytes=150000-262143"]
    assert len(ranges) < 8


@pytest.mark.parametrize(
    ("status", "code", "exit_code", "told"),
    [
        ("403 Forbidden", "SignatureDoesNotMatch", 2, "refused"),
        ("403 Forbidden", "RequestTimeTooSkewed", 2, "clock"),
        ("400 Bad Request", "ExpiredToken", 2, "ExpiredToken"),
        ("301 Moved Permanently", "PermanentRedirect", 2, "another region"),
        ("404 Not Found", "NoSuchBucket", 2, "no bucket s3://bucket"),
    ],
)
def test_what_a_store_refuses_is_one_line_without_a_secret(
    s3: S3Server, status: str, code: str, exit_code: int, told: str
) -> None:
    url = s3.put("raw/a.jsonl", b'{"id": "a"}\n')
    s3.faults += [refused(status, code, "HEAD"), refused(status, code, "GET")]
    with pytest.raises(BlossomError) as why:
        list(read_rows(url))
    s3.faults.clear()
    assert why.value.exit_code == exit_code
    line = f"{why.value} | {why.value.hint}"
    assert told in line and "\n" not in line
    assert KEY not in line and SECRET not in line


def test_a_wrong_path_or_bucket_fails_at_once_and_buys_nothing(tmp_path: Path, s3: S3Server) -> None:
    with Loopback() as server:
        at = ("-o", "out", "--base-url", server.base_url, "--model", "m")
        for url, told in (("s3://bucket/nothing", "no such object"), ("s3://no-such-bucket/x", "no bucket")):
            done = blossom("annotate", url, *at, cwd=tmp_path)
            assert (done.code, told in done.err, "Traceback" in done.err) == (2, True, False), done
        for command in (("annotate", "rows.jsonl"), ("dedup", "rows.jsonl"), ("pull", "gsm8k", "rows.jsonl")):
            done = blossom(*command, "-o", "s3://bucket/out", cwd=tmp_path)
            assert (done.code, "local folders" in done.err) == (2, True), done
        assert server.paid == 0
    assert not (tmp_path / "s3:").exists()
    assert s3.keys() == []


def test_keys_come_from_a_profile_and_are_never_told(
    tmp_path: Path, s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = s3.put("raw/a.jsonl", b'{"id": "a"}\n')
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store_of.cache_clear()
    with pytest.raises(BlossomError, match="no credentials for s3://bucket"):
        list(read_rows(url))
    (tmp_path / "credentials").write_text(f"[boxes]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n")
    (tmp_path / "config").write_text(f"[profile boxes]\nregion = eu-west-1\nendpoint_url = {s3.url}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "boxes")
    assert [row.value for row in read_rows(url)] == [{"id": "a"}]  # type: ignore[union-attr]
    store_of.cache_clear()
    monkeypatch.setenv("AWS_PROFILE", "others")
    with pytest.raises(BlossomError, match="no profile 'others'"):
        list(read_rows(url))
    (tmp_path / "credentials").write_text(f"[others]\naws_secret_access_key {SECRET}\n")
    with pytest.raises(BlossomError) as why:
        list(read_rows(url))
    assert SECRET not in f"{why.value}{why.value.hint}"
