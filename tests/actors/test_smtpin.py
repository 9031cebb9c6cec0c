"""SMTPIn: mail becomes events, and is acknowledged once those are on their queues."""

import contextlib
import email.message
import os
import resource
import selectors
import signal
import smtplib
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
import trustme

import compysition
from compysition import Event, Queue, errors
from compysition.actors import SMTPIn
from compysition.event import JSONEvent, XMLEvent
from tests.actors.helpers import fill_outbox
from tests.flows import quiet_director
from tests.mailclients import MESSAGE, Client, Keep, receiving
from tests.servers import SECONDS, read_all
from tests.waiting import wait_until

ENVELOPE = (("127.0.0.1", 5), "a@b.example", ["c@d.example"])


def smtp(server):
    return smtplib.SMTP("127.0.0.1", server.mail.ports[0], timeout=SECONDS)


def send(server, data=MESSAGE):
    """Have one session; return the code for the message."""
    with server.connect() as client:
        client.begin()
        client.send(data + b".\r\n")
        return client.code()


# ---- mail to events ----


def test_a_message_becomes_an_xml_event():
    """FIX SMTP-5, SMTP-6: there is an event, with the envelope."""
    with receiving() as server, smtp(server) as client:
        client.sendmail("a@b.example", ["c@d.example", "e@f.example"], MESSAGE)
        (event,) = server.events
        host, port = client.sock.getsockname()
    assert type(event) is XMLEvent
    assert event.data_string() == (
        "<email><Subject>test</Subject><payload>body\n</payload></email>"
    )
    assert event.peer == (host, port)
    assert (event.sender, event.recipients) == ("a@b.example", ["c@d.example", "e@f.example"])


def test_a_message_becomes_a_json_event():
    """FIX SMTP-5."""
    message = email.message.EmailMessage()
    message["Subject"] = "\u00fc\u20ac" * 30
    message["X-1$"] = "a"
    message.set_content("body \u2713\n.dot\n")
    with receiving(output_format="json") as server, smtp(server) as client:
        client.send_message(message, "", ["c@d.example"])
        (event,) = server.events
    assert type(event) is JSONEvent
    assert event.sender == ""
    assert event.data["Subject"] == "\u00fc\u20ac" * 30
    assert event.data["X-1$"] == "a"
    assert event.data["payload"] == "body \u2713\n.dot\n"


def test_headers_that_are_no_xml_names():
    """FIX SMTP-7, and SMTP-6: repeated headers stay, also when their names become the same."""
    data = b"X$a: 1\r\nx$A: 2\r\nX#a: 3\r\n1-x: 4\r\n@id: 5\r\n#text: 6\r\n\r\n"
    with receiving() as server:
        assert send(server, data) == 250
        (event,) = server.events
    assert [(child.tag, child.text) for child in event.data] == [
        ("X_a", "1"),
        ("X_a", "2"),
        ("X_a", "3"),
        ("_1-x", "4"),
        ("_id", "5"),
        ("_text", "6"),
        ("payload", None),
    ]


def test_addresses_beyond_ascii():
    with receiving() as server, smtp(server) as client:
        assert client.has_extn("smtputf8") or client.ehlo()[0] == 250
        client.sendmail(
            "\u00e9@b.example", ["\u00fc@d.example"], MESSAGE, ["SMTPUTF8", "BODY=8BITMIME"]
        )
        (event,) = server.events
    assert (event.sender, event.recipients) == ("\u00e9@b.example", ["\u00fc@d.example"])


def test_process_message_may_be_called(wrap):
    wrapper = wrap(SMTPIn("mail", "127.0.0.1", 0, "json"))
    wrapper.actor.process_message(*ENVELOPE, data=MESSAGE)
    event = wrapper.output
    assert event.data == {"Subject": "test", "payload": "body\n"}
    assert (event.peer, event.sender, event.recipients) == ENVELOPE
    with pytest.raises(TypeError):
        wrapper.actor.process_message(*ENVELOPE, "text")


