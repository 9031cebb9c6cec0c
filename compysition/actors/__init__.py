"""The built-in actors.

``from compysition.actors import *`` gives the actors, and nothing else.
"""

from compysition.actors.data import Data
from compysition.actors.eventattributemodifier import (
    EventAttributeLookupModifier,
    EventAttributeModifier,
)
from compysition.actors.eventgenerator import CronEventGenerator, EventGenerator
from compysition.actors.eventlogger import EventLogger
from compysition.actors.eventrouter import (
    EventFilter,
    EventJSONFilter,
    EventRouter,
    HTTPMethodEventRouter,
    SimpleRouter,
)
from compysition.actors.filelogger import FileLogger
from compysition.actors.flowcontroller import FlowController
from compysition.actors.header import Header
from compysition.actors.null import Null
from compysition.actors.redactedfilelogger import RedactedFileLogger
from compysition.actors.stdout import STDOUT
from compysition.actors.testevent import TestEvent

__all__ = [
    "STDOUT",
    "CronEventGenerator",
    "Data",
    "EventAttributeLookupModifier",
    "EventAttributeModifier",
    "EventFilter",
    "EventGenerator",
    "EventJSONFilter",
    "EventLogger",
    "EventRouter",
    "FileLogger",
    "FlowController",
    "HTTPMethodEventRouter",
    "Header",
    "Null",
    "RedactedFileLogger",
    "SimpleRouter",
    "TestEvent",
]
