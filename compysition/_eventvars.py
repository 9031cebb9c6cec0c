"""What vars(event) gives. Imported when first used."""

from collections.abc import MutableMapping
from typing import Any, Self

from compysition._core import Event, _store_attribute


class EventVars(dict[str, Any]):
    """The attributes of an event; what is changed here is changed in the event.

    Events keep their attributes in C fields, but subclasses write ``self.__dict__.update(state)``.
    """

    __slots__ = ("_event",)

    def __init__(self, event: Event, attributes: dict[str, Any]) -> None:
        super().__init__(attributes)
        self._event = event

    def __setitem__(self, name: str, value: Any) -> None:
        _store_attribute(self._event, name, value)
        super().__setitem__(name, value)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        _store_attribute(self._event, name)
        super().__delitem__(name)

    def __ior__(self, other: Any) -> Self:  # type: ignore[override, misc]
        self.update(other)
        return self

    # dict's own would not come by the two methods above
    update = MutableMapping.update
    setdefault = MutableMapping.setdefault
    pop = MutableMapping.pop
    popitem = MutableMapping.popitem
    clear = MutableMapping.clear

    def __reduce_ex__(self, protocol: object) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (dict(self),)
