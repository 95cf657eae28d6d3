"""The network as users set it: variables, --ca-file, ca_file of a pipeline, and what is told when it cannot work."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import user, values, write_lines
from forked import blossom
from loopback import Loopback

sys.path.insert(0, str(Path(__file__).parents[1] / "llm"))

from network_servers import HttpProxy, RawServer, SocksProxy, front, make_authority, server_tls

pytestmark = pytest.mark.slow

PIPELINE = """
name = "net"
[endpoint]
base_url = "{base_url}"
model = "m"
ca_file = "certificates/ca.pem"
[[source]]
kind = "alpaca"
path = "in.jsonl"
stages = ["annotate"]
"""
NOTHING = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"), ""
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def base_url(authority: Path) -> Iterator[str]:
    """An endpoint that speaks TLS, under a name that only proxies know."""
    with Loopback() as server, front(int(server.base_url.split(":")[2][:-3]), server_tls(authority.parent)) as tls:
        yield f"https://api.test:{tls.port}/v1"


@pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])
def test_a_run_goes_through_a_proxy_to_an_endpoint_with_an_authority_of_its_own(
    kind: type[RawServer], base_url: str, authority: Path, tmp_path: Path
) -> None:
    write_lines(tmp_path / "in.jsonl", (user(f"question {number}") for number in range(30)))
    with kind(login="me:CANARY") as proxy:  # type: ignore[call-arg]
        scheme = "http" if kind is HttpProxy else "socks5h"
        env = {**NOTHING, "HTTPS_PROXY": f"{scheme}://me:CANARY@{proxy.netloc}", "OPENAI_API_KEY": "sk-CANARY"}
        place = ["annotate", "in.jsonl", "-o", "out", "--base-url", base_url, "--model", "m"]
        trusted = blossom(*place, "--ca-file", authority, cwd=tmp_path, env=env)
        refused = blossom(*place[:3], "other", *place[4:], "--ledger", "other.sqlite", cwd=tmp_path, env=env)
    assert trusted.code == 0, trusted
    assert len(values(tmp_path / "out")) == 30
    assert refused.code == 2, refused
    assert "the certificate of api.test is refused: " in refused.err
    assert "ca_file" in refused.err
    assert proxy.connections <= 31
    assert "CANARY" not in trusted.out + trusted.err + refused.out + refused.err


def test_doctor_tells_the_route_of_a_pipeline_and_how_to_mend_it(
    base_url: str, authority: Path, tmp_path: Path
) -> None:
    write_lines(tmp_path / "in.jsonl", [{"instruction": "Say hello."}])
    (tmp_path / "net.toml").write_text(PIPELINE.format(base_url=base_url))
    (tmp_path / "certificates").mkdir()
    shutil.copy(authority, tmp_path / "certificates")
    env = {**NOTHING, "ALL_PROXY": "http://me:CANARY@proxy.test:3128"}
    told = blossom("doctor", tmp_path / "net.toml", "--no-call", cwd=Path("/"), env=env)
    route = next(line for line in told.out.splitlines() if " route " in line)
    ca_file = tmp_path / "certificates" / "ca.pem"
    assert f"through http://proxy.test:3128 (ALL_PROXY), certificates of {ca_file} (ca_file)" in route
    assert "CANARY" not in told.out + told.err
    ca_file.unlink()
    broken = blossom("run", tmp_path / "net.toml", cwd=tmp_path, env=env)
    assert broken.code == 2
    assert f"cannot read certificates from {ca_file}, named by ca_file" in broken.err


@pytest.mark.parametrize("value", ["http://me:CANARY@proxy.test:x", "ftp://me:CANARY@proxy.test"])
def test_a_proxy_that_cannot_be_used_is_refused_before_the_first_call(value: str, tmp_path: Path) -> None:
    write_lines(tmp_path / "in.jsonl", [user("question")])
    place = ["annotate", "in.jsonl", "-o", "out", "--base-url", "http://api.test/v1", "--model", "m"]
    told = blossom(*place, cwd=tmp_path, env={**NOTHING, "HTTP_PROXY": value})
    assert told.code == 2
    assert "HTTP_PROXY" in told.err
    assert "CANARY" not in told.err


def test_the_hub_is_reached_through_the_same_proxy(tmp_path: Path) -> None:
    pytest.importorskip("datasets")
    env = {**NOTHING, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "", "HF_ENDPOINT": "https://hub.test"}
    with HttpProxy(status=403) as proxy:
        env["HTTPS_PROXY"] = f"http://me:CANARY@{proxy.netloc}"
        told = blossom("pull", "gsm8k", "hf:org/name", "-o", "out", cwd=tmp_path, env=env)
    assert told.code == 2
    assert set(proxy.asked) == {"CONNECT hub.test:443 HTTP/1.1"}
    assert "CANARY" not in told.out + told.err
