"""Import path of the attribute modifiers."""

from compysition._core import (
    EventAttributeLookupModifier,
    EventAttributeModifier,
    EventDataEventAttributeModifier,
    EventDataStaticAttributeModifier,
    HTTPJSONAttributeModifier,
    HTTPStatusModifier,
    HTTPXpathEventAttributeModifier,
    JSONEventAttributeModifier,
    XpathEventAttributeModifer,
)

XpathEventAttributeModifier = XpathEventAttributeModifer  # as later releases spell it

__all__ = [
    "EventAttributeLookupModifier",
    "EventAttributeModifier",
    "EventDataEventAttributeModifier",
    "EventDataStaticAttributeModifier",
    "HTTPJSONAttributeModifier",
    "HTTPStatusModifier",
    "HTTPXpathEventAttributeModifier",
    "JSONEventAttributeModifier",
    "XpathEventAttributeModifer",
    "XpathEventAttributeModifier",
]
