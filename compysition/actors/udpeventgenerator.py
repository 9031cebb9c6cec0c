"""Import path of UDPEventGenerator in 1.1."""

from compysition._core import UDPEventGenerator

__all__ = ["UDPEventGenerator"]
