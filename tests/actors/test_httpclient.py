import asyncio
import contextlib
import gc
import gzip
import json
import socket
import threading
import time
import weakref

import pytest

import compysition
from compysition import Event, Queue
from compysition.actors.httpclient import HTTPClient
from compysition.errors import (
    BadGateway,
    EventAttributeError,
    GatewayTimeout,
    MalformedEventData,
    ServiceUnavailable,
)
from compysition.event import HttpEvent, JSONEvent, JSONHttpEvent, XMLEvent, XMLHttpEvent
from tests.actors.helpers import fill_outbox, logged, take
from tests.flows import Collect, Source, quiet_director
from tests.webserver import WebServer, authority, response, server_context

WAIT = 40  # seconds that nothing here takes


@pytest.fixture
def serve():
    """Start servers; they are closed when the test ends."""
    servers = []

    def make(answer=lambda request: response(b"ok", content_type="text/plain"), **kwargs):
        servers.append(WebServer(answer, **kwargs))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


@pytest.fixture
def ask(wrap):
    """Send events through a client; what comes out, or its error."""

    def run(url, event=None, **kwargs):
        kwargs = {"retries": 0, **kwargs}
        wrapper = wrap(HTTPClient("client", url, **kwargs), output_timeout=WAIT)
        wrapper.input = HttpEvent() if event is None else event
        return wrapper.output

    return run


@pytest.fixture
def fail(wrap):
    """Send an event through a client that cannot answer; the event with its error."""

    def run(url, event=None, **kwargs):
        kwargs = {"retries": 0, **kwargs}
        wrapper = wrap(HTTPClient("client", url, **kwargs), output_timeout=WAIT)
        wrapper.input = HttpEvent() if event is None else event
        return wrapper.error

    return run


def unused_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def talk(answer, port=0):
    """A server that says the same to whatever comes first, and hangs up; its port."""

    def run():
        connection, _ = listener.accept()
        with connection:
            connection.recv(9999)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", port)) as listener:
        thread = threading.Thread(target=run)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


# ---- requests ----


@pytest.mark.parametrize(
    ("event", "method", "content_type", "body"),
    [
        (Event(), "GET", None, b""),
        (JSONEvent(), "GET", None, b""),
        (XMLEvent(), "GET", None, b""),
        (HttpEvent(data=""), "GET", None, b""),
        (Event(data="häh"), "POST", "text/plain; charset=utf-8", "häh".encode()),
        (HttpEvent(data=5), "POST", "text/plain; charset=utf-8", b"5"),
        (Event(data=b"\0\xff"), "POST", "application/octet-stream", b"\0\xff"),
        (JSONEvent(data={"a": [1]}), "POST", "application/json", b'{"a": [1]}'),
        (XMLHttpEvent(data="<a>b</a>"), "POST", "application/xml", b"<a>b</a>"),
    ],
)
def test_what_is_sent(serve, ask, event, method, content_type, body):
    server = serve()
    ask(f"{server.url}/a/b?c=d#e", event)
    (request,) = server.requests
    assert (request.method, request.path, request.body) == (method, "/a/b?c=d", body)
    assert request.headers.get("content-type") == content_type
    assert request.headers["host"] == server.host
    assert request.headers["user-agent"] == "compysition"
    assert request.headers.get("content-length") == (str(len(body)) if body else None)


@pytest.mark.parametrize(
    ("method", "has_body"),
    [
        ("GET", False),
        ("HEAD", False),
        ("DELETE", False),
        ("OPTIONS", False),
        ("POST", True),
        ("PUT", True),
        ("patch", True),
        ("{method}", True),
        ("X-{data/how}", True),
    ],
)
def test_the_method(serve, ask, method, has_body):
    server = serve(lambda request: response(b"" if request.method == "HEAD" else b"ok"))
    event = JSONHttpEvent(data={"how": "y"}, environment={"REQUEST_METHOD": "LOCK"})
    ask(server.url, event, method=method)
    (request,) = server.requests
    expected = {"{method}": "LOCK", "X-{data/how}": "X-Y"}.get(method, method.upper())
    assert (request.method, request.body) == (expected, b'{"how": "y"}' if has_body else b"")
    assert request.path == "/"


def test_data_is_sent_as_asked(serve, ask):
    server = serve()
    ask(server.url, Event(data="x"), method="DELETE", send_data=True)
    ask(server.url, Event(data="x"), method="GET", send_data=True)
    ask(server.url, Event(data="x"), method="PUT", send_data=False)
    ask(server.url, Event(), method="PUT")
    assert [(request.method, request.body) for request in server.requests] == [
        ("DELETE", b"x"),
        ("GET", b"x"),
        ("PUT", b""),
        ("PUT", b""),
    ]
    assert [request.headers.get("content-length") for request in server.requests[2:]] == ["0", "0"]
    assert "content-type" not in server.requests[3].headers


def test_headers(serve, ask):
    server = serve()
    headers = {
        "X-Id": "{event_id}",
        "content-type": "a/{data/b}",
        "Accept": None,
        "User-Agent": "me {{}}",
        "X-Empty": "",
        "Host": "other",
    }
    event = JSONEvent(data={"b": "ö%"})
    ask(server.url, event, headers=headers)
    got = server.requests[0].headers
    assert got["x-id"] == event.event_id
    assert got["content-type"].encode("latin-1").decode() == "a/ö%"
    assert (got["user-agent"], got["x-empty"], got["host"]) == ("me {}", "", "other")
    assert "accept" not in got


