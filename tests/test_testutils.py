import pytest

import compysition.testutils.test_actor as module
from compysition import Actor, Event, Queue
from compysition.errors import QueueEmpty, QueueFull
from compysition.event import HttpEvent, JSONEvent
from compysition.testutils.test_actor import FunneledQueue, TestActorWrapper


class Echo(Actor):
    def consume(self, event, *args, **kwargs):
        if event.data == "fail":
            raise ValueError("wanted")
        event.origin = kwargs["origin"]
        self.send_event(event)


def test_pytest_does_not_collect_it():
    assert TestActorWrapper.__test__ is False
    assert module.Queue is Queue


def test_input_to_output(wrap):
    wrapper, event = wrap(Echo("echo")), Event(data="x")
    wrapper.input = event
    assert wrapper.input is event
    output = wrapper.output
    assert (output.data, output.event_id) == ("x", event.event_id)
    assert output is not event
    assert wrapper.actor.is_running()


def test_input_is_none_at_first(wrap):
    assert wrap(Echo("echo")).input is None


def test_error(wrap):
    wrapper = wrap(Echo("echo"))
    wrapper.input = Event(data="fail")
    error = wrapper.error.error
    assert isinstance(error, ValueError) and str(error) == "wanted"


def test_output_timeout(wrap):
    wrapper = wrap(Echo("echo"), output_timeout=0.05)
    assert wrapper.output_timeout == 0.05
    with pytest.raises(QueueEmpty):
        _ = wrapper.output
    with pytest.raises(QueueEmpty):
        _ = wrapper.error


def test_several_queues(wrap):
    wrapper = wrap(
        Echo("echo"),
        input_queues=["a", "b"],
        output_queues=["one", "two"],
        error_queues=["e1", "e2"],
    )
    assert (list(wrapper.input_queues), list(wrapper.output_queues)) == (["a", "b"], ["one", "two"])
    assert list(wrapper.error_queues) == ["e1", "e2"]
    wrapper.input = Event(data="x")
    seen = [wrapper.output for _ in range(4)]
    assert sorted(event.origin for event in seen) == ["a", "a", "b", "b"]
    for name in ("one", "two"):
        events = [wrapper.output_queues[name].get(block=True, timeout=1) for _ in range(2)]
        assert sorted(event.origin for event in events) == ["a", "b"]


def test_single_names(wrap):
    wrapper = wrap(Echo("echo"), "in", "out", "err")
    assert [
        list(queues)
        for queues in (wrapper.input_queues, wrapper.output_queues, wrapper.error_queues)
    ] == [
        ["in"],
        ["out"],
        ["err"],
    ]
    wrapper.input_queues["in"].put(Event(data="direct"))
    assert wrapper.output.data == "direct"
    assert wrapper.output_queues["out"].get(block=True, timeout=1).data == "direct"


def test_queues_are_those_of_the_actor(wrap):
    wrapper = wrap(Echo("echo"))
    pool = wrapper.actor.pool
    assert pool.inbound["inbox"] is wrapper.input_queues["inbox"]
    assert pool.outbound["outbox"] is wrapper.output_queues["outbox"]
    assert pool.error["error"] is wrapper.error_queues["error"]


def test_stop(wrap):
    wrapper = wrap(Echo("echo"))
    wrapper.stop()
    assert wrapper.actor.loop() is False


def test_TST_1_input_is_not_checked_against_the_output_type(wrap):
    class ToHttp(Echo):
        input = JSONEvent
        output = HttpEvent

        def consume(self, event, *args, **kwargs):
            self.send_event(HttpEvent(data=event.data["a"]))

    wrapper = wrap(ToHttp("to_http"))
    wrapper.input = JSONEvent(data={"a": "b"})
    output = wrapper.output
    assert type(output) is HttpEvent
    assert output.data == "b"


def test_funneled_queue_puts_the_same_object_on_both():
    funnel, element = Queue("funnel"), object()
    queue = FunneledQueue("q", funnel)
    queue.put(element)
    assert queue.funnel_queue is funnel
    assert funnel.get() is element and queue.get() is element


def test_funneled_queue_fills_the_funnel_first():
    funnel = Queue("funnel", 1)
    queue = FunneledQueue("q", funnel_queue=funnel)
    queue.put(1)
    with pytest.raises(QueueFull):
        queue.put(2, block=False)
    assert (len(funnel), len(queue)) == (1, 1)


def test_funneled_queue_without_funnel():
    queue = FunneledQueue("q", maxsize=2)
    queue.put(1)
    assert (queue.name, queue.maxsize, queue.funnel_queue, queue.get()) == ("q", 2, None, 1)
