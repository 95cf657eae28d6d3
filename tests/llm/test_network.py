"""Which proxy and which certificates a host is reached with, by the environment."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from calls import FAST, ask_all, question

from blossom_data.config import Endpoint
from blossom_data.errors import ConfigError, EndpointError
from blossom_data.llm.http.network import Route, route_for, ssl_context

PROXY = "http://proxy.example.com:3128"


@pytest.mark.parametrize(
    ("url", "environ", "proxy"),
    [
        ("https://api.example.com/v1", {"HTTPS_PROXY": PROXY}, PROXY),
        ("https://api.example.com/v1", {"https_proxy": PROXY, "HTTPS_PROXY": "http://other:1"}, PROXY),
        ("https://api.example.com/v1", {"https_proxy": "", "HTTPS_PROXY": PROXY}, ""),
        ("https://api.example.com/v1", {"HTTP_PROXY": PROXY}, ""),
        ("http://api.example.com/v1", {"HTTP_PROXY": PROXY, "HTTPS_PROXY": "http://other:1"}, PROXY),
        ("http://api.example.com/v1", {"ALL_PROXY": PROXY}, PROXY),
        ("https://api.example.com/v1", {"all_proxy": "socks5h://127.0.0.1"}, "socks5h://127.0.0.1:1080"),
        ("https://api.example.com/v1", {"all_proxy": "socks://h:9"}, "socks5://h:9"),
        ("https://api.example.com/v1", {"HTTPS_PROXY": " proxy.example.com:3128 "}, PROXY),
        ("https://api.example.com/v1", {"HTTPS_PROXY": "https://u:p%40@[fd00::1]/"}, "https://u:p%40@[fd00::1]:443"),
    ],
)
def test_the_proxy_is_the_one_that_the_variables_name(url: str, environ: dict[str, str], proxy: str) -> None:
    assert route_for(url, environ).proxy_url == proxy


@pytest.mark.parametrize(
    ("host", "no_proxy", "is_direct"),
    [
        ("localhost", "", True),
        ("engine.localhost", "", True),
        ("127.0.0.1:8000", "", True),
        ("127.9.9.9", "", True),
        ("[::1]:8000", "", True),
        ("[::ffff:127.0.0.1]", "", True),
        ("0.0.0.0:8000", "", True),
        ("localhost.example.com", "", False),
        ("10.1.2.3", "", False),
        ("api.example.com", "example.com", True),
        ("api.example.com", ".example.com", True),
        ("api.example.com", "*.example.com", True),
        ("API.example.com.", "other, example.COM", True),
        ("api.example.com", "other example.com", True),
        ("api.example.com", "ample.com", False),
        ("api.example.com", "api.example.com:443", False),
        ("api.example.com:8000", "api.example.com:8000", True),
        ("api.example.com", "*", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3:80", True),
        ("10.1.2.3", "10.1.2.3:81", False),
        ("11.1.2.3", "10.0.0.0/8,::/0,nonsense/99", False),
        ("[fd00::5]:8000", "fd00::/16", True),
        ("[fd00::5]:8000", "[fd00::5]:8000", True),
    ],
)
def test_this_machine_and_what_no_proxy_names_is_reached_directly(host: str, no_proxy: str, is_direct: bool) -> None:
    route = route_for(f"http://{host}/v1", {"HTTP_PROXY": PROXY, "no_proxy": no_proxy})
    assert route.proxy_url == ("" if is_direct else PROXY)


@pytest.mark.parametrize("value", ["http://u:sk-CANARY@", "http://u:sk-CA#NARY@h:1", "ftp://u:CANARY@h", "http://h:x"])
def test_an_unusable_proxy_is_told_without_its_credentials(value: str) -> None:
    with pytest.raises(ConfigError) as caught:
        route_for("https://api.example.com", {"HTTPS_PROXY": value})
    assert "HTTPS_PROXY" in str(caught.value)
    assert "CANARY" not in str(caught.value) + caught.value.hint
    assert route_for("http://127.0.0.1:8000/v1", {"HTTP_PROXY": value}) == Route()


def test_a_route_is_shown_without_credentials() -> None:
    route = route_for("https://api.example.com", {"HTTPS_PROXY": "http://me:CANARY@h:1", "SSL_CERT_FILE": "/a.pem"})
    assert route.told == "through http://h:1 (HTTPS_PROXY), certificates of /a.pem (SSL_CERT_FILE)"
    assert "CANARY" not in repr(route)
    assert Route().told == "without a proxy, certificates of the system"


def test_certificates_come_from_the_settings_then_the_environment_then_the_system(tmp_path: Path) -> None:
    environ = {"SSL_CERT_FILE": "/a.pem", "REQUESTS_CA_BUNDLE": "/b.pem"}
    assert route_for("https://h", environ, ca_file="/own.pem").ca_files == (("ca_file", "/own.pem"),)
    assert [path for _, path in route_for("https://h", environ).ca_files] == ["/a.pem", "/b.pem"]
    assert ssl_context(Route()).check_hostname
    with pytest.raises(ConfigError, match=r"/a\.pem, named by SSL_CERT_FILE: No such file"):
        ssl_context(route_for("https://h", environ))
    (tmp_path / "not.pem").write_text("no certificate")
    with pytest.raises(ConfigError, match="PEM"):
        ssl_context(Route(ca_files=(("ca_file", str(tmp_path / "not.pem")),)))
    with pytest.raises(ConfigError, match="none is named by its hash"):
        ssl_context(Route(ca_files=(("SSL_CERT_FILE", str(tmp_path)),)))


@pytest.mark.parametrize(("number", "code"), [(socket.EAI_NONAME, 2), (socket.EAI_AGAIN, 4)])
def test_a_name_that_nobody_has_is_a_setting_and_one_that_cannot_be_asked_now_passes(
    number: int, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def resolve(*_: object, **__: object) -> None:
        raise socket.gaierror(number, "what the system says")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    there = Endpoint(base_url="http://api.test/v1", model="m")
    (error,), _ = ask_all([there], [question()], patience=FAST)
    assert isinstance(error, EndpointError)
    assert (error.exit_code, "api.test: what the system says" in str(error)) == (code, True)
    assert "check the host in the base URL" in error.hint