def test_authentication(serve, ask):
    server = serve()
    ask(server.url, auth=("ali", "a:b"))
    ask(server.url.replace("//", "//ali:a%3Ab@"))
    assert [request.headers["authorization"] for request in server.requests] == [
        "Basic YWxpOmE6Yg=="
    ] * 2


# ---- placeholders ----


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("a b/c?d#e", "a%20b%2Fc%3Fd%23e"),
        ("%41", "%2541"),
        (17, "17"),
        (1.5, "1.5"),
        (True, "True"),
        ("ä", "%C3%A4"),
        (b"\xff", "%FF"),
        ("a\r\nb", "a%0D%0Ab"),
        ("...", "..."),
        (".a", ".a"),
    ],
)
def test_values_in_the_url_are_encoded(serve, ask, value, path):
    server = serve()
    ask(f"{server.url}/x/{{it}}/y", HttpEvent(it=value))
    assert server.requests[0].path == f"/x/{path}/y"


def test_what_placeholders_find(serve, ask):
    server = serve()
    event = JSONEvent(data={"a": [{"b": "c"}], "0": 1}, service="s")
    ask(server.url + "/{data/a/0/b}/{service}{{x}}/ä?q={meta_id}&r=a b".replace(" ", "+"), event)
    path = f"/c/s%7Bx%7D/%C3%A4?q={event.event_id}&r=a+b"
    assert server.requests[0].path == path


def test_a_host_from_the_event(serve, ask):
    server = serve()
    assert ask("http://127.0.0.{last}:{port}/", Event(last=1, port=server.port)).data == "ok"


@pytest.mark.parametrize(
    ("url", "attributes", "error"),
    [
        ("http://127.0.0.1/{it}", {}, EventAttributeError),
        ("http://127.0.0.1/{it}", {"it": None}, EventAttributeError),
        ("http://127.0.0.1/{it/a}", {"it": {}}, EventAttributeError),
        ("http://127.0.0.1/{it}", {"it": {}}, MalformedEventData),
        ("http://127.0.0.1/{it}", {"it": [1]}, MalformedEventData),
        ("http://127.0.0.1/{it}/x", {"it": ".."}, MalformedEventData),
        ("http://127.0.0.1/{it}", {"it": "."}, MalformedEventData),
        ("http://127.0.0.1/.{it}?", {"it": "."}, MalformedEventData),
        ("http://{it}/", {"it": "a@b"}, MalformedEventData),
        ("http://{it}/", {"it": "a/b"}, MalformedEventData),
        ("http://127.0.0.1:{it}/", {"it": "http"}, MalformedEventData),
        ("http://{it}/", {"it": ""}, MalformedEventData),
    ],
)
def test_an_event_that_makes_no_url(fail, url, attributes, error):
    event = Event(data="kept", **attributes)
    failed = fail(url, event)
    assert type(failed.error) is error
    assert (failed.event_id, failed.data) == (event.event_id, "kept")


def test_an_event_that_makes_no_header_or_method(fail):
    for value in ("a\r\nX: y", "a\nb", "\0"):
        failed = fail("http://127.0.0.1", Event(it=value), headers={"X-It": "a {it}"})
        assert type(failed.error) is MalformedEventData
        assert "X-It" in str(failed.error)
    for value in ("GET /", "", "connect", "\r\n"):
        assert type(fail("http://127.0.0.1", Event(it=value), method="{it}").error) is (
            MalformedEventData
        )


# ---- responses ----


@pytest.mark.parametrize(
    ("body", "content_type", "cls", "data"),
    [
        (b'{"a": [1]}', "application/json", JSONHttpEvent, {"a": [1]}),
        (b"[1]", "Application/Problem+JSON; x=y", JSONHttpEvent, [1]),
        (
            '{"ä": 1}'.encode("latin-1"),
            "application/json; charset=latin-1",
            JSONHttpEvent,
            {"ä": 1},
        ),
        (b"text", "text/plain", HttpEvent, "text"),
        ("ä".encode(), "text/html", HttpEvent, "ä"),
        ("ä".encode("latin-1"), 'text/html; a=b; Charset="ISO-8859-1"', HttpEvent, "ä"),
        (b"\xff", "text/plain", HttpEvent, b"\xff"),
        (b"a", "text/plain; charset=nonsense", HttpEvent, b"a"),
        (b"ab", "image/png", HttpEvent, b"ab"),
        ("ä".encode(), None, HttpEvent, "ä"),
        (b"\xff", None, HttpEvent, b"\xff"),
        (b"", "application/json", HttpEvent, None),
        (b"", None, HttpEvent, None),
    ],
)
def test_what_comes_back(serve, ask, body, content_type, cls, data):
    server = serve(lambda request: response(body, content_type=content_type))
    for event in (Event(data="x"), JSONEvent(data={"b": 1}), XMLHttpEvent(data="<a/>")):
        sent = ask(server.url, event)
        assert (type(sent), sent.data, sent.status) == (cls, data, (200, "OK"))
        assert sent.event_id == event.event_id


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"<a>\xc3\xa4</a>", "application/xml"),
        (b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe4</a>", "text/xml"),
        (b"<a>\xe4</a>", "application/soap+xml; charset=iso-8859-1"),
    ],
)
def test_xml_comes_back(serve, ask, body, content_type):
    server = serve(lambda request: response(body, content_type=content_type))
    sent = ask(server.url)
    assert type(sent) is XMLHttpEvent
    assert (sent.data.tag, sent.data.text) == ("a", "ä")


