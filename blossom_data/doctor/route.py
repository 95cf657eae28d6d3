"""Which proxy and which certificates a run would use.

    Finding("route", "ok", "through http://proxy.example.com:3128 (HTTPS_PROXY), certificates of the system")

It connects to nothing.
"""

from __future__ import annotations

import os

from blossom_data.doctor import FAIL, OK, Finding
from blossom_data.errors import ConfigError
from blossom_data.llm.http.network import route_for
from blossom_data.llm.http.transport import Transport


def check_route(url: str, ca_file: str = "") -> Finding:
    """The way to the host of `url`, without credentials; a failure where it cannot be used."""
    try:
        route = route_for(url, os.environ, ca_file=ca_file)
        Transport(url, route, headers={})
    except ConfigError as why:
        return Finding("route", FAIL, str(why), why.hint)
    return Finding("route", OK, route.told)
