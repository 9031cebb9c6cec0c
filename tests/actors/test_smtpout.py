import base64
import gc
import socket
import threading
import time
import weakref

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

import compysition
from compysition import Queue
from compysition.actors import SMTPIn, SMTPOut
from compysition.errors import (
    BadGateway,
    GatewayTimeout,
    InvalidEventDataModification,
    MalformedEventData,
    ServiceUnavailable,
)
from compysition.event import JSONEvent, XMLEvent
from tests.actors.helpers import fill_outbox, logged
from tests.flows import Collect, Source, quiet_director
from tests.mailservers import Box, Scripted, Server
from tests.waiting import wait_until
from tests.webserver import authority, server_context

MAIL = (
    "<email><To>ann@example.com, bob@example.com</To><From>me@example.com</From>"
    "<Subject>Hi</Subject><Body>text</Body></email>"
)


@pytest.fixture
def serve():
    """Start aiosmtpd; return its box, and SMTPOut's host."""
    controllers = []

    def start(**options):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        controller = Server(Box(), "127.0.0.1", port, **options)
        controller.start()
        controllers.append(controller)
        return controller.handler, ("127.0.0.1", port)

    yield start
    for controller in controllers:
        controller.handler.hang = False
        controller.stop()


@pytest.fixture
def script():
    """Start a server that says what it is told to."""
    servers = []

    def start(**replies):
        servers.append(Scripted(replies))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture
def ca_file(tmp_path):
    authority().cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


def send(wrap, text, host, **options):
    """Send an event; the wrapper, to ask for what came out."""
    wrapper = wrap(SMTPOut("mail", host=host, **{"backoff": 0, **options}))
    wrapper.input = text if isinstance(text, XMLEvent) else XMLEvent(data=text)
    return wrapper


def test_a_mail_smtp_1(serve, wrap, log):
    box, (name, port) = serve()
    for host in ((name, port), f"{name}:{port}"):
        actor = SMTPOut("mail", host=host)
        lines = log(actor)
        wrapper = wrap(actor)
        event = XMLEvent(data=MAIL)
        wrapper.input = event
        assert wrapper.output.event_id == event.event_id
        assert any(
            text.startswith(
                "Email sent to ann@example.com, bob@example.com from me@example.com via smtp server"
            )
            for text in logged(lines)
        )
        sender, recipients, message, tls = box.mails.pop()
        assert (sender, recipients, tls) == (
            "me@example.com",
            ["ann@example.com", "bob@example.com"],
            False,
        )
        assert (message["Subject"], message.get_content()) == ("Hi", "text\r\n")
        assert message["Date"]
        assert message["Message-ID"]


def test_missing_elements_smtp_2(serve, wrap, log):
    box, host = serve()
    wrapper = send(wrap, "<a><To>a@b.c</To></a>", host, from_address="me", domain="here.org")
    assert wrapper.output is not None
    assert box.mails[0][0] == "me@here.org"
    assert box.mails[0][2].get_content() == "\r\n"
    assert isinstance(send(wrap, "<a><To>a@b.c</To></a>", host).error.error, MalformedEventData)
    actor = SMTPOut("mail", host=host)
    lines = log(actor)
    for text in ("<a/>", "<a><To/></a>", "<a><To>None</To><From>x@y.z</From></a>"):
        wrapper = wrap(actor)
        wrapper.input = XMLEvent(data=text)
        assert wrapper.output is not None
        assert "No email recipient specified, notification was not sent" in logged(lines, 20)
        break
    actor.consume(XMLEvent(data="<a><To>None</To><From>x@y.z</From></a>"))
    assert "No email recipient specified, notification was not sent" in logged(lines, 20)
    assert len(box.mails) == 1


def test_the_sender_is_normalised(serve, wrap):
    box, host = serve()
    out = send(wrap, "<a><To>a@b.c</To><From> x </From></a>", host, domain="d.org").output
    assert out.data.find("From").text == "x@d.org"
    assert box.mails[0][0] == "x@d.org"


