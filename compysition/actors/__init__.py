"""The built-in actors."""

from compysition._core import (
    STDOUT,
    EventAttributeLookupModifier,
    EventAttributeModifier,
    EventLogger,
    FlowController,
    Null,
)

__all__ = [
    "STDOUT",
    "EventAttributeLookupModifier",
    "EventAttributeModifier",
    "EventLogger",
    "FlowController",
    "Null",
]
