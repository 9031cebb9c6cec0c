"""HTTPServer as an application of Bottle's kind: decorators, plugins, hooks, error handlers, bottle's request."""

import json
import sys
import threading

import pytest

import compysition
from compysition.actors import HTTPServer
from compysition.errors import ForbiddenEvent, SetupError
from tests.flows import Forward
from tests.servers import read_all, serving


@pytest.fixture
def bottle():
    return pytest.importorskip("bottle", reason="the package bottle is not installed")


@pytest.fixture(params=["without bottle", "with bottle"])
def maybe_bottle(request, monkeypatch):
    """The test runs twice: where the script has imported the package, and where there is none."""
    if request.param == "with bottle":
        pytest.importorskip("bottle", reason="the package bottle is not installed")
    else:
        monkeypatch.setitem(sys.modules, "bottle", None)


def wiring(prepare):
    """A way of wiring for serving(): an actor that echoes, and what prepare(server) adds."""

    def connect(director, http, *services):
        for service in services:
            director.register_actor(service)
            director.connect_queue((http, service.name), service)
            director.connect_queue(service, http)
        prepare(http)

    return connect


def answers(prepare, *requests, **options):
    """What a server answers to requests (method, path, body, headers), as (status, headers, body)."""
    with serving(Forward("echo"), connect=wiring(prepare), **options) as server:
        return [server.request(*request) for request in requests]


def bodies(prepare, *requests, **options):
    """The same, as (status, body)."""
    return [(status, body) for status, _, body in answers(prepare, *requests, **options)]


# ---- decorators ----


def add_functions(server):
    @server.route("/hello/<name>")
    def hello(name):
        return f"Hello {name}"

    @server.post(["/a/a", "/a/b"])
    def letters():
        return {"letters": 2}

    server.route("/many", ["PUT", "DELETE"], callback=lambda: b"many")
    server.put("/one")(lambda: None)
    server.delete("/one")(lambda: ["1", b"2", "3"])
    server.patch("/one/<n:int>")(lambda n: str(n + 1))
    server.get("/data/<data>")(lambda data: data)  # no event's


@pytest.mark.usefixtures("maybe_bottle")
def test_functions_serve_routes():
    assert bodies(
        add_functions,
        ("GET", "/hello/you"),
        ("POST", "/a/a"),
        ("POST", "/a/b"),
        ("PUT", "/many"),
        ("DELETE", "/many"),
        ("PUT", "/one"),
        ("DELETE", "/one"),
        ("PATCH", "/one/41"),
        ("GET", "/data/x"),
        ("POST", "/echo", b"{}"),
    ) == [
        (200, b"Hello you"),
        (200, b'{"letters": 2}'),
        (200, b'{"letters": 2}'),
        (200, b"many"),
        (200, b"many"),
        (200, b""),
        (200, b"123"),
        (200, b"42"),
        (200, b"x"),
        (200, b'{"data": {}}'),
    ]


def test_without_a_path_it_is_made_from_the_signature():
    def add(server):
        @server.get
        def hello(name, *, excited=False):
            return "Hello " + name

        @server.get()
        def a__b(x, y="no y"):
            return x + y

    assert bodies(add, ("GET", "/hello/you"), ("GET", "/a/b/1"), ("GET", "/a/b/1/2")) == [
        (200, b"Hello you"),
        (200, b"1no y"),
        (200, b"12"),
    ]


def test_a_callback_may_be_named():
    class Named(HTTPServer):
        def ping(self):
            return "pong"

    def add(server):
        server.route("/a/ping", callback="ping")
        server.route("/a/dumps/<obj>", callback="json:dumps")

    assert bodies(add, ("GET", "/a/ping"), ("GET", "/a/dumps/x"), cls=Named) == [
        (200, b"pong"),
        (200, b'"x"'),
    ]


def test_a_function_may_send_the_request_on():
    def add(server):
        @server.post("/a/<n:int>")
        def on(n):
            return server.callback(queue="echo")

    assert bodies(add, ("POST", "/a/1", b'{"x": 1}')) == [(200, b'{"data": {"x": 1}}')]


