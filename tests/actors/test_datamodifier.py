import pytest

from compysition import Event
from compysition.actors.eventattributemodifier import (
    EventDataEventAttributeModifier,
    EventDataStaticAttributeModifier,
)
from compysition.errors import EventAttributeError, MalformedEventData
from compysition.event import HttpEvent, JSONEvent, XMLEvent
from tests.actors.helpers import fill_outbox, take
from tests.corpora import naughty_strings

# ---- EventDataEventAttributeModifier ----


@pytest.mark.parametrize(
    ("event", "key", "data"),
    [
        (Event(data=1, foo=2), "foo", {"foo": 2}),
        (Event(data=1), "service", {"service": "default"}),
        (Event(data=1, foo=None), "foo", {"foo": None}),
        (JSONEvent(data={"a": 1}, foo=(1, 2)), "foo", {"foo": [1, 2]}),
        (HttpEvent(environment={"X": {"Y": 1}}), "environment/X/Y", {"environment/X/Y": 1}),
        (HttpEvent(environment={"X": 1}), ["environment", "X"], {"environment/X": 1}),
        (Event(modifier=5), None, {"modifier": 5}),
    ],
)
def test_the_attribute_becomes_the_data(modify, event, key, data):
    result = modify(EventDataEventAttributeModifier("modifier", key), event)
    assert result.data == data


def test_the_attribute_keeps_its_value(modify):
    event = modify(EventDataEventAttributeModifier("modifier", "foo"), Event(foo={"a": [1]}))
    assert event.foo == {"a": [1]} == event.data["foo"]


def test_the_default_key_changes_nothing(modify):
    assert modify(EventDataEventAttributeModifier("modifier"), Event(data=[1])).data == [1]


def test_as_xml(modify):
    event = modify(EventDataEventAttributeModifier("modifier", "foo"), XMLEvent(foo="x"))
    assert event.data_string() == "<foo>x</foo>"


@pytest.mark.parametrize("key", ["foo", "foo/bar", "environment/X"])
def test_an_attribute_that_is_missing(wrap, key):
    wrapper = wrap(EventDataEventAttributeModifier("modifier", key))
    wrapper.input = HttpEvent(data="kept")
    failed = wrapper.error
    assert isinstance(failed.error, EventAttributeError)
    assert failed.error.message == [f"Event property '{key}' does not exist"]
    assert failed.data == "kept"


# ---- EventDataStaticAttributeModifier ----


def test_a_static_value(modify):
    event = modify(EventDataStaticAttributeModifier("modifier", "foo", [5]), Event(data=1))
    assert (event.data, event.foo) == ({"foo": [5]}, [5])


def test_the_default_key_is_the_data_itself(modify):
    assert modify(EventDataStaticAttributeModifier("modifier", value=5), Event(data=1)).data == 5


def test_data_that_is_refused(wrap):
    wrapper = wrap(EventDataStaticAttributeModifier("modifier", "foo", {1, 2}))
    wrapper.input = JSONEvent(data={"a": 1})
    failed = wrapper.error
    assert isinstance(failed.error, MalformedEventData)
    assert failed.data == {"a": 1}
    assert wrapper.output_queues["outbox"].empty()


def test_get_key_chain_value_of_a_subclass(wrap):
    class Own(EventDataStaticAttributeModifier):
        def get_key_chain_value(self, event, value):
            if event.data == "bad":
                raise KeyError("in the middle")
            return super().get_key_chain_value(event=event, value=value + 1)

    wrapper = wrap(Own("modifier", "foo", 5))
    wrapper.input = Event(data="bad")
    wrapper.input = Event(data="good")
    assert wrapper.output.data == {"foo": 6}
    assert isinstance(wrapper.error.error.message[0], KeyError)


def test_a_full_destination_and_a_stop(wrap):
    actor = EventDataStaticAttributeModifier("modifier", "foo", 1)
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(3):
        wrapper.input = Event(data=number)
    assert take(outbox, 4) == ["in the way", *[{"foo": 1}] * 3]
    outbox.maxsize = 0
    for number in range(20):
        wrapper.input = Event(data=number)
    wrapper.stop()
    assert take(outbox, 20) == [{"foo": 1}] * 20


# ---- naughty strings ----


def test_naughty_strings_pass_unchanged():
    for string in [text for text in naughty_strings() if text]:
        actor = EventDataStaticAttributeModifier("modifier", [string], string)
        event = actor.get_key_chain_value(JSONEvent(), actor.get_modify_value(JSONEvent()))
        assert (event.data, getattr(event, string)) == ({string: string}, string)
        event = JSONEvent(foo=string)
        actor = EventDataEventAttributeModifier("modifier", "foo")
        event = actor.get_key_chain_value(event, actor.get_modify_value(event))
        assert (event.data, event.foo) == ({"foo": string}, string)
