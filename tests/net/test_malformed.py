"""HTTPServer on requests that two parsers might read differently: refused, and nothing behind them is executed."""

import re

import pytest

from tests.flows import Collect, Forward
from tests.servers import read_all, read_until, serving
from tests.waiting import wait_until

GOOD = b"POST /count HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
LINE = b"POST /count HTTP/1.1\r\n"
HOST = b"Host: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY = b"Content-Length: 0\r\n"


def headers(*lines):
    return LINE + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def chunks(*pieces):
    return LINE + HOST + CHUNKED + b"\r\n" + b"".join(pieces)


MALFORMED = {
    "two Host headers": (LINE + HOST + HOST + EMPTY + b"\r\n", 400),
    "two different Host headers": (LINE + HOST + b"Host: y\r\n" + EMPTY + b"\r\n", 400),
    "no Host": (LINE + EMPTY + b"\r\n", 400),
    "an empty Host": (LINE + b"Host:\r\n" + EMPTY + b"\r\n", 400),
    "a Host with a path": (LINE + b"Host: x/y\r\n" + EMPTY + b"\r\n", 400),
    "a Host with a user": (LINE + b"Host: a@x\r\n" + EMPTY + b"\r\n", 400),
    "an absolute target without a Host": (b"GET http://x/count HTTP/1.1\r\n\r\n", 400),
    "conflicting Content-Lengths": (headers(b"Content-Length: 0", b"Content-Length: 2"), 400),
    "a repeated Content-Length": (headers(b"Content-Length: 2", b"Content-Length: 2") + b"{}", 400),
    "a listed Content-Length": (headers(b"Content-Length: 2, 2") + b"{}", 400),
    "a signed Content-Length": (headers(b"Content-Length: +2") + b"{}", 400),
    "a negative Content-Length": (headers(b"Content-Length: -2") + b"{}", 400),
    "a hexadecimal Content-Length": (headers(b"Content-Length: 0x2") + b"{}", 400),
    "an empty Content-Length": (headers(b"Content-Length:"), 400),
    "a Content-Length with a space": (headers(b"Content-Length: 1 2") + b"{}", 400),
    "a huge Content-Length": (headers(b"Content-Length: 99999999999999999999"), 400),
    "Content-Length and Transfer-Encoding": (
        headers(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"0\r\n\r\n",
        400,
    ),
    "Transfer-Encoding and Content-Length": (
        headers(b"Transfer-Encoding: chunked", b"Content-Length: 5") + b"0\r\n\r\n",
        400,
    ),
    "identity": (headers(b"Transfer-Encoding: identity"), 400),
    "chunked is not the last coding": (headers(b"Transfer-Encoding: chunked, gzip"), 400),
    "chunked twice": (headers(b"Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n", 400),
    "a quoted coding": (headers(b'Transfer-Encoding: "chunked"'), 400),
    "a vertical tab before chunked": (headers(b"Transfer-Encoding: \x0bchunked"), 400),
    "a coding that is unknown": (headers(b"Transfer-Encoding: gzip, chunked"), 501),
    "chunked in HTTP/1.0": (b"POST /count HTTP/1.0\r\n" + HOST + CHUNKED + b"\r\n0\r\n\r\n", 400),
    "HTTP/2.0": (b"POST /count HTTP/2.0\r\n" + HOST + EMPTY + b"\r\n", 505),
    "HTTP/1.2": (b"POST /count HTTP/1.2\r\n" + HOST + EMPTY + b"\r\n", 505),
    "HTTP/0.9": (b"POST /count\r\n", 400),
    "a bare LF": (LINE + b"Host: x\nContent-Length: 0\r\n\r\n", 400),
    "a bare LF at the end": (LINE + HOST + EMPTY + b"\n", 400),
    "a bare CR": (headers(b"A: b\rContent-Length: 2", b"Content-Length: 0"), 400),
    "a bare CR at the end": (LINE + HOST + EMPTY + b"\r\r\n", 400),
    "NUL in a value": (headers(b"A: \0", b"Content-Length: 0"), 400),
    "NUL in a target": (b"POST /cou\0nt HTTP/1.1\r\n" + HOST + EMPTY + b"\r\n", 400),
    "a space behind a name": (headers(b"Content-Length : 0"), 400),
    "a tab behind a name": (headers(b"Content-Length\t: 0"), 400),
    "a space before a name": (LINE + b" Host: x\r\n" + EMPTY + b"\r\n", 400),
    "a folded line": (headers(b"A: b", b" Content-Length: 2", b"Content-Length: 0"), 400),
    "no name": (headers(b": b", b"Content-Length: 0"), 400),
    "no colon": (headers(b"Content-Length", b"Content-Length: 0"), 400),
    "two Content-Types": (
        headers(b"Content-Type: text/plain", b"Content-Type: text/xml", b"Content-Length: 2")
        + b"{}",
        400,
    ),
    "an unknown expectation": (headers(b"Expect: tea", b"Content-Length: 0"), 417),
    "a malformed chunk size": (chunks(b"g\r\n"), 400),
    "no chunk size": (chunks(b"\r\n"), 400),
    "a signed chunk size": (chunks(b"+2\r\n{}\r\n0\r\n\r\n"), 400),
    "a chunk size with 0x": (chunks(b"0x2\r\n{}\r\n0\r\n\r\n"), 400),
    "a space behind a chunk size": (chunks(b"2 \r\n{}\r\n0\r\n\r\n"), 400),
    "a chunk size that is too long": (chunks(b"fffffffffffffffff\r\n{}"), 400),
    "a chunk size that wraps around": (chunks(b"10000000000000002\r\n{}\r\n0\r\n\r\n"), 400),
    "no CRLF behind a chunk": (chunks(b"2\r\n{}0\r\n\r\n"), 400),
    "a bare LF behind a chunk": (chunks(b"2\r\n{}\n0\r\n\r\n"), 400),
    "a bare LF behind a chunk size": (chunks(b"2\n{}\r\n0\r\n\r\n"), 400),
    "a bare CR in a chunk extension": (chunks(b"2;a\rb\r\n{}\r\n0\r\n\r\n"), 400),
    "Content-Length as a trailer": (chunks(b"0\r\nContent-Length: 2\r\n\r\n"), 400),
    "a target that is too long": (b"POST /" + b"x" * 8192 + b" HTTP/1.1\r\n" + HOST, 414),
    "a header that is too long": (headers(b"A: " + b"x" * 32768), 431),
    "too many headers": (headers(*[b"A: b"] * 101), 431),
    "a body that is too long": (headers(b"Content-Length: 20000000"), 413),
    "chunks that are too long": (chunks(b"1312d00\r\n"), 413),
    "an unknown method": (b"BREW /count HTTP/1.1\r\n" + HOST + EMPTY + b"\r\n", 501),
    "CONNECT": (b"CONNECT x:80 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "a fragment": (b"POST /count#a HTTP/1.1\r\n" + HOST + EMPTY + b"\r\n", 400),
    "two spaces": (b"POST  /count HTTP/1.1\r\n" + HOST + EMPTY + b"\r\n", 400),
    "a target with a space": (b"POST /count x HTTP/1.1\r\n" + HOST + EMPTY + b"\r\n", 400),
    "half of an escape": (b"POST /count%2 HTTP/1.1\r\n" + HOST + EMPTY + b"\r\n", 400),
}


@pytest.fixture(scope="module")
def server():
    count = Collect("kept")

    def connect(director, http, *_):
        forward = director.register_actor(Forward, "count")
        director.register_actor(count)
        director.connect_queue((http, "count"), forward)
        director.connect_queue((forward, "answers"), http)
        director.connect_queue((forward, "kept"), count)

    with serving(connect=connect) as server:
        server.executed = count.data
        yield server


@pytest.mark.parametrize("name", MALFORMED)
def test_it_is_refused_and_the_connection_closed(server, name):
    request, status = MALFORMED[name]
    executed = len(server.executed)
    with server.connect() as client:
        client.sendall(GOOD)
        assert read_until(client, b"{}}").startswith(b"HTTP/1.1 200 OK\r\n")
        client.sendall(request + GOOD * 2)
        answer = read_all(client)  # until the server closes
    assert re.findall(rb"HTTP/1\.1 (\d+)", answer) == [b"%d" % status]
    assert b"\r\nConnection: close\r\n" in answer
    assert server.post_json("/count", {})[0] == 200
    wait_until(lambda: len(server.executed) >= executed + 2)
    assert len(server.executed) == executed + 2  # the good one before, and the last one


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n" + GOOD,
        GOOD.replace(b"/count", b"http://other.example:1/count?a=b"),
        GOOD.replace(b"/count", b"/%63ount/"),
        GOOD.replace(b"Host: x", b"hOsT:\t x \t\r\nX-Empty:\r\nX: \xff\xfe, \"'"),
        GOOD.replace(b"Host: x", b"Host: [::1]:8080\r\nExpect: 100-continue"),
        GOOD.replace(b"Host: x", b"Host: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: h2c"),
        chunks(b'2;a=b;c="d;\\"";e\r\n{}\r\n', b"000\r\nX-Trailer: a\r\n\r\n"),
        chunks(b"1\r\n{\r\n", b"1\r\n}\r\n", b"0\r\n\r\n"),
        GOOD.replace(b"Content-Length: 2", b"Content-Length: 0002"),
    ],
)
def test_what_is_unusual_is_served(server, request_):
    executed = len(server.executed)
    with server.connect() as client:
        client.sendall(request_ + GOOD)
        answer = read_until(client, b"{}}")
        while answer.count(b"{}}") < 2:
            answer += read_until(client, b"{}}")
    statuses = re.findall(rb"HTTP/1\.1 (\d+)", answer)
    assert [status for status in statuses if status != b"100"] == [b"200", b"200"]
    wait_until(lambda: len(server.executed) == executed + 2)