def test_routes_may_be_added_while_the_server_runs():
    with serving(Forward("echo")) as server:
        assert server.request("GET", "/a/b")[0] == 404
        server.http.get("/a/b")(lambda: "now")
        assert server.request("GET", "/a/b")[2] == b"now"


def test_a_route_that_makes_no_sense_is_refused():
    with pytest.raises(SetupError, match="there is no filter"):
        HTTPServer("http").get("/<x:nope>")(print)
    with pytest.raises(SetupError, match="must be a text"):
        HTTPServer("http").route("/x", [5], callback=print)
    with pytest.raises(SetupError, match="has no method 'port'"):
        HTTPServer("http").route("/x", callback="port")


# ---- plugins ----


class Bracket:
    """A plugin: notes what it is applied to, and puts answers in brackets."""

    api = 2

    def __init__(self, name="bracket", brackets="[]"):
        self.name, self.brackets = name, brackets
        self.applied, self.closed, self.server = [], False, None

    def setup(self, app):
        self.server = app

    def apply(self, callback, route):
        self.applied.append((route.method, route.rule, route.name, route.config))

        def wrapped(*args, **kwargs):
            value = callback(*args, **kwargs)
            return value and self.brackets[0] + value + self.brackets[1]

        return wrapped

    def close(self):
        self.closed = True


@pytest.mark.usefixtures("maybe_bottle")
def test_plugins_are_applied_to_all_routes():
    plugin = Bracket()

    def add(server):
        server.get("/a/before", name="first", size=5)(lambda: "before")
        assert server.install(plugin) is plugin
        server.route("/a/after", ["GET", "PUT"], callback=lambda: "after")
        assert (plugin.server, server.plugins) == (server, [plugin])

    assert bodies(
        add,
        *[("GET", "/a/before"), ("GET", "/a/after"), ("PUT", "/a/after"), ("PUT", "/a/after")],
        ("POST", "/echo", b"{}"),
    ) == [
        *[(200, b"[before]"), (200, b"[after]"), (200, b"[after]"), (200, b"[after]")],
        (200, b'{"data": {}}'),
    ]
    assert plugin.applied == [
        ("GET", "/a/before", "first", {"size": 5}),
        ("GET", "/a/after", None, {}),
        ("PUT", "/a/after", None, {}),
        ("POST", "/<queue>", None, {}),
    ]


def test_plugins_of_routes_and_those_that_are_skipped():
    def shout(callback):
        return lambda *args, **kwargs: callback(*args, **kwargs).upper() + "!"

    def add(server):
        server.install(Bracket())
        server.install(Bracket("round", "()"))
        server.get("/a/all", apply=shout)(lambda: "a")
        server.get("/a/two", apply=[shout, Bracket("angle", "<>")])(lambda: "a")
        server.get("/a/name", skip="round")(lambda: "a")
        server.get("/a/class", skip=[Bracket], apply=shout)(lambda: "a")
        server.get("/a/object", skip=[server.plugins[0]])(lambda: "a")
        server.get("/a/none", skip=True, apply=shout)(lambda: "a")

    paths = ["all", "two", "name", "class", "object", "none"]
    assert [body for _, body in bodies(add, *(("GET", f"/a/{path}") for path in paths))] == [
        b"[(A!)]",
        b"[(<A>!)]",
        b"[a]",
        b"A!",
        b"(a)",
        b"a",
    ]


def test_routes_of_a_config_have_plugins_too():
    def twice(callback):
        return lambda **kwargs: 2 * callback(**kwargs)

    class Named(HTTPServer):
        def ping(self, who):
            return who

    routes = [
        {"path": "/a/<who>", "method": "GET", "callback": "ping", "apply": twice},
        {"path": "/b/<who>", "method": "GET", "callback": "ping", "skip": ["bracket"]},
    ]
    options = {"cls": Named, "routes_config": {"routes": routes}}
    requests = [("GET", "/a/x"), ("GET", "/b/x")]
    assert bodies(lambda server: None, *requests, **options) == [(200, b"xx"), (200, b"x")]
    assert bodies(lambda server: server.install(Bracket()), *requests, **options) == [
        (200, b"[xx]"),
        (200, b"x"),
    ]


