"""Import path of the joins, and of what they keep of an event."""

from compysition._core import (
    EventJoin,
    JSONEventJoin,
    MatchedEvent,
    MatchedJSONEvent,
    MatchedXMLEvent,
    XMLEventJoin,
)

__all__ = [
    "EventJoin",
    "JSONEventJoin",
    "MatchedEvent",
    "MatchedJSONEvent",
    "MatchedXMLEvent",
    "XMLEventJoin",
]
