"""routes_config of a running HTTPServer: which queue gets a request, and what of the path its event has."""

import html
import json

import pytest

from compysition.actors import HTTPServer
from compysition.errors import SetupError
from compysition.event import XMLHttpEvent
from tests.flows import Forward
from tests.servers import serving


class Show(Forward):
    """Answers with what the path has made of the event."""

    def consume(self, event, *args, **kwargs):
        event.data = {
            "queue": self.name,
            "service": event.service,
            "path": event.environment["PATH_INFO"],
            "args": event.environment.get("route.url_args"),
            "attributes": {
                name: getattr(event, name) for name in ("item", "rest") if hasattr(event, name)
            },
        }
        self.send_event(event)


def routes(*entries):
    """A config of paths, or (path, fields), for GET and POST unless they say otherwise."""
    pairs = [entry if isinstance(entry, tuple) else (entry, {}) for entry in entries]
    return {"routes": [{"path": path, "method": ["GET", "POST"], **more} for path, more in pairs]}


def shown(config, *requests, services=("orders", "items")):
    """What the events of GET requests had, or the status of those that were not served."""
    results = []
    with serving(*map(Show, services), routes_config=config) as server:
        for path in requests:
            status, _, body = server.request("GET", path)
            results.append(json.loads(body)["data"] if status == 200 else status)
    return results


def test_the_wildcard_queue_names_the_queue():
    orders, items, none = shown(routes("/shop/<queue>"), "/shop/orders", "/shop/items", "/shop/x")
    assert orders["queue"] == orders["service"] == "orders"
    assert orders["args"] == {"queue": "orders"}
    assert items["queue"] == items["service"] == "items"
    assert none == 404


def test_a_route_without_it_leads_to_the_queue_with_the_servers_name():
    """The server's own name is "http" here."""

    def connect(director, http, show):
        director.register_actor(show)
        director.connect_queue((http, http.name), show)
        director.connect_queue(show, http)

    with serving(Show("show"), routes_config=routes("/a/<item:int>"), connect=connect) as server:
        found = json.loads(server.request("GET", "/a/5")[2])["data"]
    assert (found["service"], found["attributes"]) == ("http", {"item": 5})


def test_other_wildcards_become_attributes():
    found = shown(
        routes("/<queue>/<item:float>", "/<queue>/<item:int>/x", "/<queue>/s/<item>/<rest:path>"),
        "/orders/-1.5",
        "/orders/7/x",
        "/orders/s/a%2Fb/c/d",
        "/orders/s/%C3%A9%20/c",
        "/orders/1.2.3",
    )
    assert [one["attributes"] for one in found[:4]] == [
        {"item": -1.5},
        {"item": 7},
        {"item": "a", "rest": "b/c/d"},  # Bottle decodes first, too
        {"item": "\xe9 ", "rest": "c"},
    ]
    assert found[2]["args"] == {"queue": "orders", "item": "a", "rest": "b/c/d"}
    assert found[4] == 400


def test_slashes_at_the_end_do_not_count():
    config = routes("/<queue>", ("/", {"callback": "root"}))

    class Root(HTTPServer):
        def root(self):
            return "root"

    with serving(Show("orders"), cls=Root, routes_config=config) as server:
        for path in ("/orders", "/orders/", "/orders//"):
            assert json.loads(server.request("GET", path)[2])["data"]["path"] == "/orders"
        for path in ("/", "//"):
            assert server.request("GET", path)[2] == b"root"


def test_base_paths_and_placeholders():
    """FIX HTTP-3."""
    config = {
        "routes": [
            {"id": "shop", "path": "/<queue:re:orders>"},
            {"base_path": "shop", "path": "/<queue:re:items>", "method": "GET"},
            {"base_path": "shop", "path": "/<queue:re:orders>", "method": "GET"},
        ]
    }
    before = json.dumps(config)
    items, orders, base = shown(config, "/orders/items", "/orders/orders", "/orders")
    assert (items["queue"], orders["queue"], base) == ("items", "orders", 404)
    assert json.dumps(config) == before


def test_a_config_may_be_json():
    found = shown(json.dumps(routes("/<queue>/<item>")), "/orders/1")
    assert found[0]["attributes"] == {"item": "1"}


def test_methods():
    config = routes(
        ("/<queue>/a", {"method": "GET"}), ("/<queue>/a", {"method": ["PUT", "delete"]})
    )
    with serving(Show("orders"), routes_config=config) as server:
        answers = {
            method: server.request(method, "/orders/a")
            for method in ("GET", "HEAD", "PUT", "DELETE", "POST", "PATCH")
        }
    assert {method: answer[0] for method, answer in answers.items()} == {
        **dict.fromkeys(("GET", "HEAD", "PUT", "DELETE"), 200),
        **dict.fromkeys(("POST", "PATCH"), 405),
    }
    assert answers["POST"][1]["Allow"] == "DELETE,GET,PUT"
    assert answers["HEAD"][2] == b""
    assert answers["HEAD"][1]["Content-Length"] == answers["GET"][1]["Content-Length"]


