"""Import path of the event generators."""

from compysition._core import (
    CronEventGenerator,
    EventGenerator,
    UDPCronEventGenerator,
    UDPEventGenerator,
)

__all__ = [
    "CronEventGenerator",
    "EventGenerator",
    "UDPCronEventGenerator",
    "UDPEventGenerator",
]
