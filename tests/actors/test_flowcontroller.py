import copy
import weakref

import pytest

from compysition import Actor, Event, Queue
from compysition.actors import FlowController
from compysition.errors import InvalidActorOutput
from compysition.event import HttpEvent, JSONEvent
from tests.actors.helpers import fill_outbox, take
from tests.flows import quiet_director


def test_every_outbox_gets_its_own_copy(wrap):
    wrapper = wrap(FlowController("flow"), output_queues=["one", "two"])
    event = JSONEvent(data={"a": [1]}, extra=2)
    wrapper.input = event
    one, two = (wrapper.output_queues[name].get(block=True, timeout=5) for name in ("one", "two"))
    assert one is not two
    assert one.event_id == two.event_id == event.event_id
    one.data["a"].append(2)
    assert (two.data, two.extra) == ({"a": [1]}, 2)


def test_other_event_classes_pass_unchanged(wrap):
    wrapper = wrap(FlowController("flow"))
    wrapper.input = HttpEvent(data="text", status=(404, "Not Found"))
    event = wrapper.output
    assert type(event) is HttpEvent
    assert event.status == (404, "Not Found")


def test_an_event_that_is_no_output_is_an_error(wrap):
    class OnlyJson(FlowController):
        output = JSONEvent

    wrapper = wrap(OnlyJson("flow"))
    wrapper.input = Event(data="text")
    assert isinstance(wrapper.error.error, InvalidActorOutput)


def test_what_is_no_event_is_an_error(wrap):
    actor = FlowController("flow")
    with pytest.raises(TypeError):
        actor.consume("text")
    with pytest.raises(TypeError):
        actor.consume()


@pytest.mark.parametrize(
    "make",
    [
        lambda held: JSONEvent(data={"a": held}),
        lambda held: Event(data=held),
        lambda held: Event(extra=held),
        lambda held: Event(service=held),
        lambda held: HttpEvent(headers=held),
        lambda held: HttpEvent(environment={"a": held}),
    ],
)
def test_what_the_script_still_holds_does_not_travel(wrap, make):
    """An event that nobody else has goes on itself; that must not share anything."""
    held = {"inner": [1]}
    event = make(held)
    before = copy.deepcopy((event.data, event.get_properties()))
    inbox = Queue("inbox")
    actor = FlowController("flow")
    actor.register_consumer("inbox", inbox)
    wrapper = wrap(actor)
    inbox.put(event)
    del event
    arrived = wrapper.output
    held["inner"].append(2)
    held["more"] = 3
    assert (arrived.data, arrived.get_properties()) == before


def test_an_event_that_the_script_holds_stays_its_own(wrap):
    wrapper = wrap(FlowController("flow"))
    event = Event(data="text")
    seen = weakref.ref(event)
    wrapper.input = event
    arrived = wrapper.output
    assert arrived is not event
    arrived.data = "changed"
    assert seen().data == "text"


def test_a_full_destination_holds_events_back(wrap):
    actor = FlowController("flow")
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(10):
        wrapper.input = Event(data=number)
    assert take(outbox, 11) == ["in the way", *range(10)]


def test_a_destination_that_raises_leaves_the_others_working(wrap):
    class Broken(Queue):
        def put(self, element, *args, **kwargs):
            raise OSError("no")

    actor = FlowController("flow")
    actor.pool.outbound.add("broken", queue=Broken("broken"))
    wrapper = wrap(actor, output_queues=[])
    wrapper.input = Event(data=1)
    assert isinstance(wrapper.error.error, OSError)


def test_a_stop_delivers_what_waits():
    class Keep(Actor):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.data = []

        def consume(self, event, *args, **kwargs):
            self.data.append(event.data)

    director = quiet_director(size=2)
    flow = director.register_actor(FlowController, "flow")
    keep = director.register_actor(Keep, "keep", blocking_consume=True)
    director.connect_queue(flow, keep)
    inbox = Queue("inbox")
    flow.register_consumer("inbox", inbox)
    for number in range(100):
        inbox.put(Event(data=number))
    director.start(block=False)
    director.stop()
    assert keep.data == list(range(100))


def test_subclasses_extend_consume(wrap):
    class Double(FlowController):
        def consume(self, event, *args, **kwargs):
            event.data *= 2
            super().consume(event, *args, **kwargs)

    wrapper = wrap(Double("flow"))
    wrapper.input = Event(data=21)
    assert wrapper.output.data == 42
