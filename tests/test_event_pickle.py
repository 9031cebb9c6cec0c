import copy
import math
import pickle

import pytest

from compysition import errors
from compysition.event import Event, HttpEvent, JSONEvent, JSONHttpEvent, LogEvent

PROTOCOLS = pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))


class Mine(JSONHttpEvent):
    """A subclass that pickle can find."""

    __slots__ = ("slot",)

    @property
    def derived(self):
        return self.foo + 1


class Noisy(HttpEvent):
    """Counts the errors that are set."""

    def _set_error(self, exception):
        self.errors = getattr(self, "errors", 0) + 1
        super()._set_error(exception)


class Wrapping(JSONEvent):
    """Has conversions of its own."""

    conversion_methods = {**JSONEvent.conversion_methods, str: lambda text: {"text": text}}


def again(made, protocol=pickle.DEFAULT_PROTOCOL):
    return pickle.loads(pickle.dumps(made, protocol))


@PROTOCOLS
@pytest.mark.parametrize("cls", [Event, HttpEvent, JSONEvent, JSONHttpEvent, Mine])
def test_events_survive(cls, protocol):
    made = cls("meta", service="s", data={"a": [1, "é"]}, foo=1, bar={"b": [2]})
    made.error = errors.MalformedEventData(["x", "y"], code="E1", field="f")
    copied = again(made, protocol)
    assert type(copied) is cls
    assert copied.error.message == ["x", "y"]
    assert vars(copied.error) == {"code": "E1", "field": "f"}
    copied.error = made.error
    assert vars(copied) == vars(made)


@PROTOCOLS
def test_log_records_survive(protocol):
    record = LogEvent(20, "a", "m", "id")
    record.logger_filename = "f"
    assert vars(again(record, protocol)) == vars(record)


@PROTOCOLS
def test_slots_and_properties_survive(protocol):
    made = Mine(foo=1, slot=[2])
    copied = again(made, protocol)
    assert (copied.slot, copied.derived) == ([2], 2)


def test_the_state_has_the_storage_names_and_json_text():
    made = JSONEvent(data={"é": 1}, foo=2)
    assert made.__getstate__() == {**made.get_properties(), "_data": '{"\\u00e9": 1}'}
    assert Event(data=[1]).__getstate__()["_data"] == [1]


def test_EVT_8_status_and_headers_are_those_of_the_original():
    made = HttpEvent(error=errors.UnauthorizedEvent("no"))
    made.status = (418, "x")
    made.headers.clear()
    copied = again(made)
    assert (copied.status, copied.headers) == ((418, "x"), {})
    assert copied.error.message == ["no"]


def test_restoring_sets_the_error_by_its_setter():
    assert again(Noisy(error=ValueError("x"))).errors == 2


def test_restoring_an_incomplete_state():
    made = JSONHttpEvent.__new__(JSONHttpEvent)
    made.__setstate__({"_event_id": "abc"})
    assert (made.event_id, made.meta_id, made.error, made.data) == ("abc", "abc", None, None)
    assert (made.status, made.headers) == ((200, "OK"), {})


def test_restoring_converts_data_as_the_class_says():
    assert again(Wrapping(data={"a": 1})).data == {"text": '{"a": 1}'}


def test_nan_survives():
    assert math.isnan(again(JSONEvent(data=[math.nan])).data[0])


@pytest.mark.parametrize("data", ["null", "5", '"text"', "[]"])
def test_json_scalars_survive(data):
    made = JSONEvent(data=data)
    assert again(made).data == made.data


@pytest.mark.parametrize("state", [None, [], "text", {1: 2}])
def test_other_states_are_refused(state):
    with pytest.raises(TypeError):
        Event().__setstate__(state)


def test_text_that_is_no_json_is_refused():
    with pytest.raises(ValueError):
        JSONEvent().__setstate__({"_data": "{"})


def test_an_event_that_refers_to_itself():
    made = Event(data="x")
    made.me = made
    copied = again(made)
    assert copied.me is copied


class Connected(Event):
    """Leaves out what cannot be copied, as scripts do it."""

    def __getstate__(self):
        state = self.__dict__.copy()
        del state["connection"]
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.connection = "new"


class Replacing(Event):
    def __setstate__(self, state):
        self.__dict__ = state


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, Event.clone, again])
def test_classes_that_restore_their_dict(copied):
    made = Connected(data=[1], connection=open(__file__), extra=2)
    with made.connection:
        restored = copied(made)
    assert (restored.connection, restored.extra, restored.data) == ("new", 2, [1])
    assert restored.event_id == made.event_id
    other = copied(Replacing(data=[1], extra=2))
    assert (other.extra, other.data) == (2, [1])
