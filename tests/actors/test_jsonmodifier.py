import json
import logging

import pytest

from compysition import Event
from compysition.actors import (
    HTTPJSONAttributeModifier,
    HTTPStatusModifier,
    JSONEventAttributeModifier,
)
from compysition.errors import InvalidEventDataModification, MalformedEventData
from compysition.event import HttpEvent, JSONEvent, JSONHttpEvent, XMLEvent
from tests.actors.helpers import fill_outbox, take, wait_for_log
from tests.corpora import naughty_strings


def found(data, path, **kwargs):
    """What a modifier finds in JSON data."""
    actor = JSONEventAttributeModifier("modifier", key="found", value=path, **kwargs)
    return actor.get_modify_value(JSONEvent(data=json.dumps(data)))


# ---- JSONEventAttributeModifier ----


@pytest.mark.parametrize(
    ("data", "path", "value"),
    [
        ({"a": 1}, "a", 1),
        ({"a": {"b": [1, 2]}}, "a/b", [1, 2]),
        ({"a": {"b": False}}, "a/b", False),
        ({"a": {"b": [5, {"c": 6}]}}, "a/b/1/c", 6),
        ({"a/b": 1}, ["a/b"], 1),
        ({"": {"": 1}}, "/", 1),
        ({"a": {}}, "a", None),
        ({"a": None}, "a", None),
        ({}, "a", None),
        ({"a": 1}, "a/b", None),
        ({"a": "text"}, "a/upper", None),
        ("text", "upper", None),
        (None, "a", None),
    ],
)
def test_the_value(data, path, value):
    assert found(data, path) == value


@pytest.mark.parametrize(
    ("data", "path", "value"),
    [
        ([{"a": 1}, {"a": 2}], "a", 1),
        ([{"b": 1}, {"a": 2}], "a", 2),
        ([{"a": {"c": 1}}, {"a": {"b": 2}}], "a/b", 2),
        ([{"a": 5}, "text", None, {"a": {"b": 2}}], "a/b", 2),
        ([{"a": None}, {"a": 2}], "a", None),
        ([{"b": 1}], "a", None),
        ([], "a", None),
        ([1, "x"], "a", None),
        ([[5, 6]], "0/1", 6),
        ([7, 8], "1", 8),
    ],
)
def test_lists_mod_4(data, path, value):
    """The first item that has the path counts; an index may come first, too."""
    assert found(data, path) == value


def test_the_separator_mod_3(modify):
    actor = JSONEventAttributeModifier("modifier", ".", "x.y", "a.b")
    assert actor.separator == "."
    event = modify(actor, JSONEvent(data={"a": {"b": 5}, "a.b": 6}))
    assert event.x == {"y": 5}


def test_the_key_is_the_data_by_default(modify):
    event = modify(
        JSONEventAttributeModifier("modifier", value="a"), JSONEvent(data={"a": {"b": 5}})
    )
    assert event.data == {"b": 5}


def test_a_value_that_is_no_json_data_mod_1(wrap):
    wrapper = wrap(JSONEventAttributeModifier("modifier", value="a"))
    wrapper.input = JSONEvent(data={"a": "Hello"})
    failed = wrapper.error
    assert isinstance(failed.error, MalformedEventData)
    assert isinstance(failed.error.message[0], InvalidEventDataModification)
    assert failed.data == {"a": "Hello"}
    assert wrapper.output_queues["outbox"].empty()


def test_a_part_of_the_data_in_another_place(modify):
    actor = JSONEventAttributeModifier("modifier", key="data/copy/deep", value="a")
    event = modify(actor, JSONEvent(data={"a": [1]}))
    assert event.data == {"a": [1], "copy": {"deep": [1]}}


def test_arguments():
    with pytest.raises(TypeError, match="value"):
        JSONEventAttributeModifier("modifier")
    with pytest.raises(TypeError, match="value must be a str or a list"):
        JSONEventAttributeModifier("modifier", value={})
    with pytest.raises(ValueError, match="separator"):
        JSONEventAttributeModifier("modifier", "", value="a")
    actor = JSONEventAttributeModifier("modifier", "/", None, "a", True, 7)
    assert (actor.key, actor.log_change, actor.size) == ("modifier", True, 7)