def test_copies_smtp_3(serve, wrap):
    box, host = serve()
    text = (
        "<a><To> Ann &lt;ann@b.c&gt; </To><Cc>cc@b.c</Cc><Bcc>bcc@b.c, ann@b.c</Bcc><From>x@y.z</From>"
        "<Subject>Grüße</Subject><Body>Übung ☃\n.\n.punkt</Body></a>"
    )
    assert send(wrap, text, host).output is not None
    _, recipients, message, _ = box.mails[0]
    assert recipients == ["ann@b.c", "cc@b.c", "bcc@b.c"]
    assert message["Bcc"] is None
    assert (message["Cc"], message["Subject"]) == ("cc@b.c", "Grüße")
    assert message.get_content() == "Übung ☃\r\n.\r\n.punkt\r\n"
    assert message.get_content_charset() == "utf-8"


def test_attachments(serve, wrap):
    box, host = serve()
    event = XMLEvent(
        data="<a><To>a@b.c</To><From>x@y.z</From><Body>see</Body>"
        f'<Attachment filename="ü.bin" encoding="base64">{base64.b64encode(bytes(range(256))).decode()}</Attachment>'
        '<Attachment filename="t.txt" type="text/plain">ä</Attachment></a>',
        attachments=[{"filename": "e.pdf", "data": b"%PDF", "type": "application/pdf"}],
    )
    assert send(wrap, event, host).output is not None
    parts = list(box.mails[0][2].iter_attachments())
    assert [(part.get_filename(), part.get_content_type()) for part in parts] == [
        ("e.pdf", "application/pdf"),
        ("ü.bin", "application/octet-stream"),
        ("t.txt", "text/plain"),
    ]
    assert [part.get_payload(decode=True) for part in parts] == [
        b"%PDF",
        bytes(range(256)),
        "ä".encode(),
    ]


@pytest.mark.parametrize(
    "inside",
    [
        "<Subject>a\nBcc: evil@b.c</Subject>",
        "<Subject>a&#13;X: y</Subject>",
        "<To>b@c.d&gt;\nDATA</To>",
        "<To>no address</To>",
        "<To>a@b..c</To>",
        "<From>x@y.z\nBcc: evil@b.c</From>",
        "<Reply-To>x@y.z&#13;\nX: y</Reply-To>",
        "<Ümläut>x</Ümläut>",
        '<Attachment encoding="base64">a</Attachment>',
        '<Attachment type="no">a</Attachment>',
        '<Attachment type="text/plain; x=y">a</Attachment>',
        '<Attachment filename="a&#13;&#10;X: y">a</Attachment>',
        "<Date>never</Date><Date>again</Date>",
    ],
)
def test_what_makes_no_mail(serve, wrap, inside):
    box, host = serve()
    text = f"<a>{inside}<To>a@b.c</To><From>x@y.z</From></a>"
    assert isinstance(send(wrap, text, host).error.error, MalformedEventData)
    assert box.mails == []


@pytest.mark.parametrize(
    "attachments",
    [[{}], ["text"], 5, [{"data": 5}], [{"data": b"", "filename": 5}], [{"data": b"", "type": 5}]],
)
def test_attachments_that_are_none(wrap, attachments):
    event = XMLEvent(data=MAIL, attachments=attachments)
    assert isinstance(send(wrap, event, "127.0.0.1").error.error, MalformedEventData)


@pytest.mark.parametrize(
    "body",
    [
        ".",
        ".\n..\n.a\n",
        "a\n.\nMAIL FROM:&lt;evil@b.c&gt;",
        "a&#13;.&#13;b",
        "x" * 5000,
        "Grüße ☃ \U0001f600" * 100,
        "trailing space \n\n\n",
        "",
    ],
)
def test_bodies_come_as_they_were(serve, wrap, body):
    """FIX SMTP-3; RFC 5321, 4.5.2 and 4.5.3.1.6: dots, lines that are too long, what is not ASCII."""
    box, host = serve()
    event = XMLEvent(data=f"<a><To>a@b.c</To><From>x@y.z</From><Body>{body}</Body></a>")
    sent = event.data.findtext("Body")
    assert send(wrap, event, host).output is not None
    ((content, message),) = zip(box.contents, [mail[2] for mail in box.mails], strict=True)
    assert all(len(line) <= 998 and line.isascii() for line in content.split(b"\r\n"))
    assert b"\r" not in content.replace(b"\r\n", b"")
    expected = sent.replace("\r", "\n").rstrip("\n") + "\n"
    assert message.get_content().replace("\r\n", "\n").rstrip("\n") + "\n" == expected