def test_plugins_can_be_taken_away():
    one, two = Bracket("one"), Bracket("two", "()")
    with serving(Forward("echo"), connect=wiring(lambda http: None)) as server:
        http = server.http
        http.get("/a/x")(lambda: "x")
        http.install(one)
        http.install(two)
        assert server.request("GET", "/a/x")[2] == b"[(x)]"
        assert http.uninstall("one") == [one]
        assert server.request("GET", "/a/x")[2] == b"(x)"
        assert http.uninstall(Bracket) == [two]
        assert server.request("GET", "/a/x")[2] == b"x"
        assert http.uninstall(True) == []
    assert one.closed
    assert two.closed


def test_a_plugin_that_is_none_is_refused():
    with pytest.raises(TypeError, match="a plugin must be callable"):
        HTTPServer("http").install(5)


def test_a_plugin_may_refuse_a_request():
    def guard(callback):
        def guarded(*args, **kwargs):
            raise ForbiddenEvent("not you")

        return guarded

    status, body = bodies(lambda server: server.install(guard), ("POST", "/echo", b"{}"))[0]
    assert (status, json.loads(body)["errors"][0]["message"]) == (403, "not you")


# ---- hooks and errors ----


@pytest.mark.usefixtures("maybe_bottle")
def test_hooks_run_around_each_call():
    seen = []

    def add(server):
        server.add_hook("before_request", lambda: seen.append("before"))
        for number in (1, 2):
            server.hook("after_request")(lambda number=number: seen.append(number))
        removed = server.hook("after_request")(lambda: seen.append("removed"))
        assert server.remove_hook("after_request", removed)
        assert not server.remove_hook("after_request", removed)
        server.get("/a/x")(lambda: seen.append("call"))
        server.get("/a/fails")(lambda: 1 / 0)

    statuses = [s for s, _ in bodies(add, ("GET", "/a/x"), ("GET", "/a/fails"))]
    assert statuses == [200, 500]
    assert seen == ["before", "call", 2, 1, "before", 2, 1]


