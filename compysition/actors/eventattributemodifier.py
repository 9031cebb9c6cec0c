"""Import path of EventAttributeLookupModifier and EventAttributeModifier."""

from compysition._core import EventAttributeLookupModifier, EventAttributeModifier

__all__ = ["EventAttributeLookupModifier", "EventAttributeModifier"]
