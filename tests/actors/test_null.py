import gc

from compysition import Event
from compysition.actors import Null
from compysition.event import JSONEvent
from tests.actors.helpers import logged
from tests.flows import Source, quiet_director


def test_discards_everything_and_logs_nothing(wrap, log):
    actor = Null("null")
    lines = log(actor)
    wrapper = wrap(actor)
    logged(lines)
    for number in range(10):
        wrapper.input = Event(data=number)
    wrapper.input = JSONEvent(data={})
    wrapper.stop()
    assert wrapper.input_queues["inbox"].empty()
    assert wrapper.output_queues["outbox"].empty()
    assert wrapper.error_queues["error"].empty()
    assert logged(lines, 40) == logged(lines, 30) == logged(lines, 20) == []


def test_every_event_ends_there():
    director = quiet_director()
    source = director.register_actor(Source, "source", 100)
    null = director.register_actor(Null, "null")
    director.connect_queue(source, null)
    director.start(block=False)
    director.stop()
    events = director.stats()["events"]
    assert (events["created"], events["consumed"]) == (100, 100)


def test_a_subclass_that_overrides_consume_is_called(wrap):
    class Count(Null):
        def __init__(self, name, *args, **kwargs):
            self.seen = []
            super().__init__(name, *args, **kwargs)

        def consume(self, event, *args, **kwargs):
            super().consume(event, *args, **kwargs)
            self.seen.append((event.data, kwargs["origin"]))

    actor = Count("null")
    wrapper = wrap(actor)
    wrapper.input = Event(data=1)
    wrapper.stop()
    assert actor.seen == [(1, "inbox")]


def test_free_attributes_and_a_cycle_are_collected():
    actor = Null("null")
    actor.friend = actor
    assert vars(actor)["friend"] is actor
    del actor
    gc.collect()
    assert not [o for o in gc.get_objects() if type(o) is Null]
