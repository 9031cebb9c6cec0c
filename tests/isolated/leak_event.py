"""Events in every way they are made, changed, copied and freed."""

import copy
import pickle

from compysition import errors
from compysition.event import Event, HttpEvent, JSONEvent, JSONHttpEvent, LogEvent

CLASSES = [Event, HttpEvent, JSONEvent, JSONHttpEvent]


class Slotted(JSONHttpEvent):
    """With an attribute in a slot."""

    __slots__ = ("slot",)


def attempt(function, *args):
    """Call a function that raises."""
    try:
        function(*args)
    except (TypeError, ValueError, AttributeError, errors.CompysitionException):
        return
    raise AssertionError(f"{function} did not raise")


def leak_construction():
    """Events and their attributes."""
    for cls in CLASSES:
        made = cls(data={"a": [1]}, extra=[2], error=errors.ForbiddenEvent("no", code=1))
        made.data["b"] = made.extra
        assert made.event_id and made.meta_id and made.created and str(made) and vars(made)
        made.lookup(["data", "a", 0])
        assert made.get("extra") and made.set("extra", 3) and made.get_properties()
        assert made.data_string() and made.error_string()
    record = LogEvent(20, "a", "m")
    assert record.data and record.time and str(record)


def leak_copies():
    """Copies of all kinds, of a subclass with slots too."""
    for cls in [*CLASSES, Slotted]:
        made = cls(data={"a": [1, {"b": None}]}, extra={"c": {1}})
        if cls is Slotted:
            made.slot = [1]
        held = made.data
        copied = made.clone().clone()
        copied.data["x"] = held
        assert copy.copy(made) and copy.deepcopy(made) and pickle.loads(pickle.dumps(made))
    copy.deepcopy(LogEvent(20, "a", "m"))


def leak_conversions():
    """Conversions that work and that do not."""
    Event(data="[1]", headers={}).convert(JSONHttpEvent)
    JSONEvent(data=[1]).convert(LogEvent).convert(JSONEvent)
    attempt(JSONEvent().convert, Event)
    attempt(HttpEvent().convert, LogEvent)


def leak_refusals():
    """Everything that raises."""
    made = JSONHttpEvent(data={})
    for data in ("{", "NaN", 5, {"a": {1}}, b"\xff"):
        attempt(setattr, made, "data", data)
    for status in ("x", None, [1]):
        attempt(setattr, made, "status", status)
    attempt(setattr, made, "event_id", "x")
    attempt(delattr, made, "service")
    attempt(made.get, "missing")
    attempt(made.lookup, 5)
    made.data["a"] = object()
    attempt(made.clone)
    attempt(made.data_string)
    attempt(made.__setstate__, 5)
    attempt(errors.QueueFull, 1, 2, 3)


def leak_cycles():
    """Events that only the cycle collector can free."""
    made = HttpEvent(data=[])
    made.me = made
    made.data.append(made)
    made.headers["me"] = made
    made.clone()
    error = errors.CompysitionException("x")
    error.event = made
    made.error = error


def leak_vars():
    """The dict of an event as something to write to."""
    made = HttpEvent(data=1, extra=2)
    attributes = vars(made)
    attributes.update({"extra": [3], "_data": "x"}, more=4)
    attributes.pop("more")
    attempt(attributes.__setitem__, 1, 2)
    attempt(attributes.__delitem__, "_data")
    made.__dict__ = attributes
    attempt(setattr, made, "__dict__", 5)
    pickle.loads(pickle.dumps(attributes))


def leak_properties():
    """Properties that a class extends."""

    class Extended(JSONEvent):
        @JSONEvent.data.setter
        def data(self, value):
            JSONEvent.data.fset(self, [value])

    assert Extended(data=1).data == [1] == Extended.data.fget(Extended(data=1))
    attempt(HttpEvent.status.fget, 5)
    assert HttpEvent.status.__doc__ and HttpEvent.status.__name__
