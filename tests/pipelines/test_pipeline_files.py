"""Pipeline files as a user writes them: mistakes are told with their line, every value with its origin."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from command import write_lines
from forked import blossom
from hypothesis import given
from hypothesis import strategies as st
from loopback import Loopback
from world import World, flags

from blossom_data.prompts import bundled
from blossom_data.toml_lines import find_lines

BASE = """name = "small"

[endpoint]
model = "m"

[[source]]
kind = "gsm8k"
path = "raw/gsm8k"
licence = "MIT"
stages = ["annotate"]
"""
KEY = "sk-CANARY-0123456789abcdef"


@pytest.mark.parametrize(
    ("addition", "told", "hint"),
    [
        ("[publish]\nrot = 'x'\n", "line 13: [publish]: unknown key 'rot'", "'root'"),
        (
            "[refresh]\n# a comment\nmax_rejcted = 0.1\n",
            "line 14: [refresh]: unknown key 'max_rejcted'",
            "max_rejected",
        ),
        (
            "[refresh]\nmin_lang = {zh = 0.1, german = 0.2}\n",
            "line 13: [refresh.min_lang]: unknown language 'german'",
            "de (German)",
        ),
        (
            "[refresh]\nmax_rejected = 1.5\n",
            "line 13: [refresh]: max_rejected must be a number from 0 to 1, is 1.5",
            "",
        ),
        ("[notify]\non = ['done', 'never']\n", "line 13: [notify]: on names 'never'", "start, done, fail"),
        ("[notify]\ncommand = 'mail me'\n", "line 13: [notify]: command must be a list of texts\n", ""),
        ("[[source]]\nkind = 'orca'\npth = 'x'\n", "line 14: [[source]] 2: unknown key 'pth'", "'path'"),
        (
            "[[source]]\nkind = 'orca'\npath = 'x'\nstages = ['anotate']\n",
            "line 15: [[source]] 2: stages names 'anotate'",
            "'annotate'",
        ),
        (
            "[[source]]\nkind = 'orca'\npath = 'x'\nlimit = 'ten'\n",
            "line 15: [[source]] 2: limit must be a whole number from 1, is 'ten'",
            "",
        ),
        ("[stage.annotate]\ntires = 3\n", "line 13: [stage.annotate]: unknown key 'tires'", "'tries'"),
        ("[stage.anotate]\ntries = 3\n", "line 12: [stage]: unknown key 'anotate'", "'annotate'"),
        (
            "[[mix]]\nname = 'a'\n[[mix.part]]\ncout = 3\n",
            "line 15: [[mix]] 1 (a), part 1: unknown key 'cout'",
            "'count'",
        ),
        ("[[mix]]\nname = 'a'\npart = [{count = 1},\n{cuont = 3}]\n", "line 15: [[mix]] 1 (a), part 2", "'count'"),
        ("[train]\nbase_modle = 'x'\n", "line 13: [train]: unknown key 'base_modle'", "'base_model'"),
        (
            "[train]\nbase_model = 'org/x'\ntemplate = 'chatml'\n[[train.stage]]\nname = 'a'\nepoch = 1\n",
            "line 17: [[train.stage]] 1 (a): unknown key 'epoch'",
            "'epochs'",
        ),
        (
            "[train]\nbase_model = 'org/x'\ntemplate = 'chatlm'\n[[train.stage]]\nname = 'a'\n",
            "line 14: [train]: no template chatlm",
            "chatml",
        ),
        (
            "[publish]\nname = 'p'\n[train]\nbase_model = 'org/x'\ntemplate = 'chatml'\n[[train.stage]]\n"
            "name = 'a'\ndata = [{path = 'published/p', config = 'stage9'}]\n",
            "line 19: [[train.stage]] 1 (a), data 1: takes the configuration 'stage9' of p, which is not published",
            "leave out config",
        ),
        ("[prune]\n", "line 12: unknown key 'prune'", "known keys"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, addition: str, told: str, hint: str) -> None:
    World(tmp_path).write(gsm8k=2)
    (tmp_path / "small.toml").write_text(f"{BASE}\n{addition}")
    done = blossom("plan", "small.toml", cwd=tmp_path)
    assert done.code == 2, done
    assert told in done.err
    assert hint in done.err
    assert "small.toml" in done.err


@pytest.mark.parametrize("name", ["../up", "a/b", "", "a..b", "-a", "x" * 100])
def test_a_name_never_becomes_another_path(tmp_path: Path, name: str) -> None:
    World(tmp_path).write(gsm8k=2)
    (tmp_path / "small.toml").write_text(BASE.replace('"small"', f'"{name}"'))
    done = blossom("refresh", "small.toml", cwd=tmp_path)
    assert (done.code, "name" in done.err) == (2, True), done
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["raw", "small.toml"]


def origins(done: Any) -> dict[str, tuple[Any, str]]:
    assert done.code == 0, done
    return {row["key"]: (row["value"], row["origin"]) for row in done.json["settings"]}


def test_every_value_is_shown_with_its_origin_and_no_secret(tmp_path: Path) -> None:
    hook = "https://hooks.example.com/T0/SECRET-PATH"
    notify = f'[notify]\nurl = "{hook}"\ncommand = ["curl", "-H", "token: SECRET-ARG"]\n'
    (tmp_path / "small.toml").write_text(f"{BASE}\n[stage.annotate]\ntries = 5\n\n{notify}")
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY='{KEY}'\nBLOSSOM_MODEL=from-dotenv\n")
    (tmp_path / ".env").chmod(0o600)
    environment = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
    command = ["run", "small.toml", "--show-config", "--budget-usd", "3"]
    shown = origins(blossom(*command, "--json", cwd=tmp_path, env=environment))
    assert shown["name"] == ("small", "small.toml:1")
    assert shown["source[1].kind"] == ("gsm8k", "small.toml:7")
    assert shown["source[1].sample"] == (None, "default")
    assert shown["stage.annotate.tries"] == (5, "small.toml:13")
    assert shown["stage.annotate.temperature"] == (0.7, "default")
    assert shown["endpoint.base_url"] == ("http://127.0.0.1:9/v1", "environment OPENAI_BASE_URL")
    assert shown["endpoint.model"] == ("from-dotenv", f"{tmp_path}/.env line 2")
    assert shown["endpoint.api_key"] == ("****", f"{tmp_path}/.env line 1")
    assert shown["endpoint.max_in_flight"] == (64, "default")
    assert shown["budget_usd"] == (3.0, "flag --budget-usd")
    assert shown["notify.url"][0] == "https://hooks.example.com/****"
    assert shown["notify.command"][0] == ["curl", "****", "****"]
    assert shown["ledger"][1] == "default"
    flag = origins(blossom(*command, "--json", "--model", "given", cwd=tmp_path, env=environment))
    named = {**environment, "BLOSSOM_LEDGER": "paid.sqlite"}
    ledger = ("paid.sqlite", "environment BLOSSOM_LEDGER")
    assert origins(blossom(*command, "--json", cwd=tmp_path, env=named))["ledger"] == ledger
    assert flag["endpoint.model"] == ("given", "flag --model")
    text = blossom(*command, cwd=tmp_path, env=environment)
    assert "small.toml:7" in text.out
    for secret in (KEY, "SECRET-PATH", "SECRET-ARG"):
        assert secret not in text.out + text.err + str(shown)


def test_the_dotenv_names_the_proxy_too(tmp_path: Path) -> None:
    World(tmp_path).write(gsm8k=2)
    (tmp_path / "small.toml").write_text(BASE)
    proxy = "HTTPS_PROXY=http://me:SECRET@127.0.0.1:9\nNO_PROXY=\nSSL_CERT_FILE=/none.pem\n"
    (tmp_path / ".env").write_text(f"\ufeffOPENAI_BASE_URL=https://api.example.com/v1\nBLOSSOM_MODEL=m\n{proxy}")
    (tmp_path / ".env").chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("https_proxy", "HTTPS_PROXY", "SSL_CERT_FILE"):
            patch.delenv(name, raising=False)
        done = blossom("doctor", "small.toml", "--no-call", "--json", cwd=tmp_path)
    told = {finding["name"]: finding["told"] for finding in done.json["findings"]}
    assert "/none.pem, named by SSL_CERT_FILE" in told["route"]
    assert "SECRET" not in done.out + done.err


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        (f"OPENAI_API_KEY={KEY}\n", 0o640, "can be read by others"),
        (f"OPENAI_API_KEY={KEY}\n", 0o604, "chmod 600"),
        (f"# fine\nLD_PRELOAD={KEY}\n", 0o600, "line 2: LD_PRELOAD is not read"),
        (f"{KEY}\n", 0o600, "line 1 is not NAME=VALUE"),
    ],
)
def test_an_unsafe_dotenv_is_refused_without_its_content(tmp_path: Path, text: str, mode: int, told: str) -> None:
    World(tmp_path).write(gsm8k=2)
    (tmp_path / "small.toml").write_text(BASE)
    (tmp_path / ".env").write_text(text)
    (tmp_path / ".env").chmod(mode)
    for command in ("plan", "run", "refresh", "doctor"):
        done = blossom(command, "small.toml", cwd=tmp_path)
        assert done.code == 2, done
        assert told in done.out + done.err
        assert KEY not in done.out + done.err


def test_only_the_dotenv_beside_the_file_is_read(tmp_path: Path) -> None:
    world = World(tmp_path / "deep")
    world.write(gsm8k=2)
    (tmp_path / "deep" / "small.toml").write_text(BASE)
    for folder in (tmp_path, tmp_path / "other"):
        folder.mkdir(exist_ok=True)
        (folder / ".env").write_text("OPENAI_API_KEY=wrong\n")
        (folder / ".env").chmod(0o600)
    (tmp_path / "deep" / ".env").write_text(f"export OPENAI_API_KEY={KEY}\n")
    (tmp_path / "deep" / ".env").chmod(0o600)
    with Loopback(respond=world.respond) as server:
        done = blossom("run", "../deep/small.toml", cwd=tmp_path / "other", env=flags(server))
        assert {request.headers["authorization"] for request in server.requests} == {f"Bearer {KEY}"}
        given = flags(server) | {"OPENAI_API_KEY": "from-the-environment"}
        again = ["run", "../deep/small.toml", "--limit", 1, "--replace", "--ledger", "new.sqlite"]
        assert blossom(*again, cwd=tmp_path / "other", env=given).code == 0
        assert server.requests[-1].headers["authorization"] == "Bearer from-the-environment"
    assert done.code == 0, done


def test_several_endpoints_share_the_stages_by_role_and_no_key_goes_astray(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write(gsm8k=3)
    with Loopback(respond=world.respond) as first, Loopback(respond=world.respond) as second:
        (tmp_path / "small.toml").write_text(
            f"""
