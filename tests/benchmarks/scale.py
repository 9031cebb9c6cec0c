"""A director of 10,000 actors in a chain."""

import itertools
import statistics
import time

from compysition import Actor, Event
from tests.benchmarks.rows import Row
from tests.flows import Forward, quiet_director

ACTORS = 10_000
RUNS = 5


class Last(Actor):
    """Notes when it got an event, and stops the director."""

    def __init__(self, name, director, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.director = director
        self.got_at = 0.0

    def consume(self, event, *args, **kwargs):
        self.got_at = time.perf_counter()
        self.director.stop()


def run():
    """Seconds that registering and connecting, the start, and one event through all actors take."""
    begin = time.perf_counter()
    director = quiet_director()
    actors = [director.register_actor(Forward, f"actor {i}") for i in range(ACTORS - 1)]
    actors.append(director.register_actor(Last, "last", director))
    for source, destination in itertools.pairwise(actors):
        director.connect_queue(source, destination)
    connected = time.perf_counter()
    director.start(block=False)
    started = time.perf_counter()
    actors[0].send_event(Event(data="hello"))
    director.block()
    return connected - begin, started - connected, actors[-1].got_at - started


def chain_of_actors():
    build, start, passed = (
        statistics.median(times) for times in zip(*(run() for _ in range(RUNS)), strict=True)
    )
    return [
        Row("10,000 actors registered and connected", build, "s"),
        Row("10,000 actors started", start, "s", 2),
        Row("one event through 10,000 actors", passed * 1e3, "ms"),
    ]