def test_the_event_stays_the_same(serve, ask):
    server = serve(lambda request: response(b"{}", "201 Made it", content_type="application/json"))

    class Own(JSONHttpEvent):
        """A class of a script."""

    event = Own(
        data={"a": 1},
        environment={"REQUEST_METHOD": "PUT"},
        headers={"A": "b"},
        extra=[1],
        service="s",
    )
    sent = ask(server.url, event)
    assert (type(sent), sent.data, sent.status) == (JSONHttpEvent, {}, (201, "Made it"))
    assert (sent.event_id, sent.created, sent.service) == (event.event_id, event.created, "s")
    assert (sent.extra, sent.headers, sent.method) == ([1], {"A": "b"}, "PUT")


def test_status_and_headers(serve, ask):
    headers = {"content_type": "text/plain", "etag": '"x"', "x_own": "1", "link": "a"}
    server = serve(
        lambda request: response(b"a", "299 ", **headers).replace(
            b"\r\n\r\n", b"\r\nLink: b\r\n\r\n"
        )
    )
    sent = ask(server.url)
    assert sent.response_status == 299
    assert sent.status[0] == 299
    assert sent.response_headers == {"content-type": "text/plain", "etag": '"x"', "link": "a, b"}
    assert ask(server.url, response_headers=["X-Own"]).response_headers == {"x-own": "1"}
    everything = ask(server.url, response_headers=True).response_headers
    assert everything["x-own"] == "1"
    assert everything["content-length"] == "1"
    assert ask(server.url, response_headers=()).response_headers == {}


def test_bodies_in_all_codings(serve, ask):
    def answer(request):
        if request.path == "/gzip":
            return response(
                gzip.compress(b"a" * 9999), content_encoding="gzip", content_type="text/a"
            )
        if request.path == "/chunks":
            return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\nEtag: no\r\n\r\n"
        if request.path == "/close":
            return b"HTTP/1.0 200 OK\r\n\r\nuntil the end"
        return b"HTTP/1.1 103 Early\r\nLink: no\r\n\r\n" + response(b"late")

    server = serve(answer)
    assert ask(server.url + "/gzip").data == "a" * 9999
    sent = ask(server.url + "/chunks")
    assert (sent.data, sent.response_headers) == ("abc", {})
    assert ask(server.url + "/close").data == "until the end"
    sent = ask(server.url + "/early")
    assert (sent.data, sent.response_headers) == ("late", {})


@pytest.mark.parametrize("content_type", ["application/json", "application/xml", "a/b+json"])
@pytest.mark.parametrize("body", [b"<a", b'{"a":', b"\xff\xfe\0", b"NaN<"])
def test_a_body_that_is_not_what_it_says(serve, fail, content_type, body):
    server = serve(lambda request: response(body, content_type=content_type))
    event = JSONHttpEvent(data={"kept": 1})
    failed = fail(server.url, event)
    assert type(failed.error) is BadGateway
    assert failed.error.message == [
        f"{server.host}: the response is not the {content_type} that it claims to be"
    ]
    assert (type(failed), failed.data, failed.status[0]) == (JSONHttpEvent, {"kept": 1}, 502)


# ---- errors ----


@pytest.mark.parametrize(
    ("status", "error", "own"),
    [
        (400, BadGateway, 502),
        (404, BadGateway, 502),
        (429, ServiceUnavailable, 503),
        (500, BadGateway, 502),
        (503, ServiceUnavailable, 503),
        (504, GatewayTimeout, 504),
        (599, BadGateway, 502),
    ],
)
def test_statuses_that_are_errors(serve, fail, ask, status, error, own):
    server = serve(lambda request: response(b"why", f"{status} Oh", retry_after="7"))
    event = HttpEvent(data="kept")
    failed = fail(server.url, event)
    assert type(failed.error) is error
    assert failed.error.message == [f"{server.host}: status {status} Oh"]
    assert (failed.error.code, failed.status[0]) == (status, own)
    assert (failed.response_status, failed.response_headers) == (status, {"retry-after": "7"})
    assert (failed.event_id, failed.data) == (event.event_id, "kept")
    sent = ask(server.url, status_errors=False)
    assert (sent.data, sent.status, sent.error) == ("why", (status, "Oh"), None)


@pytest.mark.parametrize("status", [302, 304, 399])
def test_other_statuses_are_responses(serve, ask, status):
    server = serve(lambda request: response(b"", f"{status} So", location="/x"))
    sent = ask(server.url)
    assert (sent.status, sent.data) == ((status, "So"), None)
    assert sent.response_headers == {"location": "/x"}


def test_nobody_listens(fail):
    port = unused_port()
    failed = fail(f"http://127.0.0.1:{port}/secret")
    assert type(failed.error) is BadGateway
    assert failed.status == (502, "Bad Gateway")
    assert f"127.0.0.1:{port}: " in str(failed.error)
    assert "secret" not in str(failed.error)


def test_a_host_that_does_not_exist(fail):
    failed = fail("http://no-such-host.invalid/", connect_timeout=20)
    assert isinstance(failed.error, BadGateway | GatewayTimeout)
    assert "no-such-host.invalid" in str(failed.error)


