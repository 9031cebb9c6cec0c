"""The actor Header of releases up to 1.1."""

from typing import Any

from compysition._core import EventAttributeModifier

__all__ = ["Header"]


class Header(EventAttributeModifier):
    """Sets event.header[key]; the dict is made when it is missing.

    In and out: Event. key: str, the actor's name by default. header: what to set, {} by default.
    """

    def __init__(
        self,
        name: str,
        key: str | None = None,
        header: Any = {},  # noqa: B006 - never changed
        *args: Any,
        **kwargs: Any,
    ) -> None:
        steps = ["header", name if key is None else key]
        super().__init__(name, steps, header, *args, **kwargs)
