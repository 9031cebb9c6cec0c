import datetime
import logging
import time

import pytest

import compysition
from compysition import Actor, Event, Queue
from compysition.actors import EventGenerator, Null
from compysition.errors import InvalidEventDataModification, QueueEmpty
from compysition.event import HttpEvent, JSONEvent
from tests.actors.helpers import fill_outbox, take, wait_for_log
from tests.flows import Collect, Forward, quiet_director

DEFAULTS = {"weeks": 0, "days": 0, "hours": 0, "minutes": 0, "seconds": 5}


def times(wrapper, count):
    """When the next events were taken."""
    taken = []
    for _ in range(count):
        wrapper.output  # noqa: B018 - waits for it
        taken.append(time.monotonic())
    return taken


# ---- what is made ----


def test_events_of_the_class_with_the_arguments(wrap):
    arguments = {"data": {"a": 1}, "extra": 2}
    wrapper = wrap(EventGenerator("source", JSONEvent, arguments, interval=0.001))
    one, two = wrapper.output, wrapper.output
    assert type(one) is JSONEvent
    assert (one.data, one.extra) == ({"a": 1}, 2)
    assert one.event_id != two.event_id
    one.data["b"] = 1
    assert arguments["data"] == two.data == {"a": 1}


def test_arguments_are_read_for_each_event(wrap):
    arguments = {"data": 0}
    actor = EventGenerator("source", event_kwargs=arguments)
    wrapper = wrap(actor)
    for number in range(3):
        arguments["data"] = number
        wrapper.input = Event()
        assert wrapper.output.data == number


def test_a_list_of_classes_is_the_output_and_the_first_is_made(wrap):
    actor = EventGenerator("source", [HttpEvent, JSONEvent], interval=0.001)
    assert actor.output == [HttpEvent, JSONEvent]
    assert type(wrap(actor).output) is HttpEvent


def test_it_logs_each_event(wrap, log):
    actor = EventGenerator("source", interval=0.001)
    lines = log(actor)
    event = wrap(actor).output
    record = wait_for_log(lines, "Generated")
    assert record.message == f"Generated new event {event.event_id}"
    assert record.level == logging.DEBUG


def test_generate_error_gen_3(wrap):
    wrapper = wrap(EventGenerator("source", event_kwargs={"data": 1}, generate_error=True))
    wrapper.input = Event()
    event, failed = wrapper.output, wrapper.error
    assert (event.data, failed.data) == (1, 1)
    assert event.event_id != failed.event_id


def test_what_arrives_makes_one_event_at_once(wrap):
    wrapper = wrap(EventGenerator("source", event_kwargs={"data": "new"}, interval=1000))
    incoming = HttpEvent(data="old")
    wrapper.input = incoming
    event = wrapper.output
    assert event.data == "new"
    assert event.event_id != incoming.event_id
    assert wrapper.output_queues["outbox"].qsize() == 1


def test_it_works_before_the_start():
    actor = EventGenerator("source", event_kwargs={"data": 1})
    outbox = actor.pool.outbound.add("outbox")
    actor.consume(Event())
    assert outbox.get().data == 1


# ---- when ----


def test_the_first_event_comes_one_interval_after_the_start(wrap):
    start = time.monotonic()
    wrapper = wrap(EventGenerator("source", interval=0.1))
    first, second, third = times(wrapper, 3)
    assert first - start >= 0.1
    assert 0.19 <= second - start
    assert 0.29 <= third - start < 1


def test_times_do_not_drift(wrap):
    """However long each event takes, the next one is a whole number of intervals after the first."""

    class Late(Event):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            compysition.sleep(0.004)

    wrapper = wrap(EventGenerator("source", Late, interval=0.01))
    stamps = [event.created.timestamp() for event in (wrapper.output for _ in range(20))]
    missed = [(stamp - stamps[0]) / 0.01 for stamp in stamps]
    assert missed[-1] < 100
    offsets = sorted(number - round(number) for number in missed)
    assert -0.5 < offsets[5] < offsets[-5] < 0.5


@pytest.mark.parametrize(
    ("interval", "merged"),
    [
        (None, {}),
        (7, {"seconds": 7}),
        (0.25, {"seconds": 0.25}),
        ({"minutes": 1}, {"minutes": 1}),
        ({"minutes": 1, "seconds": 0}, {"minutes": 1, "seconds": 0}),
    ],
)
def test_intervals_are_merged_over_the_defaults_gen_1_gen_2(interval, merged):
    given = dict(interval) if isinstance(interval, dict) else interval
    actor = EventGenerator("source", interval=given)
    assert actor.interval == {**DEFAULTS, **merged}
    assert actor.interval is not given
    assert given == interval
    assert EventGenerator.DEFAULT_INTERVAL == DEFAULTS
    assert EventGenerator("other").interval == DEFAULTS


