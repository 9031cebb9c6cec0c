import datetime
import logging
import time

import pytest
from lxml import etree

import compysition
from compysition import Actor, Event, Queue
from compysition.actors import EventJoin, FlowController, JSONEventJoin, Null, XMLEventJoin
from compysition.actors.eventjoin import MatchedEvent, MatchedJSONEvent, MatchedXMLEvent
from compysition.errors import (
    ActorTimeout,
    InvalidEventDataModification,
    MalformedEventData,
    ResourceConflict,
    ServiceUnavailable,
)
from compysition.event import DEFAULT, HttpEvent, JSONEvent, JSONHttpEvent, XMLEvent, XMLHttpEvent
from tests.actors.helpers import fill_outbox, logged, take, wait_for_log
from tests.corpora import naughty_strings
from tests.flows import Collect, Forward, Source, quiet_director
from tests.waiting import wait_until


@pytest.fixture
def join(wrap):
    """Wrap a join with inboxes a, b and c; `send(c=event, a=event)` puts events in that order."""

    def make(cls=EventJoin, *args, inboxes=("a", "b", "c"), output_queues=("outbox",), **kwargs):
        wrapper = wrap(
            cls("join", *args, **kwargs),
            input_queues=list(inboxes),
            output_queues=list(output_queues),
        )

        def send(**events):
            for name, event in events.items():
                wrapper.input_queues[name].put(event)

        wrapper.send = send
        return wrapper

    return make


def copies(event_class, **data):
    """Events of one id, one for each inbox that is named."""
    first = event_class()
    return {name: event_class(event_id=first.event_id, data=value) for name, value in data.items()}


# ---- what comes out ----


def test_a_list_in_the_order_of_the_inboxes_join_1(join):
    wrapper = join()
    wrapper.send(**copies(Event, c=3, a=1, b=2))
    assert wrapper.output.data == [1, 2, 3]
    assert wrapper.actor.events == {}
    assert wrapper.output_queues["outbox"].qsize() == 1


def test_the_last_event_is_sent_on(join):
    wrapper = join()
    events = copies(HttpEvent, b=2, c=3, a=1)
    events["a"].last = True
    events["b"].first = True
    wrapper.send(**events)
    event = wrapper.output
    assert type(event) is HttpEvent
    assert event.event_id == events["a"].event_id
    assert event.last
    assert event.get("first", None) is None


def test_copies_of_one_event(join):
    wrapper = join()
    wrapper.input = Event(data={"a": [1]})
    event = wrapper.output
    assert event.data == [{"a": [1]}] * 3
    event.data[0]["a"].append(2)
    assert event.data[1] == {"a": [1]}


def test_one_inbox_join_2(join):
    wrapper = join(inboxes=["a"])
    wrapper.send(a=Event(data=1))
    assert wrapper.output.data == [1]


@pytest.mark.parametrize("data", [False, 0, None, "", [], {}])
def test_false_data_join_3(join, data):
    wrapper = join()
    wrapper.send(**copies(Event, a=data, b=data, c=data))
    assert wrapper.output.data == [data] * 3


def test_events_of_many_ids_at_once(join):
    wrapper = join()
    events = [copies(Event, a=n, b=-n, c=0) for n in range(50)]
    for name in ("b", "a", "c"):
        for parts in events if name != "a" else reversed(events):
            wrapper.send(**{name: parts[name]})
    got = take(wrapper.output_queues["outbox"], 50)
    assert sorted(got) == [[n, -n, 0] for n in range(50)]


def test_the_inboxes_count_that_are_there_when_the_first_event_comes(join):
    wrapper = join(inboxes=["a", "b"])
    events = copies(Event, a=1, b=2, late=3)
    wrapper.send(a=events["a"])
    wait_until(lambda: wrapper.actor.events, compysition.sleep)
    late = Queue("late")
    wrapper.actor.register_consumer("late", late)
    late.put(events["late"])
    wrapper.send(b=events["b"])
    assert wrapper.output.data == [1, 2, 3]


# ---- JSON ----


