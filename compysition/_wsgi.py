"""HTTPServer as a WSGI application (PEP 3333): a call becomes the bytes of a request, and the response a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from compysition._core import HTTPServer

Environ = dict[str, Any]

HOP_BY_HOP = {b"connection", b"keep-alive", b"transfer-encoding"}


def headers_of(environ: Environ) -> Iterator[tuple[str, str]]:
    """Yield the headers of a request."""
    for key, value in environ.items():
        if key.startswith("HTTP_") and key not in (
            "HTTP_CONNECTION",
            "HTTP_TRANSFER_ENCODING",
            "HTTP_EXPECT",
        ):
            yield key[5:].replace("_", "-").title(), value
    if environ.get("CONTENT_TYPE"):
        yield "Content-Type", environ["CONTENT_TYPE"]
    if "HTTP_HOST" not in environ:
        yield "Host", environ.get("SERVER_NAME", "localhost")


def request_of(environ: Environ) -> bytes:
    """Return a request as it would come over the wire."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(length) if length else b""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    quoted = quote(path.encode("latin-1") or b"/")
    query = environ.get("QUERY_STRING")
    lines = [f"{environ['REQUEST_METHOD']} {quoted}{'?' + query if query else ''} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers_of(environ)]
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def call(server: HTTPServer, environ: Environ, start_response: Callable[..., Any]) -> list[bytes]:
    """Serve a request; it waits for the response."""
    try:
        response = server._exchange(request_of(environ))
    except ValueError as error:
        text = str(error).encode()
        status = HTTPStatus.BAD_REQUEST
        start_response(
            f"{status.value} {status.phrase}",
            [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))],
        )
        return [text]
    head, _, body = response.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    headers = [line.partition(b": ")[::2] for line in lines]
    start_response(
        first.partition(b" ")[2].decode("latin-1"),
        [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in headers
            if name.lower() not in HOP_BY_HOP
        ],
    )
    return [body]
