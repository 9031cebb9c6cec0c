"""Events as bytes for other processes: docs/wire-format.rst. FIX SEC-2."""

import datetime
import decimal
import math
import pickle
import re
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from compysition import errors, wire
from compysition.actors import TCPIn
from compysition.errors import CompysitionException, MalformedEventData, QueueEmpty
from compysition.event import (
    Event,
    HttpEvent,
    JSONEvent,
    JSONHttpEvent,
    LogEvent,
    XMLEvent,
    XMLHttpEvent,
)

PREFIX = b"\xd9\xd9\xf7\x83\x63cpe\x01"
ID = bytes(range(16))
EVENT = PREFIX + b"\xa2\x00\x65Event\x01\x50" + ID


def hop(event, **options):
    """The event on the other side."""
    return wire.loads(wire.dumps(event), **options)


def with_fields(*fields):
    """An Event with more fields, each CBOR of a key and its value."""
    return PREFIX + bytes([0xA2 + len(fields)]) + EVENT[len(PREFIX) + 1 :] + b"".join(fields)


def json_event(*fields):
    return (
        PREFIX + bytes([0xA2 + len(fields)]) + b"\x00\x69JSONEvent\x01\x50" + ID + b"".join(fields)
    )


# ---- values ----

VALUES = [
    None,
    True,
    False,
    0,
    23,
    -1,
    2**63 - 1,
    -(2**63),
    2**63,
    2**64 - 1,
    -(2**64),
    2**64,
    -(2**64) - 1,
    2**1000,
    1.5,
    -0.0,
    math.inf,
    "",
    "\u00fc\u20ac\U0001f600",
    "\ud800 lone \udfff",
    "nul\0",
    b"",
    b"\xff\0",
    bytearray(b"x"),
    [],
    [1, [2, []]],
    (),
    (1, (2,)),
    {},
    {"a": {"b": [None]}},
    {1: 2, b"k": 3, None: 4, 1.5: 5, "\ud800": 6, -7: 8, 2**64 - 1: 9},
    set(),
    {1, "a", b"b", None},
    frozenset({1}),
    datetime.datetime(2026, 11, 24, 12, 0, 1, 5),
    datetime.datetime(2026, 11, 24, tzinfo=datetime.UTC),
    datetime.date(1, 1, 1),
    datetime.time(23, 59, 59, 999999),
    datetime.timedelta(days=-1, seconds=5, microseconds=3),
    decimal.Decimal("1.10"),
    decimal.Decimal("-Infinity"),
    uuid.UUID(int=5),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_values(value):
    got = hop(Event(data=value, mark=[value])).data
    assert got == value
    assert type(got) is type(value)
    assert hop(Event(mark=value)).mark == value


def test_a_number_that_is_none_and_the_sign_of_zero():
    assert math.isnan(hop(Event(data=math.nan)).data)
    assert math.copysign(1, hop(Event(data=-0.0)).data) == -1


class Text(str):
    """A subclass of a built-in type."""


class Number(int):
    """Another."""


@pytest.mark.parametrize(
    ("value", "base"), [(Text("a"), str), (Number(3), int), (type("D", (dict,), {})(a=1), dict)]
)
def test_subclasses_of_builtin_types_travel_as_those(value, base):
    got = hop(Event(data=value)).data
    assert type(got) is base
    assert got == value


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (object(), "data: an object of type object"),
        ({"a": [1, {"b": len}]}, "data['a'][1]['b']: an object of type builtin_function"),
        ({(1, 2): 3}, "data: a dict with a key of type tuple"),
        (datetime.UTC, "data: an object of type datetime.timezone"),
    ],
)
def test_what_cannot_be_sent_is_named_with_its_place(data, place):
    with pytest.raises(TypeError, match=re.escape(place)):
        wire.dumps(Event(data=data))


def test_an_attribute_that_cannot_be_sent_is_named():
    with pytest.raises(
        TypeError, match=re.escape("attributes['mark'][0]: an object of type object")
    ):
        wire.dumps(Event(mark=[object()]))


