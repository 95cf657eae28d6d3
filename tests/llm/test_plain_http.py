"""What httpx2 sends for us, batches and the probes of doctor, by the proxies and certificates of every other call."""

from __future__ import annotations

import asyncio
import io
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import CANARY_KEY
from loopback import Loopback
from network_servers import HttpProxy, RawServer, front, make_authority, server_tls

from blossom_data.config import Endpoint, Secret
from blossom_data.doctor import FAIL, OK, WARN, Finding
from blossom_data.doctor.endpoint import check_endpoint
from blossom_data.errors import BlossomError, ConfigError, EndpointError, NetworkError
from blossom_data.llm.batch.protocol import BatchClient
from blossom_data.llm.policy import Patience

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "requests_ca_bundle")


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls_server(authority: Path) -> Iterator[RawServer]:
    """A server without batches, behind TLS."""
    with Loopback() as server, front(int(server.base_url.split(":")[2][:-3]), server_tls(authority.parent)) as tls:
        yield tls


def endpoint(base_url: str, ca_file: str = "") -> Endpoint:
    key = Secret(CANARY_KEY, origin="OPENAI_API_KEY")
    return Endpoint(base_url=base_url, model="m", api_key=key, timeout_s=10.0, ca_file=ca_file)


def upload(base_url: str, ca_file: str = "") -> BlossomError:
    """What becomes of a batch that is uploaded."""

    async def send() -> None:
        patience = Patience(first_s=0.01, most_s=0.02, total_s=0.2)
        client = BatchClient(
            endpoint(base_url, ca_file), patience=patience, settle_s=0.0, most_single_bytes=100, draw=random.Random(1)
        )
        async with client:
            await client.upload(io.BytesIO(b"{}\n"), "abc")

    with pytest.raises(BlossomError) as caught:
        asyncio.run(send())
    assert "CANARY" not in f"{caught.value} {caught.value.hint} {caught.value!r}"
    return caught.value


def look(base_url: str, ca_file: str = "") -> dict[str, Finding]:
    """What doctor finds without a call."""
    found = {finding.name: finding for finding in check_endpoint(endpoint(base_url, ca_file), is_called=False)}
    assert "CANARY" not in str(found)
    return found


def test_a_certificate_counts_for_batches_and_doctor_as_for_calls(tls_server: RawServer, authority: Path) -> None:
    refused = upload(tls_server.base_url)
    assert (type(refused), "certificate of 127.0.0.1 is refused" in str(refused)) == (NetworkError, True)
    assert "ca_file" in refused.hint
    assert type(upload(tls_server.base_url, str(authority))) is ConfigError
    found = look(tls_server.base_url)["reach"]
    assert (found.state, "certificate of 127.0.0.1 is refused" in found.told) == (FAIL, True)
    assert "SSL_CERT_FILE" in found.fix
    sound = look(tls_server.base_url, str(authority))
    assert (sound["reach"].state, str(authority) in sound["route"].told) == (OK, True)


def test_the_proxy_counts_for_batches_and_doctor_as_for_calls(
    tls_server: RawServer, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = f"https://api.test:{tls_server.port}/v1"
    with HttpProxy(login="me:CANARY") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.base_url.removesuffix("/v1").replace("//", "//me:CANARY@"))
        assert type(upload(there, str(authority))) is ConfigError
        found = look(there, str(authority))
        assert (found["name"].state, found["reach"].state) == (OK, OK)
        assert f"through http://{proxy.netloc} (HTTPS_PROXY)" in found["route"].told
        assert set(proxy.asked) == {f"CONNECT api.test:{tls_server.port} HTTP/1.1"}
        assert CANARY_KEY not in "".join(proxy.heads)
        monkeypatch.setenv("HTTPS_PROXY", proxy.base_url.removesuffix("/v1"))
        refused = upload(there, str(authority))
        assert (type(refused), "wants a user name and password" in str(refused)) == (NetworkError, True)
        told = look(there, str(authority))["reach"]
        assert (told.state, "wants a user name and password" in told.told) == (FAIL, True)
    assert type(upload(there, str(authority))) is EndpointError
    assert look(there, str(authority))["reach"].state == FAIL


def test_doctor_asks_a_busy_server_again() -> None:
    statuses = {1: b"503 Busy", 2: b"503 Busy", 3: b"200 OK"}

    async def talk(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 " + statuses.get(number, b"503 Busy") + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    with RawServer(talk) as server:
        assert look(server.base_url)["reach"].state == OK
        assert server.connections == 3
        busy = look(server.base_url)["reach"]
        assert (busy.state, "503" in busy.told, server.connections) == (WARN, True, 6)
