import datetime
import json

import pytest

from compysition.errors import CompysitionException, MalformedEventData
from compysition.event import Event, HttpEvent, JSONEvent, JSONHttpEvent

CLASSES = pytest.mark.parametrize("cls", [Event, HttpEvent, JSONEvent, JSONHttpEvent])


@CLASSES
def test_without_an_error(cls):
    assert cls().format_error() is None
    assert cls().error_string() is None


@CLASSES
def test_an_error_of_compysition(cls):
    made = cls(error=MalformedEventData("bad", code="E1", field="f"))
    assert made.format_error() == [{"message": "bad", "code": "E1", "field": "f"}]
    assert list(made.format_error()[0]) == ["message", "code", "field"]


@CLASSES
def test_one_entry_for_each_message(cls):
    made = cls(error=MalformedEventData(["a", 5], n=1))
    assert made.format_error() == [
        {"message": "a", "code": None, "n": 1},
        {"message": "5", "code": None, "n": 1},
    ]


@CLASSES
def test_other_exceptions_have_no_code(cls):
    error = ValueError("a", 1)
    error.place = 3
    assert cls(error=error).format_error() == [{"message": "('a', 1)", "place": 3}]
    assert cls(error=ZeroDivisionError()).format_error() == [{"message": ""}]


def test_an_exception_with_a_message_of_its_own():
    class Old(Exception):
        def __init__(self, message):
            self.message = message

    assert Event(error=Old("text")).format_error() == [{"message": "text"}]
    assert Event(error=Old(["a", "b"])).format_error() == [{"message": "a"}, {"message": "b"}]


@pytest.mark.parametrize("error", ["text", 5, ["a"], ValueError])
def test_what_is_no_exception_is_shown_as_text(error):
    assert Event(error=error).format_error() == [{"message": str(error)}]


def test_ERR_1_the_texts_of_errors_inside_errors():
    inner = MalformedEventData(["one", "two"], code="inner")
    made = Event(error=CompysitionException(["zero", inner, ValueError("three")], code="outer"))
    assert made.format_error() == [
        {"message": text, "code": "outer"} for text in ("zero", "one", "two", "three")
    ]
    deeper = CompysitionException(CompysitionException(CompysitionException("deep")))
    assert Event(error=deeper).format_error() == [{"message": "deep", "code": None}]


def test_ERR_1_errors_that_contain_themselves():
    error = CompysitionException([])
    error.message.extend([error, "text", error])
    formatted = Event(error=error).format_error()
    assert {"message": "text", "code": None} in formatted
    assert len(formatted) <= 1000


@pytest.mark.parametrize("cls", [Event, HttpEvent])
def test_error_string_of_plain_events_is_a_repr(cls):
    made = cls(error=MalformedEventData("bad", code="E1", field="f"))
    assert made.error_string() == "[{'message': 'bad', 'code': 'E1', 'field': 'f'}]"


@pytest.mark.parametrize("cls", [JSONEvent, JSONHttpEvent])
def test_error_string_of_json_events_is_json(cls):
    made = cls(error=MalformedEventData("bad", code="E1", field="f"))
    assert made.error_string() == '[{"message": "bad", "code": "E1", "field": "f"}]'


def test_ERR_3_attributes_that_json_cannot_express():
    when = datetime.datetime(2020, 1, 2)
    cycle = []
    cycle.append(cycle)
    error = MalformedEventData(
        "bad", when=when, nested=[when], cycle=cycle, pairs={(1, 2): 3}, good=[1]
    )
    (entry,) = json.loads(JSONEvent(error=error).error_string())
    assert entry == {
        "message": "bad",
        "code": None,
        "when": str(when),
        "nested": [str(when)],
        "cycle": str(cycle),
        "pairs": str({(1, 2): 3}),
        "good": [1],
    }


def test_an_overridden_format_is_used():
    class Short(JSONEvent):
        def format_error(self):
            return None if self.error is None else {"problem": str(self.error)}

    assert Short().error_string() is None
    assert Short(error=ValueError("x")).error_string() == '{"problem": "x"}'

    class Plain(Event):
        def format_error(self):
            return "short"

    assert Plain(error=ValueError("x")).error_string() == "short"


def test_an_error_whose_text_fails():
    class Silent(Exception):
        def __str__(self):
            raise KeyError("no text")

    with pytest.raises(KeyError):
        Event(error=Silent()).format_error()
