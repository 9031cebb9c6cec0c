"""The actor Data of releases up to 1.1."""

from typing import Any

from compysition._core import EventAttributeModifier

__all__ = ["Data"]


class Data(EventAttributeModifier):
    """Sets an event's data, or one key of it; the name of EventAttributeModifier up to 1.1.

    key: str or None (default), the key in event.data to set. data: the value, {} by default.
    """

    def __init__(
        self, name: str, key: str | None = None, data: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        value = {} if data is None else data
        path = "data" if key is None else f"data/{key}"
        super().__init__(name, path, value, *args, **kwargs)
