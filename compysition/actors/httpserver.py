"""Import path of HTTPServer."""

from compysition._bottle import extend
from compysition._core import HTTPServer

__all__ = ["HTTPServer"]

extend()
