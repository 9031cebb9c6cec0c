import logging

import pytest

from compysition import Event
from compysition.actors import EventAttributeLookupModifier, EventAttributeModifier
from compysition.errors import InvalidEventDataModification, MalformedEventData
from compysition.event import HttpEvent, JSONEvent, JSONHttpEvent
from tests.actors.helpers import fill_outbox, take, wait_for_log
from tests.corpora import naughty_strings


@pytest.fixture
def modify(wrap):
    """Send an event through a modifier; what comes out."""

    def run(event, *args, cls=EventAttributeModifier, **kwargs):
        wrapper = wrap(cls("modifier", *args, **kwargs))
        wrapper.input = event
        return wrapper.output

    return run


@pytest.fixture
def refuse(wrap):
    """Send an event through a modifier that cannot use it; the error and its reason."""

    def run(event, *args, cls=EventAttributeModifier, **kwargs):
        wrapper = wrap(cls("modifier", *args, **kwargs))
        wrapper.input = event
        failed = wrapper.error
        assert wrapper.output_queues["outbox"].empty()
        assert isinstance(failed.error, MalformedEventData)
        return failed, failed.error.message[0]

    return run


# ---- where it is set ----


@pytest.mark.parametrize(
    ("event", "key", "path"),
    [
        (Event(), "foo", ["foo"]),
        (Event(), "data", ["data"]),
        (Event(), "foo/bar", ["foo", "bar"]),
        (Event(), "foo/bar/baz", ["foo", "bar", "baz"]),
        (Event(foo={"bar": {"x": 1}}), "foo/bar/baz", ["foo", "bar", "baz"]),
        (Event(foo=0), "foo/bar", ["foo", "bar"]),
        (JSONEvent(), "data/foo", ["data", "foo"]),
        (JSONEvent(data={"foo": {}}), "data/foo/bar", ["data", "foo", "bar"]),
        (Event(), ["foo", "a/b"], ["foo", "a/b"]),
        (HttpEvent(), "headers/X", ["headers", "X"]),
    ],
)
def test_the_key_mod_2(modify, event, key, path):
    assert modify(event, key, "value").lookup(path) == "value"


def test_what_is_beside_it_stays(modify):
    event = modify(JSONEvent(data={"a": {"b": 1}}), "data/a/c", 2)
    assert event.data == {"a": {"b": 1, "c": 2}}


def test_the_defaults_set_the_data_to_an_empty_dict(modify):
    assert modify(Event(data=1)).data == {}


def test_no_key_is_the_actors_name(modify):
    assert modify(Event(), None, 1).modifier == 1


def test_separator(modify):
    assert modify(Event(), "a.b/c", 1, separator=".").a == {"b/c": 1}


def test_a_status(modify):
    assert modify(HttpEvent(), "status", (404, "Not Found")).status == (404, "Not Found")


def test_json_data(modify):
    assert modify(JSONEvent(), "data", {"a": (1,)}).data == {"a": [1]}


def test_each_event_gets_a_value_of_its_own(wrap):
    value = {"list": []}
    actor = EventAttributeModifier("modifier", "data", value)
    wrapper = wrap(actor)
    for _ in range(2):
        wrapper.input = Event()
        wrapper.output.data["list"].append(1)
    assert value == {"list": []}
    event = Event()
    actor.consume(event)
    event.data["list"].append(1)
    assert value == {"list": []}


def test_log_change(wrap, log):
    actor = EventAttributeModifier("modifier", "a/b", 5, True)
    lines = log(actor)
    wrap(actor).input = Event()
    record = wait_for_log(lines, "Changed")
    assert record.message == "Changed event.a/b to 5"
    assert record.level == logging.INFO


# ---- what goes wrong ----


def test_invalid_data_mod_1(refuse):
    failed, reason = refuse(JSONEvent(data={"a": 1}), "data", "Hello")
    assert isinstance(reason, InvalidEventDataModification)
    assert failed.data == {"a": 1}


def test_an_invalid_status_mod_1(refuse):
    failed, reason = refuse(JSONHttpEvent(), "status", "nothing of the kind")
    assert isinstance(reason, ValueError)
    assert failed.status == (400, "Bad Request")


def test_the_id_cannot_be_changed(refuse):
    _, reason = refuse(Event(), "event_id", "x")
    assert isinstance(reason, InvalidEventDataModification)


@pytest.mark.parametrize("key", ["data/a/b", "data/a/b/c", "text/a"])
def test_a_step_that_is_no_dict(wrap, log, key):
    actor = EventAttributeModifier("modifier", key, 1)
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = Event(data={"a": "x"}, text="x")
    assert isinstance(wrapper.error.error, MalformedEventData)
    record = wait_for_log(lines, "Unable")
    assert record.message == "Unable to follow key chain. Ran into non-dict value of 'x'"
    assert record.level == logging.ERROR


def test_arguments():
    with pytest.raises(TypeError, match="key"):
        EventAttributeModifier("modifier", 5)
    with pytest.raises(ValueError, match="separator"):
        EventAttributeModifier("modifier", separator="")


