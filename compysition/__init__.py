"""Event pipelines: actors joined by queues, set up by a Director."""

from compysition import errors as errors
from compysition._core import sleep as sleep
from compysition.actor import Actor as Actor
from compysition.director import Director as Director
from compysition.event import Event as Event
from compysition.logger import Logger as Logger
from compysition.qlogger import QLogger as QLogger
from compysition.queue import Queue as Queue
from compysition.queue import QueuePool as QueuePool

from compysition import actors as actors  # isort: skip - last, because actors of scripts import from here

__version__ = version = "1.2.54"  # the release whose interface this is

# What the star import of that release gave, so that it hides no other name of a script.
__all__ = [
    "Actor",
    "Director",
    "Event",
    "Logger",
    "QLogger",
    "Queue",
    "QueuePool",
    "actor",
    "actors",
    "director",
    "errors",
    "event",
    "logger",
    "queue",
    "version",
]
