"""An S3 server on loopback: moto's, with faults that a test puts in front of it.

    with S3Server() as server:
        server.put("raw/train.jsonl", b"...")          in the bucket `bucket`
        blossom(..., "s3://bucket/raw/train.jsonl", env=server.environment)
        server.faults.append(slow_down)                used up one by one, by the requests that they take
        server.requests                                [("GET", "/bucket/raw/train.jsonl", "bytes=0-99"), ...]

moto keeps If-None-Match and If-Match of PUT, signs nothing and knows no regions; the faults answer as S3 does.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from hashlib import md5
from http.client import HTTPConnection
from typing import Any, Self

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

BUCKET = "bucket"
_CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")
KEY, SECRET = "AKIACANARYCANARY", "CANARYsecretCANARYsecretCANARY"  # only these tests know them
Fault = Callable[..., "Iterable[bytes] | None"]


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_: Any) -> None: ...


class S3Server:
    """The server; one moto for all tests; `empty` takes away what they wrote."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, str]] = []
        self.ignores_conditions = False
        self._lock = threading.Lock()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True, request_handler=_Quiet)
        self.address = ("127.0.0.1", self._server.server_port)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.environment = {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": "/nonexistent/config",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
        }

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._ask("PUT", f"/{BUCKET}")
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def put(self, key: str, data: bytes) -> str:
        """Writes an object; gives its URL."""
        self._ask("PUT", f"/{BUCKET}/{key}", data)
        return f"s3://{BUCKET}/{key}"

    def get(self, key: str) -> bytes:
        return self._ask("GET", f"/{BUCKET}/{key}")

    def delete(self, key: str) -> None:
        self._ask("DELETE", f"/{BUCKET}/{key}")

    def keys(self, prefix: str = "") -> list[str]:
        listed = self._ask("GET", f"/{BUCKET}?list-type=2&prefix={prefix}").decode()
        return re.findall("<Key>(.*?)</Key>", listed)

    def empty(self) -> None:
        for key in self.keys():
            self.delete(key)
        self.faults, self.requests, self.ignores_conditions = [], [], False

    def sent(self, method: str) -> list[str]:
        """The paths in the bucket that requests of that method were for."""
        return [path.removeprefix(f"/{BUCKET}/") for name, path, _ in self.requests if name == method]

    def _ask(self, method: str, path: str, data: bytes = b"") -> bytes:
        connection = HTTPConnection(*self.address)
        signed = (
            f"AWS4-HMAC-SHA256 Credential={KEY}/20261201/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
        )
        connection.request(method, path, data, {"x-test": "1", "Authorization": signed})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status < 300, (answer.status, body)
        return body

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if "HTTP_X_TEST" not in environ:
            with self._lock:
                at = (environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_RANGE", ""))
                self.requests.append(at)
                for fault in self.faults:
                    if (answer := fault(environ, start, self._moto)) is not None:
                        self.faults.remove(fault)
                        return answer
        if self.ignores_conditions:
            environ = {key: value for key, value in environ.items() if key not in _CONDITIONS}
        with self._lock:  # moto's own state is not made for threads
            return list(self._moto(environ, start))


def refused(status: str, code: str, method: str = "") -> Fault:
    """The next request (of that method) is answered with an error of S3."""

    def fault(environ: dict[str, Any], start: Callable[..., Any], _: Any) -> Iterable[bytes] | None:
        if method and environ["REQUEST_METHOD"] != method:
            return None
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        return _error(environ, start, status, code)

    return fault


def lost_answer(ending: str) -> Fault:
    """The next write to a path that ends so is done, and answered as if it had failed."""

    def fault(environ: dict[str, Any], start: Callable[..., Any], moto: Any) -> Iterable[bytes] | None:
        if environ["REQUEST_METHOD"] != "PUT" or not environ["PATH_INFO"].endswith(ending):
            return None
        list(moto(environ, lambda *_: None))
        return _error(environ, start, "500 Internal Server Error", "InternalError")

    return fault


def _error(environ: dict[str, Any], start: Callable[..., Any], status: str, code: str) -> Iterable[bytes]:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>told by the test</Message></Error>".encode()
    start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def cut(data: bytes, after: int) -> Fault:
    """The next range request is answered with `after` bytes of what was asked for, then the connection breaks."""

    def fault(environ: dict[str, Any], start: Callable[..., Any], _: Any) -> Iterable[bytes] | None:
        if environ["REQUEST_METHOD"] != "GET" or "HTTP_RANGE" not in environ:
            return None
        first, last = (int(each) for each in environ["HTTP_RANGE"].removeprefix("bytes=").split("-"))
        last = min(last, len(data) - 1)

        def body() -> Iterable[bytes]:
            yield data[first : first + after]
            raise ConnectionAbortedError

        span = f"bytes {first}-{last}/{len(data)}"
        headers = [("Content-Range", span), ("Content-Length", str(last - first + 1))]
        headers += [("ETag", f'"{md5(data).hexdigest()}"'), ("Last-Modified", "Tue, 01 Dec 2026 10:00:00 GMT")]
        start("206 Partial Content", headers)
        return body()

    return fault