@pytest.mark.parametrize(("attribute", "value"), [("separator", 5), ("separator", ""), ("key", [])])
def test_attributes_that_make_no_sense(wrap, attribute, value):
    actor = EventAttributeModifier("modifier", "a/b", 1)
    setattr(actor, attribute, value)
    wrapper = wrap(actor)
    wrapper.input = Event()
    assert isinstance(wrapper.error.error, MalformedEventData)


def test_one_failure_does_not_stop_the_others(wrap):
    wrapper = wrap(EventAttributeModifier("modifier", "data/a", 1))
    wrapper.input = Event(data="no dict")
    wrapper.input = Event(data={})
    assert wrapper.output.data == {"a": 1}


def test_a_full_destination(wrap):
    actor = EventAttributeModifier("modifier", "data", "set")
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(3):
        wrapper.input = Event(data=number)
    assert take(outbox, 4) == ["in the way", "set", "set", "set"]


def test_a_stop_finishes_what_waits(wrap):
    wrapper = wrap(EventAttributeModifier("modifier", "data", "set"))
    for number in range(50):
        wrapper.input = Event(data=number)
    wrapper.stop()
    assert take(wrapper.output_queues["outbox"], 50) == ["set"] * 50


# ---- subclasses ----


def test_get_modify_value(modify):
    class Length(EventAttributeModifier):
        def get_modify_value(self, event):
            return len(event.data)

    assert modify(Event(data="four"), "length", cls=Length).length == 4


def test_get_key_chain_value(modify):
    class Elsewhere(EventAttributeModifier):
        def get_key_chain_value(self, event, value):
            event = super().get_key_chain_value(event, value=value)
            event.also = value
            return event

    event = modify(Event(), "foo", 1, cls=Elsewhere)
    assert (event.foo, event.also) == (1, 1)


def test_get_key_chain_value_may_return_another_event_or_nothing(modify):
    class Another(EventAttributeModifier):
        def get_key_chain_value(self, event, value):
            return Event(data="another")

    class Nothing(EventAttributeModifier):
        def get_key_chain_value(self, event, value):
            event.data = "changed"

    assert modify(Event(), cls=Another).data == "another"
    assert modify(Event(), cls=Nothing).data == "changed"


def test_an_assignment_that_raises_is_malformed_data(refuse):
    class Bad(EventAttributeModifier):
        def get_key_chain_value(self, event, value):
            raise KeyError("no")

    _, reason = refuse(Event(), cls=Bad)
    assert isinstance(reason, KeyError)


def test_a_value_that_raises_is_its_own_error(wrap):
    class Bad(EventAttributeModifier):
        def get_modify_value(self, event):
            raise KeyError("no")

    wrapper = wrap(Bad("modifier"))
    wrapper.input = Event()
    assert isinstance(wrapper.error.error, KeyError)


def test_a_method_set_on_the_instance(wrap):
    actor = EventAttributeModifier("modifier")
    actor.get_modify_value = lambda event: "mine"
    wrapper = wrap(actor)
    wrapper.input = Event()
    assert wrapper.output.data == "mine"


# ---- lookup ----


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (["data", "a", "b"], [1, 2]),
        (["data", "x"], None),
        ("service", "default"),
        (("data", "a", "b", 1), 2),
    ],
)
def test_lookup(modify, value, found):
    event = JSONEvent(data={"a": {"b": [1, 2]}})
    assert modify(event, "found", value, cls=EventAttributeLookupModifier).found == found


def test_lookup_of_invalid_data(refuse):
    event = JSONEvent(data={"a": "no json"})
    _, reason = refuse(event, "data", ["data", "a"], cls=EventAttributeLookupModifier)
    assert isinstance(reason, InvalidEventDataModification)


# ---- naughty strings ----


def test_naughty_strings_pass_unchanged(wrap):
    """As values, as keys of a dict in the event, and as what is looked up."""
    strings = naughty_strings()
    event = HttpEvent(data={"kept": strings})
    for string in strings:
        EventAttributeModifier("modifier", "found", string).get_key_chain_value(event, string)
        assert event.found == string
        actor = EventAttributeModifier("modifier", ["headers", string], string)
        actor.get_key_chain_value(event, actor.get_modify_value(event))
        assert event.headers[string] == string
        lookup = EventAttributeLookupModifier("modifier", "found", ["headers", string])
        assert lookup.get_modify_value(event) == string
    wrapper = wrap(EventAttributeModifier("modifier", "found", strings))
    wrapper.input = event
    out = wrapper.output
    assert (out.found, out.data) == (strings, {"kept": strings})
    assert list(out.headers) == list(dict.fromkeys(strings))


def test_naughty_strings_as_keys_of_attributes(wrap):
    """A name can be any text; one that the event guards is refused, with what the event had."""
    for string in [text for text in naughty_strings() if text]:
        actor = EventAttributeModifier("modifier", [string], "value")
        event = actor.get_key_chain_value(HttpEvent(data="kept"), "value")
        assert (getattr(event, string), event.data) == ("value", "kept")
