"""A router with ten XPath filters, beside the same filters in Python on lxml, as 1.2.54 had them."""

import logging
import re
import time

from lxml import etree

from compysition import Queue, sleep
from compysition.actors import EventRouter, EventXMLFilter, Null
from compysition.event import XMLEvent
from tests.benchmarks.rows import Row

ITEMS = "".join(
    f'<item line="{number}"><sku>SKU-{number:04}</sku><name>Thing {number}</name>'
    f'<quantity>{number % 7}</quantity><price currency="EUR">{number}.95</price></item>'
    for number in range(20)
)
ORDER = (
    '<order xmlns="urn:example:order" xmlns:c="urn:example:customer" channel="web">'
    "<c:customer><c:name>Ada Lovelace</c:name><c:country>GB</c:country></c:customer>"
    f"<items>{ITEMS}</items></order>"
)
FILTERS = [
    ("//c:country", "^(DE|FR)$"),
    ("//c:country", "^GB$"),
    ("/default:order/@channel", "phone"),
    ("/default:order/default:items/default:item/default:sku", "SKU-0019"),
    ("/default:order/default:items/default:item/default:sku", "SKU-9999"),
    ("//default:item[default:quantity > 5]/default:name", "^Gadget"),
    ("//default:item[@line='7']/default:price/@currency", "USD"),
    ("//default:price", "^10000"),
    ("//c:customer/c:name/text()", "Babbage"),
    ("/default:order/default:items/default:item[20]/default:name", "Thing 19"),
]
EVENTS = 300
RUNS = 7


def by_lxml(order):
    """Which filters match: namespaces are collected for each."""
    matches = []
    for xpath, regex in FILTERS:
        namespaces = dict(order.nsmap)
        for child in order:
            namespaces.update(child.nsmap)
        namespaces["default"] = namespaces.pop(None)
        found = order.xpath(xpath, namespaces=namespaces)
        texts = [value if isinstance(value, str) else value.text or "" for value in found]
        matches.append(any(re.search(regex, text) for text in texts))
    return matches


def microseconds_by_lxml():
    orders = [etree.fromstring(ORDER) for _ in range(EVENTS)]
    begin = time.perf_counter()
    for order in orders:
        by_lxml(order)
    return (time.perf_counter() - begin) / EVENTS * 1e6


def microseconds_by_router(inbox):
    events = [
        XMLEvent(data=ORDER) for _ in range(EVENTS)
    ]  # which keep the documents from being freed
    for event in events:
        inbox.put_nowait(event)  # put() would let the router begin
    begin = time.perf_counter()
    while len(inbox):
        sleep(0)
    return (time.perf_counter() - begin) / EVENTS * 1e6


def xpath_router():
    filters = [EventXMLFilter(xpath, None, regex, "null") for xpath, regex in FILTERS]
    matches = [each.matches(XMLEvent(data=ORDER)) for each in filters]
    assert matches == by_lxml(etree.fromstring(ORDER))
    router, null, inbox = EventRouter("router", filters), Null("null"), Queue("inbox")
    router.logger.level = logging.CRITICAL
    router.register_consumer("inbox", inbox)
    router.connect_queue("null", null)
    router.start()
    null.start()
    lxml = min(microseconds_by_lxml() for _ in range(RUNS))
    router_time = min(microseconds_by_router(inbox) for _ in range(RUNS))
    router.stop()
    null.stop()
    return [
        Row("XPath router, 10 filters, 20-item order", router_time, "µs"),
        Row(
            "the same filters in Python on lxml",
            lxml,
            "µs",
            5,
            lxml / router_time,
            "the router",
            at_least=True,
        ),
    ]
