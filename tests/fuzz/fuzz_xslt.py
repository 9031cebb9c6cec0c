"""Stylesheets and schemas: their sources come from files, and what they compile to works on documents."""

from lxml import etree

from compysition.actors import XSD, XSLT
from compysition.errors import InvalidEventDataModification, MalformedEventData
from compysition.event import XMLEvent
from tests.fuzz import target
from tests.xml.schemas import SCHEMAS
from tests.xml.stylesheets import DOCUMENTS, SHEETS

EVERY = 12  # so many stylesheets are seeds: one of each kind
HOSTILE = [
    '<xsl:include href="file:///etc/passwd"/>',
    '<xsl:import href="http://localhost:9/a.xsl"/>',
    '<xsl:template match="/"><xsl:copy-of select="document(\'/etc/passwd\')"/></xsl:template>',
    '<xsl:template match="/"><exsl:document href="/tmp/x" xmlns:exsl="http://exslt.org/common"'
    ' xsl:extension-element-prefixes="exsl"/></xsl:template>',
    '<xsl:template name="t"><xsl:call-template name="t"/></xsl:template>'
    '<xsl:template match="/"><xsl:call-template name="t"/></xsl:template>',
    '<xsl:output indent="yes" cdata-section-elements="a"/><xsl:key name="k" match="*" use="@*"/>',
]
HEAD = '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'


def seed(source, document):
    return source.encode() + b"\0" + document.encode()


def stylesheets():
    hostile = [f"{HEAD}{top}</xsl:stylesheet>" for top in HOSTILE]
    return [seed(text, DOCUMENTS["order"]) for text in [*list(SHEETS.values())[::EVERY], *hostile]]


def schemas():
    return [seed(text, documents[0]) for text, documents in list(SCHEMAS.values())[::EVERY]]


def split(data):
    """What comes before the first null character, and the event of the rest, None when that is no XML."""
    source, _, document = data.partition(b"\0")
    try:
        return source, XMLEvent(data=document)
    except InvalidEventDataModification:
        return source, None


@target(stylesheets)
def stylesheet(data):
    """A stylesheet, a null character, a document: what comes out is XML that can be read again."""
    source, event = split(data)
    try:
        actor = XSLT("xslt", source)
    except (etree.XSLTParseError, etree.XMLSyntaxError):
        return
    if event is None:
        return
    outbox = actor.pool.outbound.add("outbox")
    try:
        actor.consume(event)
    except MalformedEventData:
        return
    text = outbox.get().data_string()
    try:
        XMLEvent(data=text)
    except InvalidEventDataModification as error:
        assert "Excessive depth" in str(error) or "disable-output-escaping" in source.decode()


@target(schemas)
def schema(data):
    """A schema, a null character, a document: it passes unchanged, or the event says why not."""
    source, event = split(data)
    try:
        actor = XSD("xsd", source)
    except (etree.XMLSchemaParseError, etree.XMLSyntaxError):
        return
    if event is None:
        return
    text = event.data_string()
    outbox = actor.pool.outbound.add("outbox")
    try:
        actor.consume(event)
    except MalformedEventData as error:
        assert error.message
        return
    assert outbox.get().data_string() == text