def test_errors_have_handlers(bottle):
    def add(server):
        server.get("/a/<n:int>")(lambda n: str(1 // n))
        server.post("/a/x", ctypes="text/plain")(lambda: "posted")
        server.get("/a/abort")(lambda: bottle.abort(409, "no"))
        for code in (404, 405, 415, 500, 409):
            server.error(code)(lambda error: f"{error.status_code} {error.body}")

    xml = {"Content-Type": "text/xml"}
    found = answers(
        add,
        *[("GET", "/b/c"), ("GET", "/a/x"), ("GET", "/a/0"), ("GET", "/a/2"), ("GET", "/a/abort")],
        ("POST", "/a/x", b"<a/>", xml),
    )
    assert [(status, body) for status, _, body in found] == [
        (404, b"404 Not found: '/b/c'"),
        (405, b"405 GET is not allowed here, but POST"),
        (500, b"500 Internal Server Error"),
        (200, b"0"),
        (409, b"409 no"),
        (415, b"415 Unsupported Content-Type 'text/xml'"),
    ]
    assert found[1][1]["Allow"] == "POST"


def test_a_handler_that_fails_leaves_the_usual_page(bottle, monkeypatch):
    failures = []
    monkeypatch.setattr(sys, "unraisablehook", lambda failure: failures.append(failure.exc_type))

    def add(server):
        server.error(404, callback=lambda error: 1 / 0)

    status, body = bodies(add, ("GET", "/b/c"))[0]
    assert status == 404
    assert b"404 Not Found" in body
    assert failures == [ZeroDivisionError]


# ---- bottle's request and response ----


def test_a_callback_uses_the_request(bottle):
    request, response = bottle.request, bottle.response

    def add(server):
        @server.post("/a/<n:int>", ctypes=["application/x-www-form-urlencoded", "application/json"])
        def everything(n):
            assert request.app is server
            assert request.route.rule == "/a/<n:int>"
            assert request.url_args == {"n": n}
            response.status = "299 Fine"
            response.set_header("X-One", "\u00e9")
            response.set_cookie("a", "1")
            response.set_cookie("b", "2")
            return {
                "query": request.query.q,
                "form": dict(request.forms.decode()),
                "json": request.json,
                "header": request.headers["X-Name"],
                "cookie": request.get_cookie("c"),
                "url": request.url.partition("/a")[2],
                "method": request.method,
                "remote": request.remote_addr,
            }

    headers = {"X-Name": "\u20ac\u00e9".encode(), "Cookie": "c=d"}
    form = {"Content-Type": "application/x-www-form-urlencoded", **headers}
    both = answers(
        add,
        ("POST", "/a/1?q=%C3%A9", "x=%C3%A9&y=1", form),
        ("POST", "/a/1", b'{"z": 1}', {"Content-Type": "application/json", **headers}),
    )
    status, sent, body = both[0]
    assert status == 299
    assert sent["X-One"].encode("latin-1").decode() == "\u00e9"
    assert sent.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert sent["Content-Type"] == "application/json"
    assert json.loads(body) == {
        "query": "\u00e9",
        "form": {"x": "\u00e9", "y": "1"},
        "json": None,
        "header": "\u20ac\u00e9",
        "cookie": "d",
        "url": "/1?q=%C3%A9",
        "method": "POST",
        "remote": "127.0.0.1",
    }
    assert json.loads(both[1][2])["json"] == {"z": 1}


def test_each_greenlet_has_its_own_request(bottle):
    both = threading.Event()

    class Sleepy(HTTPServer):
        def callback(self, queue=None, *args, **kwargs):
            bottle.response.set_header("X-Queue", queue)
            if queue == "slow":
                while not both.is_set():
                    compysition.sleep(0.01)
            else:
                both.set()
            return bottle.request.query.q

    with serving(cls=Sleepy) as server, server.connect() as slow:
        slow.sendall(b"POST /slow?q=1 HTTP/1.0\r\n\r\n")
        status, headers, body = server.request("POST", "/fast?q=2")
        assert (status, headers["X-Queue"], body) == (200, "fast", b"2")
        answer = read_all(slow)
    assert b"\r\nX-Queue: slow\r\n" in answer
    assert answer.endswith(b"\r\n\r\n1")


def test_what_is_put_into_the_environment_reaches_the_event(bottle):
    seen = []

    class Tagging(HTTPServer):
        def callback(self, *args, **kwargs):
            bottle.request.environ["tag"] = "t"
            bottle.request.environ["object"] = object()
            bottle.request.user = "me"
            return super().callback(*args, **kwargs)

    class Look(Forward):
        def consume(self, event, *args, **kwargs):
            seen.append(event.environment)
            self.send_event(event)

    with serving(Look("look"), cls=Tagging) as server:
        headers = {"X-Name": "\u20ac".encode()}
        assert server.request("POST", "/look", b"{}", headers)[2] == b'{"data": {}}'
    assert seen[0]["tag"] == "t"
    assert seen[0]["bottle.request.ext.user"] == "me"
    assert seen[0]["HTTP_X_NAME"] == "\u20ac"
    assert not {"object", "wsgi.input", "bottle.app", "bottle.route"} & set(seen[0])


def test_responses_are_returned_and_raised(bottle, tmp_path):
    (tmp_path / "file.txt").write_bytes(b"of a file")

    def add(server):
        @server.get("/a/returned")
        def returned():
            return bottle.HTTPResponse("gone", 410, {"X-A": "1"})

        @server.get("/a/raised")
        def raised():
            raise bottle.HTTPResponse({"a": 1}, 202)

        @server.get("/a/redirected")
        def redirected():
            bottle.redirect("/a/x")

        @server.get("/a/file")
        def file():
            return bottle.static_file("file.txt", root=str(tmp_path))

        @server.get("/a/parts")
        def parts():
            yield ""
            yield "a\u00e9"
            yield "b"

        @server.get("/a/late")
        def late():
            yield bottle.HTTPResponse("late", 203)

        @server.hook("after_request")
        def tag():
            bottle.response.headers["X-Tag"] = "yes"

    names = ["returned", "raised", "redirected", "file", "parts", "late"]
    found = answers(add, *(("GET", f"/a/{name}") for name in names))
    assert [(status, body) for status, _, body in found] == [
        (410, b"gone"),
        (202, b'{"a": 1}'),
        (303, b""),
        (200, b"of a file"),
        (200, "a\u00e9b".encode()),
        (203, b"late"),
    ]
    assert [headers["X-Tag"] for _, headers, _ in found] == ["yes"] * 5 + [None]
    assert found[0][1]["X-A"] == "1"
    assert found[1][1]["Content-Type"] == "application/json"
    assert found[2][1]["Location"].endswith("/a/x")
    assert found[3][1]["Content-Type"].startswith("text/plain")


def test_what_a_callback_returns_is_not_formatted_as_an_event(bottle):
    class Formats(HTTPServer):
        def format_response_data(self, event):
            return "formatted"

    def add(server):
        server.get("/a/b")(lambda: "plain")

    assert bodies(add, ("GET", "/a/b"), ("POST", "/echo", b"{}"), cls=Formats) == [
        (200, b"plain"),
        (200, b"formatted"),
    ]


def test_bodies_that_came_in_chunks_and_large_forms(bottle):
    def add(server):
        @server.post("/a/size", ignore_ctype=True)
        def size():
            return str(len(bottle.request.body.read()))

        @server.post("/a/form")
        def form():
            return str(len(bottle.request.forms.x))

    chunks = iter([b"x" * 1000, b"y" * 500])
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    found = bodies(
        add,
        ("POST", "/a/size", chunks),
        ("POST", "/a/form", b"x=" + b"1" * 1_000_000, form),
        ("POST", "/a/form", b"x=" + b"1" * 1_100_000, form),
    )
    assert found[:2] == [(200, b"1500"), (200, b"1000000")]
    assert found[2][0] == 413


# ---- other applications ----


def test_a_wsgi_application_is_mounted(bottle):
    def application(environ, start_response):
        start_response("201 Made", [("X-A", "1"), ("X-A", "2"), ("Content-Type", "text/x")])
        path = environ["SCRIPT_NAME"] + " " + environ["PATH_INFO"]
        return [path.encode("latin-1"), b" ", environ["wsgi.input"].read()]

    def add(server):
        server.mount("/app/", application)

    found = answers(add, ("PUT", "/app/x/%C3%A9", b"body"), ("GET", "/app"), ("GET", "/appx/y"))
    assert [(status, body) for status, _, body in found[:2]] == [
        (201, "/app /x/\u00e9 body".encode()),
        (201, b"/app / "),
    ]
    assert found[0][1].get_all("X-A") == ["1", "2"]
    assert found[0][1]["Content-Type"] == "text/x"
    assert found[2][0] == 404
    with pytest.raises(ValueError, match="cannot be mounted"):
        HTTPServer("http").mount("/", application)


def test_an_application_of_bottle_is_mounted_or_merged(bottle):
    app = bottle.Bottle()

    @app.route("/x/<n:int>")
    def get_x(n):
        bottle.response.set_header("X-N", str(n))
        return bottle.request.path + str(n + 1)

    def add(server):
        server.mount("/app", app)
        server.merge(app)

    found = answers(add, ("GET", "/app/x/1"), ("GET", "/x/2"), ("GET", "/app/y"))
    assert [(status, headers["X-N"], body) for status, headers, body in found[:2]] == [
        (200, "1", b"/x/12"),
        (200, "2", b"/x/23"),
    ]
    assert found[2][0] == 404
    assert b"Not found: &#039;/y&#039;" in found[2][2]
