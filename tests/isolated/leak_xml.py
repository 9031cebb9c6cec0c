"""XML events: documents of libxml2, elements of lxml, and what passes between them."""

import copy
import pathlib
import pickle
import tempfile

from lxml import etree

from compysition import errors
from compysition.event import Event, JSONEvent, XMLEvent, XMLHttpEvent, XMLParser, internal_xmlify

TEXT = '<r xmlns="d" xmlns:p="u"><p:a b="é">x</p:a><!-- c --><a>y<b/>z</a></r>'
DATA = {"a": {"@b": "c", "d": [1, None, "<e>x</e>", "<e>"], "#text": "t"}, "f": [[1]]}
REFUSED = [
    "",
    "<a>",
    "<a>&e;</a>",
    "<p:a/>",
    "<a>\0</a>",
    "\ud800",
    "<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///x'>]><a>&e;</a>",
    "<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f '&e;'>]><a>&e;</a>",
    "<a>" * 1000,
    b'<?xml version="1.0" encoding="x"?><a/>',
    5,
    {"a b": 1},
    {"a": {"@p:b": 1}},
    {"a": "\0"},
    {"p:a": 1},
    {5: 6},
    etree.Comment("x"),
    etree.ElementTree(),
]


READABLE = pathlib.Path(tempfile.mkdtemp(prefix="readable"))
(READABLE / "a.dtd").write_text("<!ENTITY e 'x'><!ATTLIST a b CDATA 'c'>")
(READABLE / "a.xml").write_text("<b/>")


class Reading(XMLEvent):
    """Its text may read files."""


def leak_reading_files():
    """Document types and entities, read and refused."""
    Reading.xml_parser = XMLParser([READABLE, READABLE], huge=True)
    declared = '<!DOCTYPE a SYSTEM "a.dtd" [<!ENTITY f SYSTEM "{}">]><a>&e;&f;</a>'
    assert Reading(data=declared.format("a.xml")).clone().data_string() == '<a b="c">x<b/></a>'
    for name in ("/etc/passwd", "http://127.0.0.1/", "none.xml"):
        try:
            Reading(data=declared.format(name))
        except errors.InvalidEventDataModification:
            continue
        raise AssertionError(name)
    try:
        XMLParser([READABLE, READABLE / "none"])
    except OSError:
        pass


def leak_parsing():
    """Text in, text out, without Python seeing the tree."""
    made = XMLEvent(data=TEXT)
    made.data = "<!DOCTYPE a [<!ENTITY e 'x<b/>'><!ATTLIST a i ID #IMPLIED>]><a i='j'>&e;&e;</a>"
    made.data = TEXT.encode("utf-16")
    assert made.data_string() and made.clone().data_string() and str(made)
    assert pickle.loads(pickle.dumps(made)).data_string()


def leak_refusals():
    """Data of all the kinds that are refused."""
    made = XMLEvent()
    for data in REFUSED:
        try:
            made.data = data
        except errors.InvalidEventDataModification:
            continue
        raise AssertionError(f"{data!r} was accepted")


def leak_dicts():
    """Dicts to XML and back."""
    made = JSONEvent(data=DATA).convert(XMLHttpEvent)
    assert made.convert(JSONEvent).data["a"]["@b"] == "c"
    assert XMLEvent(data=[1, 2]).convert(JSONEvent).data == ["1", "2"]
    assert JSONEvent(data=etree.fromstring("<a><b/></a>")).data == {"a": {"b": None}}
    assert internal_xmlify([1])


def leak_elements():
    """Trees that pass between C and Python, shared and held."""
    made = XMLEvent(data=TEXT)
    copied = made.clone()
    made.data.append(copied.data[0])
    held = copied.data
    again = copied.clone()
    held.clear()
    made.convert(XMLHttpEvent).data.set("x", "y")
    assert again.convert(JSONEvent).data and again.data_string() and copied.clone().data_string()
    copied.data = etree.ElementTree(held)
    copied.data = etree.fromstring("<a><b/>tail</a>")[0]
    assert copy.deepcopy(copied).data is not copied.data
    assert Event(data=held).convert(XMLEvent).clone().data_string()


def leak_errors():
    """Errors as elements and as text."""
    made = XMLEvent(error=errors.MalformedEventData(["a", "b\0"], code=5))
    assert len(made.format_error()) == 2 and made.error_string()
    made.error = KeyError("x")
    assert made.error_string() and XMLEvent().error_string() is None
