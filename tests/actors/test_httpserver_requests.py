"""HTTPServer: what an event has of its request, by real clients: content types, forms, Accept, environment."""

import html
import json

import pytest

from compysition import Actor
from compysition.event import HttpEvent, JSONHttpEvent, XMLHttpEvent, XMLParser
from tests.servers import serving

FORM = "application/x-www-form-urlencoded"


class Look(Actor):
    """Keeps events as they come, in ``seen``, and answers with a copy."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.seen = []

    def consume(self, event, *args, **kwargs):
        self.seen.append(event)
        self.send_event(event.clone())


@pytest.fixture(scope="module")
def server():
    look = Look("look")
    routes = {
        "routes": [
            {"path": "/<queue>", "method": ["POST", "GET"]},
            {"path": "/<queue>/csv", "method": "POST", "ctypes": ["Text/CSV", "text/plain"]},
            {"path": "/<queue>/any", "method": "POST", "ignore_ctype": True},
            {"path": "/<queue>/items/<item:int>/<rest:path>", "method": "GET"},
        ]
    }
    with serving(look, routes_config=routes) as server:
        server.look = look
        yield server


def headers_for(content_type):
    return {} if content_type is None else {"Content-Type": content_type}


def post(server, body, content_type, path="/look", **headers):
    """Post; return the event that came of it."""
    server.look.seen.clear()
    status, _, answer = server.request("POST", path, body, {**headers_for(content_type), **headers})
    assert status == 200, answer
    return server.look.seen.pop()


def refusal(server, body, content_type, path="/look"):
    """Post what is refused; return status and answer."""
    server.look.seen.clear()
    status, _, answer = server.request("POST", path, body, headers_for(content_type))
    assert server.look.seen == []
    return status, answer


def shown(event):
    """The data, XML as text."""
    return event.data_string() if isinstance(event, XMLHttpEvent) else event.data


# ---- class and data ----


@pytest.mark.parametrize(
    ("content_type", "body", "kind", "data"),
    [
        ("application/json", b'{"a": "\xc3\xa9"}', JSONHttpEvent, {"a": "\u00e9"}),
        ("Application/JSON ; charset=x", b"[1]", JSONHttpEvent, [1]),
        (None, b'{"a": 1}', JSONHttpEvent, {"a": 1}),
        ("application/xml", b"<a>1</a>", XMLHttpEvent, "<a>1</a>"),
        (
            "text/xml",
            '<?xml version="1.0" encoding="ISO-8859-1"?><a>\u00e9</a>'.encode("latin-1"),
            XMLHttpEvent,
            "<a>&#233;</a>",
        ),
        ("text/html", b"<p/>", XMLHttpEvent, "<p/>"),
        ("text/plain", b"\xc3\xa9", HttpEvent, "\u00e9"),
        ("text/plain; charset=ISO-8859-1", b"\xe9", HttpEvent, "\u00e9"),
        ('text/plain; charset="windows-1252"', b"\x80", HttpEvent, "\u20ac"),
        ("text/plain", b"", HttpEvent, None),
        ("application/json", b"", JSONHttpEvent, {}),
        ("text/xml", b"", XMLHttpEvent, "<root/>"),
        (None, b"", JSONHttpEvent, {}),
        (FORM, b"XML=%3Ca%2F%3E", XMLHttpEvent, "<a/>"),
        (FORM, b'a=1&JSON={"b":+2}', JSONHttpEvent, {"b": 2}),
        (FORM, b"b=x+y%C3%A9&a=2", HttpEvent, "x y\u00e9"),
        (FORM + "; charset=latin-1", b"b=%E9", HttpEvent, "\u00e9"),
    ],
)
def test_class_and_data(server, content_type, body, kind, data):
    event = post(server, body, content_type)
    assert (type(event), shown(event)) == (kind, data)


def test_http_6_the_first_field_as_it_was_sent(server):
    """FIX HTTP-6: in the order of the form, unless there is XML or JSON."""
    names = [f"n{number}" for number in range(50)]
    for first in (0, 25, 49):
        order = names[first:] + names[:first]
        body = "&".join(f"{name}=value+of+{name}" for name in order).encode()
        assert post(server, body, FORM).data == f"value of {order[0]}"
        assert type(post(server, body + b"&JSON=[1]", FORM)) is JSONHttpEvent


@pytest.mark.parametrize(
    ("content_type", "body", "status", "message"),
    [
        (FORM, b"", 400, "Mismatched content type"),
        (FORM, b"&&", 400, "Mismatched content type"),
        (FORM, b"a&" * 1001, 400, "More than 1000 fields"),
        (FORM, b"a=" + b"x" * (2**20 - 1), 413, "A form of more than 1048576 bytes"),
        (FORM + "; charset=nope", b"a=1", 400, "Unknown charset 'nope'"),
        ("text/plain; charset=nope", b"a", 400, "Unknown charset 'nope'"),
        ("text/plain", b"\xff", 400, "The body is no text in utf-8"),
        ("text/plain; charset=us-ascii", b"\xff", 400, "The body is no text in us-ascii"),
        ("application/json", b"\xff", 400, "The body is no text in utf-8"),
        ("text/csv", b"a", 415, "Unsupported Content-Type 'text/csv'"),
        ("multipart/form-data; boundary=x", b"--x--", 415, "'multipart/form-data'"),
    ],
)
def test_refused_bodies(server, content_type, body, status, message):
    got, answer = refusal(server, body, content_type)
    assert got == status
    assert message in html.unescape(answer.decode())


def test_the_longest_form(server):
    assert len(post(server, b"a=" + b"x" * (2**20 - 2), FORM).data) == 2**20 - 2


def test_content_types_of_a_route(server):
    """FIX HTTP-5: they are checked for each request."""
    for _ in range(3):
        assert shown(post(server, b'{"a": 1}', "text/csv", "/look/csv")) == {"a": 1}
        assert refusal(server, b"{}", "application/json", "/look/csv")[0] == 415
        assert shown(post(server, b"[2]", "image/png", "/look/any")) == [2]
        assert refusal(server, b"[2]", "image/png")[0] == 415


def test_content_types_of_chunked_bodies(server):
    server.look.seen.clear()
    client = server.client()
    client.request("POST", "/look", iter([b"[1, ", b"2]"]), {"Content-Type": "image/png"})
    assert client.getresponse().status == 415
    client.close()
    client = server.client()
    client.request("POST", "/look", iter([b"[1, ", b"2]"]), {"Content-Type": "application/json"})
    assert client.getresponse().status == 200
    client.close()
    assert [event.data for event in server.look.seen] == [[1, 2]]


# ---- Accept ----


@pytest.mark.parametrize(
    ("accept", "expected", "content_type"),
    [
        ("*/*", "*/*", "application/json"),
        ("application/vnd.api+json", "*/*", "application/json"),
        ("application/*", "application/json", "application/json"),
        ("text/*", "text/xml", "application/xml"),
        ("application/json;q=0.5, text/xml", "text/xml", "application/xml"),
        (
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "text/html",
            "application/xml",
        ),
        ("text/plain", "text/plain", "application/json"),
        ("", "", "application/json"),
        ("application/xml;q=0", "", "application/json"),
    ],
)
def test_accept(server, accept, expected, content_type):
    server.look.seen.clear()
    headers = {"Accept": accept, "Content-Type": "application/json"}
    status, got, _ = server.request("POST", "/look", b'{"a": 1}', headers)
    assert (status, got["Content-Type"]) == (200, content_type)
    assert server.look.seen[0].accept == expected


# ---- environment ----


def test_the_environment(server):
    server.look.seen.clear()
    status, _, _ = server.request(
        "GET",
        "/look/items/5/a%20b/c/?q=1&q=%E2%82%AC&blank=",
        headers={"Authorization": "Basic abc", "Cookie": "a=1", "X-Some": "\u00e9".encode()},
    )
    assert status == 200
    event = server.look.seen.pop()
    environment = dict(event.environment)
    assert int(environment.pop("REMOTE_PORT")) > 0
    assert environment == {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/look/items/5/a b/c",
        "QUERY_STRING": "q=1&q=%E2%82%AC&blank=",
        "QUERY_STRING_DATA": {"q": "\u20ac", "blank": ""},
        "SCRIPT_NAME": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(server.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": environment["SERVER_SOFTWARE"],
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": f"127.0.0.1:{server.port}",
        "HTTP_ACCEPT_ENCODING": "identity",
        "HTTP_AUTHORIZATION": "Basic abc",
        "HTTP_COOKIE": "a=1",
        "HTTP_X_SOME": "\u00e9",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "bottle.raw_path": "/look/items/5/a b/c",
        "bottle.request.urlparts": (
            "http",
            f"127.0.0.1:{server.port}",
            "/look/items/5/a%20b/c",
            "q=1&q=%E2%82%AC&blank=",
            "",
        ),
        "route.url_args": {"queue": "look", "item": 5, "rest": "a b/c"},
    }
    assert (event.item, event.rest, event.service, event.method) == (5, "a b/c", "look", "GET")


def test_content_type_and_length_of_the_environment(server):
    environment = post(server, b"<a/>", "text/xml; charset=utf-8").environment
    assert environment["CONTENT_TYPE"] == "text/xml; charset=utf-8"
    assert environment["CONTENT_LENGTH"] == "4"
    assert "HTTP_CONTENT_TYPE" not in environment


def test_a_query_of_too_many_fields_is_a_bad_request(server):
    server.look.seen.clear()
    status, _, body = server.request("GET", "/look?" + "a&" * 1001)
    assert status == 400
    assert json.loads(body)["errors"][0]["message"] == "More than 1000 fields"
    assert server.look.seen == []


def test_a_path_that_is_no_text_is_a_bad_request(server):
    assert server.request("GET", "/look%FF")[0] == 400
    assert server.request("GET", "/look%00")[0] == 400


def test_a_forged_header_is_dropped(server):
    environment = post(server, b"{}", None, X_User="forged", **{"X-User": "real"}).environment
    assert environment["HTTP_X_USER"] == "real"


# ---- the log, which is complete when the server has stopped ----


def test_the_log():
    look = Look("look")
    with serving(look, log_level=10) as server:
        server.look = look
        url = f"http://127.0.0.1:{server.port}/look"
        refusal(server, b"a", "text/csv")
        assert post(server, b"{}", None, "/look?a=1", Accept="foo").accept == "*/*"
    messages = [record["message"] for record in server.log]
    warning = "Invalid mimetype defined in client Accepts header. 'foo' is not a valid mime type"
    assert f"[127.0.0.1] POST {url}" in messages
    assert f"[127.0.0.1] POST {url}?a=1" in messages
    assert warning in messages


def test_xml_of_requests_reads_what_the_script_allows(server, tmp_path, monkeypatch):
    (tmp_path / "part.xml").write_text("<part/>")
    body = '<!DOCTYPE a [<!ENTITY e SYSTEM "part.xml">]><a>&e;</a>'
    status, answer = refusal(server, body, "application/xml")
    assert status == 400
    assert b"External entity &apos;e&apos; refused" in answer or b"External entity 'e'" in answer
    monkeypatch.setattr(XMLHttpEvent, "xml_parser", XMLParser(tmp_path))
    assert post(server, body, "application/xml").data_string() == "<a><part/></a>"
