"""The actor Header of releases up to 1.1."""

from compysition._core import EventAttributeModifier

__all__ = ["Header"]


class Header(EventAttributeModifier):
    """Sets event.header[key]; the dict is made when it is missing.

    key: str, the actor's name by default. header: the value, {} by default.
    """

    def __init__(self, name, *args, key=None, header=None, **kwargs):
        value = {} if header is None else header
        super().__init__(name, f"header/{name if key is None else key}", value, *args, **kwargs)