def test_a_server_that_does_not_answer(serve, fail):
    async def never(request):
        await asyncio.Event().wait()

    server = serve(never)
    failed = fail(server.url, timeout=0.1)
    assert type(failed.error) is GatewayTimeout
    assert failed.status == (504, "Gateway Timeout")
    assert failed.error.message == [f"{server.host}: no complete response within 0.1 seconds"]


def test_a_body_that_does_not_end(serve, fail):
    server = serve(lambda request: response(b"a", content_length=2))
    failed = fail(server.url, timeout=0.1)
    assert type(failed.error) is GatewayTimeout


def test_a_server_that_accepts_nobody(fail):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        failed = fail(f"http://127.0.0.1:{port}", connect_timeout=0.1)
        for filler in fillers:
            filler.close()
    assert type(failed.error) is GatewayTimeout
    assert failed.error.message == [f"127.0.0.1:{port}: no connection within 0.1 seconds"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Type: a",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
    ],
)
def test_a_connection_that_breaks(fail, answer):
    with talk(answer) as port:
        failed = fail(f"http://127.0.0.1:{port}")
    assert type(failed.error) is BadGateway
    assert "the connection broke before the response was complete" in str(failed.error)


@pytest.mark.parametrize(
    "answer",
    [
        b"no http\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\0" * 100,
        b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
    ],
)
def test_a_server_that_talks_nonsense(serve, fail, answer):
    server = serve(lambda request: answer)
    failed = fail(server.url, retries=2)
    assert type(failed.error) is BadGateway
    assert failed.error.message[0].startswith(f"{server.host}: ")


@pytest.mark.parametrize(
    "answer",
    [
        response(b"a" * 1001),
        response(content_length=1001),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 1001,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1f5\r\n"
        + b"a" * 501
        + b"\r\n1f5\r\n"
        + b"a" * 501
        + b"\r\n0\r\n\r\n",
        response(gzip.compress(b"a" * 1001), content_encoding="gzip"),
        response(b"a", **{f"x_{number}": "a" * 9000 for number in range(40)}),
    ],
    ids=["length", "announced", "closed", "chunked", "gzip", "headers"],
)
def test_a_response_that_is_too_large(serve, fail, answer):
    server = serve(lambda request: answer)
    failed = fail(server.url, max_response_bytes=1000)
    assert type(failed.error) is BadGateway
    assert "larger than allowed" in str(failed.error)
    assert len(server.requests) == 1


def test_a_response_that_is_just_not_too_large(serve, ask):
    server = serve(lambda request: response(b"a" * 1000))
    assert len(ask(server.url, max_response_bytes=1000).data) == 1000


def test_data_that_cannot_be_told(fail):
    class Mute(Event):
        def data_string(self):
            return 5

    assert type(fail("http://127.0.0.1:1", Mute(data="x")).error) is TypeError


def test_what_is_no_event(wrap, log, serve):
    server = serve()
    actor = HTTPClient("client", server.url)
    lines = log(actor)
    wrapper = wrap(actor, output_timeout=WAIT)
    wrapper.input_queues["inbox"].put("text")
    wrapper.input = Event()
    assert wrapper.output.data == "ok"
    assert "is not an event" in logged(lines, 40)[0]


def test_secrets_are_not_logged(wrap, log, serve):
    """Neither what is in the URL, nor what is sent."""

    def answer(request):
        return None if request.path.endswith("close") else response(b"", "500 No")

    server = serve(answer)
    for path in ("/token-secret", "/token-secret?close", "/{missing}"):
        url = server.url.replace("//", "//user:password-secret@") + path
        actor = HTTPClient("client", url, headers={"X": "header-secret"}, retries=1, backoff=0)
        lines = log(actor)
        actor.logger.level = 0
        wrapper = wrap(actor, output_timeout=WAIT)
        wrapper.input = Event(data="data-secret")
        failed = wrapper.error
        text = "\n".join(logged(lines)) + failed.error_string()
        assert server.host in text or "missing" in text
        assert "secret" not in text


# ---- retries ----


def failing(count, failure):
    """Answers that fail so often."""
    return lambda server: failure if len(server.requests) <= count else response(b"at last")


@pytest.mark.parametrize("status", [429, 502, 503, 504])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_idempotent_requests_are_sent_again(serve, ask, method, status):
    def answer(request):
        bad = len(server.requests) <= 2
        return response(b"", f"{status} No" if bad else "200 OK")

    server = serve(answer)
    sent = ask(server.url, Event(data="x"), method=method, retries=2, backoff=0.001)
    assert (sent.status[0], len(server.requests)) == (200, 3)
    assert {request.body for request in server.requests} == {b"x" if method == "PUT" else b""}


@pytest.mark.parametrize("method", ["POST", "PATCH", "LOCK"])
def test_others_are_not(serve, fail, method):
    for failure in (response(b"", "503 No"), None):
        server = serve(lambda request, failure=failure: failure)
        failed = fail(server.url, Event(data="x"), method=method, retries=5, backoff=0.001)
        assert isinstance(failed.error, ServiceUnavailable | BadGateway)
        assert len(server.requests) == 1


@pytest.mark.parametrize("status", [400, 404, 500, 501])
def test_other_statuses_are_final(serve, fail, status):
    server = serve(lambda request: response(b"", f"{status} No"))
    assert fail(server.url, retries=5, backoff=0.001).error.code == status
    assert len(server.requests) == 1


def test_the_last_error_counts(serve, fail, log):
    def answer(request):
        return None if len(server.requests) == 1 else response(b"", "502 No")

    server = serve(answer)
    assert fail(server.url, retries=2, backoff=0.001).error.code == 502
    assert len(server.requests) == 3