def test_dicts_are_merged_and_later_inboxes_win(join):
    wrapper = join(JSONEventJoin)
    wrapper.send(**copies(JSONEvent, c={"x": 3, "c": {}}, b={"b": [2]}, a={"x": 1, "a": 1}))
    event = wrapper.output
    assert event.data == {"x": 3, "a": 1, "b": [2], "c": {}}
    assert type(event) is JSONEvent


def test_lists_are_concatenated_join_5(join):
    wrapper = join(JSONEventJoin)
    wrapper.send(**copies(JSONHttpEvent, a=[1], c=[4], b=[2, 3]))
    assert wrapper.output.data == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (({"a": 1}, [2], {}), "Data of type 'list' cannot be joined to a 'dict'"),
        (([1], {"a": 2}, []), "Data of type 'dict' cannot be joined to a 'list'"),
        (("1", {"a": 2}, {}), "Data of type 'int' cannot be joined to a 'dict'"),
        (("null", "null", "null"), "Data of type 'NoneType' cannot be joined to a 'dict'"),
    ],
)
def test_what_cannot_be_joined_join_5(join, data, text):
    """The entry is removed, and every part goes to the error queues."""
    wrapper = join(JSONEventJoin)
    lines = wrapper.actor.pool.logs.add("log")
    events = copies(JSONHttpEvent, **dict(zip("abc", data, strict=True)))
    wrapper.send(**events)
    failed = [wrapper.error for _ in range(3)]
    for event, part in zip(failed, events.values(), strict=True):
        assert isinstance(event.error, MalformedEventData)
        assert event.error.message == [text]
        assert event.status == (400, "Bad Request")
        assert event.data == part.data
        assert event.event_id == part.event_id
    assert wrapper.actor.events == {}
    assert wrapper.output_queues["outbox"].empty()
    assert wrapper.error_queues["error"].qsize() == 3
    assert wait_for_log(lines, "Unable to join").level == logging.ERROR


def test_a_failure_does_not_stop_the_others(join):
    wrapper = join(JSONEventJoin)
    wrapper.send(**copies(JSONEvent, a={}, b=[], c={}))
    wrapper.send(**copies(JSONEvent, a={"a": 1}, b={}, c={}))
    assert wrapper.output.data == {"a": 1}


def test_joined_json_is_what_can_be_sent(join):
    wrapper = join(JSONEventJoin, output_queues=["one", "two"])
    wrapper.send(**copies(JSONEvent, a={"a": [1]}, b={}, c={}))
    one, two = (wrapper.output_queues[name].get(block=True, timeout=5) for name in ("one", "two"))
    one.data["a"].append(2)
    assert two.data == {"a": [1]}
    assert two.data_string() == '{"a": [1]}'


def test_an_event_class_with_conversions_of_its_own(join):
    class Sorted(JSONEvent):
        conversion_methods = {**JSONEvent.conversion_methods, list: sorted}

    wrapper = join(JSONEventJoin)
    wrapper.send(**copies(Sorted, a=[3], b=[2], c=[1]))
    assert wrapper.output.data == [1, 2, 3]


# ---- XML ----


def test_every_element_is_appended(join):
    wrapper = join(XMLEventJoin)
    wrapper.send(**copies(XMLHttpEvent, b="<b x='1'>t</b>", a="<a/>", c="<c xmlns='u'><d/></c>"))
    event = wrapper.output
    assert event.data_string() == '<join><a/><b x="1">t</b><c xmlns="u"><d/></c></join>'
    assert [element.tag for element in event.data] == ["a", "b", "{u}c"]
    assert type(event) is XMLHttpEvent


def test_key_is_the_roots_name(join):
    wrapper = join(XMLEventJoin, key="all")
    wrapper.send(**copies(XMLEvent, a="<a/>", b="<a/>", c="<a/>"))
    assert wrapper.output.data_string() == "<all><a/><a/><a/></all>"


