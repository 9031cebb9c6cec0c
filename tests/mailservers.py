"""SMTP servers for tests of SMTPOut: aiosmtpd, and one that says what it is told to."""

import asyncio
import email
import email.policy
import re
import socket
import ssl
import threading

from aiosmtpd.controller import Controller

from tests.servers import SECONDS
from tests.webserver import authority


class Box:
    """Takes mail; refuses recipients whose name begins with a reply code."""

    def __init__(self):
        self.mails = []
        self.contents = []  # as they came
        self.busy = 0  # so many transactions are answered 451
        self.hang = False
        self.begun = 0  # messages

    async def handle_RCPT(self, server, session, envelope, address, options):
        if re.match(r"\d\d\d", address):
            return f"{address[:3]} no such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.busy:
            self.busy -= 1
            return "451 4.3.0 try later"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.begun += 1
        while self.hang:
            await asyncio.sleep(0.01)
        self.contents.append(envelope.content)
        self.mails.append(
            (
                envelope.mail_from,
                envelope.rcpt_tos,
                email.message_from_bytes(envelope.content, policy=email.policy.default),
                session.ssl is not None,
            )
        )
        return "250 OK"


class Server(Controller):
    """It can begin with TLS: its own first connection, by which it knows that it runs, uses the server's context."""

    def _trigger_server(self):
        with socket.create_connection((self.hostname, self.port), SECONDS) as sock:
            if self.ssl_context is None:
                sock.recv(1)
            else:
                context = ssl.create_default_context()
                authority().configure_trust(context)
                context.wrap_socket(sock, server_hostname="127.0.0.1").close()


class Scripted:
    """A server on a free port that has a reply for each verb, for the connection ("hello") and for the message (".").

    A reply is bytes, b"" to end the connection, or None to hang.
    """

    REPLIES = {
        "hello": b"220 here\r\n",
        "EHLO": b"250-here\r\n250 SIZE 1000\r\n",
        "MAIL": b"250 ok\r\n",
        "RCPT": b"250 ok\r\n",
        "DATA": b"354 go\r\n",
        ".": b"250 taken\r\n",
        "QUIT": b"221 bye\r\n",
    }

    def __init__(self, replies):
        self.replies = self.REPLIES | replies
        self.said = []  # by clients
        self.clients = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = self.listener.getsockname()
        self.threads = [threading.Thread(target=self._listen)]
        self.threads[0].start()

    @property
    def connections(self):
        """How many there were."""
        return len(self.clients)

    def drop(self):
        """End those that hang."""
        for client in self.clients:
            client.shutdown(socket.SHUT_RDWR)

    def _listen(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            self.clients.append(client)
            self.threads.append(threading.Thread(target=self._serve, args=[client]))
            self.threads[-1].start()

    def _serve(self, client):
        with client, client.makefile("rb") as lines:
            try:
                verb = "hello"
                while reply := self._reply(client, lines, verb):
                    line = lines.readline()
                    in_message = verb == "DATA" and reply.startswith(b"354")
                    while in_message and line not in (b".\r\n", b""):
                        self.said.append(line)
                        line = lines.readline()
                    if not line:
                        return
                    self.said.append(line)
                    verb = "." if in_message else line[:4].decode().rstrip().upper()
            except ConnectionError:
                pass

    def _reply(self, client, lines, verb):
        reply = self.replies.get(verb, b"502 what?\r\n")
        if reply is None:
            lines.read()  # until the client goes
        elif reply:
            client.sendall(reply)
        return reply

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()
