"""SMTPIn beside aiosmtpd, each on one processor, with the same client on another."""

import contextlib
import os
import selectors
import socket
import statistics
import sys
import time

from tests.benchmarks import httpservers, smtpservers
from tests.benchmarks.http_server import cores, free_port
from tests.benchmarks.rows import Row

SECONDS = 2
RUNS = 3
ENVELOPE = b"MAIL FROM:<sender@client.example>\r\nRCPT TO:<orders@server.example>\r\nDATA\r\n"
MESSAGE = (
    b"Received: from client.example by server.example; Tue, 24 Nov 2026 12:00:00 +0000\r\n"
    b"From: Sender <sender@client.example>\r\nTo: orders@server.example\r\n"
    b"Subject: =?utf-8?q?Order_1001_=E2=82=AC?=\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\n"
    b"Message-ID: <1001@client.example>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + b"Please send 20 of item 3.\r\n" * 30
)
TURN = MESSAGE + b".\r\n" + ENVELOPE  # while the replies to the last message come


@contextlib.contextmanager
def running(name):
    """Run a server until it greets; its port."""
    port = free_port()
    process = httpservers.start(name, port, cores()[0], smtpservers.__name__)
    try:
        deadline = time.monotonic() + 20
        greeting = b""
        while not greeting.startswith(b"220"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not serve")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as it:
                greeting = it.recv(1000)
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def open_session(port):
    """A connection on which the server waits for a message."""
    client = socket.create_connection(("127.0.0.1", port), 20)
    client.sendall(b"EHLO client.example\r\n" + ENVELOPE)
    received = b""
    while b"\r\n354 " not in received:
        received += client.recv(4096)
    return client


def load(port, connections):
    """Messages per second over so many connections; each sends the next one when the server asks for it."""
    clients = [open_session(port) for _ in range(connections)]
    count = 0
    with selectors.EpollSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ, bytearray())
            client.sendall(TURN)
        begin, used = time.perf_counter(), time.process_time()
        end = begin + SECONDS
        while time.perf_counter() < end:
            for key, _ in selector.select(1):
                key.data.extend(key.fileobj.recv(4096))
                if b"354 " in key.data:
                    del key.data[:]
                    key.fileobj.sendall(TURN)
                    count += 1
        elapsed, used = time.perf_counter() - begin, time.process_time() - used
    for client in clients:
        client.close()
    if used > 0.9 * elapsed:
        print("SMTP: the client was as busy as the server", file=sys.stderr)
    return count / elapsed


def rates(connections):
    """Messages per second of both."""
    os.sched_setaffinity(0, {cores()[1]})
    found = {}
    for name in smtpservers.SERVERS:
        with running(name) as port:
            found[name] = statistics.median(load(port, connections) for _ in range(RUNS))
    return found


def rows(what, connections):
    found = rates(connections)
    ratio = found["ours"] / found["aiosmtpd"]
    return [
        Row(f"SMTP, {what}: mail to events", found["ours"], "1/s", 3, ratio, "aiosmtpd", True),
        Row(f"SMTP, {what}: aiosmtpd", found["aiosmtpd"], "1/s"),
    ]


def messages():
    """Sixteen clients that send one message after the other."""
    return rows("16 sessions", 16)


def sessions():
    """A thousand of them."""
    return rows("1,000 sessions", 1000)
