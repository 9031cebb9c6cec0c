"""Cycles: found in graphs of any size, and never a deadlock."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import compysition
from compysition import Actor, Event
from tests.flows import Around, Collect, Forward, Zeros, quiet_director


def in_cycles(director):
    """The names of the queues that run inside a cycle."""
    queues = director.stats()["queues"]
    return sorted(name for name, queue in queues.items() if queue["in_cycle"])


def run(director, seconds=0.0):
    director.start(block=False)
    compysition.sleep(seconds)
    director.stop()
    events = director.stats()["events"]
    assert events["created"] == sum(events.values()) - events["created"]
    assert events["in_flight"] == events["reported"] == 0
    return events


def graph(edges, size=1, concurrency=1):
    """A director whose actors are connected as the pairs of ``edges`` say."""
    director = quiet_director(size=size, concurrency=concurrency)
    names = dict.fromkeys(name for edge in edges for name in edge)
    actors = {name: director.register_actor(Forward, name) for name in names}
    for source, destination in edges:
        director.connect_queue(actors[source], actors[destination])
    director.start(block=False)
    director.stop()
    return director


@pytest.mark.parametrize(
    ("edges", "inside"),
    [
        (["ab", "bc"], []),
        (["aa"], ["aa"]),
        (["ab", "ba"], ["ab", "ba"]),
        (["ab", "bc", "ca"], ["ab", "bc", "ca"]),
        (["ab", "bb", "bc"], ["bb"]),
        (["ab", "bc", "cb", "cd"], ["bc", "cb"]),
        (["ab", "ba", "bc", "cd", "dc"], ["ab", "ba", "cd", "dc"]),
        (["ab", "bc", "ca", "cd", "da"], ["ab", "bc", "ca", "cd", "da"]),
        (["ab", "ac", "bd", "cd"], []),
        (["ab", "bc", "cd", "db", "ad"], ["bc", "cd", "db"]),
    ],
)
def test_queues_inside_cycles(edges, inside):
    expected = [f"{a}.{b} -> {b}.{a}" for a, b in inside]
    assert in_cycles(graph(edges)) == sorted(expected)


def test_error_queues_count():
    director = quiet_director()
    a, b = director.register_actor(Forward, "a"), director.register_actor(Forward, "b")
    director.connect_queue(a, b)
    director.connect_error_queue(b, a)
    run(director)
    assert in_cycles(director) == ["a.b -> b.a", "b.a -> a.error_b"]


def test_an_outbox_that_feeds_several_actors_counts_for_each():
    director = quiet_director()
    a, b, c = (director.register_actor(Forward, name) for name in "abc")
    director.connect_queue((a, "x"), [b, c])
    director.connect_queue(c, a)
    run(director)
    assert in_cycles(director) == ["a.x -> c.x", "c.a -> a.c"]


def test_marks_follow_new_connections():
    director = quiet_director()
    a, b = director.register_actor(Forward, "a"), director.register_actor(Forward, "b")
    director.connect_queue(a, b)
    director.start(block=False)
    assert in_cycles(director) == []
    director.connect_queue(b, a)
    assert in_cycles(director) == ["a.b -> b.a", "b.a -> a.b"]
    director.stop()
    director.start(block=False)
    assert in_cycles(director) == ["a.b -> b.a", "b.a -> a.b"]
    director.stop()


def reachable(edges, start):
    seen, new = set(), {start}
    while new:
        seen |= new
        new = {b for a, b in edges if a in new} - seen
    return seen


@given(st.sets(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=14))
def test_marks_are_those_of_a_plain_search(edges):
    inside = {f"{a}.{b} -> {b}.{a}" for a, b in edges if a == b or a in reachable(edges, b)}
    assert set(in_cycles(graph(sorted(edges)))) == inside


@pytest.mark.parametrize("concurrency", [1, 1000])
@pytest.mark.parametrize("size", [1, 4])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_ACT_9_a_cycle_never_waits_for_itself(size, concurrency, length):
    director = quiet_director(size=size, concurrency=concurrency)
    source = director.register_actor(Zeros, "source", 30)
    ring = [director.register_actor(Around, f"ring{i}", 20) for i in range(length)]
    director.connect_queue(source, ring[0])
    for one, following in zip(ring, ring[1:] + ring[:1], strict=True):
        director.connect_queue(one, following)
    assert run(director)["created"] == 30
    assert sum(actor.done for actor in ring) == 30
    stats = director.stats()["queues"]
    assert stats["source.ring0 -> ring0.source"]["highest"] <= size


def test_what_enters_a_cycle_is_bounded():
    director = quiet_director(size=3)
    source = director.register_actor(Zeros, "source", 200)
    ring = [director.register_actor(Around, f"ring{i}", 50) for i in range(3)]
    director.connect_queue(source, ring[0])
    for one, following in zip(ring, ring[1:] + ring[:1], strict=True):
        director.connect_queue(one, following)
    run(director)
    queues = director.stats()["queues"]
    assert max(queues[name]["highest"] for name in in_cycles(director)) <= 3


def test_actors_that_block_inside_a_cycle():
    class Nap(Around):
        def consume(self, event, *args, **kwargs):
            compysition.sleep(0.001)
            super().consume(event)

    director = quiet_director(size=2, concurrency=2)
    source = director.register_actor(Zeros, "source", 20)
    one, two = (director.register_actor(Nap, name, 6) for name in ("one", "two"))
    director.connect_queue(source, one)
    director.connect_queue(one, two)
    director.connect_queue(two, one)
    run(director)
    assert one.done + two.done == 20


@st.composite
def flows(draw):
    """A random graph: edges, and per actor how it behaves."""
    count = draw(st.integers(2, 6))
    numbers = st.integers(0, count - 1)
    edges = draw(st.sets(st.tuples(numbers, numbers), min_size=1, max_size=12))
    kinds = draw(
        st.lists(st.sampled_from(["plain", "sleep", "fail"]), min_size=count, max_size=count)
    )
    return edges, kinds, draw(st.integers(1, 3)), draw(st.sampled_from([0, 1, 2]))


class Any(Actor):
    """Forwards an event a few hops far, in one of three ways."""

    def __init__(self, name, kind, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.kind = kind

    def consume(self, event, *args, **kwargs):
        event.data += 1
        if self.kind == "sleep":
            compysition.sleep(0)
        if self.kind == "fail" and event.data % 2:
            raise ValueError(event.data)
        if event.data < 4:
            self.send_event(event)


@settings(max_examples=60)
@given(flows())
def test_random_graphs_drain_and_add_up(flow):
    edges, kinds, size, concurrency = flow
    director = quiet_director(size=size, concurrency=concurrency, stop_timeout=10)
    source = director.register_actor(Zeros, "source", 10)
    actors = [director.register_actor(Any, f"a{i}", kind) for i, kind in enumerate(kinds)]
    director.connect_queue(source, actors[0])
    for a, b in sorted(edges):
        director.connect_queue(actors[a], actors[b])
    assert run(director)["created"] == 10


@pytest.mark.slow
def test_ten_thousand_actors_in_a_chain():
    director = quiet_director()
    source = actor = director.register_actor(Forward, "start")
    for i in range(10_000):
        following = director.register_actor(Forward, f"a{i}")
        director.connect_queue(actor, following)
        actor = following
    collect = director.register_actor(Collect, "collect")
    director.connect_queue(actor, collect)
    began = time.monotonic()
    director.start(block=False)
    assert time.monotonic() - began < 2
    source.send_event(Event(data="far"))
    director.stop()
    assert collect.data == ["far"]


@pytest.mark.slow
def test_ten_thousand_actors_in_a_ring():
    director = quiet_director()
    ring = [director.register_actor(Around, f"a{i}", 20_000) for i in range(10_000)]
    for one, following in zip(ring, ring[1:] + ring[:1], strict=True):
        director.connect_queue(one, following)
    director.start(block=False)
    ring[0].send_event(Event(data=0))
    director.stop()
    assert sum(actor.done for actor in ring) == 1