def test_events_that_come_in_are_ignored(wrap):
    wrapper = wrap(SMTPIn("mail", "127.0.0.1", 0))
    wrapper.input = Event(data="x")
    wait_until(wrapper.input_queues["inbox"].empty, compysition.sleep)
    assert wrapper.output_queues["outbox"].empty()
    assert wrapper.error_queues["error"].empty()


def test_many_sessions_and_messages_on_several_ports():
    with receiving(output_format="json") as server:
        with server.connect() as client:
            client.begin()
            for number in range(20):
                client.send(b"N: %d\r\n\r\n.\r\n" % number)
                assert client.code() == 250
                client.envelope()
        assert [event.data["N"] for event in server.events] == [str(n) for n in range(20)]
    mail = SMTPIn("mail", "127.0.0.1", [0, 0])
    keep = Keep("keep")
    director = quiet_director()
    for actor in (mail, keep):
        director.register_actor(actor)
    director.connect_queue(mail, keep)
    assert mail.ports == [0, 0]
    director.start(block=False)
    ports = mail.ports
    assert len(set(ports)) == 2

    def visit():
        for port in mail.ports:
            with smtplib.SMTP("127.0.0.1", port, timeout=SECONDS) as client:
                client.sendmail("a@b.example", "c@d.example", MESSAGE)

    thread = threading.Thread(target=visit)
    thread.start()
    wait_until(lambda: len(keep.events) == 2, compysition.sleep)
    wait_until(lambda: not thread.is_alive(), compysition.sleep)
    assert mail.ports == ports
    director.stop()
    assert mail.ports == [0, 0]


# ---- on the wire ----


def test_everything_at_once():
    """Pipelining, and a client that ends its side."""
    wire = (
        b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n" + MESSAGE + b".\r\n"
        b"MAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nN: 2\r\n\r\n.\r\nNOOP\r\n"
    )
    with receiving(output_format="json") as server, server.connect() as client:
        client.send(wire)
        client.socket.shutdown(socket.SHUT_WR)
        answers = read_all(client.socket).split(b"\r\n")
        assert [event.data.get("N") for event in server.events] == [None, "2"]
    assert [line[:3] for line in answers if line[3:4] == b" "] == [
        *(b"220", b"250", b"250", b"250", b"354", b"250"),
        *(b"250", b"250", b"354", b"250", b"250"),
    ]


def test_byte_by_byte():
    with receiving() as server, server.connect() as client:
        client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.begin()
        for byte in b"..a\r\n.\r\nNOOP\r\n":
            client.send(bytes([byte]))
        assert (client.code(), client.code()) == (250, 250)
        assert server.events[0].data_string().endswith("<payload>.a\n</payload></email>")


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r.\n"])
def test_no_smuggling(end):
    """One message, and what pretends to be commands is a part of it."""
    hostile = b"MAIL FROM:<e@x>\r\nRCPT TO:<v@d>\r\nDATA\r\nEvil: 1\r\n"
    with receiving(output_format="json") as server, server.connect() as client:
        client.begin()
        client.send(b"S: x\r\n\r\nfirst" + end + hostile + b"\r\n.\r\nQUIT\r\n")
        assert (client.code(), client.code(), client.reply()) == (250, 221, b"")
        (event,) = server.events
    assert event.data.keys() == {"S", "payload"}
    assert "RCPT TO:<v@d>" in event.data["payload"]


def test_replies_that_nobody_reads_hold_up_the_client():
    with receiving() as server, server.connect() as client:
        client.socket.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 200_000_000:
                sent += client.socket.send(b"NOOP\r\n" * 10_000)
        assert sent < 200_000_000
        client.socket.setblocking(True)
        client.socket.shutdown(socket.SHUT_WR)
        assert read_all(client.socket).count(b"250 2.0.0 OK\r\n") == sent // 6


