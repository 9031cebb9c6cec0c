import asyncio
import base64
import email
import email.policy
import re
import socket
import threading
import time

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

import compysition
from compysition.actors import SMTPOut
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
from tests.waiting import wait_until

MAIL = (
    "<email><To>ann@example.com, bob@example.com</To><From>me@example.com</From>"
    "<Subject>Hi</Subject><Body>text</Body></email>"
)


class Box:
    """Takes mail; refuses recipients whose name begins with a reply code."""

    def __init__(self):
        self.mails = []
        self.busy = 0  # so many transactions are answered 451
        self.hang = False
        self.busy_since = None

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
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.busy_since = time.monotonic()
        while self.hang:
            await asyncio.sleep(0.01)
        self.mails.append(
            (
                envelope.mail_from,
                envelope.rcpt_tos,
                email.message_from_bytes(envelope.content, policy=email.policy.default),
                session.ssl is not None,
            )
        )
        return "250 OK"


@pytest.fixture
def serve():
    """Start a server; return its box, and SMTPOut's host."""
    controllers = []

    def start(**options):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = sock.getsockname()[1]
        controller = Controller(Box(), "127.0.0.1", port, **options)
        controller.start()
        controllers.append(controller)
        return controller.handler, ("127.0.0.1", port)

    yield start
    for controller in controllers:
        controller.handler.hang = False
        controller.stop()


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
        "<To>böse@b.c</To>",
        "<To>no address</To>",
        '<Attachment encoding="base64">a</Attachment>',
        '<Attachment type="no">a</Attachment>',
        "<Date>never</Date><Date>again</Date>",
    ],
)
def test_what_makes_no_mail(serve, wrap, inside):
    box, host = serve()
    text = f"<a><To>a@b.c</To><From>x@y.z</From>{inside}</a>"
    assert isinstance(send(wrap, text, host).error.error, MalformedEventData)
    assert box.mails == []


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


def test_a_server_that_hangs(wrap):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        error = send(wrap, MAIL, listener.getsockname(), timeout=0.1).error.error
    assert isinstance(error, GatewayTimeout)


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


def test_a_stop_while_mails_are_under_way(serve):
    box, host = serve()
    box.hang = True

    class Mails(Source):
        def produce(self):
            for _ in range(3):
                self.send_event(XMLEvent(data=MAIL))

    director = quiet_director(stop_timeout=0.1)
    source = director.register_actor(Mails, "source")
    mail = director.register_actor(SMTPOut, "mail", host=host)
    end = director.register_actor(Collect, "end")
    director.connect_queue(source, mail)
    director.connect_queue(mail, end)
    director.start(block=False)
    wait_until(lambda: box.busy_since, compysition.sleep)
    began = time.monotonic()
    director.stop()
    assert time.monotonic() - began < 5
    assert end.data == []
    events = director.stats()["events"]
    assert (events["in_flight"], events["reported"]) == (0, 3)
    assert box.mails == []


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
