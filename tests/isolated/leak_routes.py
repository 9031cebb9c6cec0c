"""Routes of HTTP: configured, matched, refused and forgotten."""

import contextlib

from compysition._core import _match_routes
from compysition.actors import HTTPServer
from compysition.errors import SetupError

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


def leak_servers_with_functions_and_plugins():
    server = HTTPServer("http", routes_config=CONFIG)
    server.install(Plugin())
    server.get("/f/<x:int>", apply=[Plugin()], size=[server])(lambda x: server)
    server.add_hook("after_request", lambda: server)
    assert len(server.plugins) == 1
    with contextlib.suppress(SetupError):
        server.get("/<x:nope>")(lambda x: server)
