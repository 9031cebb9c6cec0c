"""Mail comes in, is sorted, and goes out to who has to read it.

    python examples/email_pipeline.py [--port PORT] [RELAY_HOST [RELAY_PORT]]

    clients -> mail -> route -+-> orders -+-> relay -> another server
                  :      :    +-> urgent -+     :
                  :      :    +-> office -+     :
                  +------+------------+---------+-> errors

Mail to orders@ is an order, and mail with "urgent" in its subject is urgent; it may be both. What is neither goes to the
office. The relay is the server that is named. Without one there is a server of the example's own: it prints what it gets, and
has no mailbox for the office, so that the way of errors can be seen, too; some mails are sent at the start.

Ctrl-C stops it; mail that is on its way is delivered first.
"""

import argparse
import logging
import smtplib
import threading

from lxml import etree

from compysition import Actor, Director
from compysition.actors import (
    EventFilter,
    EventLogger,
    EventRouter,
    EventXMLFilter,
    SMTPIn,
    SMTPOut,
)
from compysition.event import XMLEvent

READERS = {
    "orders": "sales@shop.example",
    "urgent": "duty@shop.example",
    "office": "office@shop.example",
}
SAMPLES = [
    ("orders@shop.example", "Tea", "Three boxes of item 20, please."),
    ("orders@shop.example", "URGENT: tea", "We have run out of it!"),
    ("info@shop.example", "Opening hours?", "Are you open on Sundays?"),
]


class Letter(Actor):
    """Writes a mail to one reader about a mail that came in."""

    input = output = XMLEvent

    def __init__(self, name, to, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.to = to

    def consume(self, event, *args, **kwargs):
        came = event.data
        letter = etree.Element("email")
        for name, text in (
            ("To", self.to),
            ("From", f"{self.name}@shop.example"),
            ("Reply-To", event.sender),
            ("Subject", f"[{self.name}] {came.findtext('Subject', '')}"),
            ("Body", came.findtext("payload")),
        ):
            etree.SubElement(letter, name).text = text
        event.data = letter
        self.send_event(event)


class Log(Actor):
    """Prints what is logged."""

    def consume(self, event, *args, **kwargs):
        print("log:", *event.data["message"].split(), flush=True)


class StandIn(SMTPIn):
    """A server that prints what it gets for its two mailboxes."""

    mailboxes = {"sales@shop.example", "duty@shop.example"}

    def process_message(self, peer, mailfrom, rcpttos, data):
        if not self.mailboxes.issuperset(rcpttos):
            return "550 5.1.1 No such mailbox"
        return super().process_message(peer, mailfrom, rcpttos, data)


class Mailbox(Actor):
    def consume(self, event, *args, **kwargs):
        print(f"{event.data.findtext('To')} got: {event.data.findtext('Subject')}", flush=True)


def start_stand_in():
    """A pipeline of its own, in the same process. Return its director and where it takes mail."""
    director = Director(name="stand_in", log_level="ERROR")
    server = director.register_actor(StandIn, "server", "127.0.0.1", 0)
    director.connect_queue(server, director.register_actor(Mailbox, "mailbox"))
    director.start(block=False)
    return director, ("127.0.0.1", server.ports[0])


def send_samples(port):
    with smtplib.SMTP("127.0.0.1", port) as client:
        for to, subject, text in SAMPLES:
            client.sendmail("ann@home.example", to, f"Subject: {subject}\r\n\r\n{text}\r\n")


def build(port, relay):
    director = Director(name="email_pipeline", log_level="ERROR")
    director.register_log_actor(Log, "log")
    director.register_error_actor(
        EventLogger,
        "errors",
        level=logging.ERROR,
        logged_tags=["error"],
        log_full_event=False,
        prefix="not delivered: ",
    )
    mail = director.register_actor(SMTPIn, "mail", "127.0.0.1", port)
    orders = EventFilter("orders@", "orders", event_scope=("recipients",))
    urgent = EventXMLFilter("/email/Subject", None, "(?i)urgent", "urgent")
    route = director.register_actor(EventRouter, "route", [orders, urgent], type="blacklist")
    letters = [director.register_actor(Letter, name, to) for name, to in READERS.items()]
    out = director.register_actor(SMTPOut, "relay", host=relay)
    director.connect_queue(mail, route)
    director.connect_queue(route, letters)
    for letter in letters:
        director.connect_queue(letter, out)
    return director, mail


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=2525)
    parser.add_argument("relay_host", nargs="?")
    parser.add_argument("relay_port", nargs="?", type=int, default=25)
    options = parser.parse_args()
    stand_in, relay = None, (options.relay_host, options.relay_port)
    if options.relay_host is None:
        stand_in, relay = start_stand_in()
    director, mail = build(options.port, relay)
    director.start(block=False)
    print(f"Taking mail at 127.0.0.1:{mail.ports[0]}", flush=True)
    if stand_in is not None:
        threading.Thread(target=send_samples, args=mail.ports).start()
    director.block()
    if stand_in is not None:
        stand_in.stop()


if __name__ == "__main__":
    main()
