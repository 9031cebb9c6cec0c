import logging

import pytest
from lxml import etree

from compysition import Event
from compysition.actors import EventDataAggregator, EventDataXMLAggregator, XMLAggregator
from compysition.event import JSONEvent, XMLEvent
from tests.actors.helpers import fill_outbox, logged, take, wait_for_log
from tests.corpora import naughty_strings


class Untellable:
    """A value without a text."""

    def __str__(self):
        raise ValueError("no words")


@pytest.fixture
def aggregate(wrap):
    """What becomes of an event's data."""

    def run(cls, data, **kwargs):
        wrapper = wrap(cls("all", **kwargs))
        wrapper.input = Event(data=data)
        return wrapper.output.data

    return run


# ---- as text ----


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"a": "x", "b": None, "c": 5}, "x5"),
        ({"b": "1", "a": "2"}, "12"),
        ({"a": None}, ""),
        ({}, ""),
        ({"a": b"x"}, "b'x'"),
    ],
)
def test_the_values_as_one_text(aggregate, data, text):
    assert aggregate(EventDataAggregator, data) == text


@pytest.mark.parametrize("cls", [EventDataAggregator, EventDataXMLAggregator])
@pytest.mark.parametrize("data", [None, "text", 5, ["a", "b"]])
def test_other_data_stays_as_it_is(aggregate, cls, data):
    assert aggregate(cls, data) == data


@pytest.mark.parametrize("cls", [EventDataAggregator, EventDataXMLAggregator])
def test_a_failure_is_logged_and_the_event_goes_on(wrap, log, cls):
    actor = cls("all")
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = Event(data={"a": Untellable(), "b": "x"})
    assert list(wrapper.output.data) == ["a", "b"]
    record = wait_for_log(lines, "Could")
    assert record.message == "Could not aggregate tags under event data. Reason no words"
    assert record.level == logging.ERROR
    assert wrapper.error_queues["error"].empty()


def test_text_that_a_json_event_refuses(wrap, log):
    actor = EventDataAggregator("all")
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = JSONEvent(data={"a": "no", "b": " json"})
    assert wrapper.output.data == {"a": "no", "b": " json"}
    assert len(logged(lines, logging.ERROR)) == 1
    wrapper.input = JSONEvent(data={"a": "[1,", "b": "2]"})
    assert wrapper.output.data == [1, 2]


def test_xml_data_is_no_dict(wrap):
    wrapper = wrap(EventDataAggregator("all"))
    wrapper.input = XMLEvent(data="<a/>")
    assert wrapper.output.data_string() == "<a/>"


# ---- as XML ----


def test_xml_values_under_one_root(aggregate):
    data = {"x": "<a>1</a>", "y": b"<b xmlns='u'/>", "z": etree.fromstring("<c>\u00e9</c>")}
    expected = '<all><a>1</a><b xmlns="u"/><c>&#233;</c></all>'
    assert aggregate(EventDataXMLAggregator, data) == expected


def test_the_root_has_the_name_that_is_given(aggregate):
    assert aggregate(EventDataXMLAggregator, {1: "<a/>", 2: "<b/>"}, key="k") == "<k><a/><b/></k>"
    assert (
        aggregate(XMLAggregator, {1: "<a/>", 2: "<b/>"}, key="k") == "<k><a/><b/></k>"
    )  # its old name


@pytest.mark.parametrize("value", ["<a/>", "no xml", 5])
def test_one_value_agg_1(aggregate, value):
    assert aggregate(EventDataXMLAggregator, {"x": value}) == value


def test_no_value(aggregate):
    assert aggregate(EventDataXMLAggregator, {}) is None


def test_what_is_not_xml_is_left_out(wrap, log):
    actor = EventDataXMLAggregator("all")
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = Event(data={"x": "no xml", "y": "<a/>", "z": None})
    assert wrapper.output.data == "<all><a/></all>"
    record = wait_for_log(lines, "Submitted")
    assert record.message.startswith("Submitted tag value was not valid XML. Skipping: Start tag")
    assert record.level == logging.ERROR


def test_external_entities_are_not_read(wrap, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    text = f'<!DOCTYPE a [<!ENTITY e SYSTEM "{secret}">]><a>&e;</a>'
    wrapper = wrap(EventDataXMLAggregator("all"))
    wrapper.input = Event(data={"x": text, "y": "<b/>"})
    assert wrapper.output.data == "<all><b/></all>"


def test_a_key_that_is_no_name(wrap, log):
    actor = EventDataXMLAggregator("all of it")
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = Event(data={"x": "<a/>", "y": "<b/>"})
    assert wrapper.output.data == {"x": "<a/>", "y": "<b/>"}
    assert wait_for_log(lines, "Could not aggregate").level == logging.ERROR


# ---- common ----


@pytest.mark.parametrize("cls", [EventDataAggregator, EventDataXMLAggregator])
def test_key(cls):
    assert cls("all").key == "all"
    assert cls("all", "k").key == "k"
    assert cls("all", "k", 7).size == 7


def test_a_full_destination_and_a_stop(wrap):
    actor = EventDataAggregator("all")
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(3):
        wrapper.input = Event(data={"a": number})
    assert take(outbox, 4) == ["in the way", "0", "1", "2"]
    outbox.maxsize = 0
    for number in range(20):
        wrapper.input = Event(data={"a": number})
    wrapper.stop()
    assert take(outbox, 20) == [str(number) for number in range(20)]


def test_a_subclass(wrap):
    class Own(EventDataAggregator):
        def consume(self, event, *args, **kwargs):
            if not event.data:
                raise KeyError("in the middle")
            super().consume(event, *args, **kwargs)

    wrapper = wrap(Own("all"))
    wrapper.input = Event(data={})
    wrapper.input = Event(data={"a": 1})
    assert wrapper.output.data == "1"
    assert isinstance(wrapper.error.error, KeyError)


def test_naughty_strings_pass_unchanged(aggregate):
    strings = naughty_strings()
    data = dict(enumerate(strings))
    assert aggregate(EventDataAggregator, data) == "".join(strings)
