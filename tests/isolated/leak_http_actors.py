"""Actors for HTTP: made, run and forgotten."""

import base64
import functools
import subprocess
import sys
import threading

import compysition
from compysition import Event, Queue
from compysition.actors import BasicAuth, HTTPClient, RESTTranslator
from compysition.errors import BadGateway, InvalidEventDataModification, UnauthorizedEvent
from compysition.event import HttpEvent, JSONEvent, JSONHttpEvent, XMLEvent, XMLHttpEvent, XMLParser
from compysition.testutils.test_actor import TestActorWrapper
from tests.webserver import WebServer, response


class Auth(BasicAuth):
    """Accepts one password; another one makes it raise."""

    def _authenticate(self, user, password):
        if password == "raise":
            raise ValueError([user])
        return self.compare_digest(password, "right")


def request(method, password=None, cls=HttpEvent, **kwargs):
    environment = {"REQUEST_METHOD": method, "PATH_INFO": "/a b"}
    if password is not None:
        token = base64.b64encode(f"user:{password}".encode()).decode()
        environment["HTTP_AUTHORIZATION"] = f"Basic {token}"
    return cls(environment=environment, **kwargs)


def leak_basic_auth():
    wrapper = TestActorWrapper(Auth("auth"))
    wrapper.input = request("GET", "right")
    assert wrapper.output.error is None
    for password in ("wrong", "raise", "", None, "\n"):
        wrapper.input = request("GET", password)
        assert isinstance(wrapper.error.error, UnauthorizedEvent)
    wrapper.stop()
    BasicAuth.compare_digest("a", b"b")


def leak_rest_translator():
    for base in (None, "/things/{entity_id}"):
        actor = RESTTranslator("rest", base)
        actor.consume(request("POST", entity_id=[1]))
        actor.consume(request("GET", cls=XMLHttpEvent))
        actor.consume(request("PUT", cls=JSONHttpEvent, data={"a": 1}))
        actor.consume(request("BREW"))
        actor.consume(HttpEvent())


def answer(request):
    if request.path == "/broken":
        return None
    if request.path == "/json":
        return response(b'{"a": [1]}', content_type="application/json", etag="x")
    return response(
        b"<a/>", "503 No" if request.path == "/503" else "200 OK", content_type="text/xml"
    )


def serve():
    """Be the server, in a process of its own: what asyncio allocates is not to be measured."""
    server = WebServer(answer)
    print(server.url, flush=True)
    sys.stdin.read()  # until the scenario's process has ended


@functools.cache
def url():
    """Where the server of this process is."""
    command = f"from {__name__} import serve; serve()"
    process = subprocess.Popen(
        [sys.executable, "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return process.stdout.readline().strip()


class Fetching(XMLEvent):
    """Its text may read from servers."""


def leak_fetching():
    """Documents of a server, read and refused."""
    for allowed, path in (
        (url(), "xml"),
        (url() + "/xml", "xml"),
        (url(), "503"),
        ("http://x", "xml"),
    ):
        text = f'<!DOCTYPE a [<!ENTITY e SYSTEM "{url()}/{path}">]><a>&e;</a>'
        Fetching.xml_parser = XMLParser(allowed_urls=[allowed, allowed])
        try:
            assert Fetching(data=text).data_string() == "<a><a/></a>"
        except InvalidEventDataModification:
            assert allowed == "http://x" or path == "503"
    for allowed in ("http://x/?y", 5):
        try:
            XMLParser(allowed_urls=[url(), allowed])
        except (TypeError, ValueError):
            continue
        raise AssertionError(allowed)


def leak_http_client():
    client = HTTPClient(
        "client", url() + "/{path}", headers={"X": "{event_id}"}, retries=1, backoff=0
    )
    wrapper = TestActorWrapper(client)
    for path in ("json", "xml"):
        wrapper.input = JSONEvent(data={"a": 1}, path=path)
        assert wrapper.output.status[0] == 200
    for event in (Event(path="503"), Event(path="broken"), Event(), Event(path="..")):
        wrapper.input = event
        assert wrapper.error.error is not None
    client.consume(Event(path="json"))
    wrapper.stop()


def leak_http_client_by_hand():
    client = HTTPClient("client", "http://127.0.0.1:1", auth=("a", "b"), retries=1, backoff=0)
    try:
        client.consume(Event(data="x"))
    except BadGateway:
        pass


def leak_http_client_that_another_thread_stops():
    client = HTTPClient("client", url() + "/broken", method="GET", retries=9, backoff=50)
    client.start()
    inbox = Queue("inbox")
    client.register_consumer("inbox", inbox)
    inbox.put(Event())
    compysition.sleep(0.002)
    thread = threading.Thread(target=client.stop)  # it does not wait for the drain
    thread.start()
    thread.join()
    compysition.sleep(0)


def leak_http_clients_that_cannot_be_made():
    for kwargs in (
        {"url": "x"},
        {"url": "http://a/{"},
        {"headers": {"A": 5}},
        {"cert": ("a", "b")},
    ):
        try:
            HTTPClient("client", **{"url": "http://a", **kwargs})
        except (TypeError, ValueError, OSError):
            pass
