"""HTTP servers for tests: a pipeline that runs in a thread, and clients that read the wire."""

import http.client
import json
import socket
import threading
from contextlib import contextmanager

from compysition.actors import HTTPServer
from tests.flows import Collect, quiet_director

SECONDS = 30  # a client that waits longer takes the test for failed


class Serving:
    """A running server; ``http`` is the actor, ``log`` what was logged."""

    def __init__(self, director, http):
        self.director, self.http = director, http

    @property
    def port(self):
        return self.http.port

    def connect(self):
        """Return a socket."""
        return socket.create_connection(("127.0.0.1", self.port), SECONDS)

    def client(self):
        """Return an http.client.HTTPConnection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, SECONDS)

    def request(self, method, path, body=None, headers=None):
        """Send one request; return status, headers and body."""
        client = self.client()
        try:
            client.request(method, path, body, headers or {})
            response = client.getresponse()
            return response.status, response.headers, response.read()
        finally:
            client.close()

    def post_json(self, path, value):
        """Post JSON; return status and decoded answer."""
        status, _, body = self.request(
            "POST", path, json.dumps(value), {"Content-Type": "application/json"}
        )
        return status, json.loads(body)

    def raw(self, request):
        """Send bytes and end our side; return all that comes until the server closes."""
        with self.connect() as client:
            client.sendall(request)
            client.shutdown(socket.SHUT_WR)
            return read_all(client)


def read_all(client):
    """Read until the peer ends the connection."""
    parts = []
    while part := client.recv(65536):
        parts.append(part)
    return b"".join(parts)


def read_until(client, text):
    """Read until the text has come, or the peer ends the connection; return everything."""
    received = b""
    while text not in received:
        part = client.recv(65536)
        if not part:
            break
        received += part
    return received


def wire(director, http, *services, back=True):
    """Connect a server to actors under their names, and those back to it."""
    for service in services:
        director.register_actor(service)
        director.connect_queue((http, service.name), service)
        if back:
            director.connect_queue(service, http)


@contextmanager
def running(director):
    """Run it in a thread; stop it at the end. What its start raises is raised here."""
    started = threading.Event()
    problems = []

    def run():
        try:
            director.start(block=False)
            started.set()
            director.block()
        except BaseException as problem:
            problems.append(problem)
            started.set()

    thread = threading.Thread(target=run, name="server")
    thread.start()
    started.wait()
    try:
        if not problems:
            yield director
    finally:
        director.stop()
        thread.join()
    if problems:
        raise problems[0]


@contextmanager
def serving(*services, cls=HTTPServer, connect=wire, log_level=100, size=500, **options):
    """Serve in a thread, on a free port; each actor gets what is posted to /NAME and its events are the answers.

    ``connect``: another way of wiring (director, http, *services).
    """
    director = quiet_director(log_level=log_level, size=size)
    http = director.register_actor(cls, "http", address="127.0.0.1", port=0, **options)
    server = Serving(director, http)
    if log_level != 100:
        server.log = director.register_log_actor(Collect, "log").data
    connect(director, http, *services)
    with running(director):
        yield server
