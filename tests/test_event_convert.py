import pytest

from compysition import errors
from compysition.errors import InvalidEventConversion, InvalidEventDataModification
from compysition.event import (
    DataFormatInterface,
    Event,
    HttpEvent,
    JSONEvent,
    JSONHttpEvent,
    LogEvent,
    _JSONFormatInterface,
)

# What each class becomes when the class of the column is asked for.
REQUESTED = [Event, JSONEvent, HttpEvent, JSONHttpEvent]
TABLE = {
    Event: [Event, JSONEvent, HttpEvent, JSONHttpEvent],
    JSONEvent: [None, JSONEvent, HttpEvent, JSONHttpEvent],
    HttpEvent: [None, JSONHttpEvent, HttpEvent, JSONHttpEvent],
    JSONHttpEvent: [None, None, None, JSONHttpEvent],
}
CASES = [
    pytest.param(source, wanted, result, id=f"{source.__name__}-{wanted.__name__}")
    for source, results in TABLE.items()
    for wanted, result in zip(REQUESTED, results, strict=True)
]


@pytest.mark.parametrize(("source", "wanted", "result"), CASES)
def test_the_table_of_conversions(source, wanted, result):
    made = source(data={"a": 1}, foo=[1])
    if result is None:
        with pytest.raises(InvalidEventConversion) as caught:
            made.convert(wanted)
        assert caught.value.message == [
            "Narrowing event conversion attempted, this is not allowed "
            f"<Attempted {source} -> {wanted}>"
        ]
        return
    converted = made.convert(wanted)
    assert type(converted) is result
    assert converted is not made
    for name in ("event_id", "meta_id", "created", "service"):
        assert getattr(converted, name) == getattr(made, name)
    assert converted.foo is made.foo
    assert converted.data == {"a": 1}
    assert type(made) is source


@pytest.mark.parametrize("cls", [HttpEvent, JSONHttpEvent])
@pytest.mark.parametrize("source", [Event, JSONEvent])
def test_EVT_5_an_event_without_http_gets_the_defaults(source, cls):
    converted = source(data={"a": 1}).convert(cls)
    assert (converted.headers, converted.status, converted.environment) == ({}, (200, "OK"), {})
    assert converted.method is None
    converted.headers["a"] = "b"
    assert source(data={}).convert(cls).headers == {}


def test_attributes_of_http_become_the_http_part():
    made = Event(headers={"a": 1}, status="404 Not Found", method="PUT", environment={"b": 2})
    converted = made.convert(HttpEvent)
    assert converted.headers is made.headers
    assert converted.environment is made.environment
    assert (converted.status, converted.method) == ((404, "Not Found"), "PUT")
    assert made.status == "404 Not Found"


def test_an_error_sets_the_status_of_the_new_event():
    made = JSONEvent(error=errors.ForbiddenEvent("no"))
    assert made.convert(JSONHttpEvent).status == (403, "Forbidden")
    assert made.convert(JSONHttpEvent).error is made.error


def test_http_parts_are_shared_by_reference():
    made = HttpEvent({"a": 1}, (404, "x"), {"REQUEST_METHOD": "GET"})
    converted = made.convert(JSONHttpEvent)
    assert converted.headers is made.headers
    assert converted.environment is made.environment
    assert (converted.status, converted.method) == ((404, "x"), "GET")
    untouched = HttpEvent()
    assert untouched.convert(HttpEvent).headers is untouched.headers


def test_plain_data_is_the_same_object():
    made = Event(data={"a": [1]})
    converted = made.convert(HttpEvent)
    assert converted.data is made.data
    copied = made.clone()
    converted.data["a"].append(2)
    assert made.data == {"a": [1, 2]}
    assert copied.data == {"a": [1]}


def test_the_format_is_dropped_and_data_stays():
    made = JSONEvent(data={"a": [1]})
    converted = made.convert(HttpEvent)
    assert converted.data is made.data
    assert converted.data_string() == "{'a': [1]}"


def test_json_data_is_a_copy():
    made = JSONEvent(data={"a": [1]})
    held = made.data
    converted = made.convert(JSONHttpEvent)
    held["a"].append(2)
    assert converted.data == {"a": [1]}
    assert made.data == {"a": [1, 2]}


def test_data_is_converted():
    assert Event(data='{"a": 1}').convert(JSONEvent).data == {"a": 1}
    assert Event().convert(JSONEvent).data == {}
    with pytest.raises(InvalidEventDataModification):
        Event(data=5).convert(JSONEvent)
    with pytest.raises(InvalidEventDataModification):
        HttpEvent(data="{").convert(JSONEvent)


def test_null_becomes_an_empty_dict():
    assert JSONEvent(data="null").convert(JSONHttpEvent).data == {}


def test_EVT_6_user_classes_keep_their_transport():
    class Mine(JSONHttpEvent):
        pass

    class Other(JSONEvent):
        pass

    class OtherHttp(Other, HttpEvent):
        pass

    class Request(HttpEvent):
        pass

    assert type(Request(data="[1]").convert(JSONEvent)) is JSONHttpEvent
    assert type(Mine(data={}).convert(Other)) is OtherHttp
    assert type(Request(data="{}").convert(Other)) is OtherHttp
    assert type(Event(data="{}").convert(Other)) is Other
    assert type(JSONHttpEvent().convert(Mine)) is Mine
    assert type(Mine().convert(Mine)) is Mine
    with pytest.raises(InvalidEventConversion):
        Mine().convert(JSONHttpEvent)


def test_EVT_6_nothing_that_fits_is_an_invalid_conversion():
    class Lonely(DataFormatInterface, Event):
        pass

    for made, wanted in [
        (HttpEvent(), LogEvent),
        (JSONHttpEvent(), LogEvent),
        (HttpEvent(), Lonely),
        (LogEvent(20, "a", "m"), Event),
        (Event(), int),
        (Event(), _JSONFormatInterface),
    ]:
        with pytest.raises(InvalidEventConversion):
            made.convert(wanted)


@pytest.mark.parametrize("wanted", [None, "JSONEvent", Event()])
def test_what_is_no_class_is_refused(wanted):
    with pytest.raises(TypeError):
        Event().convert(wanted)


def test_conversions_of_user_classes_are_used():
    class Mine(JSONEvent):
        conversion_methods = {dict: lambda data: {"wrapped": data}}

    assert JSONEvent(data={"a": 1}).convert(Mine).data == {"wrapped": {"a": 1}}


def test_the_class_may_be_given_by_keyword():
    assert type(Event().convert(cls=JSONEvent)) is JSONEvent
    for args, kwargs in [((), {}), ((JSONEvent, 1), {}), ((), {"to": JSONEvent})]:
        with pytest.raises(TypeError):
            Event().convert(*args, **kwargs)


def test_slots_are_kept():
    class Mine(Event):
        __slots__ = ("one", "two")

    class More(Mine):
        pass

    converted = Mine(one=[1]).convert(More)
    assert converted.one == [1]
    assert not hasattr(converted, "two")
