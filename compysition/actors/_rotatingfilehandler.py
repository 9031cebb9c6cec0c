"""A handler for Python's logging, which scripts import from compysition.actors.filelogger."""

import importlib
import logging.handlers
import os
import sys
import threading
from typing import Any

__all__ = ["RotatingFileHandler"]


class RotatingFileHandler(logging.handlers.RotatingFileHandler):
    """logging.handlers.RotatingFileHandler that makes the file and the directories above it.

    file_path: str. Further arguments are those of the base class. Where gevent is imported the
    lock is one of gevent's, so that greenlets wait for each other.
    """

    def __init__(self, file_path: str, *args: Any, **kwargs: Any) -> None:
        self.make_file(file_path)
        super().__init__(file_path, *args, **kwargs)

    def createLock(self) -> None:
        """Set the lock that emitting a record takes."""
        if "gevent" in sys.modules:
            self.lock = importlib.import_module("gevent.lock").RLock()
        else:
            self.lock = threading.RLock()

    def make_file(self, path: str) -> None:
        """Make an empty file unless there is one, and its directories. Raises OSError."""
        self.make_file_dir(path)
        with open(path, "a", encoding="utf-8"):
            pass

    def make_file_dir(self, path: str) -> None:
        """Make the directories above a file. Raises OSError."""
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
