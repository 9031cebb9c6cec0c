"""The built-in actors."""

from compysition._core import (
    STDOUT,
    CronEventGenerator,
    EventAttributeLookupModifier,
    EventAttributeModifier,
    EventGenerator,
    EventLogger,
    FileLogger,
    FlowController,
    Null,
    RedactedFileLogger,
    TestEvent,
)
from compysition.actors.data import Data
from compysition.actors.header import Header

__all__ = [
    "STDOUT",
    "CronEventGenerator",
    "Data",
    "EventAttributeLookupModifier",
    "EventAttributeModifier",
    "EventGenerator",
    "EventLogger",
    "FileLogger",
    "FlowController",
    "Header",
    "Null",
    "RedactedFileLogger",
    "TestEvent",
]
