"""Bytes that a parked consume and a queued event cost."""

import functools
import gc

import compysition
from compysition import Actor, Event, Queue
from compysition.event import JSONEvent
from tests.benchmarks.hops import DOCUMENT
from tests.benchmarks.rows import Row
from tests.benchmarks.sleepers import cooperative_sleep
from tests.flows import Forward, quiet_director
from tests.measures import private

PARKED = 2000
QUEUED = 500_000


def logged(function):
    """As actors of real pipelines are decorated."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


class Caller(Actor):
    """Waits for an answer deep in its calls, two of which pass through C: a callback of map(), and a partial."""

    def __init__(self, name, sleep, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.answered = False
        self.parked = 0
        self.sleep = sleep

    @logged
    def consume(self, event, *args, **kwargs):
        event.data = list(map(functools.partial(self.ask, timeout=1), event.data["urls"]))

    @logged
    def ask(self, url, timeout):
        return {"url": url, "answer": self.wait(timeout)}

    def wait(self, timeout):
        self.parked += 1
        while not self.answered:
            self.sleep(timeout)


def parked_consumes():
    director = quiet_director(size=0)
    caller = director.register_actor(Caller, "caller", cooperative_sleep(), concurrency=0)
    queue = Queue("in")
    caller.register_consumer("in", queue)
    director.start(block=False)

    def park(count):
        parked = caller.parked + count
        for _ in range(count):
            queue.put(JSONEvent(data={"urls": ["http://localhost/"]}))
        while caller.parked < parked:
            compysition.sleep(0.001)
        gc.collect()
        return private()

    first = park(10)
    used = (park(PARKED) - first) / PARKED
    caller.answered = True
    director.stop()
    return [Row("a parked consume, 7 calls deep", used / 1024, "KiB", 30)]


class Busy(Actor):
    """Is at its first event until it is released, so that all others stay in its queue."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, concurrency=1, **kwargs)
        self.released = False

    def consume(self, event, *args, **kwargs):
        while not self.released:
            compysition.sleep(0.001)


def queued(name, make, limit=None):
    """What an event costs that an actor has sent and another one has not taken yet, with all that belongs to it."""
    director = quiet_director(size=0)
    source = director.register_actor(Forward, "source")
    busy = director.register_actor(Busy, "busy")
    director.connect_queue(source, busy)
    director.start(block=False)

    def send(count):
        for number in range(count):
            source.send_event(make(number))
        gc.collect()
        return private()

    first = send(1000)
    used = (send(QUEUED) - first) / QUEUED
    busy.released = True
    director.stop()
    return [Row(f"a queued {name}", used, "bytes", limit)]


def queued_text():
    return queued("Event of 'number 123456'", lambda i: Event(data=f"number {i:06}"), 400)


def queued_json_text():
    return queued("JSONEvent of 'number 123456'", lambda i: JSONEvent(data=f'"number {i:06}"'), 400)


def queued_json():
    return queued("JSONEvent of {'id': 123456}", lambda i: JSONEvent(data={"id": i}))


def queued_document():
    return queued(
        "JSONEvent of the hops' document", lambda i: JSONEvent(data={**DOCUMENT, "id": i})
    )
