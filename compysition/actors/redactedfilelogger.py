"""Import path of RedactedFileLogger."""

from compysition._core import RedactedFileLogger

__all__ = ["RedactedFileLogger"]
