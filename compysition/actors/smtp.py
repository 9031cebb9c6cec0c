"""SMTPIn."""

from compysition._core import SMTPIn

__all__ = ["SMTPIn"]
