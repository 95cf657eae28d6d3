"""How a host is reached: through which proxy, and by which certificates it proves who it is.

    route = route_for("https://api.example.com/v1", os.environ)
    route.proxy_url          "http://user:secret@proxy.example.com:3128", or "" for the direct way
    route.told               "through http://proxy.example.com:3128 (HTTPS_PROXY), certificates of the system"
    ssl_context(route)       for any library that takes one: aiohttp(ssl=...), httpx2(verify=...)

A route is read once for an endpoint, a webhook or a probe, and then handed to the library with its own reading of the
environment off (`trust_env=False`), so that all of them go the same way. It opens no connection.
"""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from blossom_data.errors import ConfigError

if TYPE_CHECKING:
    import ssl

_SCHEMES = ("http", "https", "socks5", "socks5h")
_PORTS = {"http": 80, "https": 443}
_HASHED = re.compile(r"[0-9a-f]{8}\.\d+")
"""What OpenSSL finds a certificate by, in a folder of them."""
_CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
CERTIFICATE_HINT = (
    "an authority of your own? set ca_file of the endpoint (--ca-file) or SSL_CERT_FILE to a PEM file that holds it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """The way to one host."""

    proxy_url: str = field(default="", repr=False)
    """Scheme, credentials, host and port; empty: no proxy. It may hold a password: show `told` instead."""
    proxy_origin: str = ""
    """The variable that named the proxy."""
    ca_files: tuple[tuple[str, str], ...] = ()
    """(who named it, path) of the only files or folders whose authorities are trusted; empty: the system's store."""

    @property
    def is_socks(self) -> bool:
        return self.proxy_url.startswith("socks")

    @property
    def proxy_shown(self) -> str:
        """The proxy without its credentials."""
        parts = urlsplit(self.proxy_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if self.proxy_url else ""

    @property
    def told(self) -> str:
        """The route in words."""
        way = f"through {self.proxy_shown} ({self.proxy_origin})" if self.proxy_url else "without a proxy"
        files = " and ".join(f"{path} ({origin})" for origin, path in self.ca_files)
        return f"{way}, certificates of {files or 'the system'}"


def route_for(url: str, environ: Mapping[str, str], *, ca_file: str | None = None) -> Route:
    """The way to the host of `url`, by the environment's variables for proxies and certificates.

    `ca_file` is what the settings say, and goes before the environment. A variable counts in lower and in upper case,
    the lower one first. This machine itself is never reached through a proxy.

    Raises:
        ConfigError: the variable that decides names no usable proxy.
    """
    if ca_file:
        ca_files: tuple[tuple[str, str], ...] = (("ca_file", ca_file),)
    else:
        ca_files = tuple((name, environ[name]) for name in _CERTIFICATE_VARIABLES if environ.get(name))
    parts = urlsplit(url)
    name, value = _proxy_setting(parts.scheme, environ)
    if not value or _is_direct(parts, _read(environ, "no_proxy")[1]):
        return Route(ca_files=ca_files)
    return Route(proxy_url=_read_proxy(name, value), proxy_origin=name, ca_files=ca_files)


def ssl_context(route: Route) -> ssl.SSLContext:
    """What verifies certificates on this route; 20 ms, so make it once.

    Raises:
        ConfigError: a file of authorities cannot be read.
    """
    import ssl

    if not route.ca_files:
        return _system_store()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for origin, path in route.ca_files:
        try:
            if Path(path).is_dir():
                if not any(_HASHED.fullmatch(file.name) for file in Path(path).iterdir()):
                    raise ConfigError(
                        f"cannot read certificates from {path}, named by {origin}: none is named by its hash",
                        hint=f"openssl rehash {path} names them, or name a PEM file",
                    )
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except OSError as why:
            reason = "it holds no certificate in PEM form" if isinstance(why, ssl.SSLError) else why.strerror
            raise ConfigError(
                f"cannot read certificates from {path}, named by {origin}: {reason}",
                hint="name a PEM file with the certificates of the authorities to be trusted",
            ) from why
    return context


def _system_store() -> ssl.SSLContext:
    import ssl

    if sys.platform not in ("darwin", "win32"):
        context = ssl.create_default_context()
        paths = ssl.get_default_verify_paths()
        if context.cert_store_stats()["x509"] or paths.capath:
            return context
    # The store of macOS or Windows, or a Linux whose files lie elsewhere than this Python was built for.
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _proxy_setting(scheme: str, environ: Mapping[str, str]) -> tuple[str, str]:
    name, value = _read(environ, f"{scheme}_proxy")
    return (name, value) if value else _read(environ, "all_proxy")


def _read(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """(the spelling that was found, its value); an empty lower-case variable switches the other one off."""
    for spelling in (name, name.upper()):
        if spelling in environ:
            return spelling, environ[spelling].strip()
    return name, ""


def _read_proxy(name: str, value: str) -> str:
    """The proxy's address, complete; no message quotes it, for it may hold a password."""
    address = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or not re.fullmatch(r"[\w.:%-]+", host):
        raise ConfigError(
            f"{name} is no usable proxy address",
            hint="such as http://proxy.example.com:3128; in a user name or password write @ as %40, # as %23, / as %2F",
        )
    scheme = {"socks": "socks5"}.get(parts.scheme, parts.scheme)
    if scheme not in _SCHEMES:
        raise ConfigError(
            f"{name} names a proxy of the kind {parts.scheme!r}, which is not known",
            hint=f"one of {', '.join(_SCHEMES)}",
        )
    credentials = parts.netloc.rpartition("@")[0]
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{credentials}{'@' if credentials else ''}{shown}:{port or _PORTS.get(scheme, 1080)}"


def is_this_machine(host: str) -> bool:
    """Whether the host of an address is the machine itself."""
    host = host.rstrip(".").lower()
    if (address := _address(host)) is None:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_direct(parts: SplitResult, no_proxy: str) -> bool:
    host = (parts.hostname or "").rstrip(".").lower()
    if is_this_machine(host):
        return True
    port, address = parts.port or _PORTS.get(parts.scheme), _address(host)
    entries = re.split(r"[,\s]+", no_proxy.lower())
    if address is None:
        return any(_names(entry, host, port) for entry in entries)
    return any(_covers(entry, str(address), port) for entry in entries)


def _names(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY means a host name: `*`, a domain with all below it, either with a port."""
    entry, _, entry_port = entry.partition(":")
    if entry_port and entry_port != str(port):
        return False
    domain = entry.removeprefix("*").strip(".")
    return entry == "*" or (bool(domain) and (host == domain or host.endswith(f".{domain}")))


def _covers(entry: str, address: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY means an address: `*`, the address with or without a port, its network."""
    if entry == "*":
        return True
    with_port = re.fullmatch(r"(\[[^\]]+\]|[^:]+):(\d+)", entry)
    if with_port and with_port[2] != str(port):
        return False
    bare = (with_port[1] if with_port else entry).strip("[]")
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(bare, strict=False)
    except ValueError:
        return False
