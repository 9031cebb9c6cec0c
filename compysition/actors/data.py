"""The actor Data of releases up to 1.1."""

from typing import Any

from compysition._core import EventAttributeModifier, _JSONFormatInterface
from compysition.errors import InvalidEventDataModification
from compysition.event import Event

__all__ = ["Data"]


class Data(EventAttributeModifier):
    """Sets an event's data, or one key of it.

    In and out: Event. key: str, the key in event.data to set; None (default) for all of the data.
    data: what to set; every event gets a copy of its own. Plain text for a JSON event becomes a
    JSON string. Fails with MalformedEventData, as EventAttributeModifier.
    """

    def __init__(
        self,
        name: str,
        key: str | None = None,
        data: Any = {},  # noqa: B006 - never changed
        *args: Any,
        **kwargs: Any,
    ) -> None:
        steps = ["data"] if key is None else ["data", key]
        super().__init__(name, steps, data, *args, **kwargs)

    def get_key_chain_value(self, event: Event, value: Any) -> Event:
        """Set the value; text that a JSON event refuses as a JSON string."""
        try:
            return super().get_key_chain_value(event, value)
        except InvalidEventDataModification:
            if not isinstance(event, _JSONFormatInterface) or not isinstance(value, str):
                raise
            import json  # here, because few scripts need it

            return super().get_key_chain_value(event, json.dumps(value))