def test_headers_are_folded_and_encoded(serve, wrap):
    box, host = serve()
    subject = "ü" * 600 + " " + "x" * 1200
    text = (
        f"<a><To>Jürgen &lt;j@bücher.example&gt;</To><From>x@y.z</From><Subject>{subject}</Subject>"
        "<X-One>1</X-One><X-One>2</X-One></a>"
    )
    assert send(wrap, text, host).output is not None
    assert all(len(line) <= 998 for line in box.contents[0].split(b"\r\n"))
    _, recipients, message, _ = box.mails[0]
    assert recipients == ["j@xn--bcher-kva.example"]
    assert message["To"] == "Jürgen <j@xn--bcher-kva.example>"
    assert message["Subject"] == subject
    assert message.get_all("X-One") == ["1", "2"]
    assert message["Message-ID"].endswith("@y.z>")


def test_addresses_that_are_not_ascii(serve, script, wrap):
    """RFC 6531: as they are, to a server that knows them."""
    box, host = serve()
    text = "<a><To>jürgen@bücher.example</To><From>x@y.z</From><Subject>ü</Subject></a>"
    assert send(wrap, text, host).output is not None
    assert box.mails[0][1] == ["jürgen@xn--bcher-kva.example"]
    assert "To: jürgen@xn--bcher-kva.example\r\n".encode() in box.contents[0]
    server = script()
    error = send(wrap, text, server.host).error.error
    assert isinstance(error, BadGateway)
    assert "SMTPUTF8" in str(error)
    assert not any(line.startswith(b"MAIL") for line in server.said)


def test_a_refused_recipient_is_named_and_the_others_get_it_smtp_4(serve, wrap):
    box, host = serve()
    text = "<a><To>a@b.c,550@b.c,c@b.c</To><From>x@y.z</From></a>"
    wrapper = send(wrap, text, host)
    error = wrapper.error.error
    assert isinstance(error, BadGateway)
    assert error.code == 550
    assert "550@b.c: 550 no such user here" in str(error)
    assert box.mails[0][1] == ["a@b.c", "c@b.c"]
    assert wrapper.output_queues["outbox"].empty()


def test_all_recipients_refused(serve, wrap):
    box, host = serve()
    error = send(wrap, "<a><To>550@b.c</To><From>x@y.z</From></a>", host).error.error
    assert isinstance(error, BadGateway)
    assert "550@b.c: 550 no such user here" in str(error)
    assert box.mails == []


def test_temporary_refusals_are_tried_again(serve, wrap):
    box, host = serve()
    box.busy = 2
    assert send(wrap, MAIL, host).output is not None
    box.busy = 2
    error = send(wrap, MAIL, host, retries=1).error.error
    assert isinstance(error, ServiceUnavailable)
    assert error.code == 451
    assert "451 4.3.0 try later" in str(error)
    assert len(box.mails) == 1


def test_no_server(wrap):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        host = sock.getsockname()
        error = send(wrap, MAIL, host, retries=1).error.error
    assert isinstance(error, BadGateway)
    assert f"127.0.0.1:{host[1]}: " in str(error)


@pytest.mark.parametrize("greeting", [b"", b"nonsense\r\n", b"554 go away\r\n"])
def test_a_server_that_says_no_smtp(wrap, greeting):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            client, _ = listener.accept()
            client.sendall(greeting)
            client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        error = send(wrap, MAIL, listener.getsockname(), retries=0).error.error
        thread.join()
    assert isinstance(error, BadGateway)
    assert greeting != b"554 go away\r\n" or "554 go away" in str(error)


STEPS = ["hello", "EHLO", "MAIL", "RCPT", "DATA", "."]


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_hangs(script, wrap, step):
    server = script(**{step: None})
    error = send(wrap, MAIL, server.host, timeout=0.05).error.error
    assert isinstance(error, GatewayTimeout)
    assert server.connections == 1


