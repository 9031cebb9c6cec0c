"""Import path of EventLogger."""

from compysition._core import EventLogger

__all__ = ["EventLogger"]
