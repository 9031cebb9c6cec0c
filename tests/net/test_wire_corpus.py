"""HTTPServer on the requests that llhttp is tested with."""

import json
import re

import pytest

from tests.corpora import CORPORA
from tests.flows import Forward
from tests.servers import serving

CASE = re.compile(
    r"^#+ ([^\n]+)\n(?:(?!^#).)*?<!-- *meta=(\{[^\n]*\}) *-->\s*"
    r"```http\n(.*?)```(?:(?!```).)*?```log\n(.*?)```",
    re.DOTALL | re.MULTILINE,
)
ESCAPES = {"\\r": "\r", "\\n": "\n", "\\t": "\t", "\\f": "\f"}

# What llhttp accepts, and a server of HTTP/1 on its own does not.
REFUSED = {
    "method: CONNECT request": 501,
    "method: CONNECT request with CAPS": 501,
    "method: CONNECT with body": 501,
    "uri: Underscore in hostname": 501,  # CONNECT, too
    "method: QUERY request": 501,  # no release of llhttp in a Debian knows it
    "method: M-SEARCH request": 400,  # "*" belongs to OPTIONS
    "method: SOURCE request with ICE": 400,
    "method: OPTIONS request with RTSP": 400,
    "method: ANNOUNCE request with RTSP": 400,
    "sample: No HTTP version": 400,
    # characters that no URI has, fragments, a user's name
    "transfer-encoding: POST with `chunked` as last transfer-encoding": 400,
    "transfer-encoding: POST with `chunked` as last transfer-encoding (multiple headers)": 400,
    "uri: Quotes in URI": 400,
    "uri: Query URL with vertical bar character": 400,
    "uri: Fragment in URI": 400,
    "uri: `host:port` and basic auth": 400,
}
AFTER_CLOSE = "5"  # llhttp's code for bytes behind a request that closes the connection
UPGRADE = "22"  # and for those behind one that asks for another protocol


def wire_bytes(text):
    """Bytes of a block, as llhttp's own tests make them."""
    text = re.sub(r"\\\n", "", text.removesuffix("\n")).replace("\n", "\r\n")
    for escape, character in ESCAPES.items():
        text = text.replace(escape, character)
    return re.sub(r"\\x([0-9a-fA-F]+)", lambda found: chr(int(found[1], 16)), text).encode()


def read_cases():
    """Name, bytes and log of each case of the strict parser."""
    for path in sorted((CORPORA / "llhttp" / "test" / "request").glob("*.md")):
        for name, meta, text, log in CASE.findall(path.read_text(encoding="utf-8")):
            kind = json.loads(meta)
            if kind["type"] in ("request", "request-finish") and not kind.get("skipBody"):
                yield f"{path.stem}: {name}", wire_bytes(text), log


CASES = {name: (wire, log) for name, wire, log in read_cases()}
pytestmark = pytest.mark.skipif(not CASES, reason=f"no llhttp in {CORPORA}")


@pytest.fixture(scope="module")
def server():
    with serving(Forward("echo")) as server:
        yield server


def statuses(server, wire):
    """The statuses of all responses but interim ones; the server closes the connection."""
    found = re.findall(rb"HTTP/1\.1 (\d{3}) ", server.raw(wire))
    return [int(status) for status in found if status != b"100"]


def is_refusal(status):
    """Whether the parser has refused; what is wrong with method and path only is said by others."""
    return status in (400, 408, 413, 414, 417, 431, 501, 505)


@pytest.mark.parametrize("name", CASES)
def test_strict_cases(server, name):
    """What is refused gets a refusal as its last response, each complete request another response."""
    wire, log = CASES[name]
    if b"host:" not in wire.lower():
        wire = re.sub(rb"( HTTP/1\.1\r\n)(?! )", rb"\1Host: a\r\n", wire)
    error = re.search(r"error code=(\d+)", log)
    code = error[1] if error else None
    complete = log.count("message complete")
    answers = statuses(server, wire)
    if name in REFUSED:
        assert answers == [REFUSED[name]]
        return
    assert not any(map(is_refusal, answers[:complete])), answers
    if code == AFTER_CLOSE:
        assert len(answers) == complete
    elif code is None or code == UPGRADE:  # it may end within a request, which is broken then
        assert len(answers) in (complete, complete + 1)
        assert all(map(is_refusal, answers[complete:]))
    else:
        assert len(answers) == complete + 1
        assert is_refusal(answers[-1])


WITHOUT_HOST = [
    name
    for name, (wire, _) in CASES.items()
    if re.match(rb"(\r\n)*[^\r\n]+ HTTP/1\.1\r\n", wire)
    and b"host:" not in wire.lower()
    and b"\r\n\r\n" in wire
]


@pytest.mark.parametrize("name", WITHOUT_HOST)
def test_without_a_host(server, name):
    """As they are: HTTP/1.1 without a Host header is refused, and nothing behind it is read."""
    answers = statuses(server, CASES[name][0])
    assert len(answers) == 1
    assert is_refusal(answers[0])