@pytest.mark.parametrize("step", STEPS)
def test_a_server_that_ends_the_connection(script, wrap, step):
    """A mail is not sent again once all of it was."""
    server = script(**{step: b""})
    error = send(wrap, MAIL, server.host, retries=1).error.error
    assert isinstance(error, BadGateway)
    assert server.connections == (1 if step == "." else 2)
    assert ("it may be delivered" in str(error)) == (step == ".")


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("code", [421, 451, 550])
def test_a_server_that_refuses(script, wrap, step, code):
    server = script(**{step: b"%d-first\x07\r\n%d second\r\n" % (code, code)})
    error = send(wrap, MAIL, server.host, retries=1).error.error
    assert isinstance(error, BadGateway if code == 550 else ServiceUnavailable)
    assert error.code == code
    assert f"{code} first  second" in str(error)
    assert server.connections == (1 if code == 550 else 2)
    assert server.said[-1] == b"QUIT\r\n"


@pytest.mark.parametrize("step", ["EHLO", "MAIL", "RCPT", "DATA", "."])
@pytest.mark.parametrize("reply", [b"hello\r\n", b"999 x\r\n", b"250-" + b"x" * 9000, b"300 x\r\n"])
def test_a_server_that_talks_nonsense(script, wrap, step, reply):
    server = script(**{step: reply})
    error = send(wrap, MAIL, server.host, timeout=0.1).error.error
    assert isinstance(error, BadGateway | GatewayTimeout)
    assert server.connections == 1


def test_a_server_that_does_not_say_goodbye(script, wrap):
    """What counts is its reply to the message."""
    for reply in (None, b"", b"500 no\r\n", b"nonsense\r\n"):
        server = script(QUIT=reply)
        assert send(wrap, MAIL, server.host, timeout=0.1).output is not None
    assert server.said[1:3] == [b"MAIL FROM:<me@example.com> SIZE=%d\r\n" % size(server), *RCPT[:1]]


RCPT = [b"RCPT TO:<ann@example.com>\r\n", b"RCPT TO:<bob@example.com>\r\n"]


def size(server):
    """Bytes of the message that it got."""
    start = server.said.index(b"DATA\r\n") + 1
    return sum(map(len, server.said[start : server.said.index(b".\r\n") + 1]))


@pytest.mark.parametrize("replies", [[b"354 x\r\n552 too large"], [b"354 x", b"552 too large"]])
def test_a_message_that_is_refused_before_all_of_it_was_sent(replies):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            client, _ = listener.accept()
            with client, client.makefile("rb") as lines:
                for reply in (b"220 x", b"250 x", b"250 x", b"250 x", *replies):
                    client.sendall(reply + b"\r\n")
                    lines.readline()
                received.append(lines.read())

        received = []
        thread = threading.Thread(target=serve)
        thread.start()
        actor = SMTPOut("mail", host=listener.getsockname())
        with pytest.raises(BadGateway, match="552 too large") as raised:
            actor.send((b"x" * 78 + b"\r\n") * 200_000, "a@b.c", "x@y.z")
        thread.join()
    assert raised.value.code == 552
    assert b"QUIT" not in received[0]


def test_a_server_that_hangs_holds_up_nothing_else(serve, script, wrap):
    """Each mail has a connection of its own, and no call waits for a reply."""
    box, host = serve()
    hanging = script(**{".": None})
    stuck = send(wrap, MAIL, hanging.host)
    wait_until(lambda: b".\r\n" in hanging.said, compysition.sleep)
    assert send(wrap, MAIL, host).output is not None
    assert len(box.mails) == 1
    hanging.drop()
    assert "it may be delivered" in str(stuck.error.error)


def test_a_server_in_the_same_thread(wrap):
    """SMTPIn takes the mail while SMTPOut waits for its reply."""
    receiver = wrap(SMTPIn("receiver", "127.0.0.1", 0))
    sender = send(wrap, MAIL, ("127.0.0.1", receiver.actor.ports[0]))
    assert sender.output is not None
    event = receiver.output
    assert (event.sender, event.recipients) == (
        "me@example.com",
        ["ann@example.com", "bob@example.com"],
    )
    assert event.data.findtext("payload") == "text\n"


def test_so_many_mails_at_once(script):
    server = script(**{".": None})
    director, _ = flow(server, 7, concurrency=3)
    director.start(block=False)
    wait_until(lambda: server.said.count(b".\r\n") == 3, compysition.sleep)
    director.stop()
    assert server.connections == 3


# ---- TLS and login ----


