"""Actors that work on XML: made, run and forgotten."""

from compysition.actors import (
    XSD,
    XSLT,
    DictToXML,
    EventFilter,
    EventRouter,
    EventXMLFilter,
    PropertiesToXML,
    XMLToDict,
)
from compysition.event import HttpEvent, JSONEvent, JSONHttpEvent, XMLEvent
from compysition.testutils.test_actor import TestActorWrapper

HEAD = '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
SHEET = (
    HEAD
    + '<xsl:param name="p"/><xsl:template match="/"><b c="{$p}"><xsl:value-of select="count(//n)"/></b>'
    '<xsl:if test="/a/@stop"><xsl:message terminate="yes">stop</xsl:message></xsl:if></xsl:template></xsl:stylesheet>'
)
SCHEMA = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a"><xs:complexType><xs:sequence>'
    '<xs:element name="n" type="xs:int" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element>'
    "</xs:schema>"
)
VALID = "<a>" + "<n>1</n>" * 500 + "</a>"  # enough for the thread pool


def run(actor, good, bad):
    wrapper = TestActorWrapper(actor)
    wrapper.input = XMLEvent(data=good)
    assert wrapper.output.data is not None
    wrapper.input = XMLEvent(data=bad)
    assert wrapper.error.format_error() is not None
    wrapper.stop()


def leak_transformations():
    run(XSLT("xslt", SHEET, parameters={"p": 1}), VALID, "<a stop='1'/>")


def leak_validations():
    run(XSD("xsd", SCHEMA), VALID, "<a><n>x</n></a>")


def leak_what_cannot_be_compiled():
    for make in (XSLT, XSD):
        for source in ("<a", "<a/>", None if make is XSLT else "<b/>"):
            try:
                make("actor", source)
            except Exception:
                pass


def leak_transform_and_template():
    actor = XSLT("xslt", SHEET)
    element = XMLEvent(data=VALID).data
    assert actor.transform(element).text == "500"
    assert actor.template is not None


class Broken(XMLEvent):
    def convert(self, cls):
        raise OSError("disk full")


class Untellable:
    def __str__(self):
        raise LookupError("no text")


def consume(actor, *events):
    """What the actor makes of events; None where it fails."""
    outbox = actor.pool.outbound.add("outbox")
    for event in events:
        try:
            actor.consume(event)
        except Exception:
            pass
    return [outbox.get().data_string() for _ in range(outbox.qsize())]


def leak_dict_to_xml():
    data = [{"a": "<b/>", "c": [1, None]}, {}, [1, 2], '"text"', {"a b": 1}, {"a": 1, "b": "\0"}]
    for escape in (False, True):
        made = consume(
            DictToXML("k", escape), *map(JSONHttpEvent, [None] * 6), XMLEvent(data="<a/>")
        )
        assert len(made) == 7
        made = consume(DictToXML("k", escape), *(JSONEvent(data=value) for value in data))
        assert len(made) == 4


def leak_properties_to_xml():
    cyclic = {}
    cyclic["self"] = cyclic
    names = {"a b": 1, "a_b": 2, "@c": 3, "@d e": 4, 5: b"\xff", "": [1, [2], {"x": None}]}
    events = [
        HttpEvent(environment=names),
        XMLEvent(cyclic=cyclic),
        JSONEvent(text="\0"),
        JSONEvent(),
    ]
    events[-1].x = [Untellable()]
    for escape in (False, True):
        assert len(consume(PropertiesToXML("my p", escape), *events)) == 3


def leak_xml_to_dict():
    texts = ["<a/>", "<a>x</a>", "<a><b/></a>", "<jsonified_envelope><a/></jsonified_envelope>"]
    for flatten in (False, True):
        events = [XMLEvent(data=text) for text in texts]
        assert len(consume(XMLToDict("d", flatten), *events, Broken(data="<a/>"))) == 4


def leak_filters_with_faults():
    faults = ("//x:a", "//b[f(.)]", "//a[", "count()", "$v")
    filters = [EventXMLFilter(xpath, outbox_names="outbox") for xpath in faults]
    chained = EventFilter(
        outbox_names="outbox", next_filter=EventXMLFilter("//x:a", outbox_names="outbox")
    )
    router = EventRouter("router", [*filters, chained, EventFilter(outbox_names="outbox")])
    router.pool.logs.add("log")
    wrapper = TestActorWrapper(router)
    for _ in range(2):
        wrapper.input = XMLEvent(data="<a><b/></a>")
        assert wrapper.output is not None
    wrapper.stop()
