import collections
import enum
import json
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from compysition.errors import InvalidEventDataModification
from compysition.event import JSONEvent, JSONHttpEvent
from tests.corpora import CORPORA, naughty_strings

SUITE = CORPORA / "JSONTestSuite" / "test_parsing"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda children: st.lists(children) | st.dictionaries(st.text(), children),
    max_leaves=20,
)
# What json.dumps takes beyond that: tuples, and other keys.
dumpable_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(categories=["L", "Cs"])),
    lambda children: (
        st.lists(children)
        | st.tuples(children, children)
        | st.dictionaries(
            st.text() | st.integers() | st.floats() | st.booleans() | st.none(), children
        )
    ),
    max_leaves=20,
)


def same(one, other):
    """Whether two values are the same to the last type, NaN included."""
    return repr(one) == repr(other)


# ---- assigning ----


@pytest.mark.parametrize("cls", [JSONEvent, JSONHttpEvent])
@pytest.mark.parametrize(
    ("assigned", "data"),
    [
        (None, {}),
        ('{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
        ("[1]", [1]),
        ('"text"', "text"),
        ("5", 5),
        ("null", None),
        (" true\n", True),
        (b'{"a": "\xc3\xa9"}', {"a": "é"}),
        (b"\xef\xbb\xbf[1]", [1]),
        ({"a": (1, 2)}, {"a": [1, 2]}),
        ({1: "a", None: "c", 1.5: "d"}, {"1": "a", "null": "c", "1.5": "d"}),
        ({True: "b", "true": "x"}, {"true": "x"}),
        (collections.OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        ([1, (2, 3)], [1, [2, 3]]),
    ],
)
def test_what_may_be_assigned(cls, assigned, data):
    made = cls(data=assigned)
    assert same(made.data, data)
    made.data = assigned
    assert same(made.data, data)


@pytest.mark.parametrize("value", [5, 1.5, True, (1,), {1}, object(), bytearray(b"[]"), str, ...])
def test_what_may_not_be_assigned(value):
    made = JSONEvent(data={"kept": 1})
    with pytest.raises(InvalidEventDataModification, match="was not valid for event type"):
        made.data = value
    assert made.data == {"kept": 1}


def test_EVT_3_subclasses_are_accepted():
    class Text(str):
        __slots__ = ()

    class Colour(enum.StrEnum):
        RED = '"red"'

    counter = collections.Counter("aab")
    default = collections.defaultdict(list, {"a": [1]})
    assert same(JSONEvent(data=counter).data, {"a": 2, "b": 1})
    assert same(JSONEvent(data=default).data, {"a": [1]})
    assert JSONEvent(data=Text("[1]")).data == [1]
    assert JSONEvent(data=Colour.RED).data == "red"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{'a': 1}",
        "[1,]",
        "NaN",
        "[Infinity]",
        "-Infinity",
        "\ufeff[1]",
        b"\xff",
        b"[\xed\xa0\x80]",
        "[1]".encode("utf-16"),
        "[1]".encode("utf-32"),
        "9" * 5000,
    ],
)
def test_malformed_text(text):
    with pytest.raises(InvalidEventDataModification, match="Malformed data: "):
        JSONEvent(data=text)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, b"[" * 100_000])
def test_text_nested_too_deeply(text):
    with pytest.raises(InvalidEventDataModification):
        JSONEvent(data=text)


@pytest.mark.parametrize("value", [{"a": object()}, [{1, 2}], {(1,): 2}, {"a": b"x"}])
def test_values_that_json_cannot_express(value):
    with pytest.raises(InvalidEventDataModification, match="Unknown error occurred"):
        JSONEvent(data=value)


def test_values_that_refer_to_themselves():
    value = []
    value.append({"a": value})
    with pytest.raises(InvalidEventDataModification, match="Malformed data: Circular reference"):
        JSONEvent(data=value)


def test_values_nested_too_deeply():
    value = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(InvalidEventDataModification):
        JSONEvent(data=value)
    with pytest.raises(InvalidEventDataModification):
        JSONEvent(data={"a": value})


def test_assigned_values_are_copied():
    value = {"a": [1]}
    made = JSONEvent(data=value)
    value["a"].append(2)
    assert made.data == {"a": [1]}


@given(dumpable_values.filter(lambda value: isinstance(value, (dict, list))))
def test_assigning_is_a_json_round_trip(value):
    assert same(JSONEvent(data=value).data, json.loads(json.dumps(value)))


@given(json_values)
def test_text_is_parsed_as_json_does(value):
    text = json.dumps(value)
    try:
        expected = json.loads(text, parse_constant=lambda name: 1 / 0)
    except ZeroDivisionError:
        with pytest.raises(InvalidEventDataModification):
            JSONEvent(data=text)
    else:
        assert same(JSONEvent(data=text).data, expected)


