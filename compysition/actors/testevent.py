"""Import path of TestEvent."""

from compysition._core import TestEvent

__all__ = ["TestEvent"]
