"""Import path of HTTPServer."""

from compysition._core import HTTPServer

__all__ = ["HTTPServer"]
