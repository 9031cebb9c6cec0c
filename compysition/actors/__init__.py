"""The built-in actors."""

from compysition._core import (
    EventAttributeLookupModifier,
    EventAttributeModifier,
    EventLogger,
    FlowController,
    Null,
    STDOUT,
)

__all__ = [
    "EventAttributeLookupModifier",
    "EventAttributeModifier",
    "EventLogger",
    "FlowController",
    "Null",
    "STDOUT",
]
