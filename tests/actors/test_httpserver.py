"""HTTPServer: requests become events, and events responses."""

import json
import re
import select
import socket
import threading
import time

import pytest

import compysition
from compysition import Actor, Event, errors
from compysition.actors import HTTPServer, Null
from compysition.event import HttpEvent, JSONHttpEvent, XMLHttpEvent
from tests.flows import Fail, Forward, Slow, quiet_director
from tests.servers import read_all, read_until, serving
from tests.waiting import wait_until


class Answer(Actor):
    """Answers with what a function makes of the event."""

    def __init__(self, name, change, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.change = change

    def consume(self, event, *args, **kwargs):
        self.send_event(self.change(event) or event)


class Swallow(Actor):
    """Takes events and forgets them."""

    def consume(self, event, *args, **kwargs):
        pass


def error_of(body):
    return json.loads(body)["errors"][0]["message"]


# ---- the circle ----


def test_a_request_becomes_an_event_and_that_the_response():
    with serving(Forward("echo")) as server:
        status, headers, body = server.request(
            "POST", "/echo", '{"a": [1, 2.5, null, "\u00e9"]}'.encode()
        )
    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"data": {"a": [1, 2.5, None, "\u00e9"]}}
    assert int(headers["Content-Length"]) == len(body)
    assert headers["Date"].endswith(" GMT")


def test_the_event_has_what_the_contract_says():
    seen = []

    def look(event):
        seen.append((type(event), event.service, event.accept, event.method, event.data))
        seen.append(event.environment)

    with serving(Answer("look", look)) as server:
        server.request(
            "POST",
            "/look/?a=1&b=&a=2",
            b"{}",
            {"X-Thing": "yes", "Content-Type": "application/json"},
        )
    kind, service, accept, method, data = seen[0]
    assert (kind, service, accept, method, data) == (JSONHttpEvent, "look", "*/*", "POST", {})
    environment = seen[1]
    assert environment["PATH_INFO"] == "/look"
    assert environment["HTTP_X_THING"] == "yes"
    assert environment["QUERY_STRING_DATA"] == {"a": "2", "b": ""}
    assert environment["REMOTE_ADDR"] == "127.0.0.1"
    assert environment["route.url_args"] == {"queue": "look"}


def test_many_requests_of_one_connection():
    with serving(Forward("echo")) as server:
        client = server.client()
        for number in range(50):
            client.request("POST", "/echo", json.dumps({"n": number}))
            assert json.loads(client.getresponse().read()) == {"data": {"n": number}}
        client.close()


def test_pipelined_requests_are_answered_in_order():
    """Each is answered the later, the earlier it came."""

    def wait(event):
        compysition.sleep(0.02 * (10 - event.data["n"]))

    with serving(Answer("slowly", wait)) as server, server.connect() as client:
        requests = [
            b"POST /slowly HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n" + b'{"n":%d}' % number
            for number in range(10)
        ]
        client.sendall(b"".join(requests))
        client.shutdown(socket.SHUT_WR)
        answers = read_all(client)
    order = [int(part.split(b"}")[0]) for part in answers.split(b'{"n": ')[1:]]
    assert order == list(range(10))


def test_chunked_and_byte_by_byte():
    request = (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'4\r\n{"a"\r\n5;x=y\r\n: 11}\r\n0\r\nTrailer: z\r\n\r\n'
    )
    with serving(Forward("echo")) as server, server.connect() as client:
        for position in range(len(request)):
            client.sendall(request[position : position + 1])
        assert b'{"data": {"a": 11}}' in read_until(client, b"}}")


def test_expect_continue():
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with serving(Forward("echo")) as server, server.connect() as client:
        client.sendall(head)
        assert read_until(client, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"{}")
        assert read_until(client, b"{}}").startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("request_line", "more", "stays"),
    [
        ("HTTP/1.1", "", True),
        ("HTTP/1.1", "Connection: close\r\n", False),
        ("HTTP/1.0", "", False),
        ("HTTP/1.0", "Connection: keep-alive\r\n", True),
    ],
)
def test_connections_stay_as_the_client_wants(request_line, more, stays):
    request = (
        f"POST /echo {request_line}\r\nHost: x\r\n{more}Content-Length: 2\r\n\r\n{{}}".encode()
    )
    with serving(Forward("echo")) as server, server.connect() as client:
        client.sendall(request)
        first = read_until(client, b"{}}")
        if stays:
            client.sendall(request)
            assert b"200 OK" in read_until(client, b"{}}")
        else:
            assert b"\r\nConnection: close\r\n" in first
            assert read_all(client) == b""