def test_elements_that_python_changed(join):
    wrapper = join(XMLEventJoin)
    events = copies(XMLEvent, a="<a/>", b="<b/>", c="<c/>")
    for event in events.values():
        event.data.text = "\u00e9"
    kept = events["a"].data
    wrapper.send(**events)
    expected = "<join><a>&#233;</a><b>&#233;</b><c>&#233;</c></join>"
    assert wrapper.output.data_string() == expected
    assert etree.tostring(kept) == b"<a>&#233;</a>"


def test_a_key_that_is_no_name_join_5(join):
    wrapper = join(XMLEventJoin, key="not a name")
    wrapper.send(**copies(XMLEvent, a="<a/>", b="<b/>", c="<c/>"))
    failed = [wrapper.error for _ in range(3)]
    assert [event.data_string() for event in failed] == ["<a/>", "<b/>", "<c/>"]
    assert {type(event.error) for event in failed} == {MalformedEventData}


def test_events_of_other_types_are_converted(join):
    wrapper = join(XMLEventJoin)
    event = JSONEvent(data={"a": 1})
    wrapper.send(a=event.clone(), b=event.clone(), c=XMLEvent(event_id=event.event_id, data="<c/>"))
    assert wrapper.output.data_string() == "<join><a>1</a><a>1</a><c/></join>"
    wrapper.send(a=Event(data="no xml"))
    assert isinstance(wrapper.error.error, InvalidEventDataModification)
    assert wrapper.actor.events == {}


# ---- what is refused ----


def test_a_second_event_on_the_same_inbox(join):
    wrapper = join()
    lines = wrapper.actor.pool.logs.add("log")
    events = copies(Event, a=1, b=2, c=3)
    wrapper.send(a=events["a"])
    wrapper.send(a=events["a"].clone())
    wrapper.send(b=events["b"], c=events["c"])
    assert wrapper.output.data == [1, 2, 3]
    record = wait_for_log(lines, "Could not process incoming event: ")
    assert "already reported for event. Ignoring" in record.message
    assert record.level == logging.WARNING
    assert record.id == events["a"].meta_id
    assert wrapper.error_queues["error"].empty()


def test_consume_needs_an_inbox():
    actor = EventJoin("join")
    with pytest.raises(TypeError, match="origin_queue"):
        actor.consume(Event())
    with pytest.raises(TypeError, match="origin_queue"):
        actor.consume(Event(), origin_queue=Queue("other"))
    assert actor.events == {}


def test_consume_called_by_hand(join):
    wrapper = join(inboxes=["a", "b"])
    event = Event(data=1)
    for queue in wrapper.input_queues.values():
        wrapper.actor.consume(event.clone(), origin=queue.name, origin_queue=queue)
    assert wrapper.output.data == [1, 1]


@pytest.mark.parametrize("interval", [-1, float("nan"), float("inf")])
def test_invalid_intervals(interval):
    with pytest.raises(ValueError, match="purge_interval"):
        EventJoin("join", interval)


def test_arguments():
    actor = EventJoin("join", 5)
    assert (actor.purge_interval, actor.key, actor.events) == (5, "join", {})
    actor.purge_interval = None
    assert EventJoin("join").purge_interval is None
    assert EventJoin("join", None, 7, key="k").size == 7
    assert EventJoin("join", key="k").key == "k"
    with pytest.raises(TypeError):
        EventJoin("join", "5")
    assert (EventJoin.input, JSONEventJoin.input, XMLEventJoin.output) == (
        Event,
        JSONEvent,
        XMLEvent,
    )
    assert JSONEventJoin.matched_event_class is MatchedJSONEvent


# ---- purge ----


def test_a_purge_join_6(join):
    """Each part goes to the error queues, and the purge is logged."""
    wrapper = join(EventJoin, 0.2)
    lines = wrapper.actor.pool.logs.add("log")
    events = copies(HttpEvent, a={"a": 1}, c=[3])
    wrapper.send(**events)
    failed = [wrapper.error, wrapper.error]
    text = "The event was not complete in 'join' after 0.2 seconds: nothing came from b"
    for event, part in zip(failed, events.values(), strict=True):
        assert isinstance(event.error, ActorTimeout)
        assert event.error.message == [text]
        assert event.status == (408, "Request Timeout")
        assert (event.event_id, event.data) == (part.event_id, part.data)
    assert wrapper.actor.events == {}
    record = wait_for_log(lines, "Event purged")
    assert record.message == f"Event purged: {text}"
    assert (record.level, record.id) == (logging.WARNING, events["a"].meta_id)


