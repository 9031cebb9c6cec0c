"""Import path of EventDataAggregator and EventDataXMLAggregator."""

from compysition._core import EventDataAggregator, EventDataXMLAggregator

__all__ = ["EventDataAggregator", "EventDataXMLAggregator"]
