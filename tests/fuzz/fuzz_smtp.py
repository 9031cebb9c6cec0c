"""Mail over the wire: the sessions of SMTPIn, and what it reads out of messages."""

import re

from compysition import _core, _mail
from compysition.errors import MalformedEventData
from compysition.event import XMLEvent
from tests.fuzz import target

LIMITS = (500, 200, 3, 8)  # bytes of a message and of its lines, recipients, errors
REPLY = re.compile(rb"(?:(\d{3})-[ -~]+\r\n)*(\d{3}) [ -~]+\r\n")
START = b"EHLO x\r\nMAIL FROM:<a@b> SIZE=3 SMTPUTF8\r\nRCPT TO:<c@d>\r\nDATA\r\n"
TEXTS = [
    START + b"A: b\r\n\r\n..c\r\n.\r\nQUIT\r\n",
    START + b"a\n.\nb\r.\rc\n.\r\nd\r\n.\ne\r\n.\r\n",
    START + b"x" * 300 + b"\r\n.\r\nRSET\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\n.\r\n",
    b'EHLO x\r\nMAIL FROM:<@r,@s:"a\\" b"@[IPv6:::1]> BODY=8BITMIME\r\nRCPT TO:<\xc3\xa9@\xc3\xbc.x>\r\n',
    b"HELO x\r\nSTARTTLS\r\nMAIL FROM:<a@b>\r\nVRFY a\r\nNOOP\r\nHELP\r\nEXPN\r\nX\r\n" * 2,
]
MAILS = [
    b"A: =?utf-8?q?=C3=A9?= =?x?b?YQ==?=\r\n b\r\na: c\r\n\r\nbody\xff\r\n",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/x; boundary=c\r\n\r\n"
    b"--c\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+YTwvcD4=\r\n"
    b"--c--\r\n--b\r\nContent-Disposition: attachment\r\n\r\nx\r\n--b--\r\n",
    b"Content-Type: text/plain; charset*=latin1'en'utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=41=\r\n",
    b"From a@b\r\nA: b\r\nno header\r\n\r\nmore",
]


def session_seeds():
    """A byte for the number of cuts, the cuts, and the bytes on the wire."""
    return [cuts + text for text in TEXTS for cuts in (b"\0", b"\3\x20\x12\x05")]


def unstuff(text):
    """The messages that a naive reader finds where a message begins: only CRLF.CRLF ends one."""
    body, end, _ = (b"\r\n" + text).partition(b"\r\n.\r\n")
    assert end
    return (body + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]


@target(session_seeds)
def smtp_sessions(data):
    """However the bytes are split: the same replies and messages, each of which is one in the bytes."""
    count = data[0] if data else 0
    cuts, wire = data[1 : 1 + count], data[1 + count :]
    for tls in (False, True):
        whole = _core._talk_smtp(wire, b"", LIMITS, tls)
        if not tls:  # what is thrown away after STARTTLS depends on how the bytes come
            assert _core._talk_smtp(wire, cuts, LIMITS, tls) == whole
            assert _core._talk_smtp(wire, b"\1" * len(wire), LIMITS, tls) == whole
        replies, messages, _ = whole
        at = 0
        while at < len(replies):
            match = REPLY.match(replies, at)
            assert match, replies[at : at + 100]
            at = match.end()
        place = 0
        for sender, recipients, body in messages:
            assert len(body) <= LIMITS[0]
            names = [sender, *recipients.split(b"\0")[:-1]]
            assert 2 <= len(names) <= 1 + LIMITS[2]
            assert not re.search(rb"[\0-\x1f\x7f]", b"".join(names))
            assert b"".join(names).decode() is not None
            starts = [match.end() for match in re.finditer(rb"(?i)DATA[ \t]*\r\n", wire)]
            found = [
                start
                for start in starts
                if start >= place
                and b"\r\n.\r\n" in b"\r\n" + wire[start:]
                and unstuff(wire[start:]) == body
            ]
            assert found
            place = found[0]


@target(lambda: MAILS)
def mail(data):
    """Every message becomes text, and an event, or is refused as malformed."""
    try:
        found = _mail.read(data)
    except MalformedEventData:
        return
    assert isinstance(found["payload"], str)
    for value in found.values():
        for text in value if isinstance(value, list) else [value]:
            XMLEvent(data={"email": {"x": text}}).data_string()