def test_head_has_the_length_and_no_body():
    routes = {"routes": [{"path": "/<queue>", "method": ["GET"]}]}
    with serving(Forward("echo"), routes_config=routes) as server:
        status, headers, body = server.request("HEAD", "/echo")
        _, _, whole = server.request("GET", "/echo")
    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) == len(whole) > 0


# ---- responses ----


def test_status_and_headers_of_the_event():
    """FIX HTTP-9: several values send a header several times."""

    def change(event):
        event.status = (201, "Made")
        event.headers.update({"X-One": 1, "Set-Cookie": ["a=1", "b=2"]})

    with serving(Answer("make", change)) as server:
        raw = server.raw(b"POST /make HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    head = raw.split(b"\r\n\r\n")[0].split(b"\r\n")
    assert head[0] == b"HTTP/1.1 201 Made"
    assert {b"X-One: 1", b"Set-Cookie: a=1", b"Set-Cookie: b=2"} <= set(head)


def test_no_header_can_be_smuggled_into_a_response():
    def change(event):
        event.headers["X-Bad"] = "a\r\nX-Worse: b"
        event.headers["X-Worse: c\r\nY"] = "d"
        event.status = (200, "OK\r\nX-Worst: e")

    with serving(Answer("make", change)) as server:
        raw = server.raw(b"POST /make HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 200 OK  X-Worst: e\r\n")
    assert b"\nX-W" not in raw


def test_plain_events_without_data_have_no_body():
    """FIX HTTP-11."""
    with serving(Forward("echo")) as server:
        status, headers, body = server.request("POST", "/echo", b"", {"Content-Type": "text/plain"})
    assert (status, headers["Content-Type"], body) == (200, "text/plain", b"")


def test_the_time_of_an_answer_is_logged_above_one_second():
    """FIX HTTP-10."""
    with serving(Slow("slow", 1.1), log_level="INFO") as server:
        assert server.post_json("/slow", {})[0] == 200
        wait_until(lambda: any("Returned in" in str(line) for line in server.log))
        times = [re.search(r"\[200\] Returned in (\d+) ms", str(line)) for line in server.log]
    (took,) = [int(match[1]) for match in times if match]
    assert took >= 1100


def test_204_has_no_body():
    def change(event):
        event.status = 204

    with serving(Answer("empty", change)) as server:
        raw = server.raw(b"POST /empty HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert b"Content-Length" not in raw
    assert raw.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "body"),
    [
        ({"a": 1}, '{"data": {"a": 1}}'),
        ({"data": {"x": 1}}, '{"data": {"x": 1}}'),
        ({"data": {}}, '{"data": {"data": {}}}'),
        ([], '{"data": []}'),
        ('"s"', '"s"'),
        ("5", "5"),
        ("true", "true"),
    ],
)
def test_bodies_of_json_events(data, body):
    def change(event):
        event.data = data

    with serving(Answer("give", change)) as server:
        assert server.request("POST", "/give")[2].decode() == body


def test_plain_text_for_a_client_that_wants_json_is_a_json_string():
    """FIX HTTP-13."""
    headers = {"Content-Type": "text/plain", "Accept": "application/json"}
    with serving(Forward("echo")) as server:
        status, headers, body = server.request("POST", "/echo", b"no json", headers)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert json.loads(body) == {"data": "no json"}


