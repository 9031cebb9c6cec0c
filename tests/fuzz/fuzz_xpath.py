"""XPaths of filters: simple ones are walked, and must find what libxml2 finds."""

import contextlib

from compysition.actors import EventXMLFilter
from compysition.errors import InvalidEventDataModification
from compysition.event import XMLEvent
from tests.fuzz import target

DOCUMENTS = [
    b'<a k="1" xmlns:p="urn:p">t<b k="2">1</b><b>2<c/>x</b><p:b p:k="3"><a><b>3</b></a></p:b></a>',
    b'<a xmlns="urn:d"><b>x</b><!-- c --><b><![CDATA[2]]>.0</b><?p i?></a>',
]
XPATHS = [
    b"//b[1]/text()",
    b"/a/b[@k = '2'][. >= 1.5]/@k",
    b".//p:*[a]/a/b",
    b"a//b | //@p:k",
    b"//*[text() != 'x']",
    b"count(//b[position() < last()]) div 2",
    b"self::a/attribute::k",
    b'//b[. = "x"][2]/following-sibling::*',
]


class Notebook:
    """A pattern that notes what it is tried on."""

    def __init__(self):
        self.seen = []

    def search(self, text):
        self.seen.append(text)


@target(lambda: [xpath + b"\n" + document for xpath in XPATHS for document in DOCUMENTS])
def xpath_filter(data):
    """The first line is an XPath, the rest a document."""
    xpath, _, document = data.partition(b"\n")
    try:
        event = XMLEvent(data=document)
    except InvalidEventDataModification:
        return
    event_filter, notebook = EventXMLFilter(xpath.replace(b"\0", b""), None, []), Notebook()
    event_filter.value_regexes.append(notebook)
    with contextlib.suppress(ValueError):  # too many steps
        values = [str(value) for value in event_filter._get_value(event, ("data",))]
        event_filter.matches(event)
        assert sorted(notebook.seen) == sorted(values)
