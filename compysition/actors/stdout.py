"""Import path of STDOUT."""

from compysition._core import STDOUT

__all__ = ["STDOUT"]
