"""Event pipelines: actors joined by queues, set up by a Director."""

from compysition import errors as errors
from compysition._core import sleep as sleep
from compysition.actor import Actor as Actor
from compysition.director import Director as Director
from compysition.event import Event as Event
from compysition.logger import Logger as Logger
from compysition.queue import Queue as Queue
from compysition.queue import QueuePool as QueuePool

__version__ = version = "1.2.54"  # the release whose interface this is
