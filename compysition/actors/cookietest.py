"""The actor CookieTest of releases up to 1.1."""

from typing import Any

from compysition._core import Actor, HttpEvent

__all__ = ["CookieTest"]


class CookieTest(Actor):
    """Sets the cookie "session" to "somedata"; it expires when the request had a cookie already.

    In and out: HttpEvent.
    """

    input = HttpEvent
    output = HttpEvent

    def consume(self, event: Any, *args: Any, **kwargs: Any) -> None:
        """Set the cookie and send the event on."""
        had_one = event.environment.get("HTTP_COOKIE")
        expires = "; expires=Thu, 01 Jan 1970 00:00:00 GMT" if had_one else ""
        event.headers["Set-Cookie"] = f"session=somedata{expires}; Path=/"
        self.send_event(event)
