"""HTTP servers that come and go, and requests that end in each way."""

import socket
import threading

import compysition
from compysition.actors import HTTPServer, Null
from tests.flows import Fail, Forward, quiet_director

REQUESTS = [
    b'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n{"a": 1}',
    b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{",
    b"POST /fail HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /null HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    b"POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{",
]


def build(cls=HTTPServer):
    director = quiet_director()
    http = director.register_actor(cls, "http", "127.0.0.1", 0)
    for actor in (Forward("echo"), Fail("fail"), Null("null")):
        director.register_actor(actor)
        director.connect_queue(http, actor)
    director.connect_queue(director.get_actor("echo"), http)
    director.start(block=False)
    return director, http


def ask(port, request):
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


def run_beside(function, *args):
    """Call it in a thread while the loop of this one runs."""
    thread = threading.Thread(target=function, args=args)
    thread.start()
    while thread.is_alive():
        compysition.sleep(0.0005)
    thread.join()


def leak_starts_and_stops():
    director, _ = build()
    director.stop()


class Kept:
    server = None


def leak_requests():
    if Kept.server is None:
        Kept.server = build()
    port = Kept.server[1].port
    run_beside(lambda: [ask(port, request) for request in REQUESTS])