[[endpoint]]
base_url = "{first.base_url}"
model = "translator"
roles = ["translate"]
key_env = "FIRST_KEY"
[[endpoint]]
base_url = "{second.base_url}"
model = "writer"
[[source]]
kind = "gsm8k"
path = "raw/gsm8k"
"""
        )
        environment = {"FIRST_KEY": KEY, "OPENAI_API_KEY": "sk-another"}
        plan = blossom("plan", "small.toml", "--json", cwd=tmp_path, env=environment)
        done = blossom("run", "small.toml", "--json", cwd=tmp_path, env=environment)
        again = blossom("plan", "small.toml", "--json", cwd=tmp_path, env=environment)
        missing = blossom("run", "small.toml", cwd=tmp_path)
        assert {request.body["model"] for request in first.requests} == {"translator"}
        assert {request.body["model"] for request in second.requests} == {"writer"}
        assert {request.headers.get("authorization") for request in first.requests} == {f"Bearer {KEY}"}
        assert {request.headers.get("authorization") for request in second.requests} == {None}
        assert second.paid == 3
    assert done.code == 0, done
    assert [row["model"] for row in plan.json["stages"]] == ["translator", "writer", "writer"]
    assert (plan.json["finished"], again.json["finished"], again.json["calls"]) == (0, 3, 0)
    assert missing.code == 2
    assert "FIRST_KEY" in missing.err


def test_an_address_from_the_environment_takes_the_place_of_all_endpoints(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.write(gsm8k=2)
    closed = '[[endpoint]]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "x"\nroles = ["translate"]\n'
    source = '[[source]]\nkind = "gsm8k"\npath = "raw/gsm8k"\n'
    (tmp_path / "small.toml").write_text(f"{closed}{closed}{source}")
    with Loopback(respond=world.respond) as server:
        assert blossom("run", "small.toml", cwd=tmp_path, env=flags(server)).code == 0
        assert server.paid >= 4


@pytest.mark.parametrize("file", sorted(bundled("pipelines").glob("*.toml")), ids=lambda file: file.stem)
def test_every_pipeline_that_comes_along_plans(tmp_path: Path, file: Path) -> None:
    World(tmp_path).write(orca=3, wizard=3, gsm8k=3, math23k=3, chat=3)
    (tmp_path / "raw/belle").mkdir()
    write_lines(tmp_path / "raw/belle/rows.jsonl", [{"instruction": "介绍一下春天。", "input": "", "output": "x"}])
    # By its name: paths are relative to the current folder then, not to where blossom-data is installed.
    planned = blossom("plan", file.stem, "--json", cwd=tmp_path)
    assert planned.code == 0, planned
    assert planned.json["records"] > 0
    assert planned.json["calls"] > 0
    assert all(Path(mix["out"]).is_relative_to(tmp_path) for mix in planned.json["mixes"])


VALUES = st.sampled_from(
    ["1", '"a # b = c"', "'[x]'", "true", "1979-05-27T07:32:00Z", "[1, 2]", '[\n  "x", # ]\n  [1],\n]',
     "{}", "{a = 1, b.c = [1]}", '"""\n[no]\nkey = 1\n"""',
     "'''\nit''s '\n'''", '"\\""', '"""a\\"""" """', "[{k = 1}, {k = 2}]"]
)  # fmt: skip
KEYS = st.sampled_from(["a", "b-c", '"q.r"', "'[t]'", "d . e", '"\\u0041"'])
TABLES = st.lists(st.tuples(st.sampled_from(["[t{}]", "[[x]]", "[[x.y]]", "[u.v{}]"]), st.dictionaries(KEYS, VALUES)))


@given(TABLES)
def test_the_line_of_every_key_is_found(tables: list[tuple[str, dict[str, str]]]) -> None:
    text, expected = "# a comment\n\n", []
    for number, (header, pairs) in enumerate(tables):
        text += header.format(number) + "  # [ignored]\n"
        for key, value in pairs.items():
            line = text.count("\n") + 1
            expected.append((tomllib.loads(f"{key} = 1"), line))
            text += f"{key} = {value}\n\n"
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = find_lines(text)
    assert set(paths_of(values)) <= set(lines)
    found = sorted(lines.values())
    for _, line in expected:
        assert line in found
    numbered = text.split("\n")
    for path, line in lines.items():
        name = path[-1] if isinstance(path[-1], str) else path[-2] if len(path) > 1 else ""
        shown = numbered[line - 1]
        assert isinstance(path[-1], int) or str(name) in shown or name == "A" or re.search(r"\\u0041", shown)


def paths_of(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every key and table in a parsed file."""
    found = [path] if path else []
    if isinstance(value, Mapping):
        for key, each in value.items():
            found += paths_of(each, (*path, key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            found += paths_of(each, (*path, number))
    return found