@pytest.mark.parametrize(
    "value",
    [
        {"\ud83d\ude00": "\ud83d\ude00"},
        ["\ud83d", "\ude00", "\U0001f600", "\u20ac\ud83d\ude00"],
        [2**63, -(2**63), 10**400, -0.0, 1e308, 5e-324],
        {1.0: 1, 1e400: 2, 10**30: 3},
        {"a": enum.IntEnum("N", "ONE").ONE, "b": type("F", (float,), {})(1.5)},
        {type("S", (str,), {})("k"): type("S", (str,), {})("v")},
    ],
)
def test_unusual_values_make_the_round_trip(value):
    assert same(JSONEvent(data=value).data, json.loads(json.dumps(value)))


def test_nan_in_a_value_is_kept():
    assert math.isnan(JSONEvent(data=[math.nan]).data[0])


# ---- text ----


@pytest.mark.parametrize(
    ("data", "text"),
    [({"a": 1, "é": None}, '{"a": 1, "\\u00e9": null}'), (None, "{}"), ("null", "null")],
)
def test_data_string(data, text):
    assert JSONEvent(data=data).data_string() == text


def test_data_string_of_data_that_json_cannot_express():
    made = JSONEvent(data={})
    made.data["a"] = object()
    with pytest.raises(TypeError):
        made.data_string()


def test_data_string_can_be_overridden():
    class Pretty(JSONEvent):
        def data_string(self):
            return json.dumps(self.data, indent=1)

    assert Pretty(data=[1]).data_string() == "[\n 1\n]"


# ---- public test data ----


def files(prefix):
    return [
        pytest.param(path, id=path.name) for path in sorted(SUITE.glob(prefix + "_*.json"))
    ] or [pytest.param(None, marks=pytest.mark.skip(f"no JSONTestSuite in {CORPORA}"))]


@pytest.mark.parametrize("path", files("y"))
def test_suite_valid(path):
    assert same(JSONEvent(data=path.read_bytes()).data, json.loads(path.read_bytes()))


@pytest.mark.parametrize("path", files("n"))
def test_suite_invalid(path):
    with pytest.raises(InvalidEventDataModification):
        JSONEvent(data=path.read_bytes())


@pytest.mark.parametrize("path", files("i"))
def test_suite_either(path):
    try:
        made = JSONEvent(data=path.read_bytes())
    except InvalidEventDataModification:
        return
    assert same(made.clone().data, made.data)


def test_naughty_strings_survive():
    texts = naughty_strings()
    made = JSONEvent(data={"texts": texts, **dict.fromkeys(texts)})
    for copied in (made.clone(), JSONEvent(data=made.data_string()), made.convert(JSONHttpEvent)):
        assert copied.data == made.data
        assert copied.data["texts"] == texts


# ---- as the json module ----

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30])
    | st.floats()
    | st.text()
    | st.text('a"\\\x00\x1f\x7f\x80\xff\u0100\ud800\udfff\uffff\U00010000\U0010ffff/\b\f\n\r\t')
)
KEYS = st.text() | st.integers() | st.booleans() | st.none() | st.floats()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(KEYS, inner),
    max_leaves=20,
)


class Number(int):
    def __repr__(self):
        return "seven"


@given(VALUES)
@example({"a" * 5000 + "\xe9" * 5000: ["\U0001f600" * 3000]})
@example([Number(7), collections.OrderedDict(b=1, a=2), 1e16, 1e-7, -0.0, 1.0, float("nan")])
def test_text_is_written_as_by_json(value):
    event = JSONEvent()
    event._data = value  # as it is, without a conversion
    assert event.data_string() == json.dumps(value)


@pytest.mark.parametrize("depth", [1, 499, 500, 501, 900])
def test_deep_data_is_written_as_by_json(depth):
    text = "[" * depth + '"\\u00e9"' + "]" * depth
    assert JSONEvent(data=text).data_string() == text


def test_what_json_cannot_write():
    event = JSONEvent()
    event._data = cycle = {}
    cycle["self"] = cycle
    with pytest.raises(ValueError, match="Circular reference"):
        event.data_string()
    event._data = {"a": object()}
    with pytest.raises(TypeError, match="not JSON serializable"):
        event.data_string()
    cycle.clear()


def refuse(name):
    raise ValueError(f"{name} is not JSON")


TEXTS = st.text('{}[]":,truefalsn0123456789.eE+- \t\n\r\x0b\u0120\ufeff\\uNaInfity', max_size=12)


@given(TEXTS | VALUES.map(json.dumps), st.sampled_from(["", " ", "\r\n\t ", "\xa0", "x"]))
@example("", "")
@example(" ", " ")
@example("[1]", " ]")
@example('"\\ud800"', "")
@example('"\\0', "")
@example("1" * 5000, "")
def test_text_is_read_as_by_json(text, around):
    text = around + text + around
    decoder = json.JSONDecoder(parse_constant=refuse)
    try:
        expected = decoder.decode(text)
    except (ValueError, RecursionError) as error:
        with pytest.raises(InvalidEventDataModification) as caught:
            JSONEvent(data=text)
        assert str(error) in caught.value.message[0]
        return
    made = JSONEvent(data=text).data
    assert repr(made) == repr(expected)
