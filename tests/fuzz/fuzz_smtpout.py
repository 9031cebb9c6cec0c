"""What servers reply to SMTPOut."""

import re

from compysition import _core
from tests.fuzz import target

DELIVERED, UNSENT, REFUSED, TIMEOUT, FAILED = range(5)
GREETING = b"250 SIZE 100\r\n"
RECIPIENTS = b"c@d\0e@f\0"
MESSAGE = b"A: b\n\n.c\rd\r\n.\n\r.."
SENT = b"A: b\r\n\r\n..c\r\nd\r\n..\r\n\r\n...\r\n.\r\n"
COMMANDS = re.compile(
    rb"MAIL FROM:<a@b>[ A-Z0-9=]*\r\n(RCPT TO:<c@d>\r\n)?(RCPT TO:<e@f>\r\n)?(DATA\r\n)?(%b)?(QUIT\r\n)?"
    % re.escape(SENT)
)
REPLIES = [
    b"250 ok\r\n250 ok\r\n251 other\r\n354 go\r\n250-a\r\n250 b\r\n221 bye\r\n",
    b"250 ok\r\n550-no\r\n550 such user\r\n450\r\n221 bye\r\n",
    b"250 ok\r\n550 no\r\n250 ok\r\n354 go\r\n552 too much\r\n",
    b"421 closing\r\n",
    b"250 ok\r\n250 ok\r\n250 ok\r\n250 no\r\n",
    b"250-a\r\n251 b\r\n",
    b"25\r\n",
    b"250 ok\n250\n250 ok\x00\x1b\n354\n250 " + b"x" * 9000,
]


def seeds():
    return REPLIES


@target(seeds)
def smtp_replies(replies):
    """However they are split: the same commands and outcome, and it is delivered only by a reply to all of the message."""
    whole = _core._send_smtp(GREETING, replies, RECIPIENTS, MESSAGE, 1 << 20, True)
    for step in (1, 7):
        assert _core._send_smtp(GREETING, replies, RECIPIENTS, MESSAGE, step, True) == whole
    at_once = _core._send_smtp(GREETING, replies, RECIPIENTS, MESSAGE, 1 << 20, False)
    assert at_once[1] != DELIVERED
    for sent, outcome, refused, error in (whole, at_once):
        assert COMMANDS.fullmatch(sent), sent
        assert not re.search(rb"[\0-\x09\x0b-\x1f\x7f]", refused + error)
        assert outcome != TIMEOUT
        assert outcome != UNSENT or SENT not in sent
        if outcome == DELIVERED:
            assert SENT in sent
            assert refused.count(b"\n") < 2
        else:
            assert error
