"""URLs that a document names: none leads past a prefix, however a server reads it."""

import contextlib
import posixpath
from urllib.parse import unquote, urlsplit

from compysition import _core
from compysition.event import XMLParser
from tests.fuzz import target

HOST = "127.0.0.1:1"  # where nobody listens
PREFIX = f"http://{HOST}/a/"
PATHS = [
    b"part.xml?x#y",
    b"../b",
    b"%2e%2E/b",
    b"././/%61/..%2fb",
    b"..;x/b\\..\\c",
    b"b/%00%0d%0a",
]


def asked_for(path):
    """The path in the request: dots are resolved first (RFC 3986, 5.2.4)."""
    parts = []
    for part in path.split("/")[1:]:
        if part == "..":
            del parts[-1:]
        elif part != ".":
            parts.append(part)
    return "/" + "/".join(parts)


def readings(path):
    """What servers may make of a path."""
    decoded = unquote(asked_for(path))
    for text in (decoded, decoded.replace("\\", "/")):
        yield posixpath.normpath(text)
        yield posixpath.normpath("/".join(part.partition(";")[0] for part in text.split("/")))


@target(
    lambda: [
        b"http://127.0.0.1:1/a/",
        b"http://127.0.0.1:1@evil/a/",
        b"HTTP://user@127.1:01/a",
        b"ftp://[::1]/",
        *(b"\0" + path for path in PATHS),
    ]
)
def url(data):
    """A whole URL, or, after a null character, what stands behind the prefix."""
    text = data.decode("utf-8", "replace")
    text = PREFIX + text[1:] if text[:1] == "\0" else text
    if "\0" in text:
        return
    with contextlib.suppress(ValueError):
        XMLParser(allowed_urls=text)
    try:
        _core._fetch(text, PREFIX, 1, False)
        raise AssertionError("somebody listens")
    except OSError as error:
        reason = str(error)
    assert reason.startswith("Reading '")
    if "' is refused: " in reason:
        return
    assert all((path + "/").startswith("/a/") for path in readings(urlsplit(text).path))
