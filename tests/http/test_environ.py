"""event.environment: what it has of a request."""

from urllib.parse import urlunsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compysition._core import _make_environ
from compysition.errors import MalformedEventData


def request_of(target="/", *headers, method="GET", version="1.1", host="example.org"):
    """The bytes of a request; headers are bytes or text."""
    lines = [f"{method} ".encode() + encoded(target) + f" HTTP/{version}".encode()]
    if host is not None:
        lines.append(b"Host: " + encoded(host))
    lines += [encoded(header) for header in headers]
    return b"\r\n".join([*lines, b"", b""])


def encoded(text):
    return text if isinstance(text, bytes) else text.encode()


def environ_of(*args, url_args=None, **kwargs):
    return _make_environ([request_of(*args, **kwargs)], "0.0.0.0", 8080, False, url_args)[0][0]


def url_of(*args, address="0.0.0.0", port=8080, tls=False, **kwargs):
    return _make_environ([request_of(*args, **kwargs)], address, port, tls)[0][1]


# ---- the whole ----


def test_all_of_a_request():
    environ = environ_of(
        "/orders/5/?a=1&b=%C3%A9&a=2",
        "Content-Type: text/xml; charset=utf-8",
        "Content-Length: 0",
        "Authorization: Basic abc",
        "X-Some-Thing: x",
        method="POST",
        url_args={"queue": "orders", "id": 5},
    )
    assert environ == {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/orders/5",
        "QUERY_STRING": "a=1&b=%C3%A9&a=2",
        "QUERY_STRING_DATA": {"a": "2", "b": "\u00e9"},
        "SCRIPT_NAME": "",
        "CONTENT_TYPE": "text/xml; charset=utf-8",
        "CONTENT_LENGTH": "0",
        "SERVER_NAME": "0.0.0.0",
        "SERVER_PORT": "8080",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "compysition",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REMOTE_ADDR": "192.0.2.1",
        "REMOTE_PORT": "50000",
        "HTTP_HOST": "example.org",
        "HTTP_AUTHORIZATION": "Basic abc",
        "HTTP_X_SOME_THING": "x",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "bottle.raw_path": "/orders/5",
        "bottle.request.urlparts": ("http", "example.org", "/orders/5", "a=1&b=%C3%A9&a=2", ""),
        "route.url_args": {"queue": "orders", "id": 5},
    }


def test_the_least():
    environ = environ_of(version="1.0", host=None)
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.0"
    assert environ["QUERY_STRING"] == ""
    assert environ["QUERY_STRING_DATA"] == {}
    assert environ["route.url_args"] == {}
    assert not [key for key in environ if key.startswith(("HTTP_", "CONTENT_"))]


def test_values_are_of_the_types_that_scripts_rely_on():
    types = {type(value) for value in environ_of("/?a", "A: b").values()}
    assert types == {str, tuple, bool, dict}


def test_tls():
    ((environ, _),) = _make_environ([request_of()], "::1", 443, True)
    assert environ["wsgi.url_scheme"] == "https"
    assert environ["bottle.request.urlparts"][0] == "https"
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("::1", "443")


def test_nothing_is_shared_between_requests():
    (first, _), (second, _) = _make_environ(
        [request_of("/a"), request_of("/b", "X: y")], "h", 1, False
    )
    first["QUERY_STRING_DATA"]["a"] = first["route.url_args"]["a"] = first["SCRIPT_NAME"] = "b"
    assert second["QUERY_STRING_DATA"] == second["route.url_args"] == {}
    assert (first["PATH_INFO"], second["PATH_INFO"], second["SCRIPT_NAME"]) == ("/a", "/b", "")
    assert "HTTP_X" not in first


# ---- paths and URLs ----


@pytest.mark.parametrize(
    ("target", "path", "quoted"),
    [
        ("/", "/", "/"),
        ("//", "/", "/"),
        ("/a/", "/a", "/a"),
        ("/a///", "/a", "/a"),
        ("/a%2F", "/a", "/a"),
        ("/a%20b/c+d", "/a b/c+d", "/a%20b/c%2Bd"),
        ("/%C3%A9", "/\u00e9", "/%C3%A9"),
        ("/a/?b/", "/a", "/a"),
        ("http://other.org/a/?b", "/a", "/a"),
        ("/" + "x" * 2000 + "/", "/" + "x" * 2000, "/" + "x" * 2000),
    ],
)
def test_paths(target, path, quoted):
    environ = environ_of(target)
    assert environ["PATH_INFO"] == environ["bottle.raw_path"] == path
    assert environ["bottle.request.urlparts"][2] == quoted


@pytest.mark.parametrize("header", [[], ["Host: other.org:81"]])
def test_the_host_of_an_absolute_target_counts(header):
    environ = environ_of("http://third.org:82/a", *header, version="1.0", host=None)
    assert environ.get("HTTP_HOST") == ("third.org:82" if header else None)
    assert environ["bottle.request.urlparts"][1] == "third.org:82"


