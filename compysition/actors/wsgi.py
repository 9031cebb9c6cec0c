"""Import path of the HTTP actors of old."""

from compysition._core import WSGI, BottleWSGI, WSGIServer

__all__ = ["WSGI", "BottleWSGI", "HTTPGateway", "WSGIServer"]


class HTTPGateway:
    """An empty class of old, for scripts that import it."""
