"""Rule 5 of the process model: back-pressure, and cycles (more of them in tests/test_graph.py)."""

import pytest

import compysition
from compysition.actors import FlowController
from tests.flows import Around, Forward, Source, Zeros, quiet_director
from tests.loop.helpers import Held


class Counting(Source):
    """Counts what it has sent."""

    sent = 0

    def send_event(self, *args, **kwargs):
        super().send_event(*args, **kwargs)
        self.sent += 1


@pytest.mark.parametrize("actor_class", [Forward, FlowController])
def test_RULE_5_a_source_stops_when_the_last_queue_is_full(actor_class):
    """Each queue is bounded by the director's size, so that what nobody takes fills the chain and no more."""
    director = quiet_director(size=2, concurrency=1)
    source = previous = director.register_actor(Counting, "source", 100)
    for number in range(3):
        actor = director.register_actor(actor_class, f"actor{number}")
        director.connect_queue(previous, actor)
        previous = actor
    held = director.register_actor(Held, "held")
    director.connect_queue(previous, held)
    director.start(block=False)
    for _ in range(100):
        compysition.sleep(0)
    stats = director.stats()
    assert max(queue["highest"] for queue in stats["queues"].values()) == 2
    # Four queues are full, each of the four actors has one in hand.
    assert (source.sent, held.inside) == (4 * 2 + 4, 1)
    held.release(100)
    director.stop()
    assert held.data == list(range(100))


class Nap(Around):
    """Blocks in each consume."""

    def consume(self, event, *args, **kwargs):
        compysition.sleep(0)
        super().consume(event)


@pytest.mark.parametrize("blocks", [False, True])
@pytest.mark.parametrize("others", [[], [FlowController], [FlowController, Forward]])
def test_RULE_5_a_cycle_of_size_one_and_concurrency_one(others, blocks):
    """On an edge of a cycle a put never waits: all would wait for one another."""
    director = quiet_director(size=1, concurrency=1, stop_timeout=20)
    source = director.register_actor(Zeros, "source", 30)
    around = director.register_actor(Nap if blocks else Around, "around", 20)
    ring = [around] + [director.register_actor(kind, f"other{i}") for i, kind in enumerate(others)]
    director.connect_queue(source, around)
    for one, following in zip(ring, ring[1:] + ring[:1], strict=True):
        director.connect_queue(one, following)
    director.start(block=False)
    director.stop()
    assert around.done == 30
    queues = director.stats()["queues"]
    assert queues["source.around -> around.source"]["highest"] == 1
    assert max(queue["highest"] for queue in queues.values() if queue["in_cycle"]) == 1


def test_RULE_5_an_actor_sends_more_into_its_cycle_than_the_queue_holds():
    """Nobody but itself could make room."""

    class Split(Around):
        def consume(self, event, *args, **kwargs):
            super().consume(event)
            if event.data < self.rounds:
                self.send_event(event)

    director = quiet_director(size=1, concurrency=1, stop_timeout=20)
    source = director.register_actor(Zeros, "source", 3)
    split = director.register_actor(Split, "split", 5)
    director.connect_queue(source, split)
    director.connect_queue(split, split)
    director.start(block=False)
    director.stop()
    assert split.done == 3 * 2**4
