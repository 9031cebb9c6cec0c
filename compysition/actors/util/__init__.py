"""Helpers of actors. The star import also gives ``re`` and lxml's ``etree``, as it always did."""

import importlib
import re
from typing import Any

from compysition.actors.util.xpath import XPathLookup

__all__ = ["XPathLookup", "etree", "re"]


def __getattr__(name: str) -> Any:
    if name == "etree":
        return importlib.import_module("lxml.etree")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
