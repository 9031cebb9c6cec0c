"""The actor Header of releases up to 1.1."""

from typing import Any

from compysition._core import EventAttributeModifier

__all__ = ["Header"]


class Header(EventAttributeModifier):
    """Sets event.header[key]; the dict is made when it is missing.

    key: str, the actor's name by default. header: the value, {} by default.
    """

    def __init__(
        self, name: str, *args: Any, key: str | None = None, header: Any = None, **kwargs: Any
    ) -> None:
        value = {} if header is None else header
        super().__init__(name, f"header/{name if key is None else key}", value, *args, **kwargs)
