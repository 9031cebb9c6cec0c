import logging

import pytest

from compysition import Event
from compysition.actors import EventLogger
from compysition.event import JSONEvent
from tests.actors.helpers import Mute, fill_outbox, take, wait_for_log
from tests.flows import quiet_director


def logs(wrap, log, event, *args, **kwargs):
    """What the actor logs about the event, which it passes on."""
    actor = EventLogger("logger", *args, prefix="! ", **kwargs)
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = event
    assert wrapper.output.event_id == event.event_id
    return wait_for_log(lines, "! ")


def test_the_full_event(wrap, log):
    event = Event(data="test", meta_id="m", extra=1)
    record = logs(wrap, log, event)
    assert record.message == f"! {event}"
    assert (record.level, record.id, record.origin_actor) == (logging.INFO, "m", "logger")


def test_tags_are_joined_without_a_separator(wrap, log):
    event = JSONEvent(data={"a": 1}, extra=0)
    event.error = ValueError("bad")
    tags = ["data", "extra", "error", "missing"]
    record = logs(wrap, log, event, logging.ERROR, tags, log_full_event=False)
    assert record.message == '! {"a": 1}0[{"message": "bad"}]None'
    assert record.level == logging.ERROR


def test_data_is_the_default_tag(wrap, log):
    assert logs(wrap, log, Event(data="test"), log_full_event=False).message == "! test"


def test_no_error_is_none_log_3(wrap, log):
    record = logs(wrap, log, Event(), logged_tags=["error"], log_full_event=False)
    assert record.message == "! None"


def test_below_the_level_nothing_is_built(wrap):
    actor = EventLogger("logger", logging.DEBUG, log_full_event=False)
    actor.logger.level = logging.INFO
    wrapper = wrap(actor)
    wrapper.input = Mute(data=1)
    assert wrapper.output.data == 1


def test_data_that_cannot_be_told_is_an_error(wrap):
    wrapper = wrap(EventLogger("logger", log_full_event=False))
    wrapper.input = Mute(data=1)
    assert str(wrapper.error.error) == "no words"


def test_tags_that_are_no_list_are_an_error(wrap):
    wrapper = wrap(EventLogger("logger", logged_tags=5, log_full_event=False))
    wrapper.input = Event(data=1)
    assert isinstance(wrapper.error.error, TypeError)


def test_a_level_that_is_no_number():
    with pytest.raises(TypeError):
        EventLogger("logger", "INFO")


def test_a_full_destination(wrap):
    actor = EventLogger("logger")
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(3):
        wrapper.input = Event(data=number)
    assert take(outbox, 4) == ["in the way", 0, 1, 2]


def test_as_log_actor_it_does_not_feed_itself_log_1():
    director = quiet_director(log_level=logging.DEBUG)
    logger = director.register_log_actor(EventLogger, "logger")
    director.start(block=False)
    director.stop()
    count = director.stats()["actors"]["logger"]["in"]
    assert 0 < count < 100
    assert logger.pool.inbound["log_inbox"].empty()


def test_subclasses(wrap, log):
    class Twice(EventLogger):
        def consume(self, event, *args, **kwargs):
            super().consume(event, *args, **kwargs)
            super().consume(event, *args, **kwargs)

    wrapper = wrap(Twice("logger"))
    wrapper.input = Event(data=1)
    assert [wrapper.output.data, wrapper.output.data] == [1, 1]
