import abc
import time

import pytest

import compysition
from compysition import Actor, Director, Event, Logger, Queue, QueuePool
from compysition.actors import FlowController
from compysition.errors import (
    InvalidActorInput,
    InvalidActorOutput,
    InvalidEventConversion,
    InvalidEventDataModification,
    QueueConnected,
    QueueEmpty,
    SetupError,
)
from compysition.event import HttpEvent, JSONEvent, JSONHttpEvent, LogEvent


class Calling(Actor):
    def __init__(self, name, function=None, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.function = function

    def consume(self, event, *args, **kwargs):
        self.function(self, event, **kwargs)


def passing(actor, event, **kwargs):
    actor.send_event(event)


def with_log(actor):
    return actor.pool.logs.add("log")


def messages(log, level=None):
    records = [log.get() for _ in range(log.qsize())]
    return [record.message for record in records if level is None or record.level == level]


def wait_for_message(log, start, level):
    while True:
        record = log.get(block=True, timeout=5)
        if record.message.startswith(start):
            assert record.level == level
            return record


# --- construction


def test_constructor_defaults():
    actor = Calling("a")
    assert (actor.name, actor.size, actor.rescue, actor.max_rescue) == ("a", 0, False, 5)
    assert actor.blockdiag_config == {"shape": "box"}
    assert isinstance(actor.pool, QueuePool) and isinstance(actor.logger, Logger)
    assert actor.threads is not None


def test_constructor_positional():
    actor = Calling("a", None, 7, True, True, 2, "more", option=1)
    assert (actor.size, actor.rescue, actor.max_rescue) == (7, True, 2)
    assert actor.pool.outbound.add("out").maxsize == 7


def test_constructor_ignores_unknown_arguments():
    assert Calling("a", unknown=1, other="x").name == "a"


def test_flags_take_anything_true_or_false():
    actor = Calling("a")
    actor.rescue, actor.blocking_consume = 1, "yes"
    assert (actor.rescue, actor.blocking_consume) == (True, True)
    actor.rescue = None
    assert actor.rescue is False
    with pytest.raises(AttributeError):
        del actor.rescue


def test_attributes_of_a_script_may_have_any_name():
    class Sized(Actor):
        def __init__(self, name, *args, **kwargs):
            self.size = 3
            super().__init__(name, *args, **kwargs)
            self.size = 4

        def consume(self, event, *args, **kwargs):
            pass

    assert Sized("a", 7).size == 4


def test_attributes_of_a_class_hide_no_arguments():
    class Named(Calling):
        name = size = rescue = pool = "of the class"
        blockdiag_config = None

    actor = Named("given", None, 3)
    assert (actor.name, actor.size, actor.rescue) == ("given", 3, False)
    assert isinstance(actor.pool, QueuePool) and actor.blockdiag_config == {"shape": "box"}


def test_an_actor_may_get_another_logger():
    actor = Calling("a")
    actor.logger = Logger("b", actor.pool.logs)
    log = with_log(actor)
    actor.start()
    actor.stop()
    assert log.get().origin_actor == "b"
    with pytest.raises(TypeError):
        actor.logger = None


def test_class_attributes():
    assert (Actor.input, Actor.output) == (Event, Event)
    assert Actor.REQUIRED_EVENT_ATTRIBUTES is None
    assert Actor.DEFAULT_EVENT_SERVICE == "default"


def test_methods_that_abc_holds_for_abstract():
    class Base(Actor, abc.ABC):
        @abc.abstractmethod
        def find(self):
            """Find something."""

        def consume(self, event, *args, **kwargs):
            pass

    class Full(Base):
        def find(self):
            return 1

    with pytest.raises(TypeError, match="abstract"):
        Base("a")
    assert Full("a").find() == 1


def test_consume_is_abstract():
    class Lacking(Actor):
        pass

    for cls in (Actor, Lacking):
        with pytest.raises(TypeError, match="consume"):
            cls("a")


def test_attributes_before_the_base_constructor():
    class Early(Actor):
        def __init__(self, name, *args, **kwargs):
            self.early = 1
            Actor.__init__(self, name, *args, **kwargs)

        def consume(self, event, *args, **kwargs):
            pass

    actor = Early("a", size=2)
    actor.free = "x"
    assert (actor.early, actor.free, actor.size) == (1, "x", 2)


def test_multiple_inheritance(wrap):
    class Doubling:
        def change(self, event):
            event.data *= 2

    class Both(Actor, Doubling):
        def consume(self, event, *args, **kwargs):
            self.change(event)
            self.send_event(event)

    wrapper = wrap(Both("a"))
    wrapper.input = Event(data=21)
    assert wrapper.output.data == 42


# --- sending


def test_send_event_copies_to_every_queue():
    actor, event = Calling("a"), Event(data={"list": [1]})
    queues = [actor.pool.outbound.add(name) for name in ("one", "two", "three")]
    actor.send_event(event)
    copies = [queue.get() for queue in queues]
    assert len({id(copy) for copy in [event, *copies]}) == 4
    assert [copy.event_id for copy in copies] == [event.event_id] * 3
    copies[0].data["list"].append(2)
    assert [copy.data for copy in [event, *copies[1:]]] == [{"list": [1]}] * 3


def test_send_event_is_not_changed_afterwards():
    actor, event = Calling("a"), Event(data=[1])
    queue = actor.pool.outbound.add("out")
    actor.send_event(event)
    event.data.append(2)
    assert queue.get().data == [1]


@pytest.mark.parametrize(
    "form",
    [
        lambda q: q,
        lambda q: list(q.values()),
        lambda q: tuple(q.values()),
        lambda q: q.values(),
        lambda q: (queue for queue in q.values()),
        lambda q: set(q.values()),
    ],
    ids=["dict", "list", "tuple", "view", "generator", "set"],
)
def test_send_event_queues(form):
    actor = Calling("a")
    other = actor.pool.outbound.add("other")
    chosen = {"one": Queue("one"), "two": Queue("two")}
    actor.send_event(Event(data=1), queues=form(chosen))
    assert [queue.get().data for queue in chosen.values()] == [1, 1]
    assert other.empty()


def test_send_event_to_an_empty_list():
    actor = Calling("a")
    out = actor.pool.outbound.add("out")
    actor.send_event(Event(), queues=[])
    assert out.empty()


def test_send_event_queue():
    actor, only = Calling("a"), Queue("only")
    out = actor.pool.outbound.add("out")
    actor.send_event(Event(data=1), queue=only)
    assert (only.get().data, out.empty()) == (1, True)
    actor.send_event(Event(data=2), queue=None)
    assert (only.empty(), out.get().data) == (True, 2)


def test_send_event_without_queues_drops():
    assert Calling("a").send_event(Event()) is None


def test_send_event_checks_the_type():
    class Strict(Calling):
        output = JSONEvent

    actor = Strict("a")
    out = actor.pool.outbound.add("out")
    with pytest.raises(InvalidActorOutput, match=r"Event was of type '.*', expected '.*'"):
        actor.send_event(Event())
    assert out.empty()
    actor.send_event(JSONEvent(data={}))
    actor.send_event(JSONHttpEvent(data={}))
    assert len(out) == 2


@pytest.mark.parametrize("output", [(JSONEvent, HttpEvent), [JSONEvent, HttpEvent]])
def test_several_output_types(output):
    actor = Calling("a")
    actor.output = output
    out = actor.pool.outbound.add("out")
    actor.send_event(JSONEvent(data={}))
    actor.send_event(HttpEvent())
    with pytest.raises(InvalidActorOutput):
        actor.send_event(Event())
    assert len(out) == 2


def test_ACT_2_check_output_false():
    class Strict(Calling):
        output = JSONEvent

    actor = Strict("a")
    out = actor.pool.outbound.add("out")
    actor.send_event(Event(data=1), check_output=False)
    actor.send_event(Event(data=2), [out], False)
    assert [out.get().data, out.get().data] == [1, 2]


def test_send_error_goes_to_the_error_queues_unchecked():
    class Strict(Calling):
        output = JSONEvent

    actor, event = Strict("a"), Event(data=1)
    out, errors = (
        actor.pool.outbound.add("out"),
        [actor.pool.error.add(name) for name in ("one", "two")],
    )
    actor.send_error(event)
    copies = [queue.get() for queue in errors]
    assert [copy.data for copy in copies] == [1, 1]
    assert copies[0] is not copies[1] and event not in copies
    assert out.empty()


def test_send_error_without_queues():
    assert Calling("a").send_error(Event()) is None


def test_send_waits_while_a_queue_is_full():
    actor = Calling("a", size=1)
    out = actor.pool.outbound.add("out")

    def send():
        for number in range(4):
            actor.send_event(Event(data=number))

    task = actor.threads.spawn(send, restart=False)
    assert [out.get(block=True, timeout=5).data for _ in range(4)] == [0, 1, 2, 3]
    task.join(5)
    assert task.successful()


# --- create_event


def test_ACT_1_create_event_before_start():
    class Making(Calling):
        output = JSONEvent

    event = Making("a").create_event("dropped", data={"a": 1}, extra="x")
    assert type(event) is JSONEvent
    assert (event.data, event.extra) == ({"a": 1}, "x")


def test_create_event_after_start(wrap):
    class Making(Calling):
        output = [HttpEvent]

    wrapper = wrap(Making("a", passing))
    assert type(wrapper.actor.create_event()) is HttpEvent


def test_ACT_1_create_event_with_several_types():
    class Making(Calling):
        output = (JSONEvent, HttpEvent)

    with pytest.raises(
        ValueError,
        match=r"^Unable to call create_event function with multiple output types defined$",
    ):
        Making("a").create_event()


# --- connecting


def test_connect_queue_defaults():
    source, target = Calling("source"), Calling("target")
    source.connect_queue(destination=target)
    queue = source.pool.outbound["outbox"]
    assert target.pool.inbound["inbox"] is queue
    assert queue.name == "outbox"


def test_connect_other_queues():
    source, target = Calling("source"), Calling("target")
    source.connect_error_queue("in", "out", target)
    source.connect_log_queue("in", "out", target)
    assert target.pool.inbound["error_in"] is source.pool.error["out"]
    assert target.pool.inbound["log_in"] is source.pool.logs["out"]
    assert len(source.pool.outbound) == 0


def test_old_positional_order_of_connect_error_queue():
    source, target = Calling("source"), Calling("target")
    source.connect_error_queue("out", target, "in")
    assert target.pool.inbound["error_in"] is source.pool.error["out"]


def test_connect_needs_an_actor():
    with pytest.raises(SetupError):
        Calling("a").connect_queue(destination="b")


def test_check_existing():
    source, target = Calling("source"), Calling("target")
    source.connect_queue(destination=target)
    with pytest.raises(QueueConnected):
        source.connect_queue(destination=target, destination_queue_name="other")
    with pytest.raises(QueueConnected):
        source.connect_queue(source_queue_name="other", destination=target)
    source.connect_queue(source_queue_name="other", destination=target, check_existing=False)
    assert source.pool.outbound["other"] is source.pool.outbound["outbox"]


def test_connected_actors_pass_events_on(wrap):
    first, second = Calling("first", passing), Calling("second", passing)
    first.connect_queue(destination=second)
    wrapper = wrap(second, input_queues=[])
    outer = wrap(first, output_queues=[])
    outer.input = Event(data="x")
    assert wrapper.output.data == "x"


def test_ACT_9_cycle_of_full_queues(wrap):
    def around(actor, event, **kwargs):
        event.data -= 1
        actor.send_event(
            event, queues=[actor.pool.outbound["next" if event.data > 0 else "outbox"]]
        )

    first, second = Calling("first", around, size=1), Calling("second", around, size=1)
    first.connect_queue("next", second, "inbox")
    second.connect_queue("next", first, "back")
    one, two = wrap(first, input_queues="start"), wrap(second, input_queues="start")
    for _ in range(20):
        one.input_queues["start"].put(Event(data=20))
        two.input_queues["start"].put(Event(data=20))
    results = [one.output_queues["outbox"], two.output_queues["outbox"]]
    assert [results[n % 2].get(block=True, timeout=5).data for n in range(40)] == [0] * 40


# --- life


def test_start_makes_tuples():
    class Typed(Calling):
        input = [Event, JSONEvent]

    actor = Typed("a")
    actor.output = JSONEvent
    actor.start()
    try:
        assert (actor.input, actor.output) == ((Event, JSONEvent), (JSONEvent,))
    finally:
        actor.stop()
    assert Typed.input == [Event, JSONEvent]


def test_life_cycle():
    actor = Calling("a", size=3)
    log = with_log(actor)
    assert (actor.is_running(), actor.loop()) == (False, True)
    actor.start()
    assert (actor.is_running(), actor.loop()) == (True, True)
    assert messages(log, 10) == ["Started with max queue size of 3 events"]
    actor.stop()
    assert (actor.is_running(), actor.loop()) == (True, False)


def test_hooks():
    class Hooked(Calling):
        def __init__(self, name):
            super().__init__(name)
            self.calls = []

        def pre_hook(self):
            self.calls.append(("pre", self.is_running()))

        def post_hook(self):
            self.calls.append(("post", self.loop()))

    actor = Hooked("a")
    log = with_log(actor)
    actor.start()
    assert actor.calls == [("pre", False)]
    actor.stop()
    assert actor.calls == [("pre", False), ("post", False)]
    assert messages(log, 10) == [
        "pre_hook() found, executing",
        "Started with max queue size of 0 events",
        "post_hook() found, executing",
    ]


def test_old_hooks():
    calls = []

    class Hooked(Calling):
        def preHook(self):
            calls.append("pre")

        def postHook(self):
            calls.append("post")

    actor = Hooked("a")
    actor.start()
    actor.stop()
    assert calls == ["pre", "post"]


def test_block_returns_after_stop():
    actor = Calling("a")
    actor.start()
    task = Calling("other").threads.spawn(actor.block, restart=False)
    Calling("third").threads.spawn(lambda: None, restart=False).join(5)
    assert not task.dead
    actor.stop()
    task.join(5)
    assert task.successful()


def test_loop_as_condition_of_a_task():
    actor, tick = Calling("a"), Queue("tick")

    def work():
        while actor.loop():
            tick.put(1)
            tick.wait_until_empty()

    actor.start()
    task = actor.threads.spawn(work)
    for _ in range(3):
        assert tick.get(block=True, timeout=5) == 1
    actor.stop()
    while not task.dead and tick.qsize():
        tick.get()
    task.join(5)
    assert task.successful()


def test_events_before_the_start_are_kept():
    actor, inbox, out = Calling("a", passing), Queue("inbox"), Queue("out")
    actor.register_consumer("inbox", inbox)
    actor.pool.outbound.add("out", queue=out)
    inbox.put(Event(data=1))
    Calling("other").threads.spawn(lambda: None, restart=False).join(5)
    assert (len(inbox), len(out)) == (1, 0)
    actor.start()
    try:
        assert out.get(block=True, timeout=5).data == 1
    finally:
        actor.stop()


@pytest.mark.parametrize("blocking", [False, True])
def test_ACT_8_stop_drains_before_post_hook(blocking):
    seen = []

    class Hooked(Calling):
        def post_hook(self):
            seen.append("post")

    def consume(actor, event, **kwargs):
        with pytest.raises(QueueEmpty):
            Queue("never").get(block=True, timeout=0.01)
        seen.append(event.data)

    actor, inbox = Hooked("a", consume, blocking_consume=blocking), Queue("inbox")
    actor.register_consumer("inbox", inbox)
    actor.start()
    for number in range(5):
        inbox.put(Event(data=number))
    actor.stop()
    assert (sorted(seen[:-1]), seen[-1]) == ([0, 1, 2, 3, 4], "post")
    assert not blocking or seen[:-1] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", ["outbox", "inbox"])
def test_stop_ends_when_the_actor_comes_to_rest_by_what_others_take(name):
    """A C actor waits for room, which a get from its outbox makes; or its inbox is emptied by hand."""
    actor, inbox = FlowController("flow", size=1), Queue("inbox")
    outbox = actor.pool.outbound.add("outbox")
    actor.register_consumer("inbox", inbox)
    actor.start()
    for number in range(3):
        inbox.put(Event(data=number))
    compysition.sleep(0.01)

    def take():
        compysition.sleep(0.01)
        while name == "inbox" and not inbox.empty():
            inbox.get()
        while True:
            outbox.get(block=True)

    taker = actor.threads.spawn(take, restart=False)
    began = time.monotonic()
    actor.stop()
    assert time.monotonic() - began < 5  # it gives up after 10 seconds
    assert inbox.empty() and actor.is_running()
    taker.kill()


# --- consuming


def test_consume_gets_the_origin(wrap):
    seen = Queue("seen")
    wrapper = wrap(
        Calling("a", lambda actor, event, **kwargs: seen.put(kwargs)), input_queues=["in"]
    )
    wrapper.input = Event()
    assert seen.get(block=True, timeout=5) == {
        "origin": "in",
        "origin_queue": wrapper.input_queues["in"],
    }


def test_wrong_type_is_converted(wrap):
    class JsonOnly(Calling):
        input = JSONEvent

    actor = JsonOnly("a", passing)
    log, wrapper = with_log(actor), wrap(actor)
    wrapper.input = Event(data={"a": 1}, mark="x")
    output = wrapper.output
    assert (type(output), output.data, output.mark) == (JSONEvent, {"a": 1}, "x")
    assert wait_for_message(log, "Incoming event was of type '", 30).message.endswith(
        f"when type {(JSONEvent,)} was expected. Converted to {JSONEvent}"
    )


def test_subclass_of_the_input_type_is_not_converted(wrap):
    class HttpOnly(Calling):
        input = HttpEvent

    wrapper = wrap(HttpOnly("a", passing))
    wrapper.input = JSONHttpEvent(data={"a": 1})
    assert type(wrapper.output) is JSONHttpEvent


def test_ACT_5_impossible_conversion_reaches_the_error_queue(wrap):
    class LogOnly(Calling):
        input = LogEvent

    seen = Queue("seen")
    actor = LogOnly("a", lambda actor, event, **kwargs: seen.put(event))
    log, wrapper = with_log(actor), wrap(actor)
    wrapper.input = HttpEvent(data="x")
    event = wrapper.error
    assert isinstance(event.error, InvalidEventConversion) and event.data == "x"
    assert wait_for_message(log, "Event was of type '", 40).message == (
        f"Event was of type '{HttpEvent}', expected '{(LogEvent,)}'"
    )
    assert seen.empty()


def test_ACT_5_impossible_conversion_is_logged_once_and_not_tried_again(wrap):
    class LogOnly(Calling):
        input = LogEvent

    actor = LogOnly("a", passing, rescue=True)
    log, wrapper = with_log(actor), wrap(actor)
    wrapper.input = HttpEvent(data="x")
    assert isinstance(wrapper.error.error, InvalidEventConversion)
    assert len(messages(log, 40)) == 1
    assert messages(log, 30) == []


def test_an_impossible_conversion_by_consume_is_an_ordinary_error(wrap):
    def consume(actor, event, **kwargs):
        event.convert(Event)

    actor = Calling("a", consume)
    log, wrapper = with_log(actor), wrap(actor)
    wrapper.input = JSONEvent()
    assert isinstance(wrapper.error.error, InvalidEventConversion)
    wait_for_message(log, "Event exception caught: ", 30)


def test_an_overridden_convert_is_called(wrap):
    class Words(Event):
        result = None

        def convert(self, cls):
            return cls(data=self.data.split()) if self.result is None else self.result

    class JsonOnly(Calling):
        input = JSONEvent

    wrapper = wrap(JsonOnly("a", passing))
    wrapper.input = Words(data="one two")
    assert wrapper.output.data == ["one", "two"]
    wrapper.input = Words(data="", result=5)
    assert isinstance(wrapper.error.error, TypeError)


def test_objects_of_other_kinds_that_a_script_consumes(wrap):
    class Anything(Calling):
        input = (Event, dict)

    def consume(actor, event, **kwargs):
        seen.append(event)
        raise ValueError("text")

    seen = []
    actor = Anything("a", consume, rescue=True)
    log, wrapper = with_log(actor), wrap(actor)
    wrapper.input_queues["inbox"].put({"a": 1})
    wait_for_message(log, "Event exception caught: ", 30)
    wrapper.stop()
    assert seen == [{"a": 1}]
    assert messages(log, 40) == []


def test_data_that_cannot_be_converted_is_an_event_error(wrap):
    class JsonOnly(Calling):
        input = JSONEvent

    seen = Queue("seen")
    actor = JsonOnly("a", lambda actor, event, **kwargs: seen.put(event))
    log, wrapper = with_log(actor), wrap(actor)
    wrapper.input = Event(data="{not json")
    assert isinstance(wrapper.error.error, InvalidEventDataModification)
    assert wait_for_message(log, "Event exception caught: ", 30).message
    assert seen.empty()


def test_ACT_4_missing_attribute(wrap):
    class Needing(Calling):
        REQUIRED_EVENT_ATTRIBUTES = ["present", "absent", "empty"]

    seen = Queue("seen")
    actor = Needing("a", lambda actor, event, **kwargs: seen.put(event))
    log, wrapper = with_log(actor), wrap(actor)
    wrapper.input = Event(present=1, empty="")
    error = wrapper.error.error
    assert isinstance(error, InvalidActorInput)
    assert error.message == ["Required incoming event attributes were missing: ['absent', 'empty']"]
    assert (
        wait_for_message(log, "Invalid input detected: ", 40).message
        == f"Invalid input detected: {error}"
    )
    assert seen.empty()


def test_ACT_4_present_attributes(wrap):
    class Needing(Calling):
        REQUIRED_EVENT_ATTRIBUTES = ["one", "two"]

    wrapper = wrap(Needing("a", passing))
    wrapper.input = Event(one=1, two=[0])
    assert wrapper.output.two == [0]


def test_ACT_5_invalid_input_reaches_the_error_queue(wrap):
    def consume(actor, event, **kwargs):
        raise InvalidActorInput("unwanted")

    actor = Calling("a", consume, rescue=True)
    log, wrapper = with_log(actor), wrap(actor)
    wrapper.input = Event(data=1)
    event = wrapper.error
    assert isinstance(event.error, InvalidActorInput) and event.data == 1
    assert (
        wait_for_message(log, "Invalid input", 40).message == "Invalid input detected: ['unwanted']"
    )


def test_exception_reaches_the_error_queue(wrap):
    def consume(actor, event, **kwargs):
        event.data = "changed"
        raise KeyError("k")

    actor = Calling("a", consume)
    log, wrapper = with_log(actor), wrap(actor)
    wrapper.input = Event(data=1)
    event = wrapper.error
    assert (type(event.error), event.error.args, event.data) == (KeyError, ("k",), "changed")
    message = wait_for_message(log, "Event exception caught: ", 30).message
    assert "Traceback" in message and "KeyError: 'k'" in message


def test_wrong_output_is_an_event_error(wrap):
    class Strict(Calling):
        output = JSONEvent

    wrapper = wrap(Strict("a", passing))
    wrapper.input = Event(data=1)
    assert isinstance(wrapper.error.error, InvalidActorOutput)


def test_actor_goes_on_after_an_error(wrap):
    def consume(actor, event, **kwargs):
        actor.send_event(Event(data=1 // event.data))

    wrapper = wrap(Calling("a", consume))
    for number in (0, 1):
        wrapper.input = Event(data=number)
    assert isinstance(wrapper.error.error, ZeroDivisionError)
    assert wrapper.output.data == 1


def test_ACT_3_error_that_cannot_be_copied(wrap):
    class Awkward(Exception):
        def __init__(self, one, two):
            super().__init__("awkward")

    consumed = []

    def consume(actor, event, **kwargs):
        consumed.append(event.data)
        raise Awkward(1, 2)

    wrapper = wrap(Calling("a", consume))
    wrapper.input = Event(data="x")
    event = wrapper.error
    assert event.data == "x" and "awkward" in str(event.error)
    with pytest.raises(QueueEmpty):
        wrapper.output_queues["outbox"].get(block=True, timeout=0.05)
    assert consumed == ["x"]


def test_ACT_3_attribute_that_cannot_be_copied(wrap):
    def consume(actor, event, **kwargs):
        event.handle = (number for number in ())
        raise ValueError("x")

    wrapper = wrap(Calling("a", consume))
    wrapper.input = Event(data="x")
    event = wrapper.error
    assert event.data == "x" and isinstance(event.error, ValueError)


def test_ACT_6_full_queue_in_consume(wrap):
    bounded, tries = Queue("bounded", 1), Queue("tries")

    def consume(actor, event, **kwargs):
        tries.put(1)
        bounded.put(event.data, block=False)

    bounded.put("old")
    wrapper = wrap(Calling("a", consume))
    wrapper.input = Event(data="new")
    assert tries.get(block=True, timeout=5) == 1
    assert bounded.get() == "old"
    assert bounded.get(block=True, timeout=5) == "new"
    assert wrapper.error_queues["error"].empty()


def test_rescue_tries_again(wrap):
    def consume(actor, event, **kwargs):
        if getattr(event, "a_rescue_num", 0) < 1:
            raise ValueError("again")
        actor.send_event(event)

    wrapper = wrap(Calling("a", consume, rescue=True))
    wrapper.input = Event(data=1)
    output = wrapper.output
    assert (output.data, output.a_rescue_num) == (1, 1)
    assert wrapper.error_queues["error"].empty()


def test_rescue_ends_at_max_rescue(wrap):
    tries = []

    def consume(actor, event, **kwargs):
        tries.append(event.data)
        raise ValueError("always")

    wrapper = wrap(Calling("a", consume, rescue=True, max_rescue=1))
    wrapper.input = Event(data=1)
    event = wrapper.error
    assert isinstance(event.error, ValueError)
    assert (event.a_rescue_num, tries) == (1, [1, 1])


def waiting(actor, event, **kwargs):
    try:
        Queue("never").get(block=True, timeout=0.05 if event.data == 0 else 0.001)
    except QueueEmpty:
        actor.send_event(event)


def test_blocking_consume_keeps_the_order(wrap):
    wrapper = wrap(Calling("a", waiting, blocking_consume=True))
    for number in range(5):
        wrapper.input = Event(data=number)
    assert [wrapper.output.data for _ in range(5)] == [0, 1, 2, 3, 4]


def test_consumes_overtake_without_blocking_consume(wrap):
    gate = Queue("gate")

    def consume(actor, event, **kwargs):
        if event.data == 0:
            gate.get(block=True, timeout=5)
        actor.send_event(event)

    wrapper = wrap(Calling("a", consume))
    for number in range(5):
        wrapper.input = Event(data=number)
    assert [wrapper.output.data for _ in range(4)] == [1, 2, 3, 4]
    gate.put(1)
    assert wrapper.output.data == 0


def test_blocking_consume_is_per_queue(wrap):
    gate = Queue("gate")

    def consume(actor, event, **kwargs):
        if kwargs["origin"] == "slow":
            gate.get(block=True, timeout=5)
        actor.send_event(event)

    wrapper = wrap(Calling("a", consume, blocking_consume=True), input_queues=["slow", "fast"])
    wrapper.input_queues["slow"].put(Event(data="slow"))
    wrapper.input_queues["fast"].put(Event(data="fast"))
    assert wrapper.output.data == "fast"
    gate.put(1)
    assert wrapper.output.data == "slow"


def test_overridden_send_error_is_called(wrap):
    class Telling(Calling):
        def send_error(self, event, *args, **kwargs):
            event.told = True
            super().send_error(event, *args, **kwargs)

    def consume(actor, event, **kwargs):
        raise KeyError("k")

    wrapper = wrap(Telling("a", consume))
    wrapper.input = Event()
    assert wrapper.error.told


def test_an_overridden_send_error_that_raises_is_logged(wrap):
    class Failing(Calling):
        def send_error(self, event, *args, **kwargs):
            raise OSError("no way")

    def consume(actor, event, **kwargs):
        raise KeyError("k")

    actor = Failing("a", consume)
    log, wrapper = with_log(actor), wrap(actor)
    wrapper.input = Event()
    assert wait_for_message(log, "Unable to send event", 40).message.endswith(": no way")


def test_a_method_set_on_an_instance_is_called(wrap):
    def consume(actor, event, **kwargs):
        raise KeyError("k")

    seen = Queue("seen")
    actor = Calling("a", consume)
    actor.send_error = seen.put
    wrap(actor).input = Event(data=1)
    assert seen.get(block=True, timeout=5).data == 1


def test_overridden_register_consumer_is_called():
    class Noting(Calling):
        noted = ()

        def register_consumer(self, queue_name, queue):
            self.noted += ((queue_name, queue),)
            super().register_consumer(queue_name, queue)

    source, one, two = Calling("source"), Noting("one"), Noting("two")
    source.connect_queue("out", one, "in")
    assert one.noted == (("in", source.pool.outbound["out"]),)
    Director(generate_blockdiag=False).connect_queue((source, "both"), [one, two])
    assert [name for name, _ in one.noted + two.noted] == ["in", "both", "both"]


# --- threads


def test_spawn_passes_arguments():
    actor = Calling("a")
    task = actor.threads.spawn(lambda *args, **kwargs: (args, kwargs), 1, 2, x=3)
    assert task.get(5) == ((1, 2), {"x": 3})
    assert task.successful()


def test_ACT_7_restart_false_is_honoured():
    calls = []

    def crash():
        calls.append(1)
        raise ValueError("text")

    actor = Calling("a")
    log = with_log(actor)
    task = actor.threads.spawn(crash, restart=False)
    task.join(5)
    assert task.dead and calls == [1]
    assert messages(log) == [
        "Greenlet 'crash' has encountered an uncaught error: text",
        "Greenlet 'crash' does not desire a restart.",
    ]


def test_crashed_function_is_restarted():
    calls = []

    def crash(*args):
        calls.append(args)
        if len(calls) < 2:
            raise ValueError("text")

    actor = Calling("a")
    log = with_log(actor)
    task = actor.threads.spawn(crash, 7)
    task.join(5)
    assert task.dead and calls == [(7,), (7,)]
    assert messages(log) == [
        "Greenlet 'crash' has encountered an uncaught error: text",
        "Restarting greenlet 'crash'...",
    ]


def test_failed_consume_is_not_restarted(wrap):
    calls = []

    def consume(actor, event, **kwargs):
        calls.append(event.data)
        raise ValueError("x")

    wrapper = wrap(Calling("a", consume))
    for number in range(3):
        wrapper.input = Event(data=number)
    assert sorted(wrapper.error.data for _ in range(3)) == [0, 1, 2]
    wrapper.stop()
    assert sorted(calls) == [0, 1, 2]


def test_tasks_are_used_as_greenlets_of_gevent():
    actor = Calling("a")
    task = actor.threads.spawn(lambda: 7, restart=False)
    task.join(timeout=5)
    assert task.get(block=False) == task.get(True, 5) == task.get(timeout=5) == 7
    slow = actor.threads.spawn(compysition.sleep, 3600)
    with pytest.raises(TimeoutError):
        slow.get(block=False)
    assert list(actor.threads) == [slow] and slow in actor.threads
    slow.kill(block=True, timeout=5)
    assert slow.dead and len(actor.threads) == 0


def test_links_are_called_at_the_end_of_a_task():
    actor, seen = Calling("a"), Queue("seen")
    task = actor.threads.spawn(compysition.sleep, 3600)
    taken_back = seen.put_nowait
    task.rawlink(taken_back)
    task.unlink(taken_back)
    task.unlink(print)
    task.rawlink(seen.put)
    task.kill()
    assert seen.get(block=True, timeout=5) is task
    task.link(seen.put)  # it has ended already
    assert seen.get(block=True, timeout=5) is task
    assert seen.empty()


def test_the_pool_is_used_as_one_of_gevent():
    threads = Calling("a").threads
    values = []
    assert threads.apply(divmod, (7, 2)) == (3, 1)
    assert threads.apply_async(int, ("11",), {"base": 2}, values.append).get() == 3
    assert values == [3]
    assert threads.map(str, [1, 2]) == ["1", "2"]
    assert list(threads.imap(pow, [2, 3], [3, 2])) == [8, 9]
    assert sorted(threads.imap_unordered(str, [1, 2])) == ["1", "2"]
    assert threads.map_async(str, [1, 2]).get() == ["1", "2"]
    assert not threads.full() and threads.wait_available(timeout=1) == 1
    with pytest.raises(ValueError):
        threads.map(int, ["x"])


def test_the_pool_joins_and_kills_all():
    def crash():
        raise KeyError("text")

    threads = Calling("a").threads
    threads.spawn(crash, restart=False)
    with pytest.raises(KeyError):
        threads.join(timeout=5, raise_error=True)
    tasks = [threads.spawn(compysition.sleep, 3600) for _ in range(3)]
    threads.join(timeout=0.01)
    assert len(threads) == 3
    threads.killone(tasks[0], block=True)
    assert [task.dead for task in tasks] == [True, False, False]
    threads.kill(block=True, timeout=5)
    assert all(task.dead for task in tasks)


def test_a_list_of_queues_that_changes_while_a_send_waits():
    class Pick(Actor):
        def consume(self, event, *args, **kwargs):
            self.send_event(event, queues=queues)

    full, other = Queue("full", maxsize=1), Queue("other")
    full.put(Event(data="in the way"))
    queues = [full, other]
    inbox = Queue("inbox")
    actor = Pick("pick")
    actor.register_consumer("inbox", inbox)
    actor.start()
    inbox.put(Event(data=1))
    inbox.wait_until_empty()
    compysition.sleep(0)
    queues[1] = Queue("wrong")
    assert full.get(block=True, timeout=5).data == "in the way"
    assert full.get(block=True, timeout=5).data == 1
    assert other.get(block=True, timeout=5).data == 1
    actor.stop()