def test_retries_are_logged(serve, wrap, log):
    def answer(request):
        return None if len(server.requests) == 1 else response(b"good")

    server = serve(answer)
    actor = HTTPClient("client", server.url, backoff=0.001)
    lines = log(actor)
    wrapper = wrap(actor, output_timeout=WAIT)
    wrapper.input = Event()
    assert wrapper.output.data == "good"
    assert logged(lines, 30) == [
        f"GET {server.host} took 2 attempts. The last but one ended with: "
        "the connection broke before the response was complete: Empty reply from server"
    ]


def test_what_was_not_sent_is_sent_again(wrap):
    """Also a POST: nobody listens at first."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    client = HTTPClient("client", f"http://127.0.0.1:{port}", retries=50, backoff=0.01)
    wrapper = wrap(client, output_timeout=WAIT)
    wrapper.input = Event(data="x")
    compysition.sleep(0.05)
    with talk(response(b"good"), port):
        assert wrapper.output.data == "good"


@pytest.mark.parametrize(
    ("after", "shortest"), [("1", 1), ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("soon", 0)]
)
def test_retry_after(serve, ask, after, shortest):
    def answer(request):
        times.append(time.monotonic())
        return response(b"", "503 No" if len(times) == 1 else "200 OK", retry_after=after)

    times = []
    server = serve(answer)
    ask(server.url, retries=1, backoff=0)
    assert times[1] - times[0] >= shortest


def test_retry_after_is_too_late(serve, fail):
    server = serve(lambda request: response(b"", "503 No", retry_after="31"))
    failed = fail(server.url, retries=5, timeout=30)
    assert failed.response_headers == {"retry-after": "31"}
    assert len(server.requests) == 1


@pytest.mark.parametrize(("method", "times"), [("POST", 2), ("GET", 3)])
def test_a_kept_connection_that_breaks(serve, wrap, method, times):
    """libcurl would send it again on a new one, though the server may have done what it says."""

    def answer(request):
        return None if len(server.requests) == 2 else response(b"good")

    server = serve(answer)
    client = HTTPClient("client", server.url, method, retries=0)
    wrapper = wrap(client, output_timeout=WAIT)
    wrapper.input = Event(data="")
    assert wrapper.output.data == "good"
    wrapper.input = Event(data="")
    if method == "GET":
        assert wrapper.output.data == "good"
    else:
        assert "the connection broke" in str(wrapper.error.error)
    assert len(server.requests) == times


# ---- redirects ----


@pytest.mark.parametrize(
    ("method", "status", "then", "body"),
    [
        ("GET", 301, "GET", b""),
        ("GET", 307, "GET", b""),
        ("HEAD", 303, "HEAD", b""),
        ("POST", 301, "GET", b""),
        ("POST", 302, "GET", b""),
        ("POST", 303, "GET", b""),
        ("POST", 307, "POST", b"x"),
        ("POST", 308, "POST", b"x"),
        ("PUT", 301, "PUT", b"x"),
        ("PUT", 302, "PUT", b"x"),
        ("PUT", 303, "GET", b""),
        ("PUT", 307, "PUT", b"x"),
        ("DELETE", 302, "DELETE", b""),
        ("DELETE", 303, "GET", b""),
        ("PATCH", 303, "GET", b""),
    ],
)
def test_redirects_are_followed(serve, ask, method, status, then, body):
    def answer(request):
        if request.path == "/there":
            return response(b"" if request.method == "HEAD" else b"there", etag="b")
        return response(
            b"" if method == "HEAD" else b"here", f"{status} Go", location="/there", etag="a"
        )

    server = serve(answer)
    sent = ask(server.url, Event(data="x"), method=method, allow_redirects=True)
    assert [request.method for request in server.requests] == [method, then]
    assert server.requests[1].body == body
    assert sent.data == (None if then == "HEAD" else "there")
    assert sent.response_headers == {"etag": "b"}


def test_too_many_redirects(serve, fail, ask):
    def answer(request):
        number = int(request.path[1:])
        return response(b"", "302 Go", location=f"/{number + 1}") if number < 3 else response(b"x")

    server = serve(answer)
    assert ask(f"{server.url}/0", allow_redirects=3).data == "x"
    failed = fail(f"{server.url}/0", allow_redirects=2)
    assert type(failed.error) is BadGateway
    assert "2" in str(failed.error)


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/"]
)
def test_where_no_redirect_leads(serve, fail, location):
    server = serve(lambda request: response(b"", "302 Go", location=location))
    failed = fail(server.url, allow_redirects=True)
    assert type(failed.error) is BadGateway
    assert "rotocol" in str(failed.error)


def test_secrets_do_not_follow_to_another_host(serve, ask):
    there = serve()
    here = serve(
        lambda request: response(b"", "302 Go", location=f"http://localhost:{there.port}/x")
    )
    for kwargs in ({"auth": ("a", "b")}, {"headers": {"Authorization": "x", "Cookie": "y"}}):
        ask(here.url, allow_redirects=True, **kwargs)
        assert "authorization" in here.requests[-1].headers
        assert "authorization" not in there.requests[-1].headers
        assert "cookie" not in there.requests[-1].headers


# ---- TLS ----


@pytest.fixture(scope="module")
def ca_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority().cert_pem.write_to_path(path)
    return path


def test_tls(serve, ask, ca_file):
    server = serve(tls=server_context())
    for verify in (ca_file, str(ca_file), False):
        assert ask(server.url, Event(data="x"), verify=verify).data == "ok"


@pytest.mark.parametrize("name", ["localhost", "other.example"])
def test_a_certificate_that_is_not_trusted(serve, fail, ca_file, name):
    server = serve(tls=server_context(name))
    failed = fail(server.url, verify=ca_file if name != "localhost" else True, retries=3)
    assert type(failed.error) is BadGateway
    assert failed.error.message[0].startswith(f"{server.host}: SSL")
    assert server.requests == []


def test_our_certificate(serve, ask, fail, ca_file, tmp_path):
    server = serve(tls=server_context(client_ca=authority()))
    mine = authority().issue_cert("me@example.com")
    both, cert, key = tmp_path / "both.pem", tmp_path / "cert.pem", tmp_path / "key.pem"
    mine.private_key_and_cert_chain_pem.write_to_path(both)
    mine.cert_chain_pems[0].write_to_path(cert)
    mine.private_key_pem.write_to_path(key)
    assert ask(server.url, verify=ca_file, cert=both).data == "ok"
    assert ask(server.url, verify=ca_file, cert=(cert, str(key))).data == "ok"
    assert type(fail(server.url, verify=ca_file).error) is BadGateway
    assert "cert" in str(fail(server.url, verify=ca_file, cert=key).error)


def test_no_tls_where_it_is_wanted(fail):
    with talk(response(b"", "400 What?")) as port:
        failed = fail(f"https://127.0.0.1:{port}")
    assert type(failed.error) is BadGateway
    assert "SSL" in str(failed.error)


def test_no_redirect_from_https_to_http(serve, fail, ca_file):
    plain = serve()
    server = serve(
        lambda request: response(b"", "302 Go", location=plain.url), tls=server_context()
    )
    failed = fail(server.url, verify=ca_file, allow_redirects=True)
    assert type(failed.error) is BadGateway
    assert plain.requests == []


# ---- proxies ----


def test_proxies(serve, ask, monkeypatch):
    proxy = serve(lambda request: response(request.path.encode()))
    server = serve()
    monkeypatch.setenv("http_proxy", proxy.url)
    assert ask(server.url).data == "ok"
    assert ask(f"{server.url}/x", proxy=True).data == f"{server.url}/x"
    assert ask("http://example.com/x", proxy=proxy.url).data == "http://example.com/x"


# ---- many requests ----


def test_connections_are_kept(serve, wrap):
    server = serve()
    wrapper = wrap(HTTPClient("client", server.url), output_timeout=WAIT)
    for number in range(5):
        wrapper.input = Event(data=number)
        assert wrapper.output.data == "ok"
    assert (server.connections, len(server.requests)) == (1, 5)


def gate(count):
    """Answers that wait until so many requests are there; and the most that were at once."""
    state = {"now": 0, "most": 0}
    opened = asyncio.Event()

    async def answer(request):
        state["now"] += 1
        state["most"] = max(state["most"], state["now"])
        if state["now"] == count:
            opened.set()
        await asyncio.wait_for(opened.wait(), WAIT)
        state["now"] -= 1
        return response(request.body)

    return answer, state


def flow(url, count, **kwargs):
    """A director with so many events for a client, and an actor that collects what comes out."""
    director = quiet_director(size=kwargs.pop("size", 500), **kwargs.pop("director", {}))
    source = director.register_actor(Source, "source", count)
    client = director.register_actor(HTTPClient, "client", url, **kwargs)
    keep = director.register_actor(Collect, "keep", director, count)
    director.connect_queue(source, client)
    director.connect_queue(client, keep)
    return director, keep


def settled(director):
    events = director.stats()["events"]
    assert events["in_flight"] == events["kept"] == 0
    return events


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.slow)])
def test_requests_in_flight(serve, count):
    answer, state = gate(count)
    server = serve(answer)
    director, keep = flow(server.url, count, concurrency=count)
    director.start()
    assert sorted(map(int, keep.data)) == list(range(count))
    assert state["most"] == count
    assert settled(director)["created"] == count


def test_the_usual_concurrency(serve):
    answer, state = gate(100)
    server = serve(answer)
    director, keep = flow(server.url, 300)
    director.start()
    assert len(keep.data) == 300
    assert state["most"] == 100


def test_a_limit_of_connections(serve):
    async def answer(request):
        await asyncio.sleep(0.001)
        return response(request.body)

    server = serve(answer)
    director, keep = flow(server.url, 50, max_connections=3)
    director.start()
    assert len(keep.data) == 50
    assert server.most <= 3


def test_one_after_the_other_keeps_the_order(serve):
    async def answer(request):
        await asyncio.sleep(0.01 if int(request.body) % 3 == 0 else 0)
        return response(request.body)

    server = serve(answer)
    director, keep = flow(server.url, 30, blocking_consume=True)
    director.start()
    assert list(map(int, keep.data)) == list(range(30))
    assert server.connections == 1


def test_a_full_destination_holds_it_up(wrap, serve):
    server = serve(lambda request: response(request.body))
    actor = HTTPClient("client", server.url, concurrency=4)
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(20):
        wrapper.input = Event(data=number + 1)
    while len(server.requests) < 4:
        compysition.sleep(0.001)
    compysition.sleep(0.05)
    assert len(server.requests) <= 5
    assert {int(data) for data in take(outbox, 21, WAIT)[1:]} == set(range(1, 21))
    assert wrapper.error_queues["error"].empty()


# ---- stopping ----


def test_a_stop_waits_for_answers(serve):
    async def answer(request):
        await asyncio.sleep(0.05)
        return response(request.body)

    server = serve(answer)
    director, keep = flow(server.url, 50, size=2, concurrency=10)
    keep.stop_at = 0
    director.start(block=False)
    while not server.requests:
        compysition.sleep(0.001)
    director.stop()
    assert len(keep.data) > 0
    events = settled(director)
    assert events["reported"] == 0
    assert len(keep.data) == events["created"]


@pytest.mark.parametrize("retrying", [False, True])
def test_a_stop_breaks_off_what_takes_too_long(serve, retrying):
    async def answer(request):
        if retrying:
            return
        await asyncio.Event().wait()

    server = serve(answer)
    director, keep = flow(
        server.url,
        20,
        director={"stop_timeout": 0.1},
        method="PUT",
        retries=9,
        backoff=99,
        concurrency=7,
    )
    director.start(block=False)
    while len(server.requests) < 7:
        compysition.sleep(0.001)
    director.stop()
    assert keep.data == []
    assert settled(director)["reported"] == 20


@pytest.mark.parametrize("retrying", [False, True])
def test_another_thread_stops_it(serve, retrying):
    """What is under way is broken off by the loop's thread, which may be using it."""

    async def answer(request):
        if retrying:
            return
        await asyncio.Event().wait()

    server = serve(answer)
    actor = HTTPClient("client", server.url, "PUT", retries=9, backoff=99)
    actor.start()
    inbox = Queue("inbox")
    actor.register_consumer("inbox", inbox)
    for number in range(5):
        inbox.put(Event(data=number))
    while len(server.requests) < 5:
        compysition.sleep(0.001)
    thread = threading.Thread(target=actor.stop)
    thread.start()
    thread.join()
    reference = weakref.ref(actor)
    del actor
    while reference() is not None:
        compysition.sleep(0.001)
        gc.collect()
    assert server.connections >= 5


