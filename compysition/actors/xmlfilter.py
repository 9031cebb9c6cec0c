"""The actor XMLFilter of releases up to 1.1."""

from pathlib import Path
from typing import Any

from compysition._core import EventRouter, EventXMLFilter

__all__ = ["XMLFilter"]


class XMLFilter(EventRouter):
    """Sends on the events in whose XML something is found, or with whitelist=False the others.

    In and out: XMLEvent. xpath, xslt: as for EventXMLFilter. xslt_filepath: the file with the stylesheet, when
    there is no xslt. value: regex that must be found in what the xpath finds; None for any. filter_type and
    log_level are accepted and ignored. What is not sent on is dropped.
    """

    def __init__(
        self,
        name: str,
        xpath: str,
        xslt: str | bytes | None = None,
        xslt_filepath: str | None = None,
        value: str | None = None,
        whitelist: bool = True,
        filter_type: str = "delete",
        log_level: int = 3,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        if xslt is None and xslt_filepath is not None:
            xslt = Path(xslt_filepath).read_bytes()
        self._filter = EventXMLFilter(xpath, xslt, ".*" if value is None else value)
        super().__init__(
            name, self._filter, "whitelist" if whitelist else "blacklist", ".*", *args, **kwargs
        )

    def pre_hook(self) -> None:
        """Name all outboxes to the filter, which are connected by now."""
        if self.whitelist:
            self._filter.outbox_names = list(self.pool.outbound)
        super().pre_hook()