@pytest.mark.parametrize("tls", ["starttls", "smtps"])
def test_tls(serve, wrap, ca_file, tls):
    options = {"starttls": "tls_context", "smtps": "ssl_context"}
    box, host = serve(
        **{options[tls]: server_context("127.0.0.1")}, require_starttls=tls == "starttls"
    )
    text = f"<a><To>a@b.c</To><From>x@y.z</From><Body>{'long ' * 200_000}</Body></a>"
    assert send(wrap, text, host, tls=tls, verify=ca_file).output is not None
    assert send(wrap, MAIL, host, tls=tls, verify=False).output is not None
    assert len(box.contents[0]) > 1_000_000
    assert box.mails[0][3] == (tls == "starttls")  # aiosmtpd does not tell otherwise
    error = send(wrap, MAIL, host, tls=tls, retries=0).error.error
    assert isinstance(error, BadGateway)
    assert "certificate" in str(error)
    assert len(box.mails) == 2


@pytest.mark.parametrize("tls", ["starttls", "smtps"])
def test_the_certificate_of_another_server(serve, wrap, ca_file, tls):
    options = {"starttls": "tls_context", "smtps": "ssl_context"}
    box, host = serve(**{options[tls]: server_context("127.0.0.1")})
    error = send(wrap, MAIL, ("localhost", host[1]), tls=tls, verify=ca_file, retries=0).error.error
    assert isinstance(error, BadGateway)
    assert box.mails == []


@pytest.mark.filterwarnings("ignore:Requiring AUTH")
def test_login(serve, wrap):
    def check(server, session, envelope, mechanism, data):
        assert isinstance(data, LoginPassword)
        return AuthResult(success=data.password == b"right", handled=False)

    box, host = serve(authenticator=check, auth_require_tls=False, auth_required=True)
    assert send(wrap, MAIL, host, user="me", password="right").output is not None
    error = send(wrap, MAIL, host, user="me", password="wrong").error.error
    assert isinstance(error, BadGateway)
    assert error.code == 535
    assert "wrong" not in str(error)
    assert send(wrap, MAIL, host).error.error.code == 530
    assert len(box.mails) == 1


def test_starttls_is_demanded_or_not(serve, wrap):
    _, host = serve()
    assert isinstance(send(wrap, MAIL, host, tls="starttls", retries=0).error.error, BadGateway)
    assert send(wrap, MAIL, host, tls="opportunistic").output is not None


def test_a_script_may_send_in_its_own_way(wrap):
    class Own(SMTPOut):
        def normalize_address(self, address, domain):
            return "own@d.org"

        def send(self, msg, to, from_address):
            self.sent = (msg["Subject"], to, from_address)

    actor = Own("mail")
    wrapper = wrap(actor)
    wrapper.input = XMLEvent(data=MAIL)
    assert wrapper.output is not None
    assert actor.sent == ("Hi", ["ann@example.com", "bob@example.com"], "own@d.org")


def test_send_called_by_a_script(serve):
    box, host = serve()
    actor = SMTPOut("mail", host=host)
    actor.send("Subject: a\n\nb", "a@b.c, d@e.f", "x@y.z")
    assert box.mails[0][1] == ["a@b.c", "d@e.f"]
    with pytest.raises(BadGateway):
        actor.send(b"Subject: a\n\nb", ["550@e.f"], "x@y.z")
    with pytest.raises(ValueError, match="mail address"):
        actor.send("a", ["a@b.c"], "x@y.z>\r\nRSET")


def test_messages_that_are_not_ascii(script):
    """RFC 6152: the server is told so, if it asks."""
    for keyword, parameter in ((b"8BITMIME", b" BODY=8BITMIME"), (b"HELP", b"")):
        server = script(EHLO=b"250-here\r\n250 %b\r\n" % keyword)
        SMTPOut("mail", host=server.host).send("A: b\n\nÜbung", "a@b.c", "x@y.z")
        assert server.said[1] == b"MAIL FROM:<x@y.z>" + parameter + b"\r\n"
        assert "Übung\r\n".encode() in server.said


def test_other_events(wrap, serve):
    box, host = serve()
    wrapper = wrap(SMTPOut("mail", host=host))
    wrapper.input = JSONEvent(data={"email": {"To": "a@b.c", "From": "x@y.z", "Body": "b"}})
    assert type(wrapper.output) is XMLEvent
    assert box.mails[0][1] == ["a@b.c"]
    wrapper.input = compysition.Event(data="<no")
    assert isinstance(wrapper.error.error, InvalidEventDataModification)


