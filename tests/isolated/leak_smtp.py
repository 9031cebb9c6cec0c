"""SMTPIn: servers that come and go, and messages that end in each way."""

import socket

from compysition import Queue
from compysition.actors import SMTPIn
from compysition.errors import MalformedEventData, ServiceUnavailable
from compysition.testutils.test_actor import TestActorWrapper
from tests.flows import Collect, quiet_director
from tests.isolated.leak_http import run_beside

BEGIN = b"EHLO x\r\nMAIL FROM:<%b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n"
MULTIPART = (
    b"A: =?utf-8?q?b?=\r\na: c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/html\r\n\r\n<p>x</p>\r\n--b--\r\n"
)
SESSIONS = [
    BEGIN % b"a@b" + MULTIPART + b".\r\nQUIT\r\n",
    BEGIN % b"raise@b" + b".\r\n" + BEGIN % b"refuse@b" + b".\r\n",
    BEGIN % b"a@b" + b"x" * 2000 + b"\r\n.\r\nx\r\nx\r\nx\r\nx\r\n",
    BEGIN % b"a@b" + b"half",
    b"EHLO x\r\nMAIL FROM:<a@b>\r\nSTARTTLS\r\n",
]


class Mail(SMTPIn):
    """Answers as the sender says."""

    def process_message(self, peer, mailfrom, rcpttos, data):
        if mailfrom == "raise@b":
            raise ValueError([data])
        if mailfrom == "refuse@b":
            return "550 no"
        return super().process_message(peer, mailfrom, rcpttos, data)


def build():
    director = quiet_director()
    mail = director.register_actor(
        Mail, "mail", "127.0.0.1", 0, "json", max_message=1000, max_errors=3
    )
    director.connect_queue(mail, director.register_actor(Collect, "collect"))
    director.start(block=False)
    return director, mail


class Kept:
    server = None


def visit(port):
    for wire in SESSIONS:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(wire)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass


def leak_smtp_sessions():
    if Kept.server is None:
        Kept.server = build()
    director, mail = Kept.server
    run_beside(visit, mail.ports[0])
    director.get_actor("collect").data.clear()


def leak_smtp_starts_and_stops():
    director, _ = build()
    director.stop()


def leak_process_message():
    wrapper = TestActorWrapper(SMTPIn("mail", "127.0.0.1", [0, 0]))
    envelope = (("127.0.0.1", 1), "a@b", ["c@d"])
    wrapper.actor.process_message(*envelope, MULTIPART)
    assert wrapper.output.recipients == ["c@d"]
    for data in (b"A: b\r\n" * 50_000, "text"):
        try:
            wrapper.actor.process_message(*envelope, data)
        except (MalformedEventData, TypeError):
            pass
    wrapper.stop()


def leak_smtp_that_cannot_be_made():
    for arguments in ([65536], [[]], ["json", "xml", None, None, None, "a b"], [2.5]):
        try:
            SMTPIn("mail", "localhost", *arguments)
        except (TypeError, ValueError):
            pass
    mail = SMTPIn("mail", "localhost", 0)
    try:
        mail.process_message(("", 0), "", [], b"")
    except ServiceUnavailable:
        pass
    mail.pool.outbound.add("outbox", queue=Queue("outbox"))
    mail.process_message(("", 0), "", [], b"")
