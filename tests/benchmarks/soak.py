"""Millions of events through a pipeline with fan-out and errors, a million through a stylesheet: none lost, no growth."""

import os
import time

from compysition import Actor, Event
from compysition.actors import XSD, XSLT, FlowController, Null
from tests.benchmarks.rows import Row
from tests.benchmarks.xml_pipeline import SHEET
from tests.benchmarks.xmldata import ORDER
from tests.flows import Forward, quiet_director
from tests.measures import resident

EVENTS = int(os.environ.get("BENCH_SOAK_EVENTS", 20_000_000))
TRANSFORMS = min(EVENTS, 1_000_000)
FAILS = 100  # every so many events
SAMPLES = 20  # of the memory
INVOICE_SCHEMA = """
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="invoice"><xs:complexType>
    <xs:sequence>
      <xs:element name="line" maxOccurs="unbounded"><xs:complexType><xs:simpleContent>
        <xs:extension base="xs:string"><xs:attribute name="sku" type="xs:NMTOKEN"/></xs:extension>
      </xs:simpleContent></xs:complexType></xs:element>
      <xs:element name="total" type="xs:decimal"/>
    </xs:sequence>
    <xs:attribute name="number" type="xs:integer"/><xs:attribute name="for" type="xs:string"/>
  </xs:complexType></xs:element>
</xs:schema>
"""
WARM = 2  # the sample after which it may not grow

# What an event adds to the byte of its number; each comes from the C arm once, and from the other as result or as error.
C_ARM, PYTHON_ARM, ERROR = 1, 4, 16


class Source(Actor):
    """Sends `count` events, notes the memory now and then, and stops the director. `make` gets the number of an event."""

    def __init__(self, name, director, count, make, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.director = director
        self.count = count
        self.make = make
        self.memory = []

    def pre_hook(self):
        self.threads.spawn(self.produce, restart=False)

    def produce(self):
        for number in range(self.count):
            if number % (self.count // SAMPLES) == 0:
                self.memory.append(resident())
            self.send_event(self.make(number))
        self.memory.append(resident())
        self.director.stop()

    def consume(self, event, *args, **kwargs):
        raise AssertionError("a source gets no events")

    def growth(self):
        """Bytes by which the memory grew after the first of its samples."""
        return max(self.memory[WARM:]) - self.memory[WARM]


class Check(Actor):
    """Fails for every event whose number can be divided by FAILS."""

    def consume(self, event, *args, **kwargs):
        if event.data % FAILS == 0:
            raise ValueError("no use for it")
        self.send_event(event)


class Tally(Actor):
    """Adds, for each event, what its queue stands for to the byte of its number."""

    def __init__(self, name, seen, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.seen = seen

    def consume(self, event, origin, *args, **kwargs):
        self.seen[event.data] += WEIGHTS[origin]


WEIGHTS = {"c": C_ARM, "python": PYTHON_ARM, "errors": ERROR}


def build(seen):
    director = quiet_director()
    source = director.register_actor(
        Source, "source", director, EVENTS, lambda number: Event(data=number)
    )
    forward = director.register_actor(Forward, "forward")
    c_arm = director.register_actor(FlowController, "c_arm")
    python_arm = director.register_actor(Check, "python_arm")
    tally = director.register_actor(Tally, "tally", seen)
    director.connect_queue(source, forward)
    director.connect_queue(forward, [c_arm, python_arm])
    director.connect_queue((c_arm, "c"), tally)
    director.connect_queue((python_arm, "python"), tally)
    director.connect_error_queue((python_arm, "errors"), tally)
    return director, source


def wrong_counters(stats, failed):
    """How many counters of the director do not tell what must have happened."""
    actors, events = stats["actors"], stats["events"]
    pairs = [
        (events["created"], EVENTS),
        (events["consumed"], EVENTS - failed),
        (events["failed"], failed),
        (events["in_flight"] + events["kept"] + events["dropped"] + events["reported"], 0),
        (actors["source"]["out"], EVENTS),
        *((actors[name]["in"], EVENTS) for name in ("forward", "c_arm", "python_arm")),
        (actors["python_arm"]["errors"], failed),
        (actors["tally"]["in"], 2 * EVENTS),
        *((queue["in"], queue["out"]) for queue in stats["queues"].values()),
    ]
    return sum(counted != expected for counted, expected in pairs)


def soak():
    seen = bytearray(b"\0") * EVENTS
    director, source = build(seen)
    begin = time.perf_counter()
    director.start()
    seconds = time.perf_counter() - begin
    failed = len(range(0, EVENTS, FAILS))
    passed = seen.count(C_ARM + PYTHON_ARM)
    wrong = abs(EVENTS - failed - passed) + abs(failed - seen.count(C_ARM + ERROR))
    return [
        Row(f"soak, {EVENTS:,} events, 5 actors", seconds / EVENTS * 1e6, "µs each"),
        Row("soak: events lost or seen twice", wrong, "", 0),
        Row("soak: counters that are wrong", wrong_counters(director.stats(), failed), "", 0),
        Row("soak: memory growth after warm-up", source.growth() / 2**20, "MiB", 2),
    ]


def transforms():
    """An order as text through a schema and a stylesheet, both in the thread pool; every FAILS-th one is no XML."""
    director = quiet_director()
    source = director.register_actor(
        Source,
        "source",
        director,
        TRANSFORMS,
        lambda number: Event(data=ORDER if number % FAILS else "<order>"),
    )
    xslt = director.register_actor(XSLT, "xslt", SHEET)
    xsd = director.register_actor(XSD, "xsd", INVOICE_SCHEMA)
    end = director.register_actor(Null, "end")
    director.connect_queue(source, xslt)
    director.connect_queue(xslt, xsd)
    director.connect_queue(xsd, end)
    begin = time.perf_counter()
    director.start()
    seconds = time.perf_counter() - begin
    stats = director.stats()
    failed = len(range(0, TRANSFORMS, FAILS))
    wrong = abs(stats["actors"]["end"]["in"] - (TRANSFORMS - failed)) + abs(
        stats["events"]["failed"] - failed
    )
    name = "transforms: "
    return [
        Row(f"{TRANSFORMS:,} transforms", seconds / TRANSFORMS * 1e6, "µs each"),
        Row(f"{name}events lost or failed wrongly", wrong, "", 0),
        Row(f"{name}resident memory after warm-up", source.memory[WARM] / 2**20, "MiB"),
        Row(f"{name}memory growth after warm-up", source.growth() / 2**20, "MiB", 2),
    ]