def test_a_full_destination_holds_it_back(serve, wrap):
    box, host = serve()
    actor = SMTPOut("mail", host=host)
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    wrapper.input = XMLEvent(data=MAIL)
    wait_until(lambda: box.mails, compysition.sleep)
    assert outbox.get().data == "in the way"
    assert outbox.get(block=True, timeout=5).data.find("To") is not None


def flow(server, count, **options):
    """A director with a source of so many mails, an SMTPOut and one that keeps what comes out."""

    class Mails(Source):
        def produce(self):
            for _ in range(count):
                self.send_event(XMLEvent(data=MAIL))

    director = quiet_director(stop_timeout=0.1)
    source = director.register_actor(Mails, "source")
    mail = director.register_actor(SMTPOut, "mail", host=server.host, **options)
    end = director.register_actor(Collect, "end")
    director.connect_queue(source, mail)
    director.connect_queue(mail, end)
    return director, end


@pytest.mark.parametrize("step", [*STEPS, "QUIT"])
def test_a_stop_while_mails_are_under_way(script, step):
    server = script(**{step: None})
    director, end = flow(server, 3)
    director.start(block=False)
    wait_until(lambda: server.connections == 3, compysition.sleep)
    began = time.monotonic()
    director.stop()
    assert time.monotonic() - began < 5
    assert end.data == []
    events = director.stats()["events"]
    assert (events["in_flight"], events["reported"]) == (0, 3)
    # nothing of a mail that was broken off is delivered
    assert step == "QUIT" or (b".\r\n" in server.said) == (step == ".")


def test_a_stop_while_mails_wait_for_the_next_attempt(script):
    server = script(MAIL=b"451 later\r\n")
    director, _ = flow(server, 3, backoff=99)
    director.start(block=False)
    wait_until(lambda: server.said.count(b"QUIT\r\n") == 3, compysition.sleep)
    director.stop()
    assert director.stats()["events"]["reported"] == 3
    assert server.connections == 3


@pytest.mark.parametrize("reply", [None, b"451 later\r\n"])
def test_another_thread_stops_it(script, reply):
    """What is under way is broken off by the loop's thread, which may be using it."""
    server = script(MAIL=reply)
    actor = SMTPOut("mail", host=server.host, backoff=99)
    actor.start()
    inbox = Queue("inbox")
    actor.register_consumer("inbox", inbox)
    for _ in range(3):
        inbox.put(XMLEvent(data=MAIL))
    wait_until(lambda: sum(b"MAIL" in line for line in server.said) == 3, compysition.sleep)
    thread = threading.Thread(target=actor.stop)
    thread.start()
    thread.join()
    reference = weakref.ref(actor)
    del actor
    wait_until(lambda: gc.collect() is not None and reference() is None, compysition.sleep)


def test_an_exception_in_the_middle(serve, wrap):
    class Failing(SMTPOut):
        def normalize_address(self, address, domain):
            raise LookupError(address)

    wrapper = wrap(Failing("mail", host=serve()[1]))
    wrapper.input = XMLEvent(data=MAIL)
    assert isinstance(wrapper.error.error, LookupError)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"host": ""}, ValueError),
        ({"host": "a b"}, ValueError),
        ({"host": ("a", 0)}, ValueError),
        ({"host": "a:99999"}, ValueError),
        ({"tls": "yes"}, ValueError),
        ({"user": "me"}, TypeError),
        ({"timeout": 0}, ValueError),
        ({"retries": -1}, ValueError),
        ({"backoff": -1}, ValueError),
    ],
)
def test_wrong_arguments(options, error):
    with pytest.raises(error):
        SMTPOut("mail", **options)


def test_attributes():
    actor = SMTPOut("mail", address="me@a.b")  # the name in 1.1
    assert (actor.address, actor.domain, actor.key, actor.host) == (
        "me@a.b",
        None,
        "mail",
        ("localhost", 25),
    )
    assert (actor.body_tag, actor.blockdiag_config["shape"]) == ("Body", "mail")
    assert SMTPOut("mail", host="[::1]:2525").normalize_address("x", "y.z") == "x@y.z"
    assert actor.normalize_address("x", None) is None
