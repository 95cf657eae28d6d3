"""Calls through real proxies and to real TLS servers, by the variables and settings that users set."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from calls import CANARY_KEY, ask_all, question
from loopback import Fault, Loopback
from network_servers import HttpProxy, RawServer, SocksProxy, front, make_authority, pipe, server_tls

from blossom_data.asks import Reply
from blossom_data.config import Endpoint, Secret
from blossom_data.errors import ConfigError, EndpointError, NetworkError
from blossom_data.llm.policy import Patience

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "ssl_cert_file", "requests_ca_bundle")
IMPATIENT = Patience(first_s=0.01, most_s=0.02, total_s=0.3, failures_in_a_row=4)


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The PEM file of an authority; server.pem beside it is a server's."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make certificates with")
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def tls_server(authority: Path) -> Iterator[RawServer]:
    with Loopback() as server, front(int(server.base_url.split(":")[2][:-3]), server_tls(authority.parent)) as tls:
        yield tls


def ask(base_url: str, count: int = 3, **settings: str) -> list[Reply | BaseException]:
    key = Secret(CANARY_KEY, origin="OPENAI_API_KEY")
    endpoint = Endpoint(base_url=base_url, model="m", api_key=key, timeout_s=10.0, **settings)  # type: ignore[arg-type]
    return ask_all([endpoint], [question(number) for number in range(count)], patience=IMPATIENT)[0]


def the_error(outcomes: list[Reply | BaseException]) -> EndpointError:
    """The one error of all calls, which holds no secret."""
    assert {type(outcome) for outcome in outcomes} == {type(outcomes[0])}
    error = outcomes[0]
    assert isinstance(error, EndpointError), error
    assert "CANARY" not in f"{error} {error.hint} {error!r}"
    return error


def are_answers(outcomes: list[Reply | BaseException]) -> bool:
    return [getattr(outcome, "text", outcome) for outcome in outcomes] == [
        f"answer to: question {number}" for number in range(len(outcomes))
    ]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_http_goes_through_the_proxy_as_an_absolute_address(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback() as server, HttpProxy(login="me:p@ss wörd") as proxy:
        base_url = server.base_url.replace("127.0.0.1", "api.test")
        monkeypatch.setenv(name, f"http://me:p%40ss%20w%C3%B6rd@{proxy.netloc}")
        assert are_answers(ask(base_url, count=5))
    assert set(proxy.asked) == {f"POST {base_url}/chat/completions HTTP/1.1"}
    assert server.requests[0].headers["authorization"] == f"Bearer {CANARY_KEY}"
    assert proxy.connections < 5


def test_https_goes_through_a_tunnel_in_which_the_certificate_is_checked(
    tls_server: RawServer, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base_url = f"https://api.test:{tls_server.port}/v1"
    with HttpProxy(login="me:secret") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"me:secret@{proxy.netloc}")
        assert are_answers(ask(base_url, ca_file=str(authority)))
        error = the_error(ask(base_url))
    assert set(proxy.asked) == {f"CONNECT api.test:{tls_server.port} HTTP/1.1"}
    assert "Bearer" not in str(proxy.heads)
    assert isinstance(error, NetworkError)
    assert "certificate of api.test is refused" in str(error)


def test_a_proxy_may_be_reached_by_tls_itself(
    tls_server: RawServer, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with HttpProxy(tls=server_tls(authority.parent)) as proxy, Loopback() as server:
        monkeypatch.setenv("ALL_PROXY", f"https://localhost:{proxy.port}")
        assert are_answers(ask(server.base_url.replace("127.0.0.1", "api.test")))
        assert are_answers(ask(f"https://api.test:{tls_server.port}/v1"))


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_socks_finds_the_host_itself(
    scheme: str, tls_server: RawServer, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Loopback() as server, SocksProxy(login="me:p@ss") as proxy:
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://me:p%40ss@{proxy.netloc}")
        base_url = server.base_url.replace("127.0.0.1", "api.test")
        assert are_answers(ask(base_url))
        assert are_answers(ask(f"https://api.test:{tls_server.port}/v1", ca_file=str(authority)))
        untrusted = the_error(ask(f"https://api.test:{tls_server.port}/v1"))
        monkeypatch.setenv("ALL_PROXY", f"{scheme}://me:CANARY@{proxy.netloc}")
        refused = the_error(ask(base_url))
    assert proxy.asked[0] == base_url.removeprefix("http://").removesuffix("/v1")
    assert isinstance(untrusted, NetworkError)
    assert "refuses the user name and password" in str(refused)
    assert refused.exit_code == 2


def test_socks_without_its_part_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5h://127.0.0.1:1080")
    monkeypatch.setitem(sys.modules, "aiohttp_socks", None)
    with pytest.raises(ConfigError, match="SOCKS") as caught:
        ask("http://api.test/v1")
    assert "pip install '.[socks]'" in caught.value.hint


def test_this_machine_and_no_proxy_are_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    with Loopback() as server, HttpProxy() as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.netloc)
        assert are_answers(ask(server.base_url))
        assert are_answers(ask(server.base_url.replace("127.0.0.1", "localhost")))
        monkeypatch.setenv("NO_PROXY", "other.test,.invalid")
        assert "cannot find the address of api.invalid" in str(the_error(ask("http://api.invalid/v1")))
    assert proxy.connections == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    ("login", "user", "told"),
    [("me:secret", "", "wants a user name"), ("me:secret", "me:CANARY@", "refuses the user name")],
)
def test_a_proxy_that_wants_a_name_is_told_with_what_to_set(
    scheme: str, login: str, user: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpProxy(login=login) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://{user}{proxy.netloc}")
        error = the_error(ask(f"{scheme}://api.test/v1"))
    assert isinstance(error, NetworkError)
    assert told in str(error)
    assert f"put USER:PASSWORD@ before {proxy.netloc} in ALL_PROXY" in error.hint
    assert proxy.connections == 1


def test_a_proxy_that_refuses_fails_or_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with HttpProxy(status=403) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:CANARY@{proxy.netloc}")
        refused = the_error(ask("https://api.test/v1"))
    assert (refused.exit_code, proxy.connections) == (2, 1)
    assert f"the proxy http://{proxy.netloc} (HTTPS_PROXY) refuses to connect to api.test" in str(refused)
    assert "NO_PROXY" in refused.hint
    gone = the_error(ask("https://api.test/v1"))
    assert f"http://{proxy.netloc} (HTTPS_PROXY) cannot be reached" in str(gone)
    with HttpProxy(status=502) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.netloc)
        failed = the_error(ask("https://api.test/v1"))
    assert "did not connect to api.test (502)" in str(failed)
    assert gone.exit_code == failed.exit_code == 4
    assert proxy.connections > 1


@pytest.mark.parametrize("way", ["ca_file", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_of_ones_own_is_trusted_where_it_is_named(
    way: str, tls_server: RawServer, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"ca_file": str(authority)} if way == "ca_file" else {}
    if way != "ca_file":
        monkeypatch.setenv(way, str(authority))
    assert are_answers(ask(tls_server.base_url, **settings))
    assert are_answers(ask(tls_server.base_url.replace("127.0.0.1", "localhost"), **settings))


def test_a_refused_certificate_is_told_as_that_and_costs_one_connection(
    tls_server: RawServer, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(lambda number, reader, writer: pipe(reader, writer, tls_server.port)) as counter:
        error = the_error(ask(counter.base_url.replace("http:", "https:"), count=30))
    assert (error.exit_code, counter.connections) == (2, 1)
    assert "certificate of 127.0.0.1 is refused" in str(error)
    assert "ca_file" in error.hint and "SSL_CERT_FILE" in error.hint
    # The one that is named by the endpoint is the only one.
    other = make_authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    assert the_error(ask(tls_server.base_url, ca_file=str(other))).exit_code == 2
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match=r"none\.pem, named by REQUESTS_CA_BUNDLE"):
        ask(tls_server.base_url)


def test_a_certificate_for_another_host_is_told_as_that(
    tls_server: RawServer, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with HttpProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.netloc)
        error = the_error(ask(f"https://other.test:{tls_server.port}/v1", ca_file=str(authority)))
    assert "other.test" in str(error)
    assert error.hint == "check the host in the base URL"


def test_http_where_https_is_wanted_says_so_and_sends_nothing_after(authority: Path) -> None:
    target = "https://127.0.0.1:8443/v1/chat/completions"
    with Loopback(respond=lambda request: Fault(status=308, headers={"Location": target})) as server:
        error = the_error(ask(server.base_url, count=10))
    assert isinstance(error, NetworkError)
    assert error.hint == "use https://127.0.0.1:8443/v1"
    assert len(server.requests) == 1