def test_cycles_and_depth():
    cycle = []
    cycle.append(cycle)
    with pytest.raises(TypeError, match="holds itself, or is more than 500 levels deep"):
        wire.dumps(Event(data=cycle))
    for depth in (499, 500):
        data = []
        for _ in range(depth - 1):
            data = [data]
        assert hop(Event(data=data)).data == data
    with pytest.raises(TypeError, match="500"):
        wire.dumps(Event(data=[data]))
    with pytest.raises(MalformedEventData, match="too many levels"):
        wire.loads(with_fields(b"\x05" + b"\x81" * 501 + b"\x00"))


def test_only_events_are_written():
    with pytest.raises(TypeError, match="not an event, but a int"):
        wire.dumps(5)


# ---- events ----


def json_data():
    return {"a": [1, -2.5, None, True, "\u00fc", 2**70], "b": {}}


EVENTS = {
    "Event": lambda: Event(data=(1, b"x")),
    "empty": Event,
    "JSONEvent": lambda: JSONEvent(data=json_data()),
    "list": lambda: JSONEvent(data=[{}]),
    "XMLEvent": lambda: XMLEvent(data="<a b='c'>d<e/>\u20ac</a>"),
    "HttpEvent": lambda: HttpEvent(data="x", headers={"A": "b"}, status=(404, "Not Found")),
    "JSONHttpEvent": lambda: JSONHttpEvent(data={}, environment={"a": [1]}, method="POST"),
    "XMLHttpEvent": lambda: XMLHttpEvent(data="<a/>", pagination={"next": 1}),
    "LogEvent": lambda: LogEvent("INFO", "me", "said", id="x"),
}


@pytest.mark.parametrize("name", EVENTS)
def test_every_class(name):
    event = EVENTS[name]()
    got = hop(event)
    assert type(got) is type(event)
    for attribute in ("event_id", "meta_id", "service", "created", "error"):
        assert getattr(got, attribute) == getattr(event, attribute), attribute
    if name != "LogEvent":
        assert got.data_string() == event.data_string()
    if isinstance(event, HttpEvent):
        for attribute in ("headers", "status", "environment", "method"):
            assert getattr(got, attribute) == getattr(event, attribute), attribute
    assert wire.dumps(got) == wire.dumps(event)


def test_a_log_record():
    event = LogEvent("ERROR", "me", "\ud800 said", id="x")
    got = hop(event)
    for attribute in ("level", "origin_actor", "message", "id", "time"):
        assert getattr(got, attribute) == getattr(event, attribute), attribute


def test_ids_and_service():
    event = Event(event_id="my own", meta_id="other", service="orders")
    event.created = datetime.datetime(2000, 1, 1)
    got = hop(event)
    assert (got.event_id, got.meta_id, got.service) == ("my own", "other", "orders")
    assert got.created == datetime.datetime(2000, 1, 1)


def test_xml_that_is_indented_stays_so():
    event = XMLEvent(data=etree.XML("<a><b/></a>"))
    assert hop(event).data_string() == event.data_string()
    raw = wire.dumps(XMLEvent(data="<a/>"))
    assert b"<a/>" in raw


class Slotted(Event):
    """A class with slots and free attributes."""

    __slots__ = ("place",)


class Own(JSONEvent):
    """A class of the script's own."""


class Both(JSONEvent, HttpEvent):
    """What JSONHttpEvent is, too."""


def test_classes_of_ones_own():
    assert type(hop(Own(data={}))) is JSONEvent
    sender = TCPIn("in", event_classes=[Own])
    assert sender is not None
    raw = wire.dumps(Own(data={})).replace(b"\x69JSONEvent", b"\x63Own")
    assert type(wire.loads(raw, event_classes=[Own])) is Own
    with pytest.raises(MalformedEventData, match="unknown class"):
        wire.loads(raw)
    assert isinstance(hop(Both(data={}, headers={"A": "b"})), JSONEvent)


def test_slots():
    event = Slotted(mark=1)
    event.place = [2]
    got = hop(event)
    assert (type(got), got.mark, got.place) == (Event, 1, [2])
    raw = wire.dumps(event).replace(b"\x65Event", b"\x67Slotted")
    got = wire.loads(raw, event_classes=[Slotted])
    assert (type(got), got.mark, got.place) == (Slotted, 1, [2])


# ---- errors ----


