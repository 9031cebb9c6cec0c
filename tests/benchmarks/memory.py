"""Bytes that a parked consume, a queued event and a large document cost."""

import functools
import gc
import itertools

import compysition
from compysition import Actor, Event, Queue
from compysition.actors import (
    XSD,
    EventRouter,
    EventXMLFilter,
    FlowController,
    HTTPStatusModifier,
    Null,
    XpathEventAttributeModifer,
)
from compysition.event import JSONEvent, XMLHttpEvent
from tests.benchmarks.hops import DOCUMENT
from tests.benchmarks.rows import Row
from tests.benchmarks.sleepers import cooperative_sleep
from tests.benchmarks.xml_pipeline import SCHEMA
from tests.flows import Forward, quiet_director
from tests.measures import private, resident

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


# ---- a large document ----

ITEMS = 140_000


def peak():
    """The most bytes that were resident since the last call of this function."""
    with open("/proc/self/status") as status:
        most = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")
    return most * 1024


def five_actors():
    """A started director, the queue of its first actor, and what waits until so many events have passed all actors."""
    director = quiet_director()
    inbox = Queue("inbox")
    actors = [
        XSD("xsd", SCHEMA),
        EventRouter("router", EventXMLFilter("count(//item) > 5", outbox_names="total")),
        XpathEventAttributeModifer("total", key="total", value="sum(//price)"),
        HTTPStatusModifier("status", value=(201, "Created")),
        FlowController("controller"),
        Null("end"),
    ]
    actors[0].register_consumer("inbox", inbox)
    for actor in actors:
        director.register_actor(actor)
    for source, destination in itertools.pairwise(actors):
        director.connect_queue(source, destination)
    director.start(block=False)

    def wait_for(count):
        while director.stats()["actors"]["end"]["in"] < count:
            compysition.sleep(0.001)

    return director, inbox, wait_for


def list_of(count):
    """An event with a tree of so many items, and the length of its text."""
    text = "".join(
        f'<item sku="A{i}"><name>Thing number {i}</name><price>{i}.50</price></item>'
        for i in range(count)
    )
    return XMLHttpEvent(data=f"<list>{text}</list>"), len(text)


def document_through_actors():
    """What is resident at most while a tree passes five actors in C, against the tree alone."""
    director, inbox, wait_for = five_actors()
    inbox.put(list_of(10)[0])
    wait_for(1)
    before = resident()
    event, size = list_of(ITEMS)
    parsed = resident()
    peak()
    inbox.put(event)
    del event
    wait_for(2)
    most = peak() - before
    director.stop()
    tree = parsed - before
    return [
        Row(f"a tree of {size / 1e6:.0f} MB of XML", tree / 2**20, "MiB"),
        Row(
            "the most while it passes 5 actors in C",
            most / 2**20,
            "MiB",
            1.3,
            most / tree,
            "the tree",
        ),
    ]