def test_started_again(serve, wrap):
    server = serve()
    actor = HTTPClient("client", server.url)
    for _ in range(3):
        wrapper = wrap(actor, output_timeout=WAIT)
        wrapper.input = Event()
        assert wrapper.output.data == "ok"
        wrapper.stop()
    assert server.connections == 3


def test_it_is_collected(serve):
    server = serve()
    actor = HTTPClient("client", server.url)
    actor.self = actor
    actor.start()
    actor.consume(Event())
    reference = weakref.ref(actor)
    actor.stop()
    del actor
    gc.collect()
    assert reference() is None


def test_a_rescued_event(serve, wrap):
    def answer(request):
        return response(b"", "500 No" if len(server.requests) == 1 else "200 OK")

    server = serve(answer)
    wrapper = wrap(HTTPClient("client", server.url, rescue=True), output_timeout=WAIT)
    wrapper.input = Event()
    assert wrapper.output.status[0] == 200


# ---- scripts ----


def test_consume_by_hand(serve):
    server = serve(lambda request: response(request.body))
    actor = HTTPClient("client", server.url)
    outbox = actor.pool.outbound.add("outbox")
    for number in range(3):
        actor.consume(Event(data=number), "more", origin="inbox")
    assert take(outbox, 3) == ["0", "1", "2"]
    assert server.connections == 3  # it was not started: nothing is kept
    with pytest.raises(BadGateway):
        HTTPClient("client", f"http://127.0.0.1:{unused_port()}", retries=0).consume(Event())
    with pytest.raises(TypeError):
        actor.consume("text")