def next_run_in(actor):
    """Seconds until the job is due."""
    (job,) = actor.scheduler.get_jobs()
    return (job.next_run_time - datetime.datetime.now(datetime.UTC)).total_seconds()


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [
        (0, 1),
        (1000, 1000),
        ({"weeks": 1, "days": 1, "hours": 1, "minutes": 1, "seconds": 1}, 694861),
        ({"hours": 0.5, "seconds": 0}, 1800),
    ],
)
def test_units(wrap, interval, seconds):
    actor = EventGenerator("source", interval=interval)
    wrap(actor)
    assert next_run_in(actor) == pytest.approx(seconds, abs=0.5)


def test_only_this_actor_waits_for_the_delay_gen_4(wrap):
    start = time.monotonic()
    actor = EventGenerator("source", interval=1000, delay=500)
    wrap(actor)
    assert time.monotonic() - start < 5
    assert next_run_in(actor) == pytest.approx(1500, abs=5)


def test_producers_run_side_by_side(wrap):
    actor = EventGenerator("source", interval=1000, producers=3)
    wrap(actor)
    assert len(actor.scheduler.get_jobs()) == 3


def test_max_events(wrap, log):
    actor = EventGenerator("source", interval=0.001, producers=2, max_events=5)
    lines = log(actor)
    wrapper = wrap(actor)
    record = wait_for_log(lines, "Stopped producing events.")
    assert record.level == logging.INFO
    assert wrapper.output_queues["outbox"].qsize() == 5


def test_an_interval_set_later(wrap):
    actor = EventGenerator("source", interval=1000)
    actor.interval = 2000
    assert actor.interval == {**DEFAULTS, "seconds": 2000}
    wrap(actor)
    assert next_run_in(actor) == pytest.approx(2000, abs=5)
    with pytest.raises(ValueError, match="interval"):
        actor.interval = -1
    assert actor.interval["seconds"] == 2000


# ---- the schedule ----


def test_scheduler(wrap):
    actor = EventGenerator("source", interval=0.001)
    scheduler = actor.scheduler
    assert (scheduler.running, scheduler.state, scheduler.get_jobs()) == (False, 0, [])
    wrapper = wrap(actor)
    times(wrapper, 1)
    assert (scheduler.running, scheduler.state) == (True, 1)
    scheduler.pause()
    assert (scheduler.running, scheduler.state) == (True, 2)
    outbox = wrapper.output_queues["outbox"]
    while not outbox.empty():
        outbox.get()
    with pytest.raises(QueueEmpty):
        outbox.get(block=True, timeout=0.02)
    scheduler.resume()
    outbox.get(block=True, timeout=5)
    scheduler.shutdown(wait=False)
    assert scheduler.state == 0
    assert scheduler.get_jobs()[0].next_run_time is None


def test_a_job_outlives_its_generator(wrap):
    actor = EventGenerator("source", interval=1000)
    wrap(actor).stop()
    (job,) = actor.scheduler.get_jobs()
    scheduler = actor.scheduler
    del actor
    assert job.next_run_time is None
    assert not job.running
    scheduler.resume()


def test_started_again_after_a_stop(wrap):
    actor = EventGenerator("source", interval=0.001, max_events=2)
    wrapper = wrap(actor)
    times(wrapper, 2)
    wrapper.stop()
    actor.start()
    times(wrapper, 2)


# ---- full queues ----


def test_events_are_left_out_while_the_outbox_is_full(wrap):
    actor = EventGenerator("source", event_kwargs={"data": "new"}, interval=0.001)
    outbox = fill_outbox(actor)
    wrap(actor, output_queues=[])
    compysition.sleep(0.05)
    assert outbox.qsize() == 1
    assert take(outbox, 3) == ["in the way", "new", "new"]


class Discard(Actor):
    def consume(self, event, *args, **kwargs):
        compysition.sleep(0.01)


def test_a_generator_inside_a_cycle_is_held_back():
    director = quiet_director(size=2)
    source = director.register_actor(EventGenerator, "source", interval=0.001)
    forward = director.register_actor(Forward, "forward")
    discard = director.register_actor(Discard, "discard", blocking_consume=True)
    director.connect_queue(source, forward)
    director.connect_queue(forward, discard)
    director.connect_queue((discard, "back"), source)
    director.start(block=False)
    compysition.sleep(0.2)
    stats = director.stats()
    director.stop()
    made, taken = stats["actors"]["source"]["out"], stats["actors"]["discard"]["in"]
    assert taken > 2
    assert made - taken <= 10


def test_runs_that_come_late_are_made_up_by_one(wrap):
    actor = EventGenerator("source", interval=0.02)
    outbox = wrap(actor).output_queues["outbox"]
    time.sleep(0.3)  # nothing else runs
    compysition.sleep(0.005)
    assert outbox.qsize() <= 1


@pytest.mark.slow
def test_a_run_that_is_more_than_a_second_late_is_left_out(wrap):
    actor = EventGenerator("source", interval=2)
    outbox = wrap(actor).output_queues["outbox"]
    time.sleep(3.3)
    compysition.sleep(0.1)
    assert outbox.empty()
    assert next_run_in(actor) == pytest.approx(0.6, abs=0.2)


