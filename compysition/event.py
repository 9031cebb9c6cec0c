"""Events: what travels through a pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from compysition._core import (  # noqa: F401  some are for others to import from here
    DEFAULT,
    DataFormatInterface,
    Event,
    HttpEvent,
    JSONEvent,
    JSONHttpEvent,
    LogEvent,
    XMLEvent,
    XMLHttpEvent,
    XMLParser,
    _JSONFormatInterface,
    _XMLFormatInterface,
    http_code_map,
    internal_xmlify,
    remove_internal_xmlify,
)
from compysition.errors import *  # noqa: F403  and so are these

# What `from compysition.event import *` binds; the rest is imported by name.
__all__ = [
    "Event",
    "HttpEvent",
    "JSONEvent",
    "JSONHttpEvent",
    "LogEvent",
    "XMLEvent",
    "XMLHttpEvent",
]

DEFAULT_EVENT_SERVICE = "default"

built_classes = [Event, HttpEvent, XMLEvent, JSONEvent, XMLHttpEvent, JSONHttpEvent, LogEvent]

_JSON_TYPES = tuple(cls for cls in JSONEvent.conversion_methods if cls is not type(None))
_XML_TYPES = tuple(cls for cls in XMLEvent.conversion_methods if cls is not type(None))


if TYPE_CHECKING:
    from compysition._xmlgenerator import UnescapedDictXMLGenerator as UnescapedDictXMLGenerator
else:

    def __getattr__(name):
        # imported when it is asked for: xml.sax brings all of urllib
        if name != "UnescapedDictXMLGenerator":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from compysition._xmlgenerator import UnescapedDictXMLGenerator

        return UnescapedDictXMLGenerator


class NullLookupValue:
    """Stands for a value that a lookup did not find; whatever is looked up in it is not found either."""

    def get(self, key: object, default: object = None) -> NullLookupValue:
        """Return this object, whatever the arguments."""
        return self


# The interface of 1.1, where every event was a CompysitionEvent that could be sent as text.


def _from_string(cls: type[Event], text: str) -> Event:
    """Make an event from the text that to_string() returned; runs no code that the text holds.

    Raises ValueError or SyntaxError if text is not a dict.
    """
    from compysition._eventtext import parse

    event = cls.__new__(cls)
    event.__setstate__(parse(text))
    return event


CompysitionEvent = Event
Event.to_string = Event.__str__  # type: ignore[assignment, method-assign]
Event.from_string = classmethod(_from_string)  # type: ignore[assignment, method-assign]