def test_subclasses(serve, wrap):
    class Cached(HTTPClient):
        cache = {}

        def consume(self, event, *args, **kwargs):
            if event.data in self.cache:
                event.data = self.cache[event.data]
                self.send_event(HttpEvent(data=event.data))
            else:
                super().consume(event, *args, **kwargs)

        def send_event(self, event, *args, **kwargs):
            event.seen = True
            super().send_event(event, *args, **kwargs)

    server = serve(lambda request: response(request.body))
    actor = Cached("client", server.url)
    actor.cache["known"] = "from the cache"
    wrapper = wrap(actor, output_timeout=WAIT)
    for data, expected in (("known", "from the cache"), ("new", "new")):
        wrapper.input = Event(data=data)
        sent = wrapper.output
        assert (sent.data, sent.seen) == (expected, True)


def test_consumes_of_a_subclass_wait_beside_each_other(serve):
    class Asking(HTTPClient):
        def consume(self, event, *args, **kwargs):
            super().consume(event, *args, **kwargs)

    answer, _ = gate(10)
    server = serve(answer)
    actor = Asking("client", server.url)
    director = quiet_director()
    source = director.register_actor(Source, "source", 10)
    director.register_actor(actor)
    keep = director.register_actor(Collect, "keep", director, 10)
    director.connect_queue(source, actor)
    director.connect_queue(actor, keep)
    director.start()
    assert sorted(map(int, keep.data)) == list(range(10))


def test_another_thread_may_not(serve, wrap):
    server = serve()
    actor = HTTPClient("client", server.url)
    wrapper = wrap(actor, output_timeout=WAIT)
    wrapper.input = Event()
    assert wrapper.output.data == "ok"
    errors = []

    def use():
        with pytest.raises(RuntimeError, match="thread") as caught:
            actor.consume(Event())
        errors.append(caught.value)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert len(errors) == 1