@pytest.mark.parametrize("target", ["/%FF", "/a%00b", "/%C3"])
def test_a_path_that_is_no_text(target):
    with pytest.raises(ValueError, match="no text"):
        environ_of(target)


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, "http://example.org/a?b"),
        ({"tls": True}, "https://example.org/a?b"),
        ({"host": "example.org:81"}, "http://example.org:81/a?b"),
        ({"host": None, "version": "1.0"}, "http://0.0.0.0:8080/a?b"),
        ({"host": None, "version": "1.0", "address": "::1"}, "http://[::1]:8080/a?b"),
        ({"target": "/%C3%A9/"}, "http://example.org/%C3%A9/"),
        ({"target": "/"}, "http://example.org/"),
        ({"target": "http://other.org:82/a"}, "http://other.org:82/a"),
    ],
)
def test_urls_for_the_log(options, url):
    assert url_of(**{"target": "/a?b", **options}) == url


def test_urlparts_have_the_host_of_the_request():
    parts = environ_of("http://other.org:82/a?b")["bottle.request.urlparts"]
    assert urlunsplit(parts) == "http://other.org:82/a?b"


# ---- queries ----


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("a=1&b=2&a=3", {"a": "3", "b": "2"}),
        ("a=&b&=c", {"a": "", "b": "", "": "c"}),
        ("a+b=%26%3D", {"a b": "&="}),
        ("a=%FF", {"a": "\ufffd"}),
        ("?", {"?": ""}),
    ],
)
def test_queries(query, data):
    environ = environ_of(f"/?{query}")
    assert environ["QUERY_STRING"] == query
    assert environ["QUERY_STRING_DATA"] == data


def test_a_query_of_too_many_fields():
    assert (
        len(environ_of("/?" + "&".join(f"a{n}" for n in range(1000)))["QUERY_STRING_DATA"]) == 1000
    )
    with pytest.raises(MalformedEventData, match="More than 1000 fields"):
        environ_of("/?" + "a&" * 1001)


# ---- headers ----


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("x-y-z", "HTTP_X_Y_Z"),
        ("X-Y-Z", "HTTP_X_Y_Z"),
        ("uSER-aGENT", "HTTP_USER_AGENT"),
        ("content-type", "CONTENT_TYPE"),
        ("Content-MD5", "HTTP_CONTENT_MD5"),
        ("x-content-type", "HTTP_X_CONTENT_TYPE"),
        ("!#$%&'*+-.^`|~0", "HTTP_!#$%&'*+_.^`|~0"),
        ("X" * 40, "HTTP_" + "X" * 40),
        ("X" * 41, "HTTP_" + "X" * 41),
        ("y-" * 200, "HTTP_" + "Y_" * 200),
        ("Proxy", "HTTP_PROXY"),
    ],
)
def test_names_of_headers(header, key):
    (first, _), (second, _) = _make_environ([request_of("/", f"{header}: v")] * 2, "h", 1, False)
    assert first[key] == second[key] == "v"
    assert len(first) == len(environ_of()) + 1


def test_a_name_that_could_pass_for_another_is_dropped():
    environ = environ_of("/", "X-User: real", "X_User: forged", "Content_Type: x", "A_: y")
    assert environ["HTTP_X_USER"] == "real"
    assert len(environ) == len(environ_of()) + 1


def test_repeated_headers_are_joined():
    environ = environ_of(
        "/",
        "X-A: 1",
        "Cookie: a=1",
        "x-a: 2",
        "cookie: b=2",
        "X-A:",
        "COOKIE: c=3",
        "Accept: a/b",
        "Accept: c/d",
    )
    assert environ["HTTP_X_A"] == "1, 2, "
    assert environ["HTTP_COOKIE"] == "a=1; b=2; c=3"
    assert environ["HTTP_ACCEPT"] == "a/b, c/d"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"\xc3\xa9", "\u00e9"),
        (b"\xe9", "\u00e9"),
        (b"\xc3\xa9 \xe9", "\u00c3\u00a9 \u00e9"),
        (b"", ""),
    ],
)
def test_values_are_utf_8_or_else_latin_1(value, text):
    assert environ_of("/", b"X-A: " + value)["HTTP_X_A"] == text


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,60}", fullmatch=True).map(lambda name: "X" + name)


@given(st.lists(st.lists(NAMES, max_size=20, unique_by=str.upper), min_size=1, max_size=20))
def test_many_names_one_after_the_other(requests):
    """They take each other's places in the cache of names."""
    made = _make_environ(
        [request_of("/", *[f"{n}: {n}" for n in names]) for names in requests], "h", 1, False
    )
    for names, (environ, _) in zip(requests, made, strict=True):
        expected = {"HTTP_" + name.upper().replace("-", "_"): name for name in names}
        assert {
            key: value for key, value in environ.items() if key.startswith("HTTP_X")
        } == expected
