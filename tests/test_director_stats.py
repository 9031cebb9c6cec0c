"""Director.stats(): counters that add up."""

import compysition
from compysition import Actor, Event
from compysition._core import Null
from tests.flows import Collect, Fail, Forward, Slow, Source, quiet_director


def test_the_shape_of_it():
    director = quiet_director(size=7)
    a, b = director.register_actor(Forward, "a"), director.register_actor(Null, "b")
    director.connect_queue(a, (b, "in"))
    stats = director.stats()
    assert list(stats) == ["actors", "queues", "events"]
    assert list(stats["actors"]) == ["a", "b", "default_stdout", "default_error_logger"]
    assert stats["actors"]["a"] == {
        "in": 0,
        "out": 0,
        "errors": 0,
        "dropped": 0,
        "unrouted": 0,
        "rescued": 0,
        "running": 0,
        "retrying": 0,
        "blocked": 0,
        "working_time": 0.0,
    }
    assert stats["queues"]["a.b -> b.in"] == {
        "in": 0,
        "out": 0,
        "dropped": 0,
        "depth": 0,
        "highest": 0,
        "limit": 7,
        "in_cycle": 0,
        "waiting_time": 0.0,
    }
    assert stats["events"] == {
        "created": 0,
        "in_flight": 0,
        "kept": 0,
        "consumed": 0,
        "dropped": 0,
        "failed": 0,
        "reported": 0,
        "answered": 0,
    }
    for group in (*stats["actors"].values(), *stats["queues"].values(), stats["events"]):
        assert {type(number) for number in group.values()} <= {int, float}


def test_counts_of_a_run():
    director = quiet_director()
    source = director.register_actor(Source, "source", 10)
    forward = director.register_actor(Forward, "forward")
    fail = director.register_actor(Fail, "fail")
    null = director.register_actor(Null, "null")
    director.connect_queue(source, forward)
    director.connect_queue(forward, [fail, null])
    director.start(block=False)
    director.stop()
    stats = director.stats()
    actors, events = stats["actors"], stats["events"]
    assert (actors["source"]["in"], actors["source"]["out"]) == (0, 10)
    assert (actors["forward"]["in"], actors["forward"]["out"]) == (10, 10)
    assert (actors["fail"]["in"], actors["fail"]["errors"]) == (10, 10)
    assert actors["null"]["in"] == 10
    assert actors["default_error_logger"]["in"] == 10
    assert (events["created"], events["failed"], events["in_flight"]) == (10, 10, 0)
    for queue in stats["queues"].values():
        assert queue["in"] == queue["out"] + queue["dropped"] + queue["depth"]


def test_log_records_are_no_events():
    director = quiet_director(log_level=0)
    director.register_actor(Null, "a").logger.info("hello")
    director.start(block=False)
    director.stop()
    assert director.stats()["events"]["created"] == 0


def test_unrouted_events_are_counted():
    director = quiet_director()
    director.register_actor(Source, "source", 4)
    director.start(block=False)
    director.stop()
    stats = director.stats()
    assert stats["actors"]["source"]["unrouted"] == 4
    assert stats["events"]["created"] == stats["events"]["consumed"] == 4


def test_what_runs_and_waits_now():
    director = quiet_director()
    source = director.register_actor(Source, "source", 5)
    slow = director.register_actor(Slow, "slow", 0.05, concurrency=2)
    director.connect_queue(source, slow)
    director.start(block=False)
    compysition.sleep(0.01)
    stats = director.stats()
    assert stats["actors"]["slow"]["running"] == 2
    assert stats["queues"]["source.slow -> slow.source"]["depth"] == 3
    assert stats["events"]["in_flight"] == 5
    director.stop()


def test_an_event_that_an_actor_keeps():
    class Keep(Actor):
        kept = None

        def consume(self, event, *args, **kwargs):
            self.kept = event

    director = quiet_director()
    forward = director.register_actor(Forward, "forward")
    keep = director.register_actor(Keep, "keep")
    director.connect_queue(forward, keep)
    director.start(block=False)
    forward.send_event(Event(data=1))
    compysition.sleep(0.01)
    assert director.stats()["events"]["kept"] == 1
    keep.kept = None
    events = director.stats()["events"]
    assert (events["kept"], events["consumed"]) == (0, 1)
    director.stop()


def test_queues_that_share_their_reader_or_writers():
    director = quiet_director()
    a, b, c = (director.register_actor(Forward, name) for name in "abc")
    collect = director.register_actor(Collect, "z")
    director.connect_queue((a, "x"), (collect, "in"))
    director.connect_queue((b, "y"), (collect, "in"), check_existing=False)
    director.connect_queue((a, "x"), (c, "also"), check_existing=False)
    names = list(director.stats()["queues"])
    assert names == ["a.x -> z.in, c.also"]


def test_a_queue_without_a_known_sender():
    from compysition import Queue

    director = quiet_director()
    actor = director.register_actor(Null, "a")
    actor.register_consumer("in", Queue("outside"))
    assert list(director.stats()["queues"]) == ["* -> a.in"]
