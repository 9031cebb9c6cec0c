"""SMTPOut's side of a transaction, without a socket."""

import pytest

from compysition import _core
from tests.fuzz.fuzz_smtpout import DELIVERED, FAILED, REFUSED, UNSENT

OK = b"250 ok\r\n"
GOOD = OK + OK + b"354 go\r\n" + OK + b"221 bye\r\n"


def send(replies, greeting=b"250 here", message=b"A: b\n", recipients=b"c@d\0", by_line=True):
    return _core._send_smtp(greeting, replies, recipients, message, 1 << 20, by_line)


def test_a_whole_transaction():
    sent, outcome, refused, _ = send(GOOD)
    assert sent == (
        b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nA: b\r\n.\r\nQUIT\r\n"  # one after the other
    )
    assert (outcome, refused) == (DELIVERED, b"")


@pytest.mark.parametrize(
    ("greeting", "parameters"),
    [
        (b"250-size 5", b" SIZE=9"),
        (b"250 SIZE", b" SIZE=9"),
        (b"250 SIZES", b""),
        (b"220 SIZE", b""),
    ],
)
def test_the_size_is_told_to_servers_that_ask(greeting, parameters):
    """RFC 1870."""
    assert send(GOOD, greeting)[0].startswith(b"MAIL FROM:<a@b>" + parameters + b"\r\n")


@pytest.mark.parametrize(
    ("message", "sent"),
    [
        (b"", b""),
        (b".", b"..\r\n"),
        (b"a\n.\nb", b"a\r\n..\r\nb\r\n"),
        (b"a\r.\rb", b"a\r\n..\r\nb\r\n"),
        (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n"),
        (b"a\r\r\n\n\r.x\r", b"a\r\n\r\n\r\n\r\n..x\r\n"),
        (b"\0\xff.", b"\0\xff.\r\n"),
    ],
)
def test_messages(message, sent):
    """Lines end with CRLF, and begin with two dots where they began with one (RFC 5321, 4.5.2)."""
    assert send(GOOD, message=message)[0].partition(b"DATA\r\n")[2] == sent + b".\r\nQUIT\r\n"


def test_a_reply_counts_once_its_command_was_sent():
    """What a server says beforehand takes no mail."""
    assert send(GOOD, by_line=False)[1] == FAILED
    assert send(b"421 closing\r\n" + GOOD, by_line=False)[1] == REFUSED


@pytest.mark.parametrize(
    ("replies", "outcome"),
    [(b"", UNSENT), (OK, UNSENT), (OK + OK + b"354 go\r\n", FAILED), (GOOD[:-9], DELIVERED)],
)
def test_an_end_before_the_end(replies, outcome):
    assert send(replies)[1] == outcome


def test_refused_recipients():
    replies = OK + b"550-no\r\n550 such user\x1b[2J\r\n" + GOOD[8:]
    _, outcome, refused, _ = send(replies, recipients=b"c@d\0e@f\0")
    assert (outcome, refused) == (DELIVERED, b"c@d: 550 no such user [2J\n")
    sent, outcome, refused, _ = send(OK + b"550 no\r\n452 full\r\n", recipients=b"c@d\0e@f\0")
    assert (outcome, refused) == (REFUSED, b"c@d: 550 no\ne@f: 452 full\n")
    assert sent.endswith(b"RCPT TO:<e@f>\r\nQUIT\r\n")
