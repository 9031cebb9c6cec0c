"""Routes of HTTP: configured, matched, refused and forgotten."""

import contextlib
import functools

import bottle

from compysition._core import _match_routes
from compysition.actors import HTTPServer
from compysition.errors import SetupError
from tests.flows import Forward, quiet_director

CONFIG = {
    "routes": [
        {"id": "a", "path": "/<queue:re:a>/<id:int>"},
        {"base_path": "a", "path": "/<queue:re:b>", "method": ["get", "PUT"], "name": "x"},
        {"path": "/s/<x:float>", "method": "ANY", "ctypes": ["text/xml"], "more": [1]},
        {"path": "/s/:y#[a-z]+#", "method": "GET", "callback": "other", "ignore_ctype": True},
        {"path": "/s", "method": ["GET", "GET"]},
    ]
}


def leak_matches():
    statuses = [
        result[0]
        for result in _match_routes(
            CONFIG,
            [
                ("GET", "/a/5/b"),
                ("HEAD", "/s/abc"),
                ("PATCH", "/s/1.5"),
                ("PATCH", "/s/1.2.3"),
                ("PUT", "/s"),
                ("PUT", "/none"),
                ("GET", "/s"),
            ],
        )
    ]
    assert statuses == [200, 200, 200, 400, 405, 404, 200]
    _match_routes(None, [("POST", "/a")])
    _match_routes('{"routes": []}', [])


def leak_refused_configs():
    base = {"id": "a", "path": "/a", "base_path": "a"}
    for route in (
        {"path": "/<x>/<x>", "method": "GET"},
        {"path": "/<x:re:(>", "method": "GET"},
        {"path": "/<x><y:re:(?i)x>", "method": "GET"},
        {"path": "/<x:word>", "method": "GET"},
        {"path": "/<data>", "method": "GET", "name": "x", "more": [1]},
        {"path": "/x", "method": ["GET", 5]},
        {"path": "/x", "method": "GET", "ctypes": 5},
        {"path": "/x", "method": "GET", "callback": 5},
        {"path": 5},
        {"id": [], "path": "/a"},
        {"id": [1], "path": "/a"},
        {"path": "/a", "base_path": [1]},
        {},
        5,
        base,
    ):
        with contextlib.suppress(SetupError):
            _match_routes({"routes": [CONFIG["routes"][2], route]}, [])
    for config in ("{", "[]", {"routes": 5}, {"routes": [{"path": "/a", "base_path": "none"}]}):
        with contextlib.suppress(SetupError, KeyError):
            _match_routes(config, [])


class Plugin:
    """Refers to its server, which refers to it."""

    def setup(self, app):
        self.app = app

    def apply(self, callback, route):
        return lambda **wildcards: callback(**wildcards)


class Server(HTTPServer):
    def other(self, queue):
        """The callback that CONFIG names."""


def leak_servers_with_functions_and_plugins():
    server = Server("http", routes_config=CONFIG)
    server.install(Plugin())
    server.get("/f/<x:int>", apply=[Plugin()], size=[server])(lambda x: server)
    server.add_hook("after_request", lambda: server)
    assert len(server.plugins) == 1
    with contextlib.suppress(SetupError):
        server.get("/<x:nope>")(lambda x: server)


@functools.cache
def running_server():
    """A server of this process, which runs to its end."""
    director = quiet_director()
    server = director.register_actor(HTTPServer, "http", "127.0.0.1", 0)
    echo = director.register_actor(Forward("echo"))
    director.connect_queue((server, "echo"), echo)
    director.connect_queue(echo, server)
    server.get("/a/<x>", apply=[Plugin()])(lambda x: {"x": x, "y": list(bottle.request.query)})
    server.get("/a/abort")(lambda: bottle.abort(409, "no"))
    server.get("/a/fails")(lambda: {}["x"])
    server.get("/a/parts")(lambda: iter(["a", "b"]))
    server.mount("/app", lambda environ, start: start("200 OK", []) and [b"app"])
    server.error(404)(lambda error: error.body)
    server.install(lambda callback: lambda **wildcards: callback(**wildcards))
    director.start(block=False)
    return server


def leak_requests_of_functions_and_plugins():
    server = running_server()
    for line, status in (
        (b"GET /a/1?q=1", b"200"),
        (b"GET /a/abort", b"409"),
        (b"GET /a/fails", b"500"),
        (b"GET /a/parts", b"200"),
        (b"GET /app/x", b"200"),
        (b"GET /none/x", b"404"),
        (b"POST /echo", b"200"),
        (b"POST /none", b"404"),
    ):
        answer = server._exchange(line + b" HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer[9:12] == status
