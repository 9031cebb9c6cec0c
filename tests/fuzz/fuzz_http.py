"""Requests over the wire: the parser of HTTPServer."""

import re

from compysition import _core
from tests.corpora import CORPORA
from tests.fuzz import target

LIMITS = (200, 1000, 10, 300)  # bytes of the target and of the head, headers, bytes of the body
TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
LINE = re.compile(rb"(%b) ([!-~]+) HTTP/1\.([01])\r\n" % TOKEN)
FIELD = re.compile(rb"(%b):[ \t]*([\t -~\x80-\xff]*?)[ \t]*\r\n" % TOKEN)
CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})(;[\t -~\x80-\xff]*)?\r\n")

HEAD = b"Host: a.example:80\r\nConnection: x, keep-alive\r\n"
SEEDS = [
    b"GET / HTTP/1.1\r\n%b\r\n" % HEAD,
    b"GET /a%20b?c=d HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"\r\nOPTIONS * HTTP/1.1\r\n%bUpgrade: h2c\r\nConnection: upgrade\r\n\r\n" % HEAD,
    b"POST http://[::1]:1/?a HTTP/1.1\r\n%bExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"
    % HEAD,
    b'POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n3;a;b=c;d="e\\""\r\nabc\r\n'
    b"10\r\n0123456789abcdef\r\n0\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n\r\n" % HEAD,
    b"POST / HTTP/1.1\r\n%bTransfer-Encoding: gzip, chunked\r\n\r\n" % HEAD,
    b"POST / HTTP/1.1\r\n%bContent-Length: 5\r\nContent-Length: 5\r\n\r\nabcde" % HEAD,
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
]


def seeds():
    """A byte for the number of cuts, the cuts, and the bytes on the wire."""
    texts = list(SEEDS)
    for path in sorted((CORPORA / "llhttp" / "test" / "request").glob("*.md")):
        for text in re.findall(r"```http\n(.*?)```", path.read_text(), re.DOTALL):
            texts.append(text.replace("\n", "\r\n").encode("utf-8"))
    return [cuts + text for text in texts for cuts in (b"\0", b"\3\1\x12\x05")]


def take(pattern, data, at):
    match = pattern.match(data, at)
    assert match, (pattern, data[at : at + 100])
    return match, match.end()


def take_fields(data, at):
    fields = []
    while data[at : at + 2] != b"\r\n":
        match, at = take(FIELD, data, at)
        fields.append(match.groups())
    return fields, at + 2


def take_chunks(data, at):
    body = b""
    while True:
        match, at = take(CHUNK, data, at)
        size = int(match[1], 16)
        if size == 0:
            return body, take_fields(data, at)[1]
        body += data[at : at + size]
        assert data[at + size : at + size + 2] == b"\r\n"
        at += size + 2


def check_request(request, data, at):
    """Read the request naively, as it was accepted; return where it ends."""
    method, target, path, query, authority, minor, keep_alive, fields, body = request
    while data[at : at + 2] == b"\r\n":
        at += 2
    match, at = take(LINE, data, at)
    assert match.groups() == (method, target, b"%d" % minor)
    expected, at = take_fields(data, at)
    assert fields == expected
    values = {}
    for name, value in fields:
        values.setdefault(name.lower(), []).append(value)
    hosts = values.get(b"host", [])
    assert len(hosts) == 1 or (minor == 0 and not hosts)
    if b"transfer-encoding" in values:
        assert [value.lower() for value in values[b"transfer-encoding"]] == [b"chunked"]
        assert minor == 1 and b"content-length" not in values
        expected, at = take_chunks(data, at)
    else:
        (length,) = values.get(b"content-length", [b"0"])
        assert length.isdigit()
        expected, at = data[at : at + int(length)], at + int(length)
    assert body == expected
    tokens = re.split(rb"[ \t]*,[ \t]*", b",".join(values.get(b"connection", [])).lower())
    assert keep_alive == (b"close" not in tokens and (minor == 1 or b"keep-alive" in tokens))
    check_target(target, path, query, authority, hosts)
    assert len(target) <= LIMITS[0] and len(fields) <= LIMITS[2] and len(body) <= LIMITS[3]
    return at


def check_target(target, path, query, authority, hosts):
    rest = target
    if not target.startswith((b"/", b"*")):
        scheme, authority_and_rest = target.split(b"://", 1)
        assert scheme.lower() in (b"http", b"https")
        expected = re.match(rb"[^/?]*", authority_and_rest)[0]
        rest = authority_and_rest[len(expected) :]
    else:
        expected = hosts[0] if hosts else b""
    assert authority == expected
    assert (path, query) == ((rest.partition(b"?")[0] or b"/"), rest.partition(b"?")[2])
    assert re.fullmatch(rb"(?:[!$-;=?-Z_a-z~\[\]]|%[0-9A-Fa-f]{2})*", rest)


@target(seeds)
def http_requests(data):
    """What is accepted is what a naive reader finds, and does not depend on how the bytes are split."""
    count = data[0] if data else 0
    cuts, wire = data[1 : 1 + count], data[1 + count :]
    whole = _core._parse_http(wire, b"", LIMITS)
    assert _core._parse_http(wire, cuts, LIMITS) == whole
    assert _core._parse_http(wire, b"\1" * len(wire), LIMITS) == whole
    requests, status, reason, unfinished = whole
    at = 0
    for request in requests:
        at = check_request(request, wire, at)
        assert at <= len(wire)
    assert (status == 0) == (reason is None)
    if status == 0 and not unfinished:
        assert not wire[at:].replace(b"\r\n", b"").rstrip(b"\r")
