"""Orders become invoices: XML files through schemas and stylesheets, and each by its way.

    python examples/orders.py [ORDER_FILE ...]

The files (default: examples/data/orders/*.xml) are checked, made invoices of and checked again. Those in euros are
done; those in another currency get their amount in euros. What fails on the way, wherever, comes to one place.

    files -> parse -> order -> invoice -> check -> route -+-> domestic
               :        :         :         :        :    +-> euro -> foreign
               : errors :         :         :        :         :
               +--------+---------+---------+--------+---------+-> rejected

The files that come out are in build/orders, and so is the log.
"""

import sys
from pathlib import Path

from lxml import etree

from compysition import Actor, Director
from compysition.actors import XSD, XSLT, EventRouter, EventXMLFilter, FileLogger
from compysition.event import Event, XMLEvent

DATA = Path(__file__).parent / "data"
OUTPUT = Path("build/orders")


class Files(Actor):
    """Sends one event for each file, and stops the director after the last."""

    def __init__(self, name, paths, director, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.blockdiag_config["shape"] = "flowchart.input"
        self.paths = paths
        self.director = director

    def pre_hook(self):
        self.threads.spawn(self.read, restart=False)

    def read(self):
        try:
            for path in self.paths:
                self.send_event(Event(data=path.read_bytes(), file=path.name))
        except OSError as error:
            print(error, file=sys.stderr)
        self.director.stop()

    def consume(self, event, *args, **kwargs):
        self.send_event(event)


class Parse(Actor):
    """Makes XML of text. Text that is no XML takes the error queue."""

    output = XMLEvent

    def consume(self, event, *args, **kwargs):
        self.send_event(event.convert(XMLEvent))


class Folder(Actor):
    """Writes what each event holds into a file, in a folder that is named as the actor."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.blockdiag_config["shape"] = "note"
        self.path = OUTPUT / name
        self.events = {}

    def pre_hook(self):
        self.path.mkdir(parents=True, exist_ok=True)

    def consume(self, event, *args, **kwargs):
        if isinstance(event, XMLEvent):
            etree.indent(event.data)
            text = etree.tostring(event.data, encoding="UTF-8", xml_declaration=True) + b"\n"
        else:
            text = event.data
        (self.path / event.file).write_bytes(text)
        self.events[event.file] = event


def print_invoices(folder):
    print(f"{folder.path}:")
    for file, event in sorted(folder.events.items()):
        find = event.data.findtext
        euros = find("euros") or find("total")
        print(f"    {file}  {find('customer/name'):<24}{euros:>8} EUR")


def reasons(event):
    """Why an event failed. What a stylesheet says is in the data."""
    yield from event.error.message
    if isinstance(event, XMLEvent):
        yield from event.data.xpath("transform_error/text()")


def main(paths):
    director = Director(name="orders")
    director.register_log_actor(FileLogger, "log", "orders.log", directory=OUTPUT)

    files = director.register_actor(Files, "files", paths, director)
    parse = director.register_actor(Parse, "parse")
    order = director.register_actor(XSD, "order", DATA / "order.xsd", allowed_paths=DATA)
    invoice = director.register_actor(XSLT, "invoice", DATA / "invoice.xsl", {"vat": "7"})
    check = director.register_actor(XSD, "check", DATA / "invoice.xsd", allowed_paths=DATA)
    in_euros = EventXMLFilter("/invoice[@currency = 'EUR']", outbox_names="domestic")
    others = EventXMLFilter("/invoice[@currency != 'EUR']", outbox_names="euro")
    route = director.register_actor(EventRouter, "route", [in_euros, others])
    euro = director.register_actor(XSLT, "euro", DATA / "euro.xsl", allowed_paths=DATA)
    domestic = director.register_actor(Folder, "domestic")
    foreign = director.register_actor(Folder, "foreign")
    rejected = director.register_actor(Folder, "rejected")

    director.connect_queue(files, parse)
    director.connect_queue(parse, order)
    director.connect_queue(order, invoice)
    director.connect_queue(invoice, check)
    director.connect_queue(check, route)
    director.connect_queue(route, [domestic, euro])
    director.connect_queue(euro, foreign)
    for actor in (parse, order, invoice, check, route, euro):
        director.connect_error_queue(actor, rejected)

    director.start()

    print_invoices(domestic)
    print_invoices(foreign)
    print(f"{rejected.path}:")
    for file, event in sorted(rejected.events.items()):
        print(f"    {file}", *reasons(event), sep="\n        ")


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]] or sorted(DATA.glob("orders/*.xml")))
