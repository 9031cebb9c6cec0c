"""SMTPIn and SMTPOut."""

from compysition._core import SMTPIn, SMTPOut

__all__ = ["SMTPIn", "SMTPOut"]
