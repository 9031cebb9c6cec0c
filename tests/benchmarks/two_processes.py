"""Events from one process to another over loopback, each on a processor of its own, and bare libzmq in their place.

``python -m tests.benchmarks.two_processes receive ZMQPull 1000`` and ``... send ZMQPush PORT 1000`` are such a pair.
"""

import os
import pathlib
import statistics
import subprocess
import sys
import time

from tests.benchmarks.http_server import cores

RUNS = 3
DATA = {"id": 123456, "name": "order", "items": [1, 2, 3]}


def receive(name, count):
    """Print the port, and once `count` events have come, the seconds that it took."""
    import compysition
    from compysition import actors
    from tests.flows import Source, quiet_director

    director = quiet_director(size=1000)
    receiver = director.register_actor(getattr(actors, name), "in", port=0, host="127.0.0.1")
    director.connect_queue(receiver, director.register_actor(actors.Null, "null"))

    def received():
        return director.stats()["actors"]["null"]["in"]

    class Clock(Source):
        def produce(self):
            while received() == 0:
                compysition.sleep(0.002)
            begin = time.perf_counter()
            while received() < count:
                compysition.sleep(0.002)
            print(time.perf_counter() - begin, flush=True)
            director.stop()

    director.register_actor(Clock, "clock")
    director.start(block=False)
    print(receiver.port, flush=True)
    director.block()


def send(name, port, count):
    from compysition import actors
    from compysition.event import JSONEvent
    from tests.flows import Source, quiet_director

    class Orders(Source):
        def produce(self):
            for _ in range(self.count):
                self.send_event(JSONEvent(data=DATA))

    director = quiet_director(size=1000, stop_timeout=20)
    orders = director.register_actor(Orders, "orders", count)
    out = director.register_actor(getattr(actors, name), "out", port=port, linger=20)
    director.connect_queue(orders, out)
    director.start(block=False)
    director.stop()


def start(core, *command):
    return subprocess.Popen(
        ["taskset", "-c", str(core), *command], stdout=subprocess.PIPE, text=True
    )


def rate(count, receiver, sender):
    """Events per second; `receiver` is a command, `sender` makes one of the port."""
    receiving = start(cores()[1], *receiver)
    sending = start(cores()[0], *sender(receiving.stdout.readline().strip()))
    seconds = float(receiving.stdout.readline())
    for process in (sending, receiving):
        process.wait(60)
        process.stdout.close()
    return count / seconds


def actors_rate(sender, receiver, count):
    """Of two actors, by the names of their classes."""
    command = [sys.executable, "-m", __name__]
    return rate(
        count,
        [*command, "receive", receiver, str(count)],
        lambda port: [*command, "send", sender, port, str(count)],
    )


def message_length():
    from compysition import wire
    from compysition.event import JSONEvent

    return len(wire.dumps(JSONEvent(data=DATA)))


def build_bare(folder):
    """The program that is bare libzmq."""
    source = pathlib.Path(__file__).with_name("zmq_bare.c")
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "libzmq"], check=True, capture_output=True, text=True
    ).stdout.split()
    program = os.path.join(folder, "bare")
    subprocess.run(["cc", "-O2", "-o", program, source, *flags], check=True)
    return program


def bare_rate(program, count):
    """Of libzmq, with as many bytes as an event has."""
    length = message_length()
    return rate(
        count,
        [program, "pull", str(count)],
        lambda port: [program, "push", f"tcp://127.0.0.1:{port}", str(count), str(length)],
    )


def medians(*measures):
    """Of each, in turn, so that what else the machine does is in all of them."""
    runs = [[measure() for measure in measures] for _ in range(RUNS)]
    return [statistics.median(rates) for rates in zip(*runs, strict=True)]


if __name__ == "__main__":
    function, name, *numbers = sys.argv[1:]
    globals()[function](name, *(int(number) for number in numbers))
