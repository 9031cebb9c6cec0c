"""Import path of the routers and their filters."""

from compysition._core import (
    EventFilter,
    EventJSONFilter,
    EventRouter,
    EventXMLFilter,
    EventXMLXpathsFilter,
    HTTPMethodEventRouter,
    SimpleRouter,
)

__all__ = [
    "EventFilter",
    "EventJSONFilter",
    "EventRouter",
    "EventXMLFilter",
    "EventXMLXpathsFilter",
    "HTTPMethodEventRouter",
    "SimpleRouter",
]