def test_events_of_other_types_are_converted(wrap):
    wrapper = wrap(JSONEventAttributeModifier("modifier", key="found", value="a/b"))
    wrapper.input = XMLEvent(data="<a><b>1</b></a>")
    event = wrapper.output
    assert (type(event), event.found) == (JSONEvent, "1")
    wrapper.input = Event(data="no json")
    assert isinstance(wrapper.error.error, InvalidEventDataModification)


def test_log_change(wrap, log):
    actor = JSONEventAttributeModifier("modifier", key="found", value="a", log_change=True)
    lines = log(actor)
    wrap(actor).input = JSONEvent(data={"a": 5})
    record = wait_for_log(lines, "Changed")
    assert (record.message, record.level) == ("Changed event.found to 5", logging.INFO)


def test_a_full_destination(wrap):
    actor = JSONEventAttributeModifier("modifier", value="a")
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(3):
        wrapper.input = JSONEvent(data={"a": [number]})
    assert take(outbox, 4) == ["in the way", [0], [1], [2]]


def test_a_stop_finishes_what_waits(wrap):
    wrapper = wrap(JSONEventAttributeModifier("modifier", value="a"))
    for number in range(50):
        wrapper.input = JSONEvent(data={"a": [number] if number % 2 else "no json data"})
    wrapper.stop()
    assert take(wrapper.output_queues["outbox"], 25) == [[n] for n in range(1, 50, 2)]
    assert wrapper.error_queues["error"].qsize() == 25


def test_a_subclass(wrap):
    class Length(JSONEventAttributeModifier):
        def get_modify_value(self, event):
            if event.data == {}:
                raise KeyError("in the middle")
            return len(super().get_modify_value(event))

    wrapper = wrap(Length("modifier", key="found", value="a"))
    wrapper.input = JSONEvent(data={})
    wrapper.input = JSONEvent(data={"a": [1, 2]})
    assert wrapper.output.found == 2
    assert isinstance(wrapper.error.error, KeyError)


def test_naughty_strings_pass_unchanged(wrap):
    strings = naughty_strings()
    wrapper = wrap(JSONEventAttributeModifier("modifier", value=["a", "b"]))
    wrapper.input = JSONEvent(data={"a": {"b": strings}})
    assert wrapper.output.data == strings
    assert [found({string: [string]}, [string]) for string in strings] == [[s] for s in strings]


# ---- statuses ----


@pytest.mark.parametrize("value", [(404, "Not Found"), [404, "Not Found"], "404 Not Found", 404])
def test_http_status_modifier(modify, value):
    event = modify(HTTPStatusModifier("modifier", value), HttpEvent())
    assert event.status == (404, "Not Found")


def test_the_default_status(modify):
    actor = HTTPStatusModifier("modifier")
    assert (actor.key, actor.value) == ("status", (200, "OK"))
    assert modify(actor, HttpEvent(status=(404, "Not Found"))).status == (200, "OK")


def test_an_event_that_is_not_http(modify):
    assert modify(HTTPStatusModifier("modifier", 404), Event()).status == 404


def test_an_invalid_status_mod_1(wrap):
    wrapper = wrap(HTTPStatusModifier("modifier", "nothing of the kind"))
    wrapper.input = HttpEvent()
    assert isinstance(wrapper.error.error, MalformedEventData)


def test_the_key_is_fixed(modify):
    actor = HTTPStatusModifier("modifier", value=404, key="data")
    assert modify(actor, HttpEvent(data=1)).data == 1
    assert actor.key == "status"


@pytest.mark.parametrize("status", ["404 Not Found", 404, [404, "Not Found"]])
def test_http_json_attribute_modifier(modify, status):
    actor = HTTPJSONAttributeModifier("modifier", "result/status")
    event = modify(actor, JSONHttpEvent(data={"result": {"status": status}}))
    assert event.status == (404, "Not Found")


def test_a_status_that_is_missing(wrap):
    wrapper = wrap(HTTPJSONAttributeModifier("modifier", "result/status"))
    wrapper.input = JSONHttpEvent(data={})
    failed = wrapper.error
    assert isinstance(failed.error, MalformedEventData)
    assert failed.status == (400, "Bad Request")


def test_http_json_attribute_modifier_arguments():
    with pytest.raises(TypeError, match="value"):
        HTTPJSONAttributeModifier("modifier")
    with pytest.raises(TypeError, match="value"):
        HTTPJSONAttributeModifier("modifier", 5)
    assert HTTPJSONAttributeModifier.input is JSONEvent
    assert HTTPJSONAttributeModifier.output is JSONEvent
