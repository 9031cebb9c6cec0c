"""XPath on documents whose namespaces are not known beforehand."""

import importlib
from functools import lru_cache
from typing import Any

from compysition._core import _qualify_xpath

__all__ = ["XPathLookup"]


class XPathLookup:
    """Finds things in an lxml element by XPath, with the prefixes that the document declares.

    xml: an lxml element, or an element tree, whose root is taken.
    namespaces: dict prefix -> URI of the element and its children, of which a later one overrides an earlier
    one; the default namespace has the prefix "default".
    """

    def __init__(self, xml: Any) -> None:
        self.xml = xml.getroot() if hasattr(xml, "getroot") else xml
        declared = dict(self.xml.nsmap)
        for child in self.xml.iterchildren("*"):
            declared.update(child.nsmap)
        default = declared.pop(None, None)
        self._has_default = default is not None
        if default is not None:
            declared["default"] = default
        self.namespaces: dict[str, str] = declared

    def lookup(self, xpath: str) -> Any:
        """What xpath finds, as lxml's xpath() returns it: a list, str, float or bool.

        Names of elements without a prefix are in the default namespace if there is one. Raises
        lxml.etree.XPathError for what is no XPath.
        """
        path = _qualify_xpath(xpath) if self._has_default else xpath
        return _compiled(path, tuple(self.namespaces.items()))(self.xml)


@lru_cache(maxsize=256)
def _compiled(path: str, namespaces: tuple[tuple[str, str], ...]) -> Any:
    etree = importlib.import_module("lxml.etree")
    return etree.XPath(path, namespaces=dict(namespaces))
