"""A MajorDomo broker on pyzmq, written from RFC 7 and from the rules of compysition's dialect: somebody else's broker, and a registration service.

Run as a process: python -m tests.majordomo PORT
"""

import contextlib
import sys
import threading
import uuid
from collections import defaultdict, deque

import zmq

C, W = b"MDPC01", b"MDPW01"
RECEIVER = b"_receiver"


class Broker:
    """Speaks MDP 0.1 and the dialect, and keeps what it hears. Attributes may be changed while it runs."""

    def __init__(self, port=0, identity=None, **options):
        self.identity = identity or uuid.uuid4().hex.encode()
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.ROUTER)
        for name, value in options.items():
            setattr(self.socket, name, value)
        self.socket.linger = 0
        self.socket.router_handover = True
        self.socket.router_mandatory = True
        self.port = (
            self.socket.bind_to_random_port("tcp://127.0.0.1")
            if port == 0
            else self.socket.bind(f"tcp://127.0.0.1:{port}") and port
        )
        self.workers = {}  # address -> (service, to whom to send, standard)
        self.idle = defaultdict(deque)  # service -> addresses
        self.waiting = defaultdict(deque)  # service -> (client, dialect, body)
        self.clients = {}  # address -> dialect
        self.heard = []  # all messages
        self.verifies = True
        self.loses = 0  # verification requests that are not answered
        self.swallows = 0  # requests that get lost
        self.replies = 1  # how often a client gets each
        self.beats = True
        self.told = deque()  # messages to send, from other threads
        self.stopping = False

    @property
    def endpoint(self):
        return f"tcp://127.0.0.1:{self.port}"

    def send(self, *frames):
        """Returns whether the receiver is there."""
        try:
            self.socket.send_multipart(frames)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            return False
        return True

    def run(self):
        while not self.stopping:
            while self.told:
                self.send(*self.told.popleft())
            if self.socket.poll(10):
                frames = self.socket.recv_multipart()
                self.heard.append(frames)
                self.take(*frames)
        self.context.destroy(0)

    def take(self, sender, _empty, header, command, *rest):
        if header == C:
            self.take_client(sender, command, rest)
        elif command in (b"\x01", b"\x06"):
            self.register(sender, command == b"\x01", rest[0])
        elif command == b"\x03":
            self.take_reply(sender, rest[0], rest[2:])
        elif command == b"\x04" and sender in self.workers and self.workers[sender][2]:
            if self.beats:
                self.send(sender, b"", W, b"\x04")
        elif command == b"\x05":
            self.workers.pop(sender, None)

    def take_client(self, sender, command, rest):
        if command == b"\x06":
            if self.loses:
                self.loses -= 1
            elif self.verifies:
                self.send(sender + RECEIVER, b"", C, b"\x07", self.identity)
            return
        dialect = command == b"\x00\x38"
        service, body = (rest[0], rest[1:]) if dialect else (command, rest)
        self.clients[sender] = None if dialect else service
        if self.swallows:
            self.swallows -= 1
            return
        self.waiting[service].append((sender, body))
        self.dispatch(service)

    def register(self, sender, standard, service):
        address = sender if standard else sender + RECEIVER
        if not standard and self.verifies:
            if not self.send(address, b"", W, b"\x07", self.identity):
                return  # it does not receive yet, and asks again
        self.workers[sender] = (service, address, standard)
        if sender not in self.idle[service]:
            self.idle[service].append(sender)
        self.dispatch(service)

    def dispatch(self, service):
        idle, waiting = self.idle[service], self.waiting[service]
        while idle and waiting:
            worker = idle.popleft()
            if worker not in self.workers:
                continue
            _, address, standard = self.workers[worker]
            client, body = waiting.popleft()
            self.send(address, b"", W, b"\x02", client, b"", *body)
            if not standard:
                idle.append(worker)

    def take_reply(self, sender, client, body):
        service = self.clients.get(client)
        for _ in range(self.replies):
            if service is None:
                self.send(client + RECEIVER, b"", C, b"\x03", b"", *body)
            else:
                self.send(client, b"", C, service, *body)
        if sender in self.workers and self.workers[sender][2]:
            self.idle[self.workers[sender][0]].append(sender)
            self.dispatch(self.workers[sender][0])


@contextlib.contextmanager
def brokering(**options):
    """Run a broker in a thread."""
    broker = Broker(**options)
    thread = threading.Thread(target=broker.run)
    thread.start()
    try:
        yield broker
    finally:
        broker.stopping = True
        thread.join()


class Announcer:
    """What a registration service tells its subscribers."""

    def __init__(self):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.XPUB)
        self.socket.linger = 0
        self.port = self.socket.bind_to_random_port("tcp://127.0.0.1")

    def alive(self, *pairs, scope=b"BrokerUpdates"):
        self.socket.send_multipart(
            [scope, b"", b"\x00\x39", *(part for pair in pairs for part in pair)]
        )

    def gone(self, identity, port):
        self.socket.send_multipart([b"BrokerUpdates", b"", b"\x08", identity, port])

    def wait_for_subscriber(self):
        assert self.socket.poll(20000)
        return self.socket.recv()

    def close(self):
        self.context.destroy(0)


if __name__ == "__main__":
    running = Broker(int(sys.argv[1]))
    print(running.port, flush=True)
    running.run()