@pytest.mark.parametrize(
    "name", [name for name in vars(errors) if isinstance(getattr(errors, name), type)]
)
def test_errors_of_every_class(name):
    cls = getattr(errors, name)
    if not issubclass(cls, Exception):
        return
    event = Event()
    event.error = cls(["one", "two"]) if issubclass(cls, CompysitionException) else cls("one")
    got = hop(event).error
    assert type(got) is cls
    assert str(got) == str(event.error)


def test_what_an_error_carries():
    event = JSONHttpEvent(data={})
    error = QueueEmpty("a", code=7)
    error.mark = {"x": (1,)}
    event.error = error
    got = hop(event)
    assert (got.error.code, got.error.mark) == (7, {"x": (1,)})
    assert got.status == event.status
    assert got.error_string() == event.error_string()


class Unknown(ValueError):
    """An error that the other side does not know."""


class Mine(MalformedEventData):
    """Another."""


@pytest.mark.parametrize(
    ("error", "cls"),
    [
        (ValueError("a", 1), ValueError),
        (KeyError("k"), KeyError),
        (Unknown("x"), ValueError),
        (Mine("x"), MalformedEventData),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"), UnicodeDecodeError),
        (OSError(2, "No such file", "name"), FileNotFoundError),
        (ValueError(object()), ValueError),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_exceptions(error, cls):
    event = Event()
    event.error = error
    got = hop(event).error
    assert isinstance(got, cls)
    if not isinstance(error, (OSError, Mine)):
        assert str(got).split(" at 0x")[0] == str(error).split(" at 0x")[0]


def test_an_error_that_is_no_exception():
    event = Event()
    event.error = ["a", {"b": 1}]
    assert hop(event).error == ["a", {"b": 1}]


@pytest.mark.parametrize(
    b"name".decode(), ["SystemExit", "KeyboardInterrupt", "eval", "exec", "open", "ExceptionGroup"]
)
def test_names_that_make_no_exception(name):
    """Only exceptions are made, and what does not take its arguments becomes a CompysitionException."""
    text = name.encode()
    raw = with_fields(b"\x07\xa2\x00" + bytes([0x60 + len(text)]) + text + b"\x01\x81\x61x")
    assert type(wire.loads(raw).error) is CompysitionException


# ---- what is refused ----

MESSAGES = [
    wire.dumps(make())
    for name, make in EVENTS.items()
    if name in ("Event", "JSONEvent", "XMLEvent", "XMLHttpEvent", "LogEvent")
]


def failed():
    event = Event(mark={"a": {1, 2}}, data=datetime.timedelta(1))
    event.error = QueueEmpty(["x"])
    return wire.dumps(event)


MESSAGES.append(failed())


@pytest.mark.parametrize("message", MESSAGES, ids=range(len(MESSAGES)))
def test_cut_at_every_byte(message):
    for length in range(len(message)):
        with pytest.raises(MalformedEventData):
            wire.loads(message[:length])
    with pytest.raises(MalformedEventData, match="more bytes than the event has"):
        wire.loads(message + b"\0")


@pytest.mark.parametrize("message", MESSAGES, ids=range(len(MESSAGES)))
def test_every_byte_changed(message):
    """An event or MalformedEventData, and nothing else."""
    for place in range(len(message)):
        for change in (1, 2, 0x20, 0x40, 0x80, 0xFF):
            data = bytearray(message)
            data[place] ^= change
            try:
                event = wire.loads(data)
            except MalformedEventData:
                continue
            assert isinstance(event, Event)
            repr(event.error)
            str(event.created)
            event.get_properties()
            wire.dumps(event)


HOSTILE = {
    "array": b"\x05\x9b" + b"\xff" * 8,
    "large array": b"\x05\x9a\x7f\xff\xff\xff",
    "map": b"\x05\xbb" + b"\xff" * 8,
    "half map": b"\x05\xbb\x80" + b"\0" * 7,
    "bytes": b"\x05\x5b" + b"\xff" * 8,
    "text": b"\x05\x7b" + b"\x7f" + b"\xff" * 7,
    "set": b"\x05\xd9\x01\x02\x9b" + b"\xff" * 8,
    "nested arrays": b"\x05" + b"\x9a\0\0\0\x20" * 400,
    "indefinite": b"\x05\x9f\x00\xff",
    "undefined": b"\x05\xf7",
    "text that is not UTF-8": b"\x05\x61\xff",
    "unknown tag": b"\x05\xd8\x63\x00",
    "set of lists": b"\x05\xd9\x01\x02\x81\x80",
    "key that is a list": b"\x05\xa1\x80\x00",
    "big key": b"\x05\xa1\xc2\x41\x01\x00",
    "key that comes twice": b"\x05\xa2\x01\x00\x01\x00",
    "huge integer": b"\x05\xc2\x59\x20\x00" + b"\xff" * 0x2000,
    "datetime": b"\x05\xda\x63\x70\x73\x04\x63abc",
    "uuid": b"\x05\xd8\x25\x41x",
    "decimal": b"\x05\xda\x63\x70\x73\x08\x61x",
    "created": b"\x02\x1b" + b"\xff" * 8,
    "headers": b"\x08\x80",
    "attributes": b"\x0c\x80",
    "error": b"\x07\x00",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_fields(name):
    with pytest.raises(MalformedEventData, match="at byte"):
        wire.loads(with_fields(HOSTILE[name]))


@pytest.mark.parametrize(
    "field",
    [b"\x05\x41x", b"\x05\xa1\x01\x00", b"\x05\xd9\x01\x02\x80", b"\x05\xda\x63\x70\x73\x01\x80"],
    ids=["bytes", "key", "set", "tuple"],
)
def test_json_data_has_what_json_has(field):
    with pytest.raises(MalformedEventData):
        wire.loads(json_event(field))


@pytest.mark.parametrize(
    "name",
    ["data", "convert", "__class__", "__dict__", "event_id", "error", "lookup", "data_string"],
)
def test_attributes_hide_no_methods(name):
    text = name.encode()
    field = b"\x0c\xa1" + bytes([0x60 + len(text)]) + text + b"\x01"
    with pytest.raises(MalformedEventData, match="name that it may not have"):
        wire.loads(with_fields(field))


def test_fields_of_later_versions_are_skipped():
    got = wire.loads(with_fields(b"\x18\x63\x82\x01\x02", b"\x05\x07", b"\x64text\xa0"))
    assert got.data == 7
    assert got.event_id == str(uuid.UUID(bytes=ID)) or got.event_id == uuid.UUID(bytes=ID).hex


def test_other_versions_are_refused():
    with pytest.raises(MalformedEventData, match="version 1"):
        wire.loads(EVENT.replace(b"cpe\x01", b"cpe\x02"))


def test_an_event_needs_an_id():
    with pytest.raises(MalformedEventData, match="without an id"):
        wire.loads(PREFIX + b"\xa1\x00\x65Event")


@pytest.mark.parametrize(
    "content", [b"<a>", b"<a/><b/>", b"", b"text", b"<!DOCTYPE a SYSTEM 'x'><a>&b;</a>"]
)
def test_xml_that_cannot_be_read(content):
    head = bytes([0x60 + len(content)]) if len(content) < 24 else b"\x78" + bytes([len(content)])
    raw = PREFIX + b"\xa3\x00\x68XMLEvent\x01\x50" + ID + b"\x05" + head + content
    with pytest.raises(MalformedEventData):
        wire.loads(raw)


class Boom:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("code was run",))


def test_pickles_run_no_code():
    """FIX SEC-2."""
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(MalformedEventData, match="serializer='pickle'"):
            wire.loads(pickle.dumps(Boom(), protocol))


def test_the_length_is_bounded():
    with pytest.raises(MalformedEventData, match=r"an event of .* bytes: more than the 20"):
        wire.loads(EVENT, max_event_bytes=20)
    with pytest.raises(ValueError, match="max_event_bytes"):
        wire.loads(EVENT, max_event_bytes=0)
    with pytest.raises(TypeError, match="event_classes"):
        wire.loads(EVENT, event_classes=[int])


# ---- any values ----

KEYS = st.text(max_size=5) | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=5) | st.none()
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.binary()
    | st.datetimes()
    | st.decimals(allow_nan=False)
    | st.uuids()
    | st.timedeltas(),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(KEYS, inner, max_size=4)
    | st.tuples(inner, inner)
    | st.sets(KEYS, max_size=4),
    max_leaves=15,
)


@settings(max_examples=60, deadline=None)
@given(ANYTHING)
def test_any_value(value):
    assert hop(Event(data=value)).data == value