def test_limits_of_a_message():
    with receiving(max_message=50, max_line=40, max_recipients=2, max_errors=3) as server:
        with server.connect() as client:
            client.begin([b"a@b", b"c@d"])
            client.send(b"x" * 49 + b"\r\n.\r\n")
            assert client.code() == 552
            client.envelope([b"a@b", b"c@d"])
            client.send(b"x" * 41 + b"\r\n.\r\n")
            assert client.code() == 500
            assert client.say(b"MAIL FROM:<> SIZE=51") == 552
            assert client.reply().startswith(b"421 4.7.0 ")
            assert client.reply() == b""
        assert server.events == []


def test_messages_have_a_limit_together():
    """The one that stands still the longest has to go."""
    with receiving(max_message=100_000, max_message_total=150_000) as server:
        with server.connect() as idle, server.connect() as other:
            idle.begin()
            other.begin()
            idle.send(b"x" * 90_000)
            with server.connect() as last:
                assert [last.say(b"NOOP") for _ in range(5)] == [
                    220,
                    *[250] * 4,
                ]  # it is read by now
            other.send(b"y" * 80_000)
            assert idle.reply().startswith(b"421 4.3.1 ")
            assert idle.reply() == b""
            other.send(b"\r\n.\r\n")
            assert other.code() == 500
        assert send(server) == 250


def test_messages_that_are_broken_off_do_not_count():
    with receiving(max_message=100_000, max_message_total=100_000) as server:
        for _ in range(3):
            with server.connect() as client:
                client.begin()
                client.send(b"x" * 60_000)
                client.socket.shutdown(socket.SHUT_WR)
                assert client.reply() == b""
            wait_until(lambda: server.mail.connections == 0)
        assert send(server, b"A: " + b"x" * 60_000 + b"\r\n") == 250


# ---- acceptance ----


def test_a_full_outbox_delays_the_answer():
    """Back-pressure: 250 is said when the event is on its queue."""
    director = quiet_director()
    mail = director.register_actor(SMTPIn, "mail", host="127.0.0.1", ports=0, output_format="json")
    outbox = fill_outbox(mail)
    director.start(block=False)
    sent, said = [], []

    def visit():
        with Client(mail.ports[0]) as client:
            client.begin()
            client.send(MESSAGE + b".\r\n")
            sent.append(client)
            said.append(client.code())

    threads = [threading.Thread(target=visit) for _ in range(2)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(sent) == 2, compysition.sleep)
    for _ in range(50):
        compysition.sleep(0.001)
    assert said == []
    outbox.get()
    wait_until(lambda: said, compysition.sleep)
    for _ in range(50):
        compysition.sleep(0.001)
    assert said == [250]
    assert outbox.get(block=True, timeout=5).data["Subject"] == "test"
    wait_until(lambda: len(said) == 2, compysition.sleep)
    assert said == [250, 250]
    assert outbox.get().data["Subject"] == "test"
    for thread in threads:
        thread.join()
    director.stop()


def test_a_stop_with_a_full_outbox_promises_nothing():
    director = quiet_director(stop_timeout=0.1)
    mail = director.register_actor(SMTPIn, "mail", host="127.0.0.1", ports=0)
    fill_outbox(mail)
    director.start(block=False)
    answers = []

    def visit():
        with Client(mail.ports[0]) as client, Client(mail.ports[0]) as other:
            client.begin()
            other.begin()
            client.send(MESSAGE + b".\r\n")
            wait_until(lambda: director.stats()["actors"]["mail"]["out"])
            other.send(MESSAGE + b".\r\n")
            answers.append("sent")
            for each in (client, other):
                answers.append((each.code(), each.code(), each.reply()))

    thread = threading.Thread(target=visit)
    thread.start()
    wait_until(lambda: answers, compysition.sleep)
    director.stop()
    thread.join()
    assert answers[1:] == [(451, 421, b"")] * 2


