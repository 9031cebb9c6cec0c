"""Import path of the attribute modifiers."""

from compysition._core import (
    EventAttributeLookupModifier,
    EventAttributeModifier,
    EventDataEventAttributeModifier,
    EventDataStaticAttributeModifier,
    HTTPJSONAttributeModifier,
    HTTPStatusModifier,
    JSONEventAttributeModifier,
)

__all__ = [
    "EventAttributeLookupModifier",
    "EventAttributeModifier",
    "EventDataEventAttributeModifier",
    "EventDataStaticAttributeModifier",
    "HTTPJSONAttributeModifier",
    "HTTPStatusModifier",
    "JSONEventAttributeModifier",
]
