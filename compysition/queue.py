"""Queues that join actors."""

from compysition._core import Queue, QueuePool, _InternalQueuePool
from compysition.errors import QueueEmpty, QueueFull

__all__ = ["Queue", "QueueEmpty", "QueueFull", "QueuePool", "_InternalQueuePool"]
