"""Clients of an HTTPServer that send anything, in any pieces, and go away at any time."""

import re
import socket
import tempfile

import compysition
from compysition import Actor
from compysition.actors import HTTPServer
from tests.flows import Fail, quiet_director
from tests.fuzz import target
from tests.fuzz.fuzz_http import seeds as wire_seeds

ANSWER = re.compile(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
LENGTH = re.compile(rb"Content-Length: (\d+)\r\n")
ENDS = ("reads", "ends its side", "closes", "resets")


class Turn(Actor):
    """Answers after as many turns of the loop as the event says, so that answers overtake each other."""

    def consume(self, event, *args, **kwargs):
        data = event.data
        for _ in range(data.get("wait", 0) % 5 if isinstance(data, dict) else 0):
            compysition.sleep(0)
        self.send_event(event)


class Server:
    """One server for all inputs, on a Unix socket."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = f"{self.folder.name}/socket"
        director = quiet_director(size=3)
        self.http = director.register_actor(
            HTTPServer,
            "http",
            address=f"unix:{self.path}",
            timeout=1,
            max_head=2000,
            max_body=2000,
            max_pipelined=4,
            routes_config={
                "routes": [
                    {"path": "/<queue>", "method": ["GET", "POST"]},
                    {"path": "/", "method": "GET"},
                ]
            },
        )
        for actor in (Turn("turn"), Fail("fail")):
            director.register_actor(actor)
            director.connect_queue(self.http, actor)
        director.connect_queue(director.get_actor("turn"), self.http)
        director.start(block=False)
        self.director = director


servers = []


def seeds():
    """A byte for how the client ends, then as for the parser."""
    post = b'POST /turn HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n{"wait": 3}'
    own = [
        post * 6,
        post + b"GET /fail HTTP/1.1\r\nHost: x\r\n\r\nGET /nope HTTP/1.1\r\nHost: x\r\n\r\n" + post,
        b"POST /turn HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    ]
    texts = [cuts + text for text in own for cuts in (b"\0", b"\3\x20\x12\x05")]
    return [bytes([number % len(ENDS)]) + text for number, text in enumerate(texts + wire_seeds())]


def pieces_of(wire, cuts):
    for cut in cuts:
        yield wire[:cut]
        wire = wire[cut:]
    yield wire


def receive(client, received):
    """Take what has come; return whether there may be more."""
    try:
        part = client.recv(65536)
    except BlockingIOError:
        return True
    except ConnectionError:
        return False
    received += part
    return part != b""


def talk(client, pieces, end):
    """Send the pieces and take what comes back, between turns of the loop."""
    received = bytearray()
    open_ = True
    for piece in pieces:
        try:
            client.sendall(piece)
        except (ConnectionError, BlockingIOError):
            break
        compysition.sleep(0)
        open_ = open_ and receive(client, received)
    if end == "ends its side":
        try:
            client.shutdown(socket.SHUT_WR)
        except OSError:
            open_ = False
    for _ in range(2000 if end == "ends its side" else 20):
        if not open_ or end == "closes":
            break
        compysition.sleep(0)
        open_ = receive(client, received)
    return bytes(received), open_


def check_answers(received, whole):
    """What came is a row of responses; the last one may be cut off unless the server has ended the connection."""
    at = 0
    while at < len(received):
        match = ANSWER.match(received, at)
        if match is None:
            assert not whole, received[at : at + 200]
            return
        status = int(match[1])
        length = LENGTH.search(match[2])
        assert (length is None) == (status in (100, 204, 304)), match[0]
        at = match.end() + (int(length[1]) if length else 0)
    assert at == len(received) or not whole


@target(seeds)
def http_connection(data):
    """Every client gets whole answers, or a closed connection; the server forgets it and goes on."""
    if not servers:
        servers.append(Server())
    server = servers[0]
    end = ENDS[data[0] % len(ENDS)] if data else "reads"
    count = data[1] if len(data) > 1 else 0
    cuts, wire = data[2 : 2 + count], data[2 + count :]
    with socket.socket(socket.AF_UNIX) as client:
        client.setblocking(False)
        client.connect(server.path)
        received, open_ = talk(client, pieces_of(wire, cuts), end)
    if b"HEAD" not in wire:
        check_answers(received, not open_ and end == "ends its side")
    for _ in range(2000):
        if server.http.connections == 0:
            break
        compysition.sleep(0)
    else:
        for _ in range(500):
            compysition.sleep(0.01)
            if server.http.connections == 0:
                break
    assert server.http.connections == 0
    assert server.http.responders == {}
