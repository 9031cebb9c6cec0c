"""MajorDomo: MDPClient, MDPBroker and MDPWorker beside what pyzmq makes of RFC 7, many workers, and processes that die."""

import contextlib
import json
import select
import subprocess
import sys
import time

import zmq

from tests.benchmarks import guidemajordomo, majordomoparts
from tests.benchmarks.guidemajordomo import CLIENT, READY, REPLY, REQUEST, WORKER
from tests.benchmarks.http_server import free_port
from tests.benchmarks.rows import Row

IN_FLIGHT = 256
WARM_UP = 1000
SECONDS = 6  # of load around a death
RATE = 1000  # requests a second then
WORK = 20  # milliseconds that a worker needs for one, so that it has some when it dies


@contextlib.contextmanager
def process(module, *arguments):
    """Run a module until the block ends; its standard output can be read."""
    command = [sys.executable, "-m", module.__name__, *map(str, arguments)]
    it = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield it
    finally:
        it.kill()
        it.wait()
        it.stdout.close()


def ours(*arguments):
    return process(majordomoparts, *arguments)


# ---- round trips ----


def round_trips(module, where, workers, count):
    """Requests answered per second, and the 99th percentile of their times in ms."""
    with contextlib.ExitStack() as stack:
        if module is guidemajordomo:
            broker = stack.enter_context(process(module, "broker", f"tcp://{where}"))
        else:
            broker = stack.enter_context(process(module, "broker", where.split(":")[1]))
        broker.stdout.readline()
        for _ in range(workers):
            stack.enter_context(process(module, "worker", f"tcp://{where}"))
        numbers = (count, IN_FLIGHT, WARM_UP)
        client = stack.enter_context(process(module, "client", f"tcp://{where}", *numbers))
        rate, late = map(float, client.stdout.readline().split())
        return rate, late * 1000


def requests():
    rows = []
    for workers in (1, 2, 4):
        name = f"MajorDomo, {workers} worker{'s'[: workers > 1]}"
        guide = round_trips(guidemajordomo, f"127.0.0.1:{free_port()}", workers, 10_000)
        rate, late = round_trips(majordomoparts, f"127.0.0.1:{free_port()}", workers, 100_000)
        rows += [
            Row(f"{name}: requests", rate, "1/s", 5, rate / guide[0], "pyzmq", True),
            Row(f"{name}: 99th percentile", late, "ms"),
            Row(f"{name}: pyzmq", guide[0], "1/s"),
            Row(f"{name}: pyzmq, 99th percentile", guide[1], "ms"),
        ]
    return rows


# ---- many workers ----


class Farm:
    """Workers of MDP 0.1, so many for each of so many services, in one thread; and a client."""

    def __init__(self, endpoint, services, workers):
        self.context = zmq.Context()
        self.context.max_sockets = workers + 10
        self.services = [b"service %d" % number for number in range(services)]
        self.poll = select.epoll()
        self.sockets = {}
        for number in range(workers):
            self.open(endpoint).send_multipart(
                [b"", WORKER, READY, self.services[number % services]]
            )
        self.client = self.open(endpoint)

    def open(self, endpoint):
        socket = self.context.socket(zmq.DEALER)
        socket.linger = 0
        socket.connect(endpoint)
        self.sockets[socket.fileno()] = socket
        self.poll.register(socket.fileno(), select.EPOLLIN)
        return socket

    def work(self, socket):
        """Take all that has come, as the descriptor does not tell again; the number of answers among it."""
        answers = 0
        while socket.events & zmq.POLLIN:
            _, header, command, *rest = socket.recv_multipart()
            if header == CLIENT:
                answers += 1
            elif command == REQUEST:
                socket.send_multipart([b"", WORKER, REPLY, rest[0], b"", *rest[2:]])
        return answers

    def ask(self, count):
        """Wait for so many answers, with IN_FLIGHT requests on their way."""
        sent = answered = 0
        while answered < count:
            while sent < min(count, answered + IN_FLIGHT):
                service = self.services[sent % len(self.services)]
                self.client.send_multipart([b"", CLIENT, service, b"%d" % sent])
                sent += 1
            answered += self.work(self.client)
            for descriptor, _ in self.poll.poll(1):
                answered += self.work(self.sockets[descriptor])

    def close(self):
        self.poll.close()
        self.context.destroy(0)


def loop_seconds(pid):
    """Processor time of the first thread, which the loop runs in."""
    with open(f"/proc/{pid}/task/{pid}/schedstat") as times:
        return int(times.read().split()[0]) / 1e9


def dispatch_cost(services, workers, count=10_000):
    """Microseconds that the broker's loop needs for a request."""
    port = free_port()
    with ours("broker", port) as broker:
        broker.stdout.readline()
        farm = Farm(f"tcp://127.0.0.1:{port}", services, workers)
        farm.ask(2 * workers)  # all have signed on
        begin = loop_seconds(broker.pid)
        farm.ask(count)
        cost = (loop_seconds(broker.pid) - begin) / count * 1e6
        farm.close()
    return cost


def many_workers():
    few, many = dispatch_cost(1, 10), dispatch_cost(100, 1000)
    name = "MDPBroker: a request"
    return [
        Row(f"{name}, 10 workers", few, "µs"),
        Row(f"{name}, 1,000 workers", many, "µs", 1.2, many / few, "of 10 workers"),
    ]


# ---- deaths ----


def death(name, brokers=2, workers=2):
    """Kill a process of that name in the middle of the load; rows of what became of the requests."""
    with contextlib.ExitStack() as stack:
        processes = {}

        def start(key, *arguments):
            processes[key] = stack.enter_context(ours(*arguments))
            return processes[key]

        listen, publish = free_port(), free_port()
        start("registration service", "registry", listen, publish).stdout.readline()
        for number in range(brokers):
            start(f"broker {number}", "broker", free_port(), listen, publish).stdout.readline()
        for number in range(workers):
            start(f"worker {number}", "worker", publish, WORK)
        client = start("client", "steady", publish, RATE, SECONDS)
        client.stdout.readline()
        time.sleep(2)
        victim = next(it for key, it in processes.items() if key.startswith(name))
        victim.kill()
        sent, answered, twice, longest = json.loads(client.stdout.readline())
    what = f"kill -9 of a {name}"
    return [
        Row(f"{what}: not answered", sent - answered, "", 0),
        Row(f"{what}: answered twice", twice, "", 0),
        Row(f"{what}: longest wait", longest, "s"),
    ]


def worker_dies():
    return death("worker")


def broker_dies():
    return death("broker")


def registration_dies():
    return death("registration service")
