"""The actor XMLAggregator of old releases."""

from compysition._core import EventDataXMLAggregator

__all__ = ["XMLAggregator"]


class XMLAggregator(EventDataXMLAggregator):
    """EventDataXMLAggregator under its old name."""
