"""What one hop costs, in microseconds. `python -m tests.benchmarks.hops [gevent]` prints the results of one process as JSON.

The thread's own time counts: nothing here ever waits, and another process may be using the processor."""

import json
import statistics
import sys
import time

if "gevent" in sys.argv[1:]:
    import gevent  # noqa: F401 - from here on compysition is hosted by its hub

import itertools

from compysition import Actor, Queue, sleep
from compysition.actors import FlowController, Null
from compysition.event import JSONEvent

DOCUMENT = {"id": 17, "who": {"name": "Ada", "tags": ["a", "b"]}, "ok": True, "text": "hello"}
EVENTS = 50_000
IN_FLIGHT = 1000  # deliveries, at most
RUNS = 5


class Forward(Actor):
    """The smallest actor there is."""

    def consume(self, event, *args, **kwargs):
        self.send_event(event)


class Change(Actor):
    """Changes its event's data in place."""

    def consume(self, event, *args, **kwargs):
        event.data["id"] += 1
        self.send_event(event)


class BareActor:
    """What a hop is compared with: the same consume, called in a loop, sending to nobody."""

    def send_event(self, event):
        """Take an event."""

    def consume(self, event, *args, **kwargs):
        self.send_event(event)


def bare_call():
    actor, event, queue = BareActor(), JSONEvent(data=DOCUMENT), Queue("q")
    start = time.thread_time()
    for _ in range(EVENTS):
        actor.consume(event, origin="q", origin_queue=queue)
    return (time.thread_time() - start) / EVENTS * 1e6


def drive(first, actors, events, wave):
    """Seconds that `events` events take to pass `actors`. They are fed in waves, as bounded queues would, made off the clock."""
    queues = [queue for actor in actors for queue in actor.pool.inbound.values()]
    seconds = 0.0
    for start in range(0, events, wave):
        for _ in range(min(wave, events - start)):
            first.put_nowait(JSONEvent(data=DOCUMENT))  # put() gives way from time to time
        begin = time.thread_time()
        while any(map(len, queues)):
            sleep(0)
        seconds += time.thread_time() - begin
    return seconds


def chain(actor_class, hops, fan_out=1):
    """Microseconds per hop in a chain of `hops` actors, the last of which sends to `fan_out` ends."""
    actors = [actor_class(f"actor {i}") for i in range(hops)]
    ends = [Null(f"end {i}") for i in range(fan_out)]
    first = Queue("first")
    actors[0].register_consumer("first", first)
    for source, destination in itertools.pairwise(actors):
        source.connect_queue(destination.name, destination)
    for end in ends:
        actors[-1].connect_queue(end.name, end)
    for actor in [*actors, *ends]:
        actor.start()
    events = EVENTS // hops // fan_out
    seconds = drive(first, [*actors, *ends], events, IN_FLIGHT // fan_out)
    for actor in [*actors, *ends]:
        actor.stop()
    return seconds / events / hops * 1e6


MEASURES = {
    "bare call": bare_call,
    "Python actor, 3 hops": lambda: chain(Forward, 3),
    "Python actor, 10 hops": lambda: chain(Forward, 10),
    "C actor, 10 hops": lambda: chain(FlowController, 10),
    "changed data, 1 destination": lambda: chain(Change, 1),
    "changed data, 3 destinations": lambda: chain(Change, 1, 3),
    "untouched data, 100 destinations": lambda: chain(Forward, 1, 100),
}


def main():
    rounds = [{name: measure() for name, measure in MEASURES.items()} for _ in range(RUNS)]
    print(json.dumps({name: statistics.median(r[name] for r in rounds) for name in MEASURES}))


if __name__ == "__main__":
    main()
