"""TCPOut and TCPIn: both ends, connections that break, bytes that are no events."""

import socket
import struct

import compysition
from compysition import Queue
from compysition.actors import TCPIn, TCPOut
from compysition.event import JSONEvent
from tests.flows import Collect, quiet_director
from tests.isolated.leak_http import run_beside


def build():
    director = quiet_director(stop_timeout=0.01)
    tcp = director.register_actor(TCPIn, "in", 0, "127.0.0.1", max_event_bytes=1000)
    director.connect_queue(tcp, director.register_actor(Collect, "collect"))
    director.start(block=False)
    return director, tcp


def send(port, count, **options):
    """Start a director that sends as many events to that port."""
    director = quiet_director(stop_timeout=0.01)
    out = director.register_actor(TCPOut, "out", port, reconnect_min=0.001, **options)
    queue = Queue("inbox")
    out.register_consumer("inbox", queue)
    director.start(block=False)
    for number in range(count):
        queue.put(JSONEvent(data={"n": number}, mark=[number]))
    return director, out


def leak_tcp_events():
    receiving, tcp = build()
    sending, out = send(tcp.port, 20)
    while len(receiving.get_actor("collect").data) < 20 or out.unacknowledged:
        compysition.sleep(0)
    sending.stop()
    receiving.stop()


def leak_tcp_without_a_peer():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    sending, _ = send(port, 5)
    compysition.sleep(0.005)
    sending.stop()


class Kept:
    server = None


def visit(port):
    for wire in (b"\0\0\0\3abc", b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\1\0half"):
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(wire + struct.pack(">I", 1))
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass


def leak_tcp_garbage():
    if Kept.server is None:
        Kept.server = build()
    run_beside(visit, Kept.server[1].port)


def leak_tcp_that_cannot_be_made():
    for actor, options in (
        (TCPIn, {"keyfile": "x"}),
        (TCPIn, {"event_classes": [int]}),
        (TCPOut, {"host": 1}),
        (TCPOut, {"serializer": "x"}),
    ):
        try:
            actor("tcp", **options)
        except (TypeError, ValueError):
            pass