@pytest.mark.parametrize(
    ("values", "accept"),
    [
        (["text/html", "application/json"], "application/json"),
        (["application/json;q=0.5", "text/html;q=0.1", "text/xml"], "text/xml"),
        (["", "text/html"], "text/html"),
        (["text/html", ""], "text/html"),
        (["text/html", "html"], "*/*"),
    ],
)
def test_several_accept_headers_are_one_list(values, accept):
    seen = []
    lines = "".join(f"Accept: {value}\r\nX-Between: 1\r\n" for value in values)
    with serving(Answer("look", lambda event: seen.append(event.accept))) as server:
        server.raw(f"POST /look HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
    assert seen == [accept]


def test_xml_to_a_client_that_wants_json_and_back():
    with serving(Forward("echo")) as server:
        headers = {"Content-Type": "application/xml", "Accept": "application/json"}
        _, _, body = server.request("POST", "/echo", b"<a><b>1</b></a>", headers)
        assert json.loads(body) == {"data": {"a": {"b": "1"}}}
        headers = {"Content-Type": "application/json", "Accept": "text/xml"}
        _, _, body = server.request("POST", "/echo", b'{"a": {"b": 1}}', headers)
        assert body == b"<a><b>1</b></a>"


def test_a_subclass_formats_bodies():
    class Plain(HTTPServer):
        def format_response_data(self, event):
            return "<" + str(event.data["n"]) + ">"

    with serving(Forward("echo"), cls=Plain) as server:
        assert server.request("POST", "/echo", b'{"n": 7}')[2] == b"<7>"


# ---- what does not come back ----


@pytest.mark.parametrize(
    ("actor", "status", "message"),
    [
        (Fail, 500, "no use for {}"),
        (Null, 500, "The request ended without an answer"),
        (Swallow, 504, "No answer came in time"),
    ],
)
def test_nobody_waits_for_ever(actor, status, message):
    """FIX HTTP-12."""

    def connect(director, http, service):
        director.register_actor(service)
        director.connect_queue((http, "x"), service)

    with serving(actor("x"), connect=connect, timeout=0.3) as server:
        started = time.monotonic()
        got, _, body = server.request("POST", "/x", b"{}")
        elapsed = time.monotonic() - started
        assert server.http.responders == {}
    assert (got, error_of(body)) == (status, message)
    assert (elapsed >= 0.3) == (status == 504)


def test_an_error_of_the_contract_has_its_status():
    class Refuse(Actor):
        def consume(self, event, *args, **kwargs):
            raise errors.UnauthorizedEvent("who are you?")

    def connect(director, http, service):
        director.register_actor(service)
        director.connect_queue((http, "x"), service)

    with serving(Refuse("x"), connect=connect) as server:
        status, headers, body = server.request("POST", "/x", b"{}")
        assert (status, error_of(body)) == (401, "who are you?")
        assert headers["WWW-Authenticate"].startswith("Basic")
        status, headers, body = server.request("POST", "/x", b"{}", {"Accept": "application/xml"})
        assert (status, headers["Content-Type"]) == (401, "application/xml")
        assert b"who are you?" in body


def test_an_error_route_to_the_server_wins():
    class Handle(Actor):
        def consume(self, event, *args, **kwargs):
            event.error = errors.ResourceConflict("handled")
            self.send_event(event)

    def connect(director, http, failing, handler):
        director.register_actor(failing)
        director.register_actor(handler)
        director.connect_queue((http, "x"), failing)
        director.connect_error_queue(failing, handler)
        director.connect_queue(handler, http)

    with serving(Fail("x"), Handle("handler"), connect=connect) as server:
        status, _, body = server.request("POST", "/x", b"{}")
    assert (status, error_of(body)) == (409, "handled")


def test_an_event_that_was_kept_answers_when_another_with_its_id_comes():
    class Later(Actor):
        """Sends a new event with the same id from a thread of its own."""

        def consume(self, event, *args, **kwargs):
            threading.Timer(0.05, self.come_back, [event.event_id]).start()

        def come_back(self, event_id):
            self.pool.outbound["http"].put(JSONHttpEvent(event_id=event_id, data={"late": True}))

    with serving(Later("later")) as server:
        assert server.post_json("/later", {}) == (200, {"data": {"late": True}})


def test_a_second_answer_is_logged():
    """FIX HTTP-8: an id that nobody waits for is a log line."""

    class Twice(Actor):
        def consume(self, event, *args, **kwargs):
            self.send_event(event)
            self.send_event(event)

    with serving(Twice("twice"), log_level="WARNING") as server:
        assert server.post_json("/twice", {})[0] == 200
        server.post_json("/twice", {})
    assert any("unknown event ID" in str(line) for line in server.log)


def test_an_answer_that_comes_too_late_is_logged():
    with serving(Slow("slow", 0.4), timeout=0.1, log_level="WARNING") as server:
        status, _, body = server.request("POST", "/slow", "{}")
        assert (status, error_of(body)) == (504, "No answer came in time")
        assert not server.http.responders
        wait_until(lambda: any("unknown event ID" in line["message"] for line in server.log))


def test_a_client_that_goes_away_is_forgotten():
    with serving(Swallow("x"), timeout=20) as server:
        client = server.connect()
        client.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        wait_until(lambda: len(server.http.responders) == 1)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
        client.close()
        wait_until(lambda: server.http.responders == {} and server.http.connections == 0)


def test_a_client_that_closes_is_forgotten_after_a_while():
    with serving(Swallow("x"), timeout=20) as server:
        client = server.connect()
        client.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        wait_until(lambda: len(server.http.responders) == 1)
        client.close()
        wait_until(lambda: server.http.responders == {} and server.http.connections == 0)


# ---- before the flow ----


def test_unknown_queue():
    with serving(Forward("echo")) as server:
        status, _, body = server.request("POST", "/nope", b"{}")
    assert status == 404
    assert json.loads(body) == {"errors": [{"message": "Service 'nope' not found", "code": None}]}


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_wrong_method_and_wrong_path(method):
    with serving(Forward("echo")) as server:
        status, headers, _ = server.request(method, "/echo")
        assert (status, headers["Allow"]) == (405, "POST")
        assert server.request(method, "/a/b")[0] == 404


@pytest.mark.parametrize(
    "accept", ["application/json", "text/html,application/xml;q=0.9,*/*;q=0.8"]
)
def test_bad_json(accept):
    """FIX HTTP-4, FIX HTTP-7: no queue to the server is needed, and browsers get an answer, too."""
    with serving(Forward("echo"), connect=one_way) as server:
        status, _, body = server.request("POST", "/echo", b"{", {"Accept": accept})
    assert status == 400
    assert b"Malformed data: " in body


def one_way(director, http, service):
    director.register_actor(service)
    director.connect_queue((http, service.name), service)


def test_bad_xml():
    with serving(Forward("echo")) as server:
        headers = {"Content-Type": "text/xml", "Accept": "text/xml"}
        status, headers, body = server.request("POST", "/echo", b"<a>", headers)
    assert (status, headers["Content-Type"]) == (400, XMLHttpEvent.content_type)
    assert body.startswith(b"<errors>")


def test_content_types_are_checked_for_each_request():
    """FIX HTTP-5."""
    with serving(Forward("echo")) as server:
        for _ in range(2):
            assert (
                server.request("POST", "/echo", b"{}", {"Content-Type": "application/json"})[0]
                == 200
            )
            assert server.request("POST", "/echo", b"x", {"Content-Type": "image/png"})[0] == 415


# ---- callbacks ----


def test_a_subclass_overrides_callback():
    class Guard(HTTPServer):
        def callback(self, queue=None, *args, **kwargs):
            return "too late" if queue == "closed" else super().callback(queue=queue)

    with serving(Forward("echo"), cls=Guard) as server:
        assert server.request("POST", "/closed")[2] == b"too late"
        assert server.post_json("/echo", {"a": 1}) == (200, {"data": {"a": 1}})


def test_a_named_callback():
    """FIX HTTP-1."""

    class Ping(HTTPServer):
        def ping(self, **wildcards):
            return {"pong": wildcards}

    routes = {"routes": [{"path": "/ping/<who>", "method": "GET", "callback": "ping"}]}
    with serving(Forward("echo"), cls=Ping, routes_config=routes) as server:
        status, headers, body = server.request("GET", "/ping/me")
    assert (status, headers["Content-Type"], json.loads(body)) == (
        200,
        "application/json",
        {"pong": {"who": "me"}},
    )


def test_a_callback_that_blocks_holds_up_nobody():
    class Sleepy(HTTPServer):
        def callback(self, queue=None, *args, **kwargs):
            if queue == "sleep":
                compysition.sleep(0.5)
            return super().callback(queue=queue)

    with (
        serving(Forward("echo"), Forward("sleep"), cls=Sleepy) as server,
        server.connect() as sleeper,
    ):
        sleeper.sendall(b"POST /sleep HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        started = time.monotonic()
        assert server.post_json("/echo", {})[0] == 200
        assert time.monotonic() - started < 0.4
        assert read_until(sleeper, b"}}").startswith(b"HTTP/1.1 200")


def test_a_callback_that_fails():
    class Broken(HTTPServer):
        def callback(self, *args, **kwargs):
            raise errors.ForbiddenEvent("not you")

    with serving(cls=Broken) as server:
        status, _, body = server.request("POST", "/x")
    assert (status, error_of(body)) == (403, "not you")


# ---- load and limits ----


def test_a_full_queue_holds_requests_back_and_loses_none():
    with serving(Slow("slow", 0.001), size=2) as server:
        answers = []

        def post(number):
            answers.append(server.post_json("/slow", {"n": number}))

        threads = [threading.Thread(target=post, args=(number,)) for number in range(60)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answer["data"]["n"] for status, answer in answers if status == 200) == list(
            range(60)
        )


def test_a_full_queue_that_refuses_is_a_503():
    def connect(director, http, service):
        director.register_actor(service)
        director.connect_queue((http, "slow"), service, on_full="fail")
        director.connect_queue(service, http)

    statuses = []
    with serving(Slow("slow", 0.2, concurrency=1), connect=connect, size=1) as server:

        def post():
            status, headers, _ = server.request("POST", "/slow", b"{}")
            statuses.append((status, headers["Retry-After"]))

        threads = [threading.Thread(target=post) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert set(statuses) == {(200, None), (503, "1")}


def test_too_many_connections():
    with serving(Forward("echo"), max_connections=2) as server:
        kept = [server.connect() for _ in range(2)]
        for client in kept:
            client.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            read_until(client, b"}}")
        with server.connect() as third:
            answer = read_all(third)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: " in answer
        for client in kept:
            client.close()
        wait_until(lambda: server.http.connections == 0)
        assert server.post_json("/echo", {})[0] == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"POST /echo HTTP/1.1\r\nHost", b"408"),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{", b"408"),
        (b"", None),
    ],
)
def test_slow_clients_are_closed(sent, status):
    limits = {"head_timeout": 0.2, "body_timeout": 0.2, "idle_timeout": 0.2}
    with serving(Forward("echo"), **limits) as server:
        clients = [server.connect() for _ in range(100)]
        for client in clients:
            client.sendall(sent)
        for client in clients:
            answer = read_all(client)
            assert answer.split(b" ")[1:2] == ([status] if status else [])
            client.close()


def test_a_client_that_does_not_read_is_closed():
    def fill(event):
        event.data = {"much": "x" * 8_000_000}

    with serving(Answer("fill", fill), write_timeout=0.3) as server, server.connect() as client:
        client.sendall(b"POST /fill HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        wait_until(lambda: server.http.connections == 1)
        wait_until(lambda: server.http.connections == 0)


# ---- bodies in all ----


def send_body(server, name, count, length=1000):
    """Send the head of a POST and `count` bytes of a body of `length`; return the socket."""
    client = server.connect()
    head = f"POST /{name} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n"
    client.sendall(head.encode() + b"x" * count)
    return client


def test_of_too_many_bodies_the_one_that_stands_still_is_broken_off():
    with serving(Forward("echo"), max_body=1000, max_body_total=2500) as server:
        still = send_body(server, "echo", 999)
        moving = send_body(server, "echo", 998)
        wait_until(lambda: server.http.connections == 2)
        moving.sendall(b"x")
        last = send_body(server, "echo", 999)
        answer = read_all(still)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: 1\r\n" in answer
        for client in (moving, last):
            client.sendall(b"x")
            assert read_until(client, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
        for client in (still, moving, last):
            client.close()


def test_bodies_of_requests_that_wait_count_until_they_are_answered():
    with serving(Swallow("x"), Forward("echo"), max_body=1000, max_body_total=2500) as server:
        waiting = [send_body(server, "x", 1000) for _ in range(2)]
        wait_until(lambda: len(server.http.responders) == 2)
        with send_body(server, "echo", 1000) as client:
            assert read_all(client).startswith(b"HTTP/1.1 503 ")
        plain = {"Content-Type": "text/plain"}
        assert server.request("POST", "/echo", "x" * 400, plain)[0] == 200  # there is room for that
        for client in waiting:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
        wait_until(lambda: not server.http.responders)
        for _ in range(10):
            assert server.request("POST", "/echo", "x" * 1000, plain)[0] == 200


def test_chunked_bodies_count_as_they_come():
    with serving(Forward("echo"), max_body=1000, max_body_total=1000) as server:
        head = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        with server.connect() as first, server.connect() as second:
            first.sendall(head + b"200\r\n" + b"1" * 0x200)
            second.sendall(head + b"200\r\n" + b"1" * 0x200)
            (broken_off,) = select.select([first, second], [], [], 5)[0]
            assert read_all(broken_off).startswith(b"HTTP/1.1 503 ")
            other = second if broken_off is first else first
            other.sendall(b"\r\n0\r\n\r\n")
            assert read_until(other, b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")


# ---- stop ----


def test_a_stop_finishes_what_is_in_flight():
    with serving(Slow("slow", 0.3)) as server:
        client = server.connect()
        client.sendall(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        wait_until(lambda: len(server.http.responders) == 1)
    answer = read_all(client)
    client.close()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_stop_answers_those_who_wait_in_vain():
    with serving(Swallow("x")) as server:
        client = server.connect()
        client.sendall(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        wait_until(lambda: len(server.http.responders) == 1)
    answer = read_all(client)
    client.close()
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 1\r\n" in answer


def test_a_stop_refuses_what_has_not_come_completely():
    with serving(Forward("echo")) as server:
        client = send_body(server, "echo", 10)
        wait_until(lambda: server.http.connections == 1)
        # its bytes have been read: those of a later connection were
        assert server.post_json("/echo", {})[0] == 200
    answer = read_all(client)
    client.close()
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nRetry-After: 1\r\n" in answer


def test_a_server_starts_again():
    director = quiet_director()
    http = director.register_actor(HTTPServer, "http", "127.0.0.1", 0)
    for _ in range(3):
        director.start(block=False)
        port = http.port
        socket.create_connection(("127.0.0.1", port), 5).close()
        director.stop()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)


def test_a_port_that_is_taken_stops_the_start():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        director = quiet_director()
        director.register_actor(HTTPServer, "http", "127.0.0.1", port)
        with pytest.raises(OSError, match=f"127.0.0.1:{port}") as caught:
            director.start()
    assert any("http" in note for note in caught.value.__notes__)


@pytest.mark.parametrize(
    "options",
    [
        {"port": 70000},
        {"port": -1},
        {"timeout": 0},
        {"max_connections": 0},
        {"max_body": -1},
        {"max_body": 1000, "max_body_total": 999},
        {"keyfile": "k.pem"},
    ],
)
def test_arguments_that_make_no_sense(options):
    with pytest.raises(ValueError, match=r"must be|needs a"):
        HTTPServer("http", **options)


def test_unknown_keywords_are_ignored():
    assert HTTPServer("http", run_server=True, base_path="/x").port == 8080


def test_ipv6():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    director = quiet_director()
    http = director.register_actor(HTTPServer, "http", "::1", 0)
    director.start(block=False)
    socket.create_connection(("::1", http.port), 5).close()
    director.stop()


def test_a_unix_socket(tmp_path):
    def request(path):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(
                b"POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            )
            return read_all(client)

    path = str(tmp_path / "socket")
    director = quiet_director()
    http = director.register_actor(HTTPServer, "http", f"unix:{path}", 0)
    answers = []
    director.connect_queue((http, "x"), director.register_actor(Forward, "x"))
    director.connect_queue(director.get_actor("x"), http)
    director.start(block=False)
    thread = threading.Thread(target=lambda: answers.append(request(path)))
    thread.start()
    while thread.is_alive():
        compysition.sleep(0.01)
    director.stop()
    assert answers[0].startswith(b"HTTP/1.1 200 OK\r\n")


def test_events_of_others_are_no_answers():
    with serving(Forward("echo"), log_level="WARNING") as server:
        server.http.pool.inbound["echo"].put(HttpEvent(data="stray"))
        server.http.pool.inbound["echo"].put(Event(data="stray"))
        assert server.post_json("/echo", {})[0] == 200
    assert sum("unknown event ID" in str(line) for line in server.log) == 2