def test_an_interval_of_a_second_join_4(join):
    """Half of it is not nothing: the join sleeps meanwhile."""
    wrapper = join(EventJoin, 1)
    start, busy = time.monotonic(), time.process_time()
    wrapper.send(a=Event(data=1))
    assert wrapper.error.data == 1
    assert time.monotonic() - start >= 1
    assert time.process_time() - busy < 0.5


def test_a_younger_event_stays(join):
    wrapper = join(EventJoin, 0.2)
    first, second = copies(Event, a=1), copies(Event, a=2, b=2, c=2)
    wrapper.send(**first)
    assert wrapper.error.data == 1
    wrapper.send(**second)
    assert wrapper.output.data == [2, 2, 2]
    wrapper.send(**first)
    assert wrapper.error.data == 1


@pytest.mark.parametrize("interval", [None, 0])
def test_without_an_interval_events_stay(join, interval):
    wrapper = join(EventJoin, interval)
    event = Event(data=1)
    wrapper.send(a=event)
    compysition.sleep(0.05)
    assert list(wrapper.actor.events) == [event.event_id]
    wrapper.actor.purge_interval = 0.01
    wrapper.send(a=Event(data=2))
    assert {wrapper.error.data, wrapper.error.data} == {1, 2}


def test_a_purge_into_a_full_queue(wrap):
    actor = EventJoin("join", 0.05)
    errors = Queue("error", maxsize=1)
    errors.put(Event(data="in the way"))
    actor.pool.error.add("error", queue=errors)
    wrapper = wrap(actor, input_queues=["a", "b"], error_queues=[])
    for number in range(3):
        wrapper.input_queues["a"].put(Event(data=number))
    assert take(errors, 4) == ["in the way", 0, 1, 2]


def test_what_waits_when_the_actor_stops(join):
    wrapper = join()
    lines = wrapper.actor.pool.logs.add("log")
    wrapper.send(**copies(Event, b=2, a=1))
    wrapper.send(**copies(Event, c=3))
    wrapper.stop()
    failed = [wrapper.error for _ in range(3)]
    assert [event.data for event in failed] == [2, 1, 3]
    assert all(isinstance(event.error, ServiceUnavailable) for event in failed)
    text = "'join' stopped before the event was complete: nothing came from "
    assert [event.error.message for event in failed] == [[text + "c"]] * 2 + [[text + "a, b"]]
    assert len(logged(lines, logging.WARNING)) == 2
    assert wrapper.actor.events == {}


def test_a_stop_finishes_what_waits_in_the_inboxes(join):
    wrapper = join()
    for number in range(50):
        wrapper.send(**copies(Event, a=number, b=number, c=number))
    wrapper.stop()
    assert take(wrapper.output_queues["outbox"], 50) == [[number] * 3 for number in range(50)]
    assert wrapper.error_queues["error"].empty()


def test_a_full_destination(wrap):
    actor = EventJoin("join")
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, input_queues=["a", "b"], output_queues=[])
    for number in range(3):
        wrapper.input = Event(data=number)
    assert take(outbox, 4) == ["in the way", [0, 0], [1, 1], [2, 2]]


def test_an_entry_that_a_script_removes(join):
    wrapper = join(inboxes=["a", "b"])
    events = copies(Event, a=1, b=2)
    wrapper.send(a=events["a"])
    wait_until(lambda: wrapper.actor.events, compysition.sleep)
    del wrapper.actor.events[events["a"].event_id]
    wrapper.send(b=events["b"])
    wrapper.stop()
    assert wrapper.error.data == 2