@pytest.mark.parametrize(
    ("fields", "kind", "status"),
    [
        ({}, "application/json; charset=utf-8", 200),
        ({}, "image/png", 415),
        ({"ctypes": ["IMAGE/png"]}, "image/PNG;x=y", 200),
        ({"ctypes": ["image/png"]}, "application/json", 415),
        ({"ctypes": "image/png"}, "image/png ; x", 200),
        ({"ignore_ctype": True}, "image/png", 200),
        ({"ignore_ctype": False}, "image/png", 415),
    ],
)
def test_content_types_of_a_route(fields, kind, status):
    config = routes(("/<queue>", fields))
    with serving(Show("orders"), routes_config=config) as server:
        found = server.request("POST", "/orders", b"{}", {"Content-Type": kind})
        without_body = server.request("GET", "/orders", headers={"Content-Type": "image/png"})
    assert (found[0], without_body[0]) == (status, 200)
    if status == 415:
        assert f"Unsupported Content-Type '{kind}'" in html.unescape(found[2].decode())


def test_a_subclass_has_defaults_of_its_own():
    class Images(HTTPServer):
        CONTENT_TYPES = [*HTTPServer.CONTENT_TYPES, "image/png"]
        DEFAULT_ROUTE = {"routes": [{"path": "/to/<queue>", "method": "PUT"}]}

    with serving(Show("orders"), cls=Images) as server:
        for kind, status in [("image/png", 200), ("text/plain", 200), ("image/gif", 415)]:
            assert server.request("PUT", "/to/orders", b"{}", {"Content-Type": kind})[0] == status
        assert server.request("POST", "/orders", b"{}")[0] == 404


def test_the_maps_say_what_is_done():
    def kind_of(content_type, body):
        seen = []

        class Note(Forward):
            def consume(self, event, *args, **kwargs):
                seen.append(type(event))
                self.send_event(event)

        config = routes(("/<queue>", {"ignore_ctype": True}))
        with serving(Note("note"), routes_config=config) as server:
            server.request("POST", "/note", body, {"Content-Type": content_type})
        return seen[0]

    assert all(
        kind_of(content_type, b"<a/>" if event_class is XMLHttpEvent else b"{}") is event_class
        for content_type, event_class in HTTPServer.CONTENT_TYPE_MAP.items()
    )
    form = HTTPServer.X_WWW_FORM_URLENCODED
    for name, event_class in HTTPServer.X_WWW_FORM_URLENCODED_KEY_MAP.items():
        body = f"{name}={'<a/>' if event_class is XMLHttpEvent else '{}'}"
        assert kind_of(form, body) is event_class
    assert form in HTTPServer.CONTENT_TYPES
    assert HTTPServer.QUEUE_REGEX.findall("/<queue:re:a_1>/<queue>/<x:re:b>") == ["a_1"]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"routes": [{"path": "/", "base_path": "x"}]}, KeyError),
        (routes("/<queue>/<data>"), SetupError),
        ("{", SetupError),
    ],
)
def test_a_config_that_makes_no_sense_stops_the_construction(config, problem):
    with pytest.raises(problem):
        HTTPServer("http", routes_config=config)


@pytest.mark.parametrize("name", ["pign", "port"])
def test_a_callback_that_there_is_not_stops_the_construction(name):
    config = routes(("/ping", {"callback": name}))
    with pytest.raises(SetupError, match=f"Route '/ping': .*HTTPServer has no method '{name}'"):
        HTTPServer("http", routes_config=config)
    with pytest.raises(SetupError, match=f"has no method '{name}'"):
        type("Own", (HTTPServer,), {"DEFAULT_ROUTE": config})("http")


def test_a_part_of_the_path_in_the_wrong_format_is_a_bad_request():
    with serving(Show("orders"), routes_config=routes("/<queue>/<item:float>")) as server:
        status, headers, body = server.request("GET", "/orders/1.2.3")
        assert server.request("GET", "/orders/x")[0] == 404
    assert (status, headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert b"A part of the path has the wrong format" in body
    assert b"1.2.3" in body


def test_routes_are_logged():
    config = routes("/<queue>", ("/x", {"method": "GET"}))
    with serving(Show("orders"), routes_config=config, log_level=10) as server:
        server.request("GET", "/orders")
    messages = [line["message"] for line in server.log]
    assert "Configured route '/<queue>' with methods '['GET', 'POST']'" in messages
    assert "Configured route '/x' with methods '['GET']'" in messages
