"""Connections with TLS: whole ones, and handshakes that fail or are broken off."""

import socket
import ssl
import subprocess
import tempfile

from compysition.actors import HTTPServer
from tests.flows import Forward, quiet_director
from tests.isolated.leak_http import run_beside

REQUEST = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


class Kept:
    """What all calls share."""

    port = context = None


def build():
    director = quiet_director()
    with tempfile.TemporaryDirectory() as folder:
        files = [f"{folder}/certificate.pem", f"{folder}/key.pem"]
        kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command = ["openssl", "req", "-x509", *kind, "-subj", "/CN=localhost"]
        subprocess.run(
            [*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True
        )
        http = director.register_actor(
            HTTPServer, "http", "127.0.0.1", 0, certfile=files[0], keyfile=files[1]
        )
        echo = director.register_actor(Forward, "echo")
        director.connect_queue(http, echo)
        director.connect_queue(echo, http)
        director.start(block=False)
        context = ssl.create_default_context(cafile=files[0])
        context.check_hostname = False
    Kept.port, Kept.context = http.port, context


def ask():
    """Have one exchange. Not with client.session, of which CPython 3.11 leaks one each time."""
    with Kept.context.wrap_socket(socket.create_connection(("127.0.0.1", Kept.port))) as client:
        client.sendall(REQUEST)
        while client.recv(65536):
            pass


def send(text):
    """Say something that is no TLS, or not all of it, and hang up."""
    with socket.create_connection(("127.0.0.1", Kept.port)) as client:
        client.sendall(text)


def visit():
    ask()
    send(b"GET / HTTP/1.1\r\n\r\n")
    send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")


def leak_tls():
    if Kept.port is None:
        build()
    run_beside(visit)