def test_a_failure_is_not_tried_again(join):
    """With rescue, a part that came back alone would wait for the others for ever."""
    wrapper = join(JSONEventJoin, rescue=True)
    wrapper.send(**copies(JSONEvent, a={}, b=[], c={}))
    assert [wrapper.error.data for _ in range(3)] == [{}, [], {}]


# ---- in a pipeline ----


class Gather(Collect):
    """Keeps the class of the error of what it gets, too."""

    def consume(self, event, *args, **kwargs):
        self.data.append((event.data, type(event.error)))


class KeepingSource(Source):
    """Keeps the events that it has sent."""

    def produce(self):
        self.events = [Event(data=number) for number in range(self.count)]
        for event in self.events:
            self.send_event(event)


def pipeline(branch, events, source_class=Source, **kwargs):
    """source -> (a forwarding branch, `branch`) -> join -> collect; errors come first, and stop first."""
    director = quiet_director()
    errors = director.register_actor(Gather, "errors")
    source = director.register_actor(source_class, "source", events)
    good = director.register_actor(Forward, "good")
    bad = director.register_actor(branch, "bad")
    join = director.register_actor(EventJoin, "join", **kwargs)
    collect = director.register_actor(Collect, "collect")
    director.connect_queue(source, [good, bad])
    for actor in (good, bad):
        director.connect_queue(actor, join)
    director.connect_queue(join, collect)
    for actor in (source, good, bad, join, collect):
        director.connect_error_queue(actor, errors)
    return director, join, collect, errors


class FailOdd(Actor):
    def consume(self, event, *args, **kwargs):
        if event.data % 2:
            raise ValueError("odd")
        self.send_event(event)


def test_what_is_held_counts_as_kept_and_is_reported_at_the_end():
    director, join, collect, errors = pipeline(FailOdd, 10)
    director.start(block=False)
    wait_until(lambda: len(collect.data) == 5 and len(join.events) == 5, compysition.sleep)
    wait_until(lambda: director.stats()["events"]["in_flight"] == 0, compysition.sleep)
    counts = director.stats()["events"]
    assert counts["kept"] == 5
    director.stop()
    counts = director.stats()["events"]
    assert (counts["created"], counts["failed"], counts["in_flight"], counts["kept"]) == (
        10,
        5,
        0,
        0,
    )
    assert counts["consumed"] == 5
    assert counts["reported"] == 0
    assert sorted(collect.data) == [[n, n] for n in range(0, 10, 2)]
    odd = range(1, 10, 2)
    assert sorted(errors.data, key=str) == sorted(
        [(n, error) for n in odd for error in (ValueError, ServiceUnavailable)], key=str
    )
    assert join.events == {}


def test_a_purge_in_a_pipeline():
    director, _, collect, errors = pipeline(FailOdd, 4, purge_interval=0.05)
    director.start(block=False)
    wait_until(lambda: len(errors.data) == 4, compysition.sleep)
    wait_until(lambda: director.stats()["events"]["in_flight"] == 0, compysition.sleep)
    counts = director.stats()["events"]
    assert (counts["consumed"], counts["failed"], counts["kept"]) == (2, 2, 0)
    director.stop()
    assert (1, ActorTimeout) in errors.data
    assert sorted(collect.data) == [[0, 0], [2, 2]]


def test_without_error_queues_what_is_held_still_ends_as_failed():
    director, join, _, _ = pipeline(Null, 3, KeepingSource)
    director.start(block=False)
    wait_until(lambda: len(join.events) == 3, compysition.sleep)
    join.pool.error.clear()
    director.stop()
    counts = director.stats()["events"]
    assert (counts["created"], counts["failed"], counts["kept"]) == (3, 3, 0)


