"""The parts of HTTP without a server: Accept, content types, forms, environments and dates."""

import contextlib

from compysition import _multipart
from compysition._core import (
    _best_match,
    _choose_media_type,
    _http_date,
    _make_environ,
    _parse_form,
    _read_content_type,
)
from compysition.errors import MalformedEventData


def leak_negotiation():
    for accept in (b"text/html;q=0.5, */*", b"", b"foo", b"a/b;" * 50):
        _best_match(["text/html", "text/xml"], accept)
        _choose_media_type(accept)
    _choose_media_type(None)
    _read_content_type(b'text/plain; charset="x"')
    _read_content_type(None)


def leak_forms():
    for text in (b"", b"a=1&b=%C3%A9&a=2", b"XML=" + b"x" * 1000, b"\xff=%FF"):
        for charset in ("", "latin-1", "utf-16"):
            _parse_form(text, charset)
    for text, charset in ((b"a", "nope"), (b"a", "idna"), (b"a&" * 1001, "")):
        with contextlib.suppress(MalformedEventData):
            _parse_form(text, charset)


def leak_multipart():
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    _multipart.parse(b"multipart/form-data; boundary=x", part * 3 + b"--x--")
    with contextlib.suppress(MalformedEventData):
        _multipart.parse(b"multipart/form-data; boundary=x", part * 1002)


def request(target, *headers):
    return b"\r\n".join([b"GET " + target + b" HTTP/1.1", b"Host: h", *headers, b"", b""])


def leak_environments():
    requests = [
        request(b"/", b"X-A: 1", b"X-A: 2", b"X_B: 3", b"Y" * 100 + b": 4", b"X-C: \xff"),
        request(b"/%C3%A9/?a=1&b", *[b"X-%d: %d" % (n, n) for n in range(400)]),
        request(b"http://other" + b"/x" * 300),
    ]
    _make_environ(requests, "::1", 80, True, {"queue": "q"}, 2)
    for target in (b"/%FF", b"/%00", b"/?" + b"a&" * 1001, b"no target"):
        with contextlib.suppress(ValueError, MalformedEventData):
            _make_environ([request(target)], "h", 80, False)


def leak_dates():
    _http_date()
    _http_date(0)
    for when in (-1, 2**100):
        with contextlib.suppress(ValueError, OverflowError):
            _http_date(when)
