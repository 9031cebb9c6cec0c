"""Import path of FileLogger, and of the handler that releases up to 1.2 wrote with."""

from typing import Any

from compysition._core import FileLogger

__all__ = ["FileLogger", "RotatingFileHandler"]  # noqa: F822 - made by __getattr__


def __getattr__(name: str) -> Any:
    """Import the handler when it is asked for: FileLogger does without logging."""
    if name == "RotatingFileHandler":
        from compysition.actors._rotatingfilehandler import RotatingFileHandler

        return RotatingFileHandler
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
