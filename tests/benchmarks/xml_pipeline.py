"""XSLT and XSD as pipelines, beside the same calls of lxml in a bare loop."""

import logging
import os
import time

from lxml import etree

from compysition import Actor, Queue, sleep
from compysition.actors import XSD, XSLT
from compysition.event import Event, XMLEvent
from tests.benchmarks.rows import Row
from tests.benchmarks.xmldata import ORDER

SHEET = """
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:template match="/order">
    <invoice number="{@id}" for="{customer/name}">
      <xsl:for-each select="items/item">
        <xsl:sort select="@sku"/>
        <line sku="{@sku}"><xsl:value-of select="name"/>: <xsl:value-of select="@qty * price"/></line>
      </xsl:for-each>
      <total><xsl:value-of select="sum(items/item/price)"/></total>
    </invoice>
  </xsl:template>
</xsl:stylesheet>
"""
SCHEMA = """
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:element name="list"><xs:complexType><xs:sequence>
    <xs:element name="item" maxOccurs="unbounded"><xs:complexType>
      <xs:sequence><xs:element name="name" type="xs:string"/><xs:element name="price" type="xs:decimal"/></xs:sequence>
      <xs:attribute name="sku" type="xs:NMTOKEN" use="required"/>
    </xs:complexType></xs:element>
  </xs:sequence></xs:complexType></xs:element>
</xs:schema>
"""
LIST = "".join(
    f'<item sku="A{i}"><name>Thing {i}</name><price>{i}.50</price></item>' for i in range(200)
)
LIST = f"<list>{LIST}</list>"
EVENTS = 500
RUNS = 9


class End(Actor):
    """The end: counts events, and turns their documents into text if it is told to."""

    def __init__(self, name, serialise):
        super().__init__(name)
        self.serialise = serialise
        self.count = 0

    def consume(self, event, *args, **kwargs):
        if self.serialise:
            event.data_string()
        self.count += 1


def pipeline(actor, make, clock, serialise=False):
    """The least microseconds of `clock` for an event that passes `actor` and the end, over some runs."""
    inbox, end, least = Queue("inbox"), End("end", serialise), float("inf")
    actor.logger.level = logging.CRITICAL
    actor.register_consumer("inbox", inbox)
    actor.connect_queue("end", end)
    actor.start()
    end.start()
    for _ in range(RUNS):
        for _ in range(EVENTS):
            inbox.put_nowait(make())  # put() would let the actors begin
        end.count = 0
        begin = clock()
        while end.count < EVENTS:
            sleep(0.0002)
        least = min(least, (clock() - begin) / EVENTS * 1e6)
    actor.stop()
    end.stop()
    return least


def loop(function, clock):
    """The least microseconds of `clock` for a call of `function`, over some runs."""
    least = float("inf")
    for _ in range(RUNS):
        begin = clock()
        for _ in range(EVENTS):
            function()
        least = min(least, (clock() - begin) / EVENTS * 1e6)
    return least


def transform_with(clock, name, limit, at_least=False):
    transform = etree.XSLT(etree.fromstring(SHEET))
    bare = loop(lambda: etree.tostring(transform(etree.fromstring(ORDER))), clock)
    ours = pipeline(XSLT("xslt", SHEET), lambda: Event(data=ORDER), clock, serialise=True)
    ratio, than = (bare / ours, "as fast") if at_least else (ours / bare, "lxml")
    return [Row(name, ours, "µs", limit, ratio, than, at_least), Row(f"{name}: lxml", bare, "µs")]


def one_core():
    """On one processor; its time counts, not that of others."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    rows = transform_with(time.process_time, "parse, XSLT, serialise, 20 items, 1 core", 1.1)
    document = etree.fromstring(LIST)
    schema = etree.XMLSchema(etree.fromstring(SCHEMA))
    bare = loop(lambda: schema.validate(document), time.process_time)
    events = [
        XMLEvent(data=LIST) for _ in range(EVENTS)
    ]  # which keep the documents from being freed
    ours = pipeline(XSD("xsd", SCHEMA), iter(events * RUNS).__next__, time.process_time)
    name = "XSD, 200 items, 1 core"
    return [
        *rows,
        Row(name, ours, "µs", 1.1, ours / bare, "lxml"),
        Row(f"{name}: lxml", bare, "µs"),
    ]


def two_cores():
    """As long as it takes: with the thread pool, events per second."""
    return transform_with(time.perf_counter, "the same, 2 cores and the pool", 1.7, at_least=True)
