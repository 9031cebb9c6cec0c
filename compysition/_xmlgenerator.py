"""The XML writer that 1.2.54 gave to xmltodict, for scripts that use it themselves."""

from xml.sax.saxutils import XMLGenerator

from compysition._core import _is_markup


class UnescapedDictXMLGenerator(XMLGenerator):
    """Writes text that is one complete XML document as markup, and escapes all other text."""

    __module__ = "compysition.event"

    def characters(self, content: str) -> None:
        """Write text; ``content`` is what stands between two tags."""
        if _is_markup(content):
            self.ignorableWhitespace(content)  # which writes as it is
        else:
            super().characters(content)
