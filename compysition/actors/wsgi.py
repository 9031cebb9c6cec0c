"""Import path of the HTTP actors of old."""

from compysition._core import WSGI, WSGIServer

__all__ = ["WSGI", "WSGIServer"]