def test_a_queue_that_refuses_an_event_refuses_mail():
    """As one does that is full, with ``on_full="fail"``: the event goes to the error queues."""

    class Full(Queue):
        def put(self, *args, **kwargs):
            raise compysition.queue.QueueFull("no room")

    with receiving() as server:
        server.mail.pool.outbound.add("other", queue=Full("other"))
        assert send(server) == 451
        wait_until(lambda: server.errors)
        (event,) = server.errors
    assert isinstance(event.error, compysition.queue.QueueFull)
    assert (event.data, event.sender) == (MESSAGE, "a@b.example")


def test_without_an_outbox_mail_is_refused():
    director = quiet_director()
    mail = director.register_actor(SMTPIn, "mail", host="127.0.0.1", ports=0)
    errors_actor = director.register_error_actor(Keep, "errors")
    director.start(block=False)
    codes = []

    def visit():
        with Client(mail.ports[0]) as client:
            client.begin()
            client.send(MESSAGE + b".\r\n")
            codes.append(client.code())

    thread = threading.Thread(target=visit)
    thread.start()
    wait_until(lambda: not thread.is_alive(), compysition.sleep)
    director.stop()
    assert codes == [451]
    assert isinstance(errors_actor.events[0].error, errors.ServiceUnavailable)


class Picky(SMTPIn):
    """Answers as the sender says."""

    seen = None

    def process_message(self, peer, mailfrom, rcpttos, data):
        type(self).seen = (peer[0], mailfrom, rcpttos, data)
        what = mailfrom.partition("@")[0]
        if what == "raise":
            raise LookupError("not today")
        if what == "malformed":
            raise errors.MalformedEventData("no")
        if what == "number":
            return 5
        if what == "bad":
            return "550 a\r\n250 b"
        if what == "refuse":
            return "550 5.7.1 Not here"
        if what == "wait":
            compysition.sleep(0.2)
        return super().process_message(peer, mailfrom, rcpttos, data)


@pytest.mark.parametrize(
    ("what", "reply", "error"),
    [
        ("accept", b"250 2.0.0 OK\r\n", None),
        ("number", b"250 2.0.0 OK\r\n", None),
        ("refuse", b"550 5.7.1 Not here\r\n", None),
        ("raise", b"451 4.3.0 The message cannot be processed now\r\n", LookupError),
        ("bad", b"451 4.3.0 The message cannot be processed now\r\n", ValueError),
        ("malformed", b"554 5.6.0 The message cannot be read\r\n", errors.MalformedEventData),
    ],
)
def test_process_message_may_be_overridden(what, reply, error):
    """FIX SMTP-7: data is bytes. What is raised goes to the error queues and the log."""
    with receiving(cls=Picky, log_level="ERROR") as server, server.connect() as client:
        assert client.code() == 220
        client.say(b"HELO x")
        for line in (b"MAIL FROM:<%b@b>" % what.encode(), b"RCPT TO:<c@d>", b"DATA"):
            client.say(line)
        client.send(b"..\r\n.\r\n")
        assert client.reply() == reply
        assert client.say(b"NOOP") == 250
        wait_until(lambda: len(server.errors) == (error is not None))
    assert Picky.seen == ("127.0.0.1", f"{what}@b", ["c@d"], b".\r\n")
    assert len(server.events) == (what == "accept")
    if error is not None:
        assert isinstance(server.errors[0].error, error)
        assert server.errors[0].recipients == ["c@d"]
        assert server.log[0]["message"].startswith(f"Mail was not accepted: {error.__name__}: ")


def test_one_that_blocks_holds_up_no_other():
    with receiving(cls=Picky) as server, server.connect() as slow:
        assert slow.code() == 220
        slow.send(b"HELO x\r\nMAIL FROM:<wait@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n")
        wait_until(lambda: Picky.seen is not None and Picky.seen[1] == "wait@b")
        assert send(server) == 250
        assert len(server.events) == 1
        assert [slow.code() for _ in range(5)] == [250, 250, 250, 354, 250]
        assert len(server.events) == 2


