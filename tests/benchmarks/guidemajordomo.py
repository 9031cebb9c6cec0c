"""The MajorDomo that people write who follow RFC 7 (MDP 0.1) with pyzmq: broker, worker and a client that does not wait, a process each.

What it shares with others of its kind: a ROUTER and a poll in one thread, a message for each turn, dictionaries of services and workers,
heartbeats every 2.5 seconds of which three may be missed, and workers that get one request at a time.

Run as a process: python -m tests.benchmarks.guidemajordomo broker|worker|client ENDPOINT [number ...]
"""

import collections
import dataclasses
import sys
import time

import zmq

CLIENT, WORKER = b"MDPC01", b"MDPW01"
READY, REQUEST, REPLY, HEARTBEAT, DISCONNECT = (bytes([number]) for number in range(1, 6))
INTERVAL = 2.5  # seconds
LIVENESS = 3
SERVICE = b"echo"


@dataclasses.dataclass
class Service:
    """Requests that wait for a worker, or workers that wait for a request."""

    name: bytes
    requests: collections.deque = dataclasses.field(default_factory=collections.deque)
    idle: dict = dataclasses.field(
        default_factory=dict
    )  # identity -> None, the one that waits for longest first


@dataclasses.dataclass
class Peer:
    """A worker, as the broker sees it."""

    service: Service
    expires: float = 0.0  # seconds, of the monotonic clock


class Broker:
    def __init__(self, endpoint):
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(endpoint)
        self.endpoint = self.socket.last_endpoint.decode()
        self.services = {}
        self.workers = {}
        self.beat_at = time.monotonic() + INTERVAL

    def run(self):
        poller = zmq.Poller()
        poller.register(self.socket, zmq.POLLIN)
        while True:
            if poller.poll(INTERVAL * 1000):
                self.take(self.socket.recv_multipart())
            if time.monotonic() > self.beat_at:
                self.beat()

    def take(self, frames):
        if len(frames) < 4 or frames[1] != b"":
            return
        sender, _, header, *rest = frames
        if header == CLIENT and len(rest) > 1:
            service = self.service(rest[0])
            service.requests.append((sender, rest[1:]))
            self.dispatch(service)
        elif header == WORKER:
            self.take_from_worker(sender, *rest)

    def take_from_worker(self, sender, command, *rest):
        worker = self.workers.get(sender)
        if command == READY and worker is None and rest:
            self.workers[sender] = Peer(self.service(rest[0]))
            self.wait(sender)
        elif worker is None or command in (READY, DISCONNECT):
            self.dismiss(sender, command != DISCONNECT)
        elif command == REPLY and len(rest) > 2:
            client, _, *body = rest
            self.socket.send_multipart([client, b"", CLIENT, worker.service.name, *body])
            self.wait(sender)
        elif command == HEARTBEAT:
            worker.expires = time.monotonic() + INTERVAL * LIVENESS

    def service(self, name):
        if name not in self.services:
            self.services[name] = Service(name)
        return self.services[name]

    def wait(self, sender):
        worker = self.workers[sender]
        worker.expires = time.monotonic() + INTERVAL * LIVENESS
        worker.service.idle[sender] = None
        self.dispatch(worker.service)

    def dispatch(self, service):
        while service.requests and service.idle:
            client, body = service.requests.popleft()
            worker = next(iter(service.idle))
            del service.idle[worker]
            self.socket.send_multipart([worker, b"", WORKER, REQUEST, client, b"", *body])

    def dismiss(self, identity, tell):
        worker = self.workers.pop(identity, None)
        if worker is not None:
            worker.service.idle.pop(identity, None)
        if tell:
            self.socket.send_multipart([identity, b"", WORKER, DISCONNECT])

    def beat(self):
        now = time.monotonic()
        self.beat_at = now + INTERVAL
        for identity, worker in list(self.workers.items()):
            if worker.expires < now:
                self.dismiss(identity, False)
            else:
                self.socket.send_multipart([identity, b"", WORKER, HEARTBEAT])


class Worker:
    """Answers each request with its body."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.socket = None
        self.connect()

    def connect(self):
        if self.socket is not None:
            self.socket.close(0)
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.connect(self.endpoint)
        self.liveness = LIVENESS
        self.beat_at = time.monotonic() + INTERVAL
        self.send(READY, SERVICE)

    def send(self, *frames):
        self.socket.send_multipart([b"", WORKER, *frames])

    def run(self):
        while True:
            if self.socket.poll(INTERVAL * 1000):
                self.liveness = LIVENESS
                _, _, command, *rest = self.socket.recv_multipart()
                if command == REQUEST:
                    client, _, *body = rest
                    self.send(REPLY, client, b"", *body)
                elif command == DISCONNECT:
                    self.connect()
            else:
                self.liveness -= 1
                if self.liveness == 0:
                    self.connect()
            if time.monotonic() > self.beat_at:
                self.send(HEARTBEAT)
                self.beat_at = time.monotonic() + INTERVAL


def ask(endpoint, count, in_flight, warm_up):
    """Keep so many requests in flight until `count` are answered after the first; the seconds that took, and those of each request."""
    socket = zmq.Context.instance().socket(zmq.DEALER)
    socket.connect(endpoint)
    times = []

    def send():
        socket.send_multipart([b"", CLIENT, SERVICE, b"%.9f" % time.perf_counter()])

    for _ in range(in_flight):
        send()
    for number in range(warm_up + count):
        if number == warm_up:
            begin = time.perf_counter()
            times.clear()
        if not socket.poll(INTERVAL * 1000):
            raise TimeoutError("no reply")
        _, _, _, body = socket.recv_multipart()
        times.append(time.perf_counter() - float(body))
        send()
    seconds = time.perf_counter() - begin
    socket.close(0)
    return seconds, times


def main(role, endpoint, *numbers):
    if role == "broker":
        broker = Broker(endpoint)
        print(broker.endpoint, flush=True)
        broker.run()
    elif role == "worker":
        Worker(endpoint).run()
    else:
        from tests.benchmarks.rows import percentile

        seconds, times = ask(endpoint, *(int(number) for number in numbers))
        print(len(times) / seconds, percentile(times, 99), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
