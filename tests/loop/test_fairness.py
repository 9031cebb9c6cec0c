"""Rule 4 of the process model: slices, and a poll between them."""

import threading
import time

import pytest

import compysition
from compysition import Actor, Event
from compysition.actors import FlowController
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
    director, park = numbers_to(Park, count=5000, concurrency=0, size=0)
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
