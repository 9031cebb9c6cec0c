"""HTTPServer with a certificate, against Python's TLS and curl."""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from compysition import errors
from compysition.actors import XSLT
from tests.flows import Forward
from tests.scripts import environment_of_tools
from tests.servers import SECONDS, read_all, read_until, serving
from tests.xml.stylesheets import ENDLESS

HELLO_SIZE = 200  # bytes of a ClientHello that are not all of it


def run(*command):
    """Run a command; return what it says."""
    return subprocess.run(
        command,
        env=environment_of_tools(),
        capture_output=True,
        timeout=SECONDS,
        check=True,
    ).stdout


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths of a certificate for 127.0.0.1, its key, and what cannot be used."""
    folder = tmp_path_factory.mktemp("tls")
    paths = SimpleNamespace(
        certificate=folder / "certificate.pem",
        key=folder / "key.pem",
        encrypted=folder / "encrypted.pem",
        other=folder / "other.pem",
        missing=folder / "missing.pem",
        text=folder / "text.pem",
    )
    curve = ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    run("openssl", "genpkey", *curve, "-out", paths.key)
    run("openssl", "genpkey", *curve, "-out", paths.other)
    run(
        "openssl",
        "pkey",
        "-in",
        paths.key,
        "-aes128",
        "-passout",
        "pass:secret",
        "-out",
        paths.encrypted,
    )
    names = ("-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1")
    run("openssl", "req", "-x509", "-new", "-key", paths.key, "-out", paths.certificate, *names)
    paths.text.write_text("no certificate\n")
    return paths


@pytest.fixture
def https(files):
    """A server with TLS; ``server.secure()`` gives a client's socket, on which the handshake is done."""
    with serving(Forward("echo"), certfile=files.certificate, keyfile=files.key) as server:
        server.files = files
        server.secure = lambda context=None, **options: (context or trusting(files)).wrap_socket(
            server.connect(), server_hostname="127.0.0.1", suppress_ragged_eofs=False, **options
        )
        yield server


def trusting(files, version=None, protocols=()):
    """Return a client's context that trusts the certificate; ``version``: the only one that it speaks."""
    context = ssl.create_default_context(cafile=files.certificate)
    if version is not None:
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            context.minimum_version = context.maximum_version = version
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # for the old versions
    if protocols:
        context.set_alpn_protocols(protocols)
    return context


