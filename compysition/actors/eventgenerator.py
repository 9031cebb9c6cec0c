"""Import path of CronEventGenerator and EventGenerator."""

from compysition._core import CronEventGenerator, EventGenerator

__all__ = ["CronEventGenerator", "EventGenerator"]
