"""The base class of all actors, and the names that scripts import beside it."""

from compysition import errors
from compysition._core import Actor, Logger, QueuePool, RestartPool
from compysition._poolmethods import install
from compysition.errors import *  # noqa: F403 - scripts take the errors from here, too
from compysition.event import Event

__all__ = ["Actor", "Event", "Logger", "QueuePool", "RestartPool"]
__all__ += errors.__all__

install()
