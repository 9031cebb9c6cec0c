"""Import path of XSD."""

from compysition._core import XSD

__all__ = ["XSD"]
