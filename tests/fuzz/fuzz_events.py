"""Events out of states and pickles that nobody's event made, and texts that events understand."""

import contextlib
import copyreg
import io
import json
import pickle

from compysition import errors
from compysition.event import Event, HttpEvent, JSONEvent, JSONHttpEvent, LogEvent
from tests.fuzz import target
from tests.fuzz.choices import Choices, Hostile, random_seeds

CLASSES = [Event, HttpEvent, JSONEvent, JSONHttpEvent, LogEvent]
ATTRIBUTES = """_event_id meta_id service _data data _error error created headers method _status status
    environment id level time origin_actor message conversion_methods __class__ __dict__ x""".split()
GLOBALS = {
    ("copyreg", "__newobj__"): copyreg.__newobj__,
    ("copyreg", "_reconstructor"): copyreg._reconstructor,
    ("builtins", "object"): object,
    ("builtins", "getattr"): lambda event, name: getattr(event, name, None),
}
ERRORS = [errors.MalformedEventData, errors.CompysitionException, errors.ResourceNotFound]


@contextlib.contextmanager
def only_exceptions():
    """Any exception may be raised, but not the one that tells of a mistake in C code."""
    try:
        yield
    except SystemError:
        raise
    except Exception:
        pass


def use(event):
    """What others do with an event that they were given."""
    for action in (
        str,
        vars,
        pickle.dumps,
        Event.clone,
        Event.get_properties,
        Event.data_string,
        Event.format_error,
        lambda event: event.status,
        lambda event: event.data,
        lambda event: event.convert(JSONHttpEvent),
        lambda event: event.lookup(["data", "x", "0"]),
        lambda event: setattr(event, "error", ValueError("x")),
        lambda event: event.error_string(),
    ):
        with only_exceptions():
            action(event)


def new(cls):
    """An event as unpickling begins with: no constructor ran."""
    return cls.__new__(cls)


@target(random_seeds)
def state(data):
    choices = Choices(data)
    event = new(choices.pick(CLASSES))
    values = {}
    for _ in range(choices.number(6)):
        name = choices.pick(ATTRIBUTES) if choices.number(8) else choices.key()
        values[name] = choices.pick([choices.value, choices.text, list])()
    with only_exceptions():
        event.__setstate__(values)
    use(event)
    with only_exceptions():
        new(choices.pick(CLASSES)).__setstate__(choices.value())


class Unpickler(pickle._Unpickler):
    """Finds the classes of events and errors, and nothing with which a pickle could do harm.

    pickle's own in C is not under test, and reserves gigabytes when a pickle says so.
    """

    def find_class(self, module, name):
        for cls in CLASSES + ERRORS:
            if (cls.__module__, cls.__qualname__) == (module, name):
                return cls
        return GLOBALS[module, name]


def pickle_seeds():
    made = [cls(data="[1]") for cls in CLASSES[:4]] + [LogEvent(20, "a", "m", "id")]
    made.append(HttpEvent(error=errors.ResourceNotFound(["x", "y"], code="E"), x={"a": (1, None)}))
    return [
        pickle.dumps(event, protocol)
        for event in made
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ]


@target(pickle_seeds)
def unpickle(data):
    with only_exceptions():
        use(Unpickler(io.BytesIO(data)).load())


def follow(place, steps):
    """What Event.lookup says that it does."""
    for step in steps:
        found = None
        if isinstance(place, dict):
            found = place.get(step)
            if step not in place:
                return None
        else:
            if isinstance(place, (list, tuple)) and isinstance(step, (int, str)):
                with contextlib.suppress(ValueError, IndexError):
                    found = place[int(step)]
            if found is None and isinstance(step, str):
                found = getattr(place, step, None)
        place = found
    return place


@target(random_seeds)
def lookup(data):
    choices = Choices(data)

    def plain():
        return choices.pick([None, choices.number(7) - 3, str(choices.number(4)), choices.text(3)])

    event = Event(data=None)
    event.x = choices.value(scalar=plain)
    steps = ["x", *(plain() for _ in range(choices.number(4)))]
    if any(isinstance(step, str) and step.startswith("__") for step in steps):
        return
    assert event.lookup(steps) == follow(event, steps) or callable(event.lookup(steps))
    with only_exceptions():
        event.lookup([choices.value(), Hostile()])


@target(
    lambda: [b"404 Not Found", b"404-Not Found", b"404", b"+200 ", b"\xd9\xa4\xd9\xa0\xd9\xa4 x"]
)
def http_status(data):
    choices = Choices(data)
    for value in (choices.rest(), Choices(data).value(1)):
        if isinstance(value, tuple):
            continue  # taken as it is
        event = HttpEvent(status=(201, "Created"))
        try:
            event.status = value
        except ValueError:
            assert event.status == (201, "Created")
        else:
            code, reason = event.status
            assert isinstance(code, int)
            assert isinstance(reason, str)
            event.status = f"{code} {reason}"
            assert event.status[0] == code


@target(random_seeds)
def error_text(data):
    choices = Choices(data)
    messages = choices.value(2)
    event = choices.pick([HttpEvent, JSONHttpEvent])(data=None)
    with only_exceptions():
        event.error = choices.pick([*ERRORS, ValueError])(messages)
        if isinstance(event, JSONHttpEvent):
            json.loads(event.error_string())
    use(event)
