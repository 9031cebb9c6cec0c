"""Event pipelines: actors joined by queues, set up by a Director."""

from compysition import errors
from compysition._core import sleep
from compysition.actor import Actor
from compysition.event import Event
from compysition.logger import Logger
from compysition.queue import Queue, QueuePool

__version__ = version = "1.2.54"  # the release whose interface this is