GEVENT = """
from compysition.actors import HTTPClient
from tests.webserver import WebServer, response

class Numbers(Source):
    def produce(self):
        for number in range(self.count):
            self.send_event(Event(data=number))

server = WebServer(lambda request: response(request.body))
director = quiet_director()
source = director.register_actor(Numbers, "source", 200)
client = director.register_actor(HTTPClient, "client", server.url)
keep = director.register_actor(Collect, "keep", director, 200)
director.connect_queue(source, client)
director.connect_queue(client, keep)
"""


def test_inside_gevent(run_gevent_script):
    script = 'director.start()\nsay(sorted(map(int, keep.data)) == list(range(200)))\nclient.consume(Event(data="x"))'
    result = run_gevent_script(script + '\nsay("end")', before="import gevent\n", after=GEVENT)
    assert result == (0, ["True", "end"])


def test_a_fork_beside_requests(run_script):
    """The child ends by itself; what it shares with the parent goes on."""
    result = run_script(
        GEVENT
        + """
keep.stop_at = 0
director.start(block=False)
while len(keep.data) < 20:
    compysition.sleep(0.001)
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
child = os.fork()
if child == 0:
    import gc
    try:
        client.stop()
        del source, client, keep, director
        gc.collect()
    finally:
        os._exit(7)
say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
while len(keep.data) < 200:
    compysition.sleep(0.001)
director.stop()
say(len(keep.data), len(set(keep.data)))
"""
    )
    assert result == (0, ["7", "200 200"])


# ---- arguments ----


def test_arguments():
    actor = HTTPClient("client", "http://a/{x}", "PUT", size=5)
    assert (actor.url, actor.size, actor.concurrency) == ("http://a/{x}", 5, 100)
    assert HTTPClient("client", url="http://a", concurrency=7).concurrency == 7
    HTTPClient("client", "https://a", timeout=None, connect_timeout=None, max_connections=None)


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"url": "ftp://a"}, ValueError, "http://"),
        ({"url": "a"}, ValueError, "http://"),
        ({"url": "{x}"}, ValueError, "http://"),
        ({"url": "http://"}, ValueError, "url"),
        ({"url": "http://a b/"}, ValueError, "url"),
        ({"url": "http://a:b/"}, ValueError, "url"),
        ({"url": "http://a/{"}, ValueError, "brace"),
        ({"url": "http://a/}"}, ValueError, "brace"),
        ({"url": "http://a/{}"}, ValueError, "brace"),
        ({"url": "http://a/{b{c}}"}, ValueError, "brace"),
        ({"url": "http://a\0"}, ValueError, "null"),
        ({"url": 5}, TypeError, "url"),
        ({"url": None}, TypeError, "url"),
        ({"method": "A B"}, ValueError, "method"),
        ({"method": ""}, ValueError, "method"),
        ({"method": 5}, TypeError, "method"),
        ({"headers": {"A B": "c"}}, ValueError, "header"),
        ({"headers": {"Content-Length": "1"}}, ValueError, "Content-Length"),
        ({"headers": {"Transfer-Encoding": "chunked"}}, ValueError, "Transfer-Encoding"),
        ({"headers": {5: "c"}}, ValueError, "5"),
        ({"headers": {"A": 5}}, TypeError, "header"),
        ({"headers": 5}, AttributeError, "items"),
        ({"timeout": 0}, ValueError, "timeout"),
        ({"timeout": -1}, ValueError, "timeout"),
        ({"timeout": "x"}, TypeError, "real number"),
        ({"connect_timeout": float("nan")}, ValueError, "connect_timeout"),
        ({"retries": -1}, ValueError, "retries"),
        ({"retries": 1.5}, TypeError, "integer"),
        ({"backoff": -1}, ValueError, "backoff"),
        ({"max_connections": -1}, ValueError, "max_connections"),
        ({"max_response_bytes": -1}, ValueError, "max_response_bytes"),
        ({"max_response_bytes": 1 << 40}, ValueError, "max_response_bytes"),
        ({"verify": "/no/such/file"}, FileNotFoundError, "/no/such/file"),
        ({"verify": 5}, TypeError, "PathLike"),
        ({"cert": "/no/such/file"}, FileNotFoundError, "/no/such/file"),
        ({"cert": "/"}, IsADirectoryError, "/"),
        ({"cert": ("a",)}, ValueError, "cert"),
        ({"auth": "a:b"}, TypeError, "auth"),
        ({"auth": ("a", 5)}, TypeError, "auth"),
        ({"proxy": 5}, TypeError, "proxy"),
        ({"allow_redirects": -1}, ValueError, "allow_redirects"),
        ({"response_headers": "etag"}, TypeError, "response_headers"),
        ({"response_headers": [5]}, TypeError, "5"),
    ],
)
def test_wrong_arguments(kwargs, error, match):
    with pytest.raises(error, match=match):
        HTTPClient("client", **{"url": "http://a", **kwargs})


def test_a_password_is_in_no_error():
    with pytest.raises(ValueError, match="url") as caught:
        HTTPClient("client", "http://user:secret@a b/")
    assert "secret" not in str(caught.value)


def test_json_of_any_size(serve, ask):
    data = {"rows": [{"number": number, "text": "x" * 50} for number in range(20000)]}
    server = serve(lambda request: response(request.body, content_type="application/json"))
    assert ask(server.url, JSONEvent(data=data)).data == json.loads(json.dumps(data))
