"""SMTPIn for tests: one that runs in a thread, and clients that read the wire."""

import socket
from contextlib import contextmanager
from types import SimpleNamespace

from compysition import Actor
from compysition.actors import SMTPIn
from tests.flows import Collect, quiet_director
from tests.servers import SECONDS, running

MESSAGE = b"Subject: test\r\n\r\nbody\r\n"


class Keep(Actor):
    """Keeps the events that it gets, in ``events``."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.events = []

    def consume(self, event, *args, **kwargs):
        self.events.append(event)


class Client:
    """A client that says what it is told to, and reads replies."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), SECONDS)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def reply(self):
        """The last line of the next reply; b"" when the server has ended the connection."""
        line = self.file.readline()
        while line[3:4] == b"-":
            line = self.file.readline()
        return line

    def code(self):
        return int(self.reply()[:3] or b"0")

    def say(self, line):
        """Send a line; return the code of the reply."""
        self.send(line + b"\r\n")
        return self.code()

    def begin(self, recipients=(b"c@d.example",)):
        """Read the greeting and say everything up to DATA."""
        assert self.code() == 220
        assert self.say(b"EHLO client.example") == 250
        self.envelope(recipients)

    def envelope(self, recipients=(b"c@d.example",)):
        assert self.say(b"MAIL FROM:<a@b.example>") == 250
        for recipient in recipients:
            assert self.say(b"RCPT TO:<%b>" % recipient) == 250
        assert self.say(b"DATA") == 354


@contextmanager
def receiving(*actors, cls=SMTPIn, log_level=100, size=500, **options):
    """Receive mail in a thread, on a free port; each actor gets the events, by default one that keeps them."""
    director = quiet_director(log_level=log_level, size=size)
    mail = director.register_actor(cls, "mail", host="127.0.0.1", ports=0, **options)
    errors = director.register_error_actor(Keep, "errors")
    server = SimpleNamespace(director=director, mail=mail, errors=errors.events)
    if log_level != 100:
        server.log = director.register_log_actor(Collect, "log").data
    for actor in actors or [Keep("keep")]:
        director.register_actor(actor)
        director.connect_queue(mail, actor)
        server.events = getattr(actor, "events", None)
    server.connect = lambda: Client(mail.ports[0])
    with running(director):
        yield server
