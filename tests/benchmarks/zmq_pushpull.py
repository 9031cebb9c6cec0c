"""Small JSON events over loopback TCP: ZMQPush and ZMQPull, beside pyzmq with pickles and beside bare libzmq; two processes, two processors."""

import pickle
import sys
import tempfile
import time

from tests.benchmarks.rows import Row
from tests.benchmarks.two_processes import (
    DATA,
    actors_rate,
    bare_rate,
    build_bare,
    medians,
    rate,
)


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


def pyzmq_rate(count):
    command = [sys.executable, "-m", __name__]
    return rate(
        count,
        [*command, "pull_pyzmq", str(count)],
        lambda port: [*command, "push_pyzmq", port, str(count)],
    )


def throughput():
    with tempfile.TemporaryDirectory() as folder:
        program = build_bare(folder)
        ours, pyzmq, bare = medians(
            lambda: actors_rate("ZMQPush", "ZMQPull", 500_000),
            lambda: pyzmq_rate(30_000),
            lambda: bare_rate(program, 1_000_000),
        )
    name = "ZeroMQ, push to pull"
    return [
        Row(f"{name}: JSON events", ours, "1/s", 8, ours / pyzmq, "pyzmq", True),
        Row(f"{name}: against libzmq", ours, "1/s", 0.3, ours / bare, "libzmq", True),
        Row(f"{name}: pyzmq, pickled events", pyzmq, "1/s"),
        Row(f"{name}: bare libzmq", bare, "1/s"),
    ]


if __name__ == "__main__":
    globals()[sys.argv[1]](*(int(number) for number in sys.argv[2:]))