def test_malformed_mail_is_refused_for_good():
    with receiving() as server:
        assert send(server, b"A: " + b"x\r\n " * 70_000 + b"\r\n") == 554
        wait_until(lambda: server.errors)
        assert isinstance(server.errors[0].error, errors.MalformedEventData)
        assert server.errors[0].data.startswith(b"A: x\r\n")
        assert send(server, bytes(range(256)) * 10 + b"\r\n") == 250


def test_a_client_that_goes_away_harms_nothing():
    with receiving(cls=Picky) as server:
        for cut in range(0, 100, 7):
            with server.connect() as client:
                client.send(
                    (b"EHLO x\r\nMAIL FROM:<wait@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx" * 2)[:cut]
                )
        with server.connect() as client:
            client.begin()
            client.send(MESSAGE + b".\r\n")
        assert send(server) == 250
        wait_until(lambda: server.mail.connections == 0)


# ---- time ----


@pytest.mark.parametrize(
    ("options", "wire"),
    [
        ({"command_timeout": 0.1}, b""),
        ({"command_timeout": 0.1}, b"EHLO x\r\nNOO"),
        ({"data_timeout": 0.1}, b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\nx"),
    ],
)
def test_clients_that_say_nothing(options, wire):
    with receiving(**options) as server, server.connect() as client:
        client.send(wire)
        before = time.monotonic()
        assert read_all(client.socket).splitlines()[-1].startswith(b"421 4.4.2 ")
        assert 0.05 < time.monotonic() - before < SECONDS / 2
        assert server.events == []


def test_a_dribble_is_no_progress():
    """A byte now and then does not keep a connection."""
    with receiving(command_timeout=0.2, data_timeout=0.2) as server:
        for wire in (b"", b"HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"):
            with server.connect() as client:
                client.send(wire)
                client.socket.settimeout(0.02)
                received = b""
                deadline = time.monotonic() + SECONDS
                while b"421 4.4.2" not in received and time.monotonic() < deadline:
                    client.send(b"x")
                    with contextlib.suppress(TimeoutError):
                        received += client.socket.recv(1000)
                assert b"421 4.4.2" in received


def test_a_client_that_reads_nothing_is_cut_off():
    with receiving(write_timeout=0.1) as server, server.connect() as client:
        client.socket.settimeout(0.1)
        with contextlib.suppress(OSError):
            while True:
                client.send(b"HELP\r\n" * 10_000)
        wait_until(lambda: server.mail.connections == 0)


# ---- connections and stops ----


def test_too_many_connections():
    with receiving(max_connections=2) as server, server.connect() as one, server.connect() as two:
        assert (one.code(), two.code()) == (220, 220)
        with server.connect() as three:
            assert three.reply().startswith(b"421 4.3.2 ")
            assert three.reply() == b""
        one.close()
        wait_until(lambda: server.mail.connections == 1)
        assert send(server) == 250


def test_a_thousand_sessions_at_once():
    count = 1000
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 3 * count), most))
    steps = [
        (b"220 ", b"EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<a@b>\r\nDATA\r\n"),
        (b"354 ", MESSAGE + b".\r\n"),
        (b"\r\n250 2.0.0 OK\r\n", b""),
    ]
    with receiving(size=0) as server, selectors.DefaultSelector() as selector:
        clients = [server.connect().socket for _ in range(count)]
        wait_until(lambda: server.mail.connections == count)
        for step, (expected, wire) in enumerate(steps):
            for client in clients:
                selector.register(client, selectors.EVENT_READ, bytearray())
            while selector.get_map():
                for key, _ in selector.select(SECONDS):
                    key.data.extend(b"\r\n" * (step == 2) + key.fileobj.recv(1000))
                    if expected in key.data:
                        key.fileobj.sendall(wire)
                        selector.unregister(key.fileobj)
        for client in clients:
            client.close()
        assert len(server.events) == count