def test_a_join_after_a_join():
    """What the first gives up reaches an error handler that the second feeds."""
    director = quiet_director()
    errors = director.register_actor(Gather, "errors")
    first = director.register_actor(EventJoin, "first")
    second = director.register_actor(EventJoin, "second")
    source = director.register_actor(Source, "source", 1)
    branch = director.register_actor(FlowController, "branch")
    null = director.register_actor(Null, "null")
    director.connect_queue(source, [branch, null])
    director.connect_queue(branch, first)
    director.connect_queue(null, first)
    director.connect_queue(null, second)
    director.connect_error_queue(first, second)
    director.connect_error_queue(second, errors)
    director.start(block=False)
    wait_until(lambda: len(first.events) == 1, compysition.sleep)
    director.stop()
    assert errors.data == [(0, ServiceUnavailable)]
    counts = director.stats()["events"]
    assert (counts["created"], counts["failed"], counts["in_flight"]) == (1, 1, 0)


def test_a_dropped_event_is_counted():
    director = quiet_director()
    source = director.register_actor(Source, "source", 4)
    twice = director.register_actor(Twice, "twice")
    join = director.register_actor(EventJoin, "join")
    other = director.register_actor(Null, "other")
    director.connect_queue(source, twice)
    director.connect_queue(twice, join)
    director.connect_queue(other, join)
    director.start(block=False)
    wait_until(lambda: director.stats()["actors"]["join"]["dropped"] == 4, compysition.sleep)
    director.stop()
    assert join.events == {}


class Twice(Actor):
    def consume(self, event, *args, **kwargs):
        for _ in range(2):
            self.send_event(event)


# ---- subclasses ----


def test_matched_event_class(join):
    class Sum(MatchedEvent):
        @property
        def joined(self):
            return sum(self.inboxes_reported.values())

    class SumJoin(EventJoin):
        matched_event_class = Sum

    wrapper = join(SumJoin)
    wrapper.send(**copies(Event, a=1, b=2, c=3))
    assert wrapper.output.data == 6


def test_the_methods_of_a_matched_event_are_called(join):
    class Two(MatchedEvent):
        """Two of the three are enough."""

        def report_inbox(self, inbox, data):
            super().report_inbox(inbox, data * 10)

        def all_inboxes_reported(self):
            values = self.inboxes_reported.values()
            return len([value for value in values if value is not DEFAULT]) == 2

    wrapper = join()
    wrapper.actor.matched_event_class = Two
    wrapper.send(**copies(Event, a=1, c=3))
    assert wrapper.output.data == [10, 30]


def test_a_matched_event_that_waits(join):
    class Slow(MatchedEvent):
        def report_inbox(self, inbox, data):
            compysition.sleep(0.01 * data)
            super().report_inbox(inbox, data)

    wrapper = join()
    wrapper.actor.matched_event_class = Slow
    for _ in range(3):
        wrapper.send(**copies(Event, a=3, b=2, c=1))
    assert take(wrapper.output_queues["outbox"], 3) == [[3, 2, 1]] * 3
    assert wrapper.actor.events == {}


def test_a_report_that_raises_is_the_events_own_error(join):
    class Picky(MatchedEvent):
        def report_inbox(self, inbox, data):
            if data == "bad":
                raise KeyError("in the middle")
            super().report_inbox(inbox, data)

    wrapper = join()
    wrapper.actor.matched_event_class = Picky
    wrapper.send(**copies(Event, a="bad"))
    assert isinstance(wrapper.error.error, KeyError)
    assert wrapper.actor.events == {}
    wrapper.send(**copies(Event, a=1, b=2, c=3))
    assert wrapper.output.data == [1, 2, 3]


def test_joined_that_raises_join_5(join):
    class Bad(MatchedEvent):
        @property
        def joined(self):
            raise KeyError("in the middle")

    wrapper = join()
    wrapper.actor.matched_event_class = Bad
    wrapper.send(**copies(Event, a=1, b=2, c=3))
    failed = [wrapper.error for _ in range(3)]
    assert [event.data for event in failed] == [1, 2, 3]
    assert isinstance(failed[0].error, MalformedEventData)
    assert isinstance(failed[0].error.message[0], KeyError)
    assert wrapper.actor.events == {}


def test_a_class_that_matches_nothing(join):
    wrapper = join()
    wrapper.actor.matched_event_class = lambda inboxes, key: object()
    wrapper.send(a=Event(data=1))
    assert isinstance(wrapper.error.error, TypeError)


