"""HTTPServer."""

import importlib
import re
from collections.abc import Callable
from typing import Any

from compysition._core import HTTPServer
from compysition.event import HttpEvent, JSONHttpEvent, XMLHttpEvent

__all__ = ["HTTPServer"]

HTTPServer.DEFAULT_ROUTE = {"routes": [{"id": "base", "path": "/<queue>", "method": ["POST"]}]}
HTTPServer.QUEUE_REGEX = re.compile("<queue:re:([a-zA-Z_0-9]+)>")
HTTPServer.X_WWW_FORM_URLENCODED = "application/x-www-form-urlencoded"
HTTPServer.X_WWW_FORM_URLENCODED_KEY_MAP = {"XML": XMLHttpEvent, "JSON": JSONHttpEvent}
HTTPServer.CONTENT_TYPES = [
    "text/xml",
    "application/xml",
    "text/plain",
    "text/html",
    "application/json",
    HTTPServer.X_WWW_FORM_URLENCODED,
]
HTTPServer.CONTENT_TYPE_MAP = {
    **dict.fromkeys(("application/json", "application/json+schema"), JSONHttpEvent),
    **dict.fromkeys(
        ("application/xml", "text/xml", "text/html", "application/xml+schema"), XMLHttpEvent
    ),
    **dict.fromkeys(("text/plain", "*/*"), HttpEvent),
}

BOTTLE_METHODS = (
    *(
        "route",
        "get",
        "post",
        "put",
        "delete",
        "patch",
        "install",
        "uninstall",
        "reset",
        "add_hook",
    ),
    *("remove_hook", "trigger_hook", "hook", "error", "merge", "mount"),
)
BOTTLE_PROPERTIES = ("plugins", "config")


def later(name: str) -> Callable[..., Any]:
    """Return a method that is in compysition._bottle, which is imported when it is first used."""

    def method(self: HTTPServer, *args: Any, **kwargs: Any) -> Any:
        return getattr(importlib.import_module("compysition._bottle"), name)(self, *args, **kwargs)

    method.__name__ = name
    method.__qualname__ = f"HTTPServer.{name}"
    method.__doc__ = f"See compysition._bottle.{name}."
    return method


for name in BOTTLE_METHODS:
    setattr(HTTPServer, name, later(name))
for name in BOTTLE_PROPERTIES:
    setattr(HTTPServer, name, property(later(name)))
