"""Data of JSON events, beside what the json module makes of it."""

import collections
import json
import pickle

from compysition.errors import InvalidEventDataModification
from compysition.event import JSONEvent, JSONHttpEvent
from tests.corpora import CORPORA
from tests.fuzz import target
from tests.fuzz.choices import Choices, random_seeds

REFUSED = object()


def refuse(name):
    raise ValueError(name)


def expected_of(function, *args):
    """What the json module makes of it, or REFUSED."""
    try:
        return function(*args)
    except (ValueError, TypeError, RecursionError, InvalidEventDataModification):
        return REFUSED


def round_trip(value):
    return json.loads(json.dumps(value))


def check(made, expected):
    assert (made is REFUSED) == (expected is REFUSED), (made, expected)
    if made is REFUSED:
        return
    assert repr(made.data) == repr(expected)
    copies = [made.clone()]
    if isinstance(
        expected, (dict, list)
    ):  # others are assigned again, and so read as text or refused
        copies.append(made.convert(JSONHttpEvent))
    copied = expected_of(round_trip, expected)
    if copied is not REFUSED:
        assert repr(json.loads(made.data_string())) == repr(copied)
        again = pickle.loads(pickle.dumps(made))
        assert repr(again.data) == repr(copied)
    for copy in (
        copies
    ):  # as it is, or as JSON carries it: two halves of a surrogate pair become one character
        assert repr(copy.data) in {repr(expected), repr(copied)}


def text_seeds():
    suite = CORPORA / "JSONTestSuite" / "test_parsing"
    texts = [b'{"a": [1, -2.5e3, true, null, "\\u00e9\xc3\xa9"]}', b"\xef\xbb\xbf[]", b'"x"', b""]
    texts += [path.read_bytes() for path in sorted(suite.glob("*.json"))]
    return [kind + text for text in texts for kind in (b"\0", b"\1")]


@target(text_seeds)
def json_text(data):
    """The first byte says whether the rest is assigned as bytes or as str."""
    rest = data[1:]
    if data[:1] == b"\1":
        text = assigned = rest.decode("utf-8", "surrogateescape")
    else:
        assigned = rest
        text = expected_of(rest.removeprefix(b"\xef\xbb\xbf").decode)
    expected = REFUSED
    if text is not REFUSED:
        expected = expected_of(json.JSONDecoder(parse_constant=refuse).decode, text)
    check(expected_of(lambda: JSONEvent(data=assigned)), expected)


@target(random_seeds)
def json_value(data):
    choices = Choices(data)
    value = choices.pick([list, collections.OrderedDict.fromkeys])([0])
    if isinstance(value, list):
        value[0] = choices.value()
    else:
        value = collections.OrderedDict({choices.key(): choices.value(), choices.key(): 1})
    check(expected_of(lambda: JSONEvent(data=value)), expected_of(round_trip, value))