def request_for(value, *headers):
    body = json.dumps(value).encode()
    lines = ["POST /echo HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def exchange(client, value):
    """Send a request and return the value of the answer."""
    client.sendall(request_for(value))
    head, _, body = read_until(client, b"\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += client.recv(65536)
    return json.loads(body)["data"]


def hello(files):
    """Return a ClientHello, as bytes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = trusting(files).wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


# ---- clients ----


def test_a_client_of_python(https):
    with https.secure() as client:
        for number in range(3):
            assert exchange(client, {"n": number}) == {"n": number}


def test_the_event_knows_that_it_came_over_tls(files):
    seen = []

    class Look(Forward):
        def consume(self, event, *args, **kwargs):
            seen.append(event.environment["wsgi.url_scheme"])
            super().consume(event, *args, **kwargs)

    with serving(Look("echo"), certfile=files.certificate, keyfile=files.key) as server:
        with trusting(files).wrap_socket(server.connect(), server_hostname="127.0.0.1") as client:
            exchange(client, {})
    assert seen == ["https"]


@pytest.mark.parametrize("options", [[], ["--http1.0"], ["--tls-max", "1.2"]])
def test_curl(https, options):
    url = f"https://127.0.0.1:{https.port}/echo"
    data = ["-H", "Content-Type: application/json", "-d", '{"a": 1}']
    answer = run("curl", "-sS", "--cacert", https.files.certificate, *data, *options, url)
    assert json.loads(answer) == {"data": {"a": 1}}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_much_in_both_directions(https, version):
    value = {"text": "x" * 5_000_000}
    with https.secure(trusting(https.files, version)) as client:
        assert client.version() == version.name.replace("_", ".")
        assert exchange(client, value) == value


def test_the_end_is_said(https):
    with https.secure() as client:
        client.sendall(request_for({}, "Connection: close"))
        assert read_all(client).endswith(b'{"data": {}}')  # else SSLEOFError


def test_pipelined_requests(https):
    with https.secure() as client:
        client.sendall(b"".join(request_for({"n": number}) for number in range(10)))
        assert b'"n": 9}' in read_until(client, b'"n": 9}')


def test_one_file_may_hold_both(files, tmp_path):
    both = tmp_path / "both.pem"
    both.write_text(files.key.read_text() + files.certificate.read_text())
    with serving(Forward("echo"), certfile=str(both)) as server:
        with trusting(files).wrap_socket(server.connect(), server_hostname="127.0.0.1") as client:
            assert exchange(client, {}) == {}


# ---- what is agreed on ----


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_versions_below_1_2_are_refused(https, version):
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
        https.secure(trusting(https.files, version))
    with https.secure() as client:
        assert exchange(client, {}) == {}


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        ([], None),
        (["http/1.1"], "http/1.1"),
        (["h2", "http/1.1"], "http/1.1"),
        (["http/1.0", "http/1.1"], "http/1.1"),
        (["http/1.0"], "http/1.0"),
    ],
)
def test_alpn(https, offered, chosen):
    with https.secure(trusting(https.files, protocols=offered)) as client:
        assert client.selected_alpn_protocol() == chosen
        assert exchange(client, {}) == {}


def test_alpn_with_other_protocols_only_is_refused(https):
    with pytest.raises(ssl.SSLError, match=r"(?i)no.application.protocol"):
        https.secure(trusting(https.files, protocols=["h2"]))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(https, version):
    context = trusting(https.files, version)
    session = None
    for visit in range(3):
        with https.secure(context, session=session) as client:
            assert exchange(client, {"n": visit}) == {"n": visit}
            assert client.session_reused == (visit > 0)
            session = client.session


SEVERAL = """
import os, sys
from compysition import Actor
from compysition.actors import HTTPServer
from tests.flows import quiet_director

class Tell(Actor):
    def consume(self, event, *args, **kwargs):
        event.data = {"pid": os.getpid()}
        self.send_event(event)

director = quiet_director(processes=2)
http = director.register_actor(
    HTTPServer, "http", "127.0.0.1", 0, certfile=sys.argv[1], keyfile=sys.argv[2]
)
tell = director.register_actor(Tell, "echo")
director.connect_queue(http, tell)
director.connect_queue(tell, http)
director.start(block=False)
print(http.port, flush=True)
director.block()
"""


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_of_one_process_are_resumed_by_another(files, version):
    context = trusting(files, version)
    session, pids = None, set()
    command = [sys.executable, "-c", SEVERAL, files.certificate, files.key]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(process.terminate)
        port = int(process.stdout.readline())
        for _ in range(200):
            client = socket.create_connection(("127.0.0.1", port), SECONDS)
            with context.wrap_socket(
                client, server_hostname="127.0.0.1", session=session
            ) as secure:
                pids.add(exchange(secure, {})["pid"])
                assert secure.session_reused == (session is not None)
                session = session or secure.session
            if len(pids) == 2:
                break
    assert len(pids) == 2


# ---- what goes wrong ----


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\0" * 100_000]
)
def test_what_is_not_tls_is_refused(https, sent):
    with https.connect() as client:
        client.sendall(sent)
        try:
            assert b"HTTP" not in read_all(client)  # an alert, perhaps
        except ConnectionResetError:
            pass
    with https.secure() as client:
        assert exchange(client, {}) == {}


def test_plain_requests_on_a_connection_with_tls_are_not_executed(https):
    """What follows a broken record is never looked at."""
    with https.secure() as client:
        with socket.socket(fileno=os.dup(client.fileno())) as plain:
            plain.settimeout(SECONDS)
            plain.sendall(request_for({"a": 1}))
            assert b"HTTP" not in read_all(plain)


def test_clients_that_hang_up_leave_nothing_open(https):
    greeting = hello(https.files)
    with https.secure() as client:
        exchange(client, {})  # everything that is opened once is open
    before = len(os.listdir("/proc/self/fd"))
    for size in range(0, len(greeting), 10):
        with https.connect() as client:
            client.sendall(greeting[:size])
    with https.connect() as client:  # and after the server's answer
        client.sendall(greeting)
        client.recv(100)
    deadline = time.monotonic() + SECONDS
    while len(os.listdir("/proc/self/fd")) > before and time.monotonic() < deadline:
        with https.secure() as client:
            exchange(client, {})
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_client_that_does_not_go_on_is_closed(files):
    with serving(
        Forward("echo"), certfile=files.certificate, keyfile=files.key, idle_timeout=0.2
    ) as server:
        with server.connect() as client:
            client.sendall(hello(files)[:HELLO_SIZE])
            assert read_all(client) == b""


@pytest.mark.parametrize(
    ("certfile", "keyfile", "named", "reason"),
    [
        ("missing", "key", "missing", "No such file"),
        ("certificate", "missing", "missing", "No such file"),
        ("text", "key", "text", "certificate"),
        ("certificate", "text", "text", "private key"),
        ("certificate", "other", "other", "is not that of the certificate"),
        ("certificate", "encrypted", "encrypted", "passphrase"),
    ],
)
def test_unusable_files_are_named(files, certfile, keyfile, named, reason):
    options = {"certfile": getattr(files, certfile), "keyfile": getattr(files, keyfile)}
    with pytest.raises(errors.ActorInitFailure, match=reason) as caught:
        with serving(Forward("echo"), **options):
            pass
    assert str(getattr(files, named)) in str(caught.value)


# ---- many ----


def test_a_slow_handshake_does_not_hold_up_others(https):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    slow = trusting(https.files).wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with https.connect() as connection:
        while True:
            try:
                slow.do_handshake()
                break
            except ssl.SSLWantReadError:
                pass
            greeting = outgoing.read()
            connection.sendall(greeting[:HELLO_SIZE])
            with https.secure() as client:
                assert exchange(client, {"n": 1}) == {"n": 1}
            connection.sendall(greeting[HELLO_SIZE:])
            incoming.write(connection.recv(65536))
        slow.write(request_for({"n": 2}))  # goes out with the last words of the handshake
        connection.sendall(outgoing.read())
        answer = b""
        while b'{"n": 2}' not in answer:
            incoming.write(connection.recv(65536))
            try:
                answer += slow.read()
            except ssl.SSLWantReadError:
                pass


def test_many_handshakes_while_others_work(https):
    context = trusting(https.files)
    ended = threading.Event()
    counts = []

    def work():
        count = 0
        with https.secure(context) as client:
            while not ended.is_set():
                assert exchange(client, {"n": count}) == {"n": count}
                count += 1
        counts.append(count)

    def visit(number):
        with https.secure(context) as client:
            return exchange(client, {"n": number}) == {"n": number}

    worker = threading.Thread(target=work)
    worker.start()
    with ThreadPoolExecutor(50) as pool:
        assert all(pool.map(visit, range(200)))
    ended.set()
    worker.join()
    assert counts[0] > 0


def test_handshakes_do_not_wait_for_transformations(files):
    """Of which six would not end."""
    body = b"<a>" * 200 + b"</a>" * 200
    lines = ["POST /xslt HTTP/1.1", "Host: x", "Content-Type: text/xml"]
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n"
    actors = Forward("echo"), XSLT("xslt", ENDLESS["templates"])
    with serving(*actors, certfile=files.certificate, keyfile=files.key) as server:
        server.director.stop_timeout = 0.1
        context = trusting(files)
        with context.wrap_socket(server.connect(), server_hostname="127.0.0.1") as client:
            client.sendall((head + body) * 6)
            end = time.monotonic() + 1  # they begin one after the other
            while time.monotonic() < end:
                with context.wrap_socket(server.connect(), server_hostname="127.0.0.1") as other:
                    assert exchange(other, {}) == {}


def test_above_the_limit_of_connections(files):
    with serving(
        Forward("echo"), certfile=files.certificate, keyfile=files.key, max_connections=1
    ) as server:
        context = trusting(files)
        with context.wrap_socket(server.connect(), server_hostname="127.0.0.1") as first:
            assert exchange(first, {}) == {}
            with context.wrap_socket(server.connect(), server_hostname="127.0.0.1") as second:
                assert read_all(second).startswith(b"HTTP/1.1 503 ")
