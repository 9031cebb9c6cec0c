"""A consume that sleeps: how many wait at the same time, and how much longer than needed it takes."""

import asyncio
import math
import operator
import statistics
import time

import compysition
from compysition import Actor, Event
from tests.benchmarks.rows import Row, host
from tests.flows import quiet_director
from tests.measures import preemptions

EVENTS = 1000
SECONDS = 0.01
RUNS = {1000: 101, 100: 21}  # by how many sleep at once


class Sleeper(Actor):
    """Sleeps `sleep(SECONDS)` for every event, and notes when the last one of EVENTS was done."""

    def __init__(self, name, sleep, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.sleep = sleep
        self.done = 0
        self.done_at = 0.0

    def consume(self, event, *args, **kwargs):
        self.sleep(SECONDS)
        self.done += 1
        if self.done == EVENTS:
            self.done_at = time.perf_counter()


def cooperative_sleep():
    if host() == "gevent":
        import gevent

        return gevent.sleep
    return compysition.sleep


def wall_time(sleeper):
    """Seconds that a sleeper needs for EVENTS in its queue."""
    (queue,) = sleeper.pool.inbound.values()
    for number in range(EVENTS):
        queue.put(Event(data=number))
    sleeper.done = 0
    start = time.perf_counter()
    while sleeper.done < EVENTS:
        compysition.sleep(SECONDS / 10)
    return sleeper.done_at - start


def calm_runs(count, run, *args):
    """The median of the seconds that run(*args) returns, over the half in which other processes took the CPU least often."""
    runs = []
    for _ in range(count):
        before = preemptions()
        seconds = run(*args)
        runs.append((preemptions() - before, seconds))
    runs.sort(key=operator.itemgetter(0))
    return statistics.median(seconds for _, seconds in runs[: (count + 1) // 2])


def sleeping_consumes():
    rows = []
    for concurrency in RUNS:
        director = quiet_director(size=EVENTS)
        sleeper = director.register_actor(
            Sleeper, "sleeper", cooperative_sleep(), concurrency=concurrency
        )
        sleeper.register_consumer("in", compysition.Queue("in"))
        director.start(block=False)
        first = wall_time(sleeper)
        seconds = calm_runs(RUNS[concurrency], wall_time, sleeper)
        director.stop()
        name = f"1,000 sleeps of 10 ms, {concurrency:,} at once"
        ideal = SECONDS * math.ceil(EVENTS / concurrency)
        rows.append(Row(name, seconds * 1e3, "ms", 1.3, seconds / ideal, "the sleep"))
        rows.append(Row(f"{name}: first", first * 1e3, "ms", None, first / ideal, "the sleep"))
    return rows


async def asyncio_sleeps():
    start = time.perf_counter()
    await asyncio.gather(*(asyncio.sleep(SECONDS) for _ in range(EVENTS)))
    return time.perf_counter() - start


def gevent_sleeps():
    import gevent

    start = time.perf_counter()
    gevent.joinall([gevent.spawn(gevent.sleep, SECONDS) for _ in range(EVENTS)])
    return time.perf_counter() - start


def sleeping_peers():
    """The same without queues and actors, in the library that hosts, or in asyncio."""
    name, run = (
        ("1,000 sleeps of 10 ms, plain gevent", gevent_sleeps)
        if host() == "gevent"
        else ("1,000 sleeps of 10 ms, plain asyncio", lambda: asyncio.run(asyncio_sleeps()))
    )
    seconds = calm_runs(RUNS[EVENTS], run)
    return [Row(name, seconds * 1e3, "ms", None, seconds / SECONDS, "the sleep")]
