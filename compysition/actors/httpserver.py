"""HTTPServer."""

import re

from compysition._bottle import extend
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

extend()
