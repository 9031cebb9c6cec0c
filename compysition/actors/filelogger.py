"""Import path of FileLogger."""

from compysition._core import FileLogger

__all__ = ["FileLogger"]
