"""Import path of XSLT."""

from compysition._core import XSLT

__all__ = ["XSLT"]
