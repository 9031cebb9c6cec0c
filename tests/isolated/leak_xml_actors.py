"""XSLT and XSD: made, run and forgotten."""

from compysition.actors import XSD, XSLT
from compysition.event import XMLEvent
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
