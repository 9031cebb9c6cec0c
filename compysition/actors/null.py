"""Import path of Null."""

from compysition._core import Null

__all__ = ["Null"]
