"""The logger that every actor has."""

from compysition._core import Logger
from compysition.errors import QueueFull
from compysition.event import LogEvent

__all__ = ["LogEvent", "Logger", "QueueFull"]