def test_a_stop_keeps_what_waits_for_room():
    director = quiet_director(size=1)
    source = director.register_actor(EventGenerator, "source", interval=0.001, max_events=3)
    collect = director.register_actor(SlowCollect, "collect", director, blocking_consume=True)
    director.connect_queue(source, collect)
    director.start()
    events = director.stats()["events"]
    assert events["created"] == events["consumed"] + events.get("kept", 0)
    assert len(collect.data) == events["created"]


class SlowCollect(Collect):
    def consume(self, event, *args, **kwargs):
        if not self.data:
            self.director.stop()
        compysition.sleep(0.02)
        super().consume(event, *args, **kwargs)


def test_a_stop_waits_for_an_event_that_is_being_made():
    class Late(Event):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            compysition.sleep(0.05)

    director = quiet_director()
    source = director.register_actor(EventGenerator, "source", Late, {"data": 1}, interval=0.001)
    collect = director.register_actor(Collect, "collect")
    director.connect_queue(source, collect)
    director.start(block=False)
    compysition.sleep(0.02)
    director.stop()
    assert collect.data == [1]


def test_a_stop_ends_an_event_that_is_never_ready():
    ended = []

    class Never(Event):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            try:
                compysition.sleep(60)
            finally:
                ended.append(self)

    director = quiet_director(stop_timeout=0.1)
    source = director.register_actor(EventGenerator, "source", Never, interval=0.001)
    director.connect_queue(source, director.register_actor(Null, "null"))
    director.start(block=False)
    compysition.sleep(0.05)
    director.stop()
    assert len(ended) == 1


# ---- what goes wrong ----


def test_an_event_that_cannot_be_made_is_logged_and_the_next_is_tried(wrap, log):
    arguments = {"data": "no json"}
    actor = EventGenerator("source", JSONEvent, arguments, interval=0.001)
    lines = log(actor)
    wrapper = wrap(actor)
    record = wait_for_log(lines, "Unable to generate an event: InvalidEventDataModification")
    assert record.level == logging.ERROR
    arguments["data"] = "1"
    assert wrapper.output.data == 1


def test_one_that_is_asked_for_is_the_askers_error(wrap):
    wrapper = wrap(EventGenerator("source", JSONEvent, {"data": "no json"}, interval=1000))
    wrapper.input = Event(data="asker")
    failed = wrapper.error
    assert isinstance(failed.error, InvalidEventDataModification)
    assert failed.data == "asker"


def test_a_send_that_fails_goes_to_the_error_queues(wrap):
    class Broken(Queue):
        def put(self, element, *args, **kwargs):
            raise OSError("no")

    actor = EventGenerator("source", event_kwargs={"data": 1}, interval=0.001)
    actor.pool.outbound.add("broken", queue=Broken("broken"))
    failed = wrap(actor, output_queues=[]).error
    assert isinstance(failed.error, OSError)
    assert failed.data == 1


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"interval": -1}, ValueError),
        ({"interval": float("nan")}, ValueError),
        ({"interval": float("inf")}, ValueError),
        ({"interval": "5"}, TypeError),
        ({"interval": {"fortnights": 1}}, ValueError),
        ({"delay": -1}, ValueError),
        ({"delay": "1"}, TypeError),
        ({"producers": -1}, ValueError),
        ({"producers": 1.5}, TypeError),
        ({"event_kwargs": [1]}, TypeError),
        ({"event_class": dict}, TypeError),
        ({"event_class": []}, TypeError),
        ({"name": "twice"}, TypeError),
    ],
)
def test_arguments_are_checked(arguments, error):
    with pytest.raises(error):
        EventGenerator("source", **arguments)


# ---- subclasses ----


def test_hooks_of_a_subclass(wrap):
    class Hooked(EventGenerator):
        def __init__(self, name, *args, **kwargs):
            self.interval = "set before"
            super().__init__(name, *args, **kwargs)
            self.hooks = []

        def pre_hook(self):
            super().pre_hook()
            self.event_kwargs = {"data": "from pre_hook"}
            self.hooks.append("pre")

        def post_hook(self):
            super().post_hook()
            self.hooks.append("post")

    actor = Hooked("source", interval=0.001)
    wrapper = wrap(actor)
    assert wrapper.output.data == "from pre_hook"
    wrapper.stop()
    assert actor.hooks == ["pre", "post"]


def test_consume_of_a_subclass(wrap):
    class Twice(EventGenerator):
        def consume(self, event, *args, **kwargs):
            super().consume(event, *args, **kwargs)
            super().consume(event, *args, **kwargs)

    wrapper = wrap(Twice("source", interval=1000))
    wrapper.input = Event()
    times(wrapper, 2)


def test_default_interval_of_a_subclass():
    class Minutely(EventGenerator):
        DEFAULT_INTERVAL = {"minutes": 1}

    assert Minutely("source").interval == {"minutes": 1}


def test_shape():
    assert EventGenerator("source").blockdiag_config["shape"] == "flowchart.input"
