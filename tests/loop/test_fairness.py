"""Rule 4 of the process model: slices, and a poll between them."""

import threading
import time

import pytest

import compysition
from compysition import Actor, Event, Queue
from compysition.actors import FlowController, Null
from tests.flows import Forward, Source, numbers_to, quiet_director
from tests.loop.helpers import Held


class Yielding(Actor):
    """Gives way in each consume, so that no slice ever has many events."""

    def consume(self, event, *args, **kwargs):
        compysition.sleep(0)
        self.send_event(event)


def hot_cycle(actor_class):
    """A started director in which four events go round for ever."""
    director = quiet_director(stop_timeout=0)
    source = director.register_actor(Source, "source", 0)
    one, two = (director.register_actor(actor_class, name) for name in ("one", "two"))
    director.connect_queue(source, one)
    director.connect_queue(one, two)
    director.connect_queue(two, one)
    director.start(block=False)
    for number in range(4):
        source.send_event(Event(data=number))
    return director, lambda: director.stats()["actors"]["one"]["in"]


@pytest.mark.parametrize("actor_class", [Forward, FlowController, Yielding])
def test_RULE_4_timers_fire_while_a_cycle_is_hot(actor_class):
    """Without slices the ring of what is ready would never be empty, and nothing else would run."""
    director, rounds = hot_cycle(actor_class)
    seen = []
    for _ in range(20):
        compysition.sleep(0.001)
        seen.append(rounds())
    director.stop()
    assert sorted(set(seen)) == seen  # it was hot all the time


@pytest.mark.parametrize("actor_class", [Forward, FlowController, Yielding])
def test_RULE_4_other_threads_run_while_a_cycle_is_hot(actor_class):
    """With work at hand the poll keeps the GIL, but not for ever: C actors would never release it."""
    director, rounds = hot_cycle(actor_class)
    ticks = []

    def tick():
        while len(ticks) < 5:
            ticks.append(rounds())
            time.sleep(0.001)
        director.stop()

    thread = threading.Thread(target=tick)
    thread.start()
    director.block()
    thread.join()
    assert len(ticks) == 5


def test_RULE_4_slow_events_do_not_hold_up_a_timer():
    """The clock is read every 8 events: with 64 slow ones between two looks a timer is late by 64."""

    class Busy(Actor):
        def consume(self, event, *args, **kwargs):
            begun.append(time.monotonic())
            while time.monotonic() < begun[-1] + 0.001:
                pass

    begun, late = [], []
    director = quiet_director(stop_timeout=0)
    source = director.register_actor(Source, "source", 600)
    director.connect_queue(source, director.register_actor(Busy, "busy"))
    director.start(block=False)
    for _ in range(5):
        due = time.monotonic() + 0.002
        compysition.sleep(0.002)
        late.append(sum(begin > due for begin in begun))
    assert len(begun) < 600  # it was busy all the time
    director.stop()
    assert max(late) <= 16


def test_RULE_4_consumes_that_park_do_not_hold_up_a_timer():
    """A worker that blocks has counted no 8 events, so the clock is read after each switch as well."""

    class Park(Held):
        def consume(self, event, *args, **kwargs):
            begun.append(time.monotonic())
            super().consume(event)

    begun = []
    waiting = Queue("waiting")
    for number in range(5000):
        waiting.put_nowait(Event(data=number))
    director, park = numbers_to(Park, count=0, concurrency=0, size=0)
    park.register_consumer("waiting", waiting)
    director.start(block=False)
    while not begun:
        compysition.sleep(0)
    due = time.monotonic() + 0.001
    compysition.sleep(0.001)
    late = sum(begin > due for begin in begun)
    assert len(begun) < 5000  # there were more to park
    park.release(5000)
    director.stop()
    assert late < 1000


class Endless(Actor):
    """Makes events without ever waiting for room, until there are far too many."""

    MANY = 300_000

    def pre_hook(self):
        self.made = 0
        self.threads.spawn(self.produce, restart=False)

    def produce(self):
        while self.loop() and self.made < self.MANY:
            self.made += 1
            self.emit(Event(data=self.made))

    def emit(self, event):
        self.send_event(event)

    def consume(self, event, *args, **kwargs):
        """A source gets no events."""


class Putter(Endless):
    def emit(self, event):
        for queue in self.pool.outbound.values():
            queue.put(event)


@pytest.mark.parametrize("source_class", [Endless, Putter])
def test_RULE_4_a_source_gives_way_although_there_is_room(source_class):
    """Nothing would make it wait: its queue is not bounded. Two of them have their turns."""
    director = quiet_director(size=0, stop_timeout=0)
    sources = [director.register_actor(source_class, f"source {i}") for i in range(2)]
    null = director.register_actor(Null, "end")
    for source in sources:
        director.connect_queue(source, null)
    director.start(block=False)
    seen = []
    while not seen or not all(seen[-1]):
        compysition.sleep(0.001)
        seen.append([source.made for source in sources])
    director.stop()
    assert max(seen[-1]) < Endless.MANY
    assert director.stats()["actors"]["end"]["in"] > 0


def test_RULE_4_main_gives_way_while_it_sends():
    director = quiet_director(size=0)
    source = director.register_actor(Source, "source", 0)
    null = director.register_actor(Null, "end")
    director.connect_queue(source, null)
    director.start(block=False)
    sent = 0
    while director.stats()["actors"]["end"]["in"] == 0 and sent < Endless.MANY:
        source.send_event(Event(data=sent))
        sent += 1
    director.stop()
    assert sent < Endless.MANY


def test_RULE_4_a_consume_does_not_give_way():
    """It runs to its end, however much it sends: nobody sees the half of its work."""

    class Burst(Actor):
        def consume(self, event, *args, **kwargs):
            before = received()
            end = time.monotonic() + 0.002
            while time.monotonic() < end:
                self.send_event(event)
            meanwhile.append(received() - before)

    meanwhile = []
    director, burst = numbers_to(Burst, count=3, size=0)
    null = director.register_actor(Null, "end")
    director.connect_queue(burst, null)

    def received():
        return director.stats()["actors"]["end"]["in"]

    director.start(block=False)
    director.stop()
    assert meanwhile == [0, 0, 0]
