"""Import path, in releases up to 1.1, of what XMLMatcher keeps of an event."""

from compysition._core import MatchedXMLEvent

__all__ = ["MatchedEvent"]

MatchedEvent = MatchedXMLEvent
