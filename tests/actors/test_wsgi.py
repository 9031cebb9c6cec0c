"""The HTTP actors of the releases up to 1.1."""

import io
import threading
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from compysition import Actor
from compysition.actors import WSGI, BottleWSGI, Data, WSGIServer
from compysition.actors.wsgi import HTTPGateway
from compysition.event import HttpEvent
from tests.flows import Forward, Slow, quiet_director
from tests.servers import serving


class Look(Actor):
    """Keeps what it sees, and sends it on."""

    def __init__(self, name, change=None, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.seen = []
        self.change = change

    def consume(self, event, *args, **kwargs):
        self.seen.append(event)
        if self.change is not None:
            self.change(event)
        self.send_event(event)


def only(director, http, service):
    director.register_actor(service)
    director.connect_queue(http, service)
    director.connect_queue(service, http)


def test_the_script_of_the_readme():
    """A GET reaches the only connected actor, and the text comes back as it is."""
    look = Look("mdp_client")
    data = Data("data", data="Hello, this has been a test")

    def connect(director, http, *services):
        for service in services:
            director.register_actor(service)
        director.connect_queue(http, look)
        director.connect_queue(look, data)
        director.connect_queue(data, http)

    with serving(look, data, cls=WSGI, connect=connect, run_server=True) as server:
        status, headers, body = server.request("GET", "/test_service")
    assert (status, body) == (200, b"Hello, this has been a test")
    assert headers["Content-Type"] == "text/html"
    event = look.seen[0]
    assert type(event) is HttpEvent
    assert event.service == "test_service"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize(
    ("path", "service"), [("/a", "a"), ("/a/b?c=d", "a"), ("/", "default"), ("/a/", "a")]
)
def test_the_first_segment_is_the_service(method, path, service):
    look = Look("x")
    with serving(look, cls=WSGIServer, connect=only) as server:
        assert server.request(method, path)[0] == 200
    assert look.seen[0].service == service


def test_the_queue_of_that_name_comes_first():
    first, second = Look("first"), Look("second")

    def connect(director, http, *services):
        for service in services:
            director.register_actor(service)
            director.connect_queue(http, service)
            director.connect_queue(service, http)

    with serving(first, second, cls=WSGIServer, connect=connect) as server:
        assert server.request("GET", "/second")[0] == 200
        status, _, body = server.request("GET", "/third")
    assert (len(first.seen), len(second.seen)) == (0, 1)
    assert status == 404
    assert b"Reason: Service third not found" in body


def test_base_path():
    look = Look("x")
    with serving(look, cls=WSGIServer, connect=only, base_path="/api/") as server:
        assert server.request("GET", "/api/orders/1")[0] == 200
        assert server.request("GET", "/api")[0] == 200
        assert server.request("GET", "/apis/orders")[0] == 404
        assert server.request("GET", "/other")[0] == 404
    assert [event.service for event in look.seen] == ["orders", "default"]


def test_data_and_the_dict_of_the_request():
    """FIX WSGI-1: a request without a Content-Type has data, too."""
    look = Look("x")
    with serving(look, cls=WSGIServer, connect=only, key="web") as server:
        server.request("POST", "/a/last?q=1", b"some text", {"Content-Type": "text/plain"})
        server.request("GET", "/a")
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        server.request("POST", "/a", b"one=1&two=%C3%A9", form)
    posted, got, filled = look.seen
    assert posted.data == {"raw": "some text"}
    assert got.data == {}
    assert filled.data == {"one": "1", "two": "\u00e9"}
    assert posted.web["status"] == "200 OK"
    assert posted.web["http"] == [("Content-Type", "text/html")]
    environment = posted.web["environment"]
    assert environment["FINAL_PATH_ENTRY"] == "last"
    assert environment["wsgi_url_scheme"] == "http"
    assert environment["QUERY_STRING_DATA"] == {"q": "1"}


def test_what_an_actor_changes_becomes_the_response():
    def change(event):
        event.http["status"] = "418 I am a teapot"
        event.http["http"] = [("Content-Type", "text/plain"), ("X-Tea", "green")]
        event.data = "short and stout"

    with serving(Look("x", change), cls=WSGIServer, connect=only) as server:
        status, headers, body = server.request("GET", "/pot")
    assert (status, body) == (418, b"short and stout")
    assert (headers["Content-Type"], headers["X-Tea"]) == ("text/plain", "green")


def test_a_form_of_several_parts():
    body = (
        b'--edge\r\nContent-Disposition: form-data; name="one"\r\n\r\n1\r\n'
        b'--edge\r\nContent-Disposition: form-data; name="two"\r\n\r\n\xc3\xa9\r\n--edge--\r\n'
    )
    look = Look("x")
    with serving(look, cls=WSGIServer, connect=only) as server:
        headers = {"Content-Type": "multipart/form-data; boundary=edge"}
        assert server.request("POST", "/a", body, headers)[0] == 200
    assert look.seen[0].data == {"one": "1", "two": "\u00e9"}


def test_without_run_server_it_does_not_listen():
    director = quiet_director()
    http = director.register_actor(WSGI, "wsgi", address="nowhere.invalid", port=1)
    director.connect_queue(http, director.register_actor(Forward, "x"))
    director.start(block=False)
    assert http.connections == 0
    director.stop()


def call(application, method="GET", path="/", body=b"", **environ):
    """Call a WSGI application, as a checked WSGI server would; (status, headers, body)."""
    given = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "wsgi.input": io.BytesIO(body),
        **environ,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    setup_testing_defaults(environ)
    result = validator(application)(environ, lambda *args: given.append(args))
    text = b"".join(result)
    result.close()
    return given[0][0], dict(given[0][1]), text


def test_an_application_of_another_server():
    look = Look("x")
    with serving(look, cls=WSGI, connect=only) as server:
        assert server.http.wsgi_app is server.http
        status, headers, body = call(
            server.http,
            "POST",
            "/svc/caf\u00c3\u00a9",
            b"hello",
            CONTENT_TYPE="text/plain",
            HTTP_X_A="b",
        )
    assert status == "200 OK"
    assert headers["Content-Type"] == "text/html"
    assert int(headers["Content-Length"]) == len(body)
    event = look.seen[0]
    assert (event.service, event.data) == ("svc", {"raw": "hello"})
    assert event.environment["HTTP_X_A"] == "b"
    assert event.environment["PATH_INFO"] == "/svc/caf\u00e9"


def test_many_calls_at_once():
    with serving(Slow("x", 0.2), cls=WSGI, connect=only) as server:
        statuses = []
        threads = [
            threading.Thread(target=lambda: statuses.append(call(server.http, path="/a")[0]))
            for _ in range(20)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == ["200 OK"] * 20


def test_a_call_that_nobody_answers():
    with serving(Forward("x"), cls=WSGI, connect=one_way, timeout=0.2) as server:
        assert call(server.http, path="/a")[0].startswith("500 ")


def one_way(director, http, service):
    director.register_actor(service)
    director.connect_queue(http, service)


def test_a_call_that_is_no_request():
    with serving(Forward("x"), cls=WSGI, connect=only) as server:
        status, _, body = call(server.http, path="/a", HTTP_X_A="a\nb")
        assert status == "400 Bad Request"
        assert b"cannot be served" in body


def test_a_call_of_what_does_not_run():
    with pytest.raises(RuntimeError, match="'wsgi' has not been started"):
        WSGI("wsgi")._exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")


# ---- BottleWSGI ----


def test_bottle_routes_of_connections():
    first, second = Look("first"), Look("second")

    def connect(director, http, *services):
        routes = {"path": "/one/<item:int>", "method": ["GET", "PUT"]}
        director.register_actor(first)
        director.register_actor(second)
        director.connect_queue(http, first, bottle_route_kwargs=routes)
        director.connect_queue(http, second, routes=[{"path": "/two"}, {"path": "/deux"}])
        director.connect_queue(first, http)
        director.connect_queue(second, http)

    with serving(cls=BottleWSGI, connect=connect, run_server=True) as server:
        assert server.request("PUT", "/one/7", b"x", {"Content-Type": "text/plain"})[0] == 200
        assert server.request("GET", "/two/")[0] == 200
        assert server.request("GET", "/deux")[0] == 200
        assert server.request("POST", "/two")[0] == 405
        assert server.request("GET", "/three")[0] == 404
    event = first.seen[0]
    assert (event.item, event.service, event.data) == (7, "first", {"raw": "x"})
    assert event.wsgi["environment"]["REQUEST_METHOD"] == "PUT"
    assert [event.service for event in second.seen] == ["second", "second"]


def test_bottle_routes_as_json():
    look = Look("orders")
    routes = (
        '{"routes": [{"path": "/v1/<queue>/<item>", "callback": "callback"}, {"path": "/own"}]}'
    )
    settings = {"cls": BottleWSGI, "connect": only, "run_server": True, "routes_json": routes}
    with serving(look, **settings) as server:
        status, _, body = server.request("GET", "/v1/orders/x")
        missing = server.request("GET", "/v1/nope/x")
        own = server.request("GET", "/own")
    assert (status, body) == (200, b"{}")
    assert look.seen[0].item == "x"
    assert (missing[0], b"Service 'nope' not found" in missing[2].replace(b"&#x27;", b"'")) == (
        404,
        True,
    )
    assert (own[0], b"'http'" in own[2]) == (404, True)


def test_bottle_routes_that_are_no_json():
    with pytest.raises(AttributeError, match="Malformed JSON object: "):
        BottleWSGI("wsgi", routes_json="{")


def test_names_of_old():
    assert issubclass(WSGIServer, WSGI)
    assert issubclass(BottleWSGI, WSGI)
    assert HTTPGateway() is not None