def test_a_matched_event_without_its_init(join):
    class Careless(MatchedEvent):
        def __init__(self, inboxes, key=None):
            pass

    wrapper = join()
    wrapper.actor.matched_event_class = Careless
    wrapper.send(a=Event(data=1))
    assert isinstance(wrapper.error.error, RuntimeError)
    assert wrapper.actor.events == {}


def test_a_consume_of_a_subclass(join):
    class Own(EventJoin):
        def consume(self, event, *args, **kwargs):
            event.data += 1
            super().consume(event, *args, **kwargs)

    wrapper = join(Own)
    wrapper.send(**copies(Event, a=1, b=2, c=3))
    assert wrapper.output.data == [2, 3, 4]
    wrapper.send(**copies(Event, a=1))
    wrapper.stop()
    assert wrapper.error.data == 2


# ---- MatchedEvent ----


def test_a_matched_event():
    before = datetime.datetime.now()
    matched = MatchedEvent(["a", "b"])
    assert before <= matched.created <= datetime.datetime.now()
    assert matched.key == "joined_root"
    assert matched.inboxes_reported == {"a": DEFAULT, "b": DEFAULT}
    matched.report_inbox("b", 2)
    assert not matched.all_inboxes_reported()
    with pytest.raises(ResourceConflict) as caught:
        matched.report_inbox("b", 3)
    assert caught.value.message == ["Inbox b already reported for event. Ignoring"]
    matched.report_inbox(inbox="a", data=False)
    assert matched.all_inboxes_reported()
    assert matched.inboxes_reported == {"a": False, "b": 2}
    assert matched.joined == [False, 2]


def test_matched_json():
    matched = MatchedJSONEvent({"a": 1, "b": 2}, key="k")
    matched.report_inbox("a", {"x": 1})
    matched.report_inbox("b", {"y": 1})
    assert matched.joined == {"x": 1, "y": 1}
    assert MatchedJSONEvent([]).joined == {}


def test_matched_xml():
    matched = MatchedXMLEvent(["a", "b"], "k")
    element = etree.fromstring("<r><x/>tail</r>")
    matched.report_inbox("b", element)
    matched.report_inbox("a", element[0])
    assert etree.tostring(matched.joined) == b"<k><x/><r><x/>tail</r></k>"
    with pytest.raises(MalformedEventData):
        plain = MatchedXMLEvent(["a"])
        plain.report_inbox("a", "text")
        plain.joined  # noqa: B018


def test_what_an_entry_shows(join):
    wrapper = join(XMLEventJoin)
    events = copies(XMLEvent, b="<b/>")
    wrapper.send(**events)
    wait_until(lambda: wrapper.actor.events, compysition.sleep)
    matched = wrapper.actor.events[events["b"].event_id]
    a, b, c = wrapper.input_queues.values()
    reported = matched.inboxes_reported
    assert list(reported) == [a, b, c]
    assert reported[a] is DEFAULT
    assert reported[b].tag == "b"
    assert etree.tostring(matched.joined) == b"<join><b/></join>"


def test_matched_event_arguments():
    with pytest.raises(TypeError):
        MatchedEvent(5)
    with pytest.raises(TypeError):
        MatchedEvent([[]])
    with pytest.raises(RuntimeError, match="__init__"):
        MatchedEvent.__new__(MatchedEvent).report_inbox("a", 1)
    with pytest.raises(AttributeError):
        MatchedEvent.__new__(MatchedEvent).inboxes_reported  # noqa: B018


# ---- naughty strings ----


def test_naughty_strings_pass_unchanged(join):
    strings = naughty_strings()
    wrapper = join()
    wrapper.send(**copies(Event, a=strings[0], b=strings, c=dict.fromkeys(strings)))
    assert wrapper.output.data == [strings[0], strings, dict.fromkeys(strings)]
    wrapper = join(JSONEventJoin)
    wrapper.send(**copies(JSONEvent, a=dict.fromkeys(strings), b={"all": strings}, c={}))
    assert wrapper.output.data == {**dict.fromkeys(strings), "all": strings}
