"""Import path of SetCookie."""

from compysition._core import SetCookie

__all__ = ["SetCookie"]
