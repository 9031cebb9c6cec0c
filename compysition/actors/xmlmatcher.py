"""The actor XMLMatcher of releases up to 1.1."""

from typing import Any

from compysition._core import XMLEventJoin

__all__ = ["XMLMatcher"]


class XMLMatcher(XMLEventJoin):
    """An XMLEventJoin that takes its key by position, too.

    In and out: XMLEvent. purge_interval: seconds, or None (default). key: str, the actor's name by
    default.
    """

    def __init__(
        self,
        name: str,
        purge_interval: float | None = None,
        key: str | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, purge_interval, *args, key=name if key is None else key, **kwargs)
