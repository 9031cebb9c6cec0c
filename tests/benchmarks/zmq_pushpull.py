"""Small JSON events over loopback TCP: ZMQPush and ZMQPull, beside pyzmq with pickles and beside bare libzmq; two processes, two processors."""

import os
import pathlib
import pickle
import statistics
import subprocess
import sys
import tempfile
import time

from tests.benchmarks.http_server import cores
from tests.benchmarks.rows import Row

RUNS = 3
DATA = {"id": 123456, "name": "order", "items": [1, 2, 3]}


def pull_ours(count):
    """Print the port, and once `count` events have come, the seconds that it took."""
    from compysition import Actor
    from compysition.actors import Null, ZMQPull
    from tests.flows import quiet_director

    class Clock(Actor):
        def consume(self, event, *args, **kwargs):
            raise AssertionError("nothing comes here")

    director = quiet_director(size=1000)
    pull = director.register_actor(ZMQPull, "pull", port=0, host="127.0.0.1")
    director.connect_queue(pull, director.register_actor(Null, "null"))
    watch = director.register_actor(Clock, "clock")

    def wait():
        import compysition

        while pull.events_received == 0:
            compysition.sleep(0.0005)
        begin = time.perf_counter()
        while pull.events_received < count:
            compysition.sleep(0.0005)
        print(time.perf_counter() - begin, flush=True)
        director.stop()

    watch.pre_hook = lambda: watch.threads.spawn(wait, restart=False)
    director.start(block=False)
    print(pull.port, flush=True)
    director.block()


def push_ours(port, count):
    from compysition.actors import ZMQPush
    from compysition.event import JSONEvent
    from tests.flows import Source, quiet_director

    class Orders(Source):
        def produce(self):
            for _ in range(count):
                self.send_event(JSONEvent(data=DATA))

    director = quiet_director(size=1000)
    orders = director.register_actor(Orders, "orders")
    push = director.register_actor(ZMQPush, "push", port=port, linger=20)
    director.connect_queue(orders, push)
    director.start(block=False)
    director.stop()


def pull_pyzmq(count):
    import zmq

    with zmq.Context() as context, context.socket(zmq.PULL) as socket:
        print(socket.bind_to_random_port("tcp://127.0.0.1"), flush=True)
        pickle.loads(socket.recv())
        begin = time.perf_counter()
        for _ in range(count - 1):
            pickle.loads(socket.recv())
        print(time.perf_counter() - begin, flush=True)


def push_pyzmq(port, count):
    import zmq

    from compysition.event import JSONEvent

    with zmq.Context() as context, context.socket(zmq.PUSH) as socket:
        socket.connect(f"tcp://127.0.0.1:{port}")
        for _ in range(count):
            socket.send(pickle.dumps(JSONEvent(data=DATA)))


def start(core, *command):
    return subprocess.Popen(
        ["taskset", "-c", str(core), *command], stdout=subprocess.PIPE, text=True
    )


def rate(count, pull, push):
    """Events per second; `pull` is a command, `push` makes one of the port."""
    receiver = start(cores()[1], *pull)
    sender = start(cores()[0], *push(receiver.stdout.readline().strip()))
    seconds = float(receiver.stdout.readline())
    for process in (sender, receiver):
        process.wait(60)
        process.stdout.close()
    return count / seconds


def here(name, count):
    """The rate of two functions of this module."""
    command = [sys.executable, "-m", __name__]
    return rate(
        count,
        [*command, f"pull_{name}", str(count)],
        lambda port: [*command, f"push_{name}", port, str(count)],
    )


def build(folder):
    source = pathlib.Path(__file__).with_suffix(".c")
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libzmq"], check=True, capture_output=True, text=True
    ).stdout.split()
    program = os.path.join(folder, "bare")
    subprocess.run(["cc", "-O2", "-o", program, source, *flags], check=True)
    return program


def throughput():
    from compysition import wire
    from compysition.event import JSONEvent

    length = str(len(wire.dumps(JSONEvent(data=DATA))))
    found = {"ours": [], "pyzmq": [], "bare": []}
    with tempfile.TemporaryDirectory() as folder:
        program = build(folder)
        for _ in range(RUNS):
            found["ours"].append(here("ours", 300_000))
            found["pyzmq"].append(here("pyzmq", 30_000))
            found["bare"].append(
                rate(
                    1_000_000,
                    [program, "pull", "1000000"],
                    lambda port: [
                        *(program, "push", f"tcp://127.0.0.1:{port}"),
                        *("1000000", length),
                    ],
                )
            )
    ours, pyzmq, bare = (statistics.median(rates) for rates in found.values())
    name = "ZeroMQ, push to pull"
    return [
        Row(f"{name}: JSON events", ours, "1/s", 8, ours / pyzmq, "pyzmq", True),
        Row(f"{name}: against libzmq", ours, "1/s", 0.3, ours / bare, "libzmq", True),
        Row(f"{name}: pyzmq, pickled events", pyzmq, "1/s"),
        Row(f"{name}: bare libzmq", bare, "1/s"),
    ]


if __name__ == "__main__":
    globals()[sys.argv[1]](*(int(number) for number in sys.argv[2:]))
