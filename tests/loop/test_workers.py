"""Rules 2 and 3 of the process model: worker greenlets."""

import contextvars
import weakref

import greenlet
import pytest

import compysition
from compysition import Actor, Event
from compysition.actors import FlowController
from tests.flows import Around, Collect, Forward, Source, Zeros, numbers_to, quiet_director
from tests.loop.helpers import Held, count_workers, counted_switches


def test_RULE_2_a_greenlet_is_switched_only_when_something_blocks():
    """A worker drains the ready ring, not one actor: a switch per hop would cost more than the hop."""
    hops = 3000
    director = quiet_director()
    source = director.register_actor(Zeros, "source", 1)
    ring = [director.register_actor(Around, f"ring{i}", hops) for i in range(3)]
    director.connect_queue(source, ring[0])
    for one, following in zip(ring, ring[1:] + ring[:1], strict=True):
        director.connect_queue(one, following)
    with counted_switches() as counts:
        director.start(block=False)
        director.stop()
    assert sum(actor.done for actor in ring) == 1
    assert counts["switch"] < hops / 3  # a slice, which takes two switches, has at least 8 hops


def test_RULE_2_a_consume_runs_to_its_end_before_what_it_sent():
    order = []

    class Note(Forward):
        def consume(self, event, *args, **kwargs):
            order.append(f"{self.name} begins {event.data}")
            super().consume(event)
            order.append(f"{self.name} ends {event.data}")

    director, first = numbers_to(Note, count=20)
    last = director.register_actor(Note, "last")
    director.connect_queue(first, last)
    director.start(block=False)
    director.stop()
    assert len(order) == 80
    for begin, end in zip(order[::2], order[1::2], strict=True):
        assert end == begin.replace("begins", "ends")


def test_RULE_2_parked_consumes_are_bounded_by_concurrency():
    """Past the bound the inbox waits; otherwise each event would park one more worker."""
    director, held = numbers_to(Held, count=10, concurrency=3)
    director.start(block=False)
    for _ in range(20):
        compysition.sleep(0)
    stats = director.stats()
    assert (held.inside, stats["actors"]["actor"]["running"]) == (3, 3)
    assert stats["queues"]["source.actor -> actor.source"]["depth"] == 7
    held.release(10)
    director.stop()
    assert held.most == 3
    assert sorted(held.data) == list(range(10))


def test_RULE_2_workers_are_pooled():
    """A pooled worker costs a sixth of a new one."""

    class Wait(Actor):
        def consume(self, event, *args, **kwargs):
            compysition.sleep(0)
            seen.append(greenlet.getcurrent())

    seen = []
    director, _ = numbers_to(Wait, count=300, concurrency=3)
    director.start(block=False)
    director.stop()
    assert len(seen) == 300
    assert len(set(seen)) < 20


def test_RULE_2_thousands_of_parked_consumes():
    """Waits live on the heap: greenlet moves the C stack of a parked worker away."""
    director, held = numbers_to(Held, count=3000, concurrency=0)
    director.start(block=False)
    while held.inside < 3000:
        compysition.sleep(0)
    held.release(3000)
    director.stop()
    assert sorted(held.data) == list(range(3000))


variable = contextvars.ContextVar("variable", default=None)


def leave_context(mark):
    found = variable.get()
    variable.set(mark)
    return found


def leave_attribute(mark):
    current = greenlet.getcurrent()
    found = getattr(current, "mark", None)
    current.mark = mark
    return found


locals_of_greenlets = weakref.WeakKeyDictionary()


def leave_weak_reference(mark):
    current = greenlet.getcurrent()
    found = locals_of_greenlets.get(current)
    locals_of_greenlets[current] = mark
    return found


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("leave", [leave_context, leave_attribute, leave_weak_reference])
def test_RULE_2_locals_do_not_leak_into_the_next_event(leave, blocks):
    """The worker is used again: its context is reset, and with greenlet-local storage it is retired."""

    class Leave(Actor):
        def consume(self, event, *args, **kwargs):
            found.append(leave(event.data))
            if blocks:
                compysition.sleep(0)
                assert leave(event.data) == event.data

    found = []
    director, _ = numbers_to(Leave, count=50, concurrency=2)
    director.start(block=False)
    director.stop()
    assert found == [None] * 50
    assert director.stats()["actors"]["actor"]["errors"] == 0


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, greenlet.error])
def test_RULE_2_what_is_no_Exception_is_raised_in_main(error, blocks):
    """What ends the program must not end in a worker, where nobody looks. An Exception may."""

    class Leave(Actor):
        def consume(self, event, *args, **kwargs):
            if blocks:
                compysition.sleep(0.001)
            raise error("bye")

    director, _ = numbers_to(Leave, count=1)
    errors = director.register_error_actor(Collect, "errors", director, 1)
    if issubclass(error, Exception):
        director.start()
        assert errors.data == [0]
    else:
        with pytest.raises(error, match="bye"):
            director.start()
        director.stop()
    assert not director.is_running()


def test_RULE_3_a_C_actor_that_waits_for_room_holds_no_greenlet():
    """It keeps the event, and sleeps until there is space: thousands of them may wait at once."""
    director = quiet_director(size=1, concurrency=1)
    source = director.register_actor(Source, "source", 0)
    held = director.register_actor(Held, "held")
    waiting = [director.register_actor(FlowController, f"c{i}") for i in range(30)]
    director.connect_queue(source, waiting)
    for actor in waiting:
        director.connect_queue(actor, held)
    before = count_workers()
    director.start(block=False)
    for number in range(3):
        source.send_event(Event(data=number))
        compysition.sleep(0)
    actors = director.stats()["actors"]
    assert [actors[actor.name]["blocked"] for actor in waiting] == [1] * 30
    assert count_workers() - before <= 3  # the one that is held, and those of the pool
    held.release(90)
    director.stop()
    assert sorted(held.data) == [0] * 30 + [1] * 30 + [2] * 30
