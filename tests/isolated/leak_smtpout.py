"""SMTPOut: mails that end in each way, connections that are broken off."""

import socket

import compysition
from compysition import Queue
from compysition.actors import SMTPOut
from compysition.event import XMLEvent
from compysition.testutils.test_actor import TestActorWrapper
from tests.flows import quiet_director
from tests.isolated.leak_smtp import build

MAIL = (
    "<e><To>c@d.example, e@f.example</To><From>{}</From><Subject>ü</Subject><Body>b</Body>"
    '<Attachment filename="a">a</Attachment></e>'
)


class Kept:
    server = None


def leak_mails():
    """Taken, and refused twice, by a server in the same thread; and what makes no mail."""
    if Kept.server is None:
        Kept.server = build()
    director, server = Kept.server
    wrapper = TestActorWrapper(
        SMTPOut("out", host=("127.0.0.1", server.ports[0]), retries=1, backoff=0)
    )
    for sender, ends_well in (("a@b", True), ("raise@b", False), ("", False)):
        wrapper.input = XMLEvent(data=MAIL.format(sender))
        assert (wrapper.output if ends_well else wrapper.error) is not None
    wrapper.actor.send("A: b\n\nc", "c@d", "a@b")
    wrapper.stop()
    director.get_actor("collect").data.clear()


def leak_mails_that_are_broken_off():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        director = quiet_director(stop_timeout=0.001)
        out = director.register_actor(SMTPOut, "out", host=silent.getsockname())
        queue = Queue("inbox")
        out.register_consumer("inbox", queue)
        director.start(block=False)
        for _ in range(2):
            queue.put(XMLEvent(data="<e><To>c@d</To><From>a@b</From></e>"))
        compysition.sleep(0.001)
        director.stop()


def leak_smtpout_that_cannot_be_made():
    for options in ({"host": "a b"}, {"tls": "x"}, {"user": "x"}, {"timeout": 0}, {"verify": 5}):
        try:
            SMTPOut("out", **options)
        except (TypeError, ValueError):
            pass
