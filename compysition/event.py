"""Events: what travels through a pipeline."""

from compysition._core import (  # noqa: F401  some are for others to import from here
    DEFAULT,
    DataFormatInterface,
    Event,
    HttpEvent,
    JSONEvent,
    JSONHttpEvent,
    LogEvent,
    _JSONFormatInterface,
    http_code_map,
)
from compysition.errors import *  # noqa: F403  and so are these

# What `from compysition.event import *` binds; the rest is imported by name.
__all__ = ["Event", "HttpEvent", "JSONEvent", "JSONHttpEvent", "LogEvent"]

DEFAULT_EVENT_SERVICE = "default"

built_classes = [Event, HttpEvent, JSONEvent, JSONHttpEvent, LogEvent]

_JSON_TYPES = tuple(cls for cls in JSONEvent.conversion_methods if cls is not type(None))


class NullLookupValue:
    """Stands for a value that a lookup did not find; whatever is looked up in it is not found either."""

    def get(self, key, default=None):
        """Return this object, whatever the arguments."""
        return self


# The interface of 1.1, where every event was a CompysitionEvent and could be sent as text.


def _literal(node):
    """Return the value of a literal or of a datetime's repr; None for other expressions."""
    import ast  # not at the top: importing compysition is to be quick

    try:
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "datetime.datetime":
            import datetime

            return datetime.datetime(*map(ast.literal_eval, node.args))
        return ast.literal_eval(node)
    except (TypeError, ValueError):
        return None


def _from_string(cls, text):
    """Make an event from the text that to_string() returned; runs no code that the text holds.

    Raises ValueError or SyntaxError if text is not a dict of Python literals.
    """
    import ast

    node = ast.parse(text.strip(), mode="eval").body
    if not isinstance(node, ast.Dict) or None in node.keys:
        raise ValueError("the text of an event is a dict")
    state = {
        _literal(key): _literal(value) for key, value in zip(node.keys, node.values, strict=True)
    }
    for name in ("event_id", "data", "error"):
        if name in state:
            state["_" + name] = state.pop(name)
    event = cls.__new__(cls)
    event.__setstate__(state)
    return event


CompysitionEvent = Event
Event.to_string = Event.__str__
Event.from_string = classmethod(_from_string)