def test_a_stop_says_goodbye():
    """FIX SMTP-7: the servers are stopped."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(receiving())
        idle = stack.enter_context(server.connect())
        busy = stack.enter_context(server.connect())
        assert idle.code() == 220
        busy.begin()
        busy.send(b"half a mess")
        port = server.mail.ports[0]
        server.director.stop()
        for client in (idle, busy):
            assert client.reply().startswith(b"421 4.3.2 ")
            assert client.reply() == b""
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", port), 1).recv(1)
        assert server.events == []


def test_a_stop_while_a_message_is_processed():
    """It is finished, and acknowledged."""
    with receiving(cls=Picky) as server, server.connect() as client:
        assert client.code() == 220
        client.say(b"HELO x")
        client.send(b"MAIL FROM:<wait@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n")
        assert [client.code() for _ in range(3)] == [250, 250, 354]
        wait_until(lambda: Picky.seen is not None and Picky.seen[3] == b"")
        server.director.stop()
        assert (client.code(), client.code(), client.reply()) == (250, 421, b"")
        assert len(server.events) == 1


def test_a_stop_breaks_off_what_blocks():
    class Endless(SMTPIn):
        entered = False

        def process_message(self, peer, mailfrom, rcpttos, data):
            Endless.entered = True
            compysition.sleep(1000)

    with receiving(cls=Endless) as server, server.connect() as client:
        client.begin()
        client.send(b".\r\n")
        wait_until(lambda: Endless.entered)
        server.director.stop_timeout = 0.1
        server.director.stop()
        assert client.code() == 451


def test_start_stop_and_start_again(wrap):
    mail = SMTPIn("mail", "127.0.0.1", 0)
    for _ in range(3):
        wrapper = wrap(mail)
        assert mail.ports != [0]
        wrapper.stop()
        assert mail.ports == [0]


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        mail = SMTPIn("mail", "127.0.0.1", [0, taken.getsockname()[1]])
        with pytest.raises(OSError, match=r"listen on 127\.0\.0\.1"):
            mail.start()
        assert mail.ports[0] == 0


# ---- TLS ----


@pytest.fixture(scope="module")
def authority():
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture
def files(authority, tmp_path):
    certificate = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA)
    certificate.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return tmp_path / "both.pem", context


def test_starttls(files):
    path, context = files
    with receiving(certfile=path) as server, smtp(server) as client:
        assert client.starttls(context=context)[0] == 220
        client.ehlo()
        assert not client.has_extn("starttls")
        client.sendmail("a@b.example", "c@d.example", MESSAGE * 10_000)
        (event,) = server.events
        assert len(event.data_string()) > 100_000


def test_starttls_executes_nothing_that_came_in_clear(files):
    """CVE-2011-0411: neither before the handshake nor after it."""
    path, context = files
    hostile = b"MAIL FROM:<e@x>\r\nRCPT TO:<v@d>\r\nDATA\r\nEvil: 1\r\n\r\n.\r\n"
    with receiving(certfile=path) as server, server.connect() as client:
        assert client.code() == 220
        assert client.say(b"EHLO x") == 250
        assert client.say(b"MAIL FROM:<a@b>") == 250
        assert client.say(b"STARTTLS\r\nEHLO y\r\n" + hostile) == 220
        with context.wrap_socket(client.socket, server_hostname="127.0.0.1") as secure:
            secure.sendall(b"RCPT TO:<c@d>\r\n")
            assert secure.recv(1000).startswith(b"503 ")
            secure.sendall(b"EHLO z\r\nMAIL FROM:<>\r\nQUIT\r\n")
            received = read_all(secure)
        assert b"STARTTLS" not in received
        assert [line[:3] for line in received.splitlines()[-2:]] == [b"250", b"221"]
        assert server.events == []


def test_implicit_tls(files):
    path, context = files
    with receiving(certfile=path, implicit_tls=True) as server:
        port = server.mail.ports[0]
        with smtplib.SMTP_SSL("127.0.0.1", port, timeout=SECONDS, context=context) as client:
            client.sendmail("a@b.example", "c@d.example", MESSAGE)
            assert not client.has_extn("starttls")
        assert len(server.events) == 1


def test_a_handshake_that_fails(files):
    path, context = files
    with receiving(certfile=path, command_timeout=0.3, write_timeout=0.3) as server:
        with server.connect() as client:
            assert client.code() == 220
            client.say(b"EHLO x")
            assert client.say(b"STARTTLS") == 220
            client.send(b"QUIT\r\n")
            assert b"221" not in read_all(client.socket)
        with server.connect() as client:
            client.send(b"EHLO x\r\nSTARTTLS\r\n")
            assert b"220 2.0.0" in read_all(client.socket)  # until the time is over
        wait_until(lambda: server.mail.connections == 0)
        with smtp(server) as client:
            client.starttls(context=context)


def test_unusable_certificates(tmp_path):
    path = tmp_path / "no.pem"
    with pytest.raises(errors.ActorInitFailure, match=r"no\.pem"):
        SMTPIn("mail", "127.0.0.1", 0, certfile=path).start()
    for options in ({"keyfile": path}, {"implicit_tls": True}):
        with pytest.raises(ValueError, match="certfile"):
            SMTPIn("mail", **options)


# ---- arguments ----


def test_arguments():
    mail = SMTPIn("mail")
    assert (mail.host, mail.ports, mail.output_format) == ("localhost", [25], "xml")
    assert mail.blockdiag_config == {"shape": "mail"}
    assert SMTPIn.output == [XMLEvent, JSONEvent]
    assert SMTPIn("mail", "h", 2525).ports == [2525]
    assert SMTPIn("mail", "h", (1, 2), "json", None, None, "TLSv1").output_format == "json"


def test_arguments_of_1_1():
    assert SMTPIn("mail", "localhost", "json").output_format == "json"
    assert SMTPIn("mail", "localhost", output="json", size=3).output_format == "json"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ports": 65536}, ValueError),
        ({"ports": []}, ValueError),
        ({"ports": [0] * 17}, ValueError),
        ({"ports": ["x"]}, TypeError),
        ({"ports": 2.5}, TypeError),
        ({"host": 5}, TypeError),
        ({"hostname": "a b"}, ValueError),
        ({"hostname": ""}, ValueError),
        ({"hostname": 5}, TypeError),
        ({"max_message": 0}, ValueError),
        ({"max_message": 100, "max_message_total": 99}, ValueError),
        ({"max_recipients": "x"}, TypeError),
        ({"command_timeout": 0}, ValueError),
    ],
)
def test_arguments_that_make_no_sense(options, error):
    with pytest.raises(error):
        SMTPIn("mail", **options)


def test_the_name_of_the_server():
    with receiving(hostname="[192.0.2.1]") as server, server.connect() as client:
        assert client.reply() == b"220 [192.0.2.1] ESMTP\r\n"


def test_several_processes_share_the_port():
    script = """
import os
from compysition import Actor
from compysition.actors import SMTPIn
from tests.flows import quiet_director

class Tell(Actor):
    def consume(self, event, *args, **kwargs):
        os.write(1, event.data["N"].encode() + b"\\n")

director = quiet_director(processes=2)
mail = director.register_actor(SMTPIn, "mail", "127.0.0.1", 0, "json")
director.connect_queue(mail, director.register_actor(Tell, "tell"))
director.start(block=False)
print(mail.ports[0], flush=True)
director.block()
"""
    path = os.pathsep.join(part for part in sys.path if part)
    command = [sys.executable, "-c", script]
    environment = {**os.environ, "PYTHONPATH": path}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        port = int(process.stdout.readline())
        for number in range(6):
            with smtplib.SMTP("127.0.0.1", port, timeout=SECONDS) as client:
                client.sendmail("a@b.example", "c@d.example", f"N: {number}\r\n\r\n")
        process.send_signal(signal.SIGTERM)
        assert sorted(process.stdout.read().split()) == [b"%d" % number for number in range(6)]
