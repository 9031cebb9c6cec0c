"""Sessions of SMTPIn without a socket: commands, addresses, ends of messages, limits."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compysition import _core

LIMITS = (2000, 1000, 3, 100)  # bytes of a message and of its lines, recipients, errors
HELLO = b"EHLO client.example\r\n"
MAIL = b"MAIL FROM:<a@b.example>\r\n"
RCPT = b"RCPT TO:<c@d.example>\r\n"
BEGIN = HELLO + MAIL + RCPT + b"DATA\r\n"
HOSTILE = MAIL + b"RCPT TO:<victim@d.example>\r\nDATA\r\nSmuggled: yes\r\n\r\n.\r\n"


def talk(data, cuts=b"", limits=LIMITS, tls=False):
    return _core._talk_smtp(data, cuts, limits, tls)


def replies(*lines, **options):
    """The codes of the replies to lines after EHLO."""
    text, _, _ = talk(HELLO + b"".join(line + b"\r\n" for line in lines), **options)
    codes = re.findall(rb"^(\d{3}) ", text, re.MULTILINE)
    assert codes[0] == b"250"
    return [int(code) for code in codes[1:]]


def message_of(data, **options):
    """The data of the only message, when the client sends this after DATA."""
    _, messages, _ = talk(BEGIN + data, **options)
    assert len(messages) == 1
    return messages[0][2]


# ---- commands ----


def test_a_whole_session():
    text, messages, ended = talk(BEGIN + b"Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\nNOOP\r\n")
    assert messages == [(b"a@b.example", b"c@d.example\0", b"Subject: x\r\n\r\nbody\r\n")]
    assert ended
    assert text.split(b"\r\n") == [
        b"250-probe.example",
        b"250-SIZE 2000",
        b"250-8BITMIME",
        b"250-SMTPUTF8",
        b"250-PIPELINING",
        b"250 ENHANCEDSTATUSCODES",
        b"250 2.1.0 OK",
        b"250 2.1.5 OK",
        b"354 End the message with a dot alone on a line",
        b"250 2.0.0 OK",
        b"221 2.0.0 probe.example Goodbye",
        b"",
    ]


def test_several_messages_and_an_empty_one():
    again = MAIL + RCPT + b"DATA\r\n"
    _, messages, ended = talk(BEGIN + b".\r\n" + again + b"two\r\n.\r\n" + again + b"three")
    assert [message[2] for message in messages] == [b"", b"two\r\n"]
    assert not ended


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"noop", 250),
        (b"NOOP whatever \xff", 250),
        (b"RSET", 250),
        (b"RSET \t ", 250),
        (b"RSET x", 501),
        (b"VRFY a", 252),
        (b"VRFY", 501),
        (b"EXPN a", 502),
        (b"AUTH PLAIN", 502),
        (b"BDAT 3 LAST", 502),
        (b"HELP", 214),
        (b"QUIT", 221),
        (b"QUIT now", 501),
        (b"EHLO", 501),
        (b"HELO", 501),
        (b"HELO a b", 501),
        (b"HELO [127.0.0.1]", 250),
        (b"EHLO \xc3\xa9", 501),
        (b"DATA", 503),
        (b"DATA x", 501),
        (b"RCPT TO:<a@b>", 503),
        (b"STARTTLS", 502),
        (b"", 500),
        (b" NOOP", 500),
        (b"NOOPS", 500),
        (b"NOOP\0", 500),
        (b"NOOP\r", 500),
        (b"NOOP\nQUIT", 500),
        (b"MAIL", 501),
        (b"MAIL FROM <a@b>", 501),
        (b"MAIL TO:<a@b>", 501),
        (b"mail from:<a@b>", 250),
    ],
)
def test_commands(line, code):
    assert replies(line) == [code]


def test_the_order_of_commands():
    mail, rcpt = MAIL.strip(), RCPT.strip()
    assert replies(mail, mail) == [250, 503]
    assert replies(mail, b"DATA") == [250, 503]
    assert replies(mail, rcpt, b"RSET", rcpt) == [250, 250, 250, 503]
    assert replies(mail, rcpt, HELLO.strip(), b"DATA") == [250, 250, 250, 503]
    for command in (MAIL, RCPT, b"DATA\r\n", b"STARTTLS\r\n"):
        assert talk(command, tls=True)[0].startswith(b"503 ")
    for command in (b"NOOP", b"RSET", b"VRFY x", b"HELP", b"HELO x"):
        assert talk(command + b"\r\n")[0].startswith(b"2")


# ---- parameters ----


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        (b" SIZE=2000", 250),
        (b"  SIZE=0   BODY=8BITMIME SMTPUTF8 ", 250),
        (b" body=7bit", 250),
        (b" SIZE=2001", 552),
        (b" SIZE=99999999999999999999", 552),
        (b" SIZE=000000000000000000001", 501),
        (b" SIZE", 501),
        (b" SIZE=", 501),
        (b" SIZE=-1", 501),
        (b" SIZE=1x", 501),
        (b" SIZE=1 SIZE=1", 501),
        (b" BODY=BINARYMIME", 501),
        (b" BODY=7BIT BODY=7BIT", 501),
        (b" SMTPUTF8=1", 501),
        (b" SMTPUTF8 SMTPUTF8", 501),
        (b" AUTH=<>", 555),
        (b" RET=FULL", 555),
        (b"SIZE=1", 501),
    ],
)
def test_parameters_of_mail(parameters, code):
    assert replies(b"MAIL FROM:<a@b>" + parameters) == [code]


def test_parameters_elsewhere():
    assert replies(b"MAIL FROM:<>", b"RCPT TO:<a@b> NOTIFY=NEVER") == [250, 555]
    text, _, _ = talk(b"HELO x\r\nMAIL FROM:<a@b> SIZE=1\r\nMAIL FROM:<a@b>\r\n")
    assert [line[:3] for line in text.splitlines()] == [b"250", b"555", b"250"]


# ---- addresses ----

LABEL = b"x" * 63


@pytest.mark.parametrize(
    "path",
    [
        b"a@b",
        b"a.b+c=d@e-f.g1.example",
        b"!#$%&'*+-/=?^_`{|}~@b.example",
        b'"a b"@c.example',
        b'"a\\"b\\\\<>@,"@c.example',
        b'""@c.example',
        b"a@[192.0.2.1]",
        b"a@[IPv6:2001:db8::1]",
        b"a@[ipv6:::ffff:192.0.2.1]",
        b"a@[x-tag:anything!]",
        b"a" * 64 + b"@b",
        b"a@" + b".".join([LABEL] * 3),
    ],
)
def test_addresses(path):
    _, messages, _ = talk(
        HELLO
        + b"MAIL FROM:<%b>\r\nRCPT TO:<%b>\r\nRCPT TO:<%b>\r\nDATA\r\n.\r\n" % (path, path, path)
    )
    assert messages == [(path, path + b"\0" + path + b"\0", b"")]


@pytest.mark.parametrize(
    "path",
    [
        b"a",
        b"@b",
        b"a@",
        b"a@b@c",
        b"a b@c",
        b".a@b",
        b"a.@b",
        b"a..b@c",
        b"a@.b",
        b"a@b.",
        b"a@b..c",
        b"a@-b",
        b"a@b-",
        b"a@b_c",
        b"a@[192.0.2.256]",
        b"a@[192.0.2.1",
        b"a@[]",
        b"a@[IPv6:1:2]",
        b"a@[IPv6:" + b"1" * 60 + b"]",
        b"a@[:x]",
        b"a@[x-:y]",
        b"a@[x:]",
        b"a@[x:a[b]",
        b'"a@b',
        b'"a\\"@b',
        b'"a\\',
        b'"a"b@c',
        b"a\\b@c",
        b"a,b@c",
        b"(a)@b",
        b"a@(b)",
        b"a" * 65 + b"@b",
        b"a@" + b".".join([LABEL] * 4),
        b"@r",
        b"@r:",
        b"@r,s:a@b",
        b"@:a@b",
        b"postmaster@",
        b"postmaste",
        b"<a@b>",
        b"\xff@b",
    ],
)
def test_what_is_no_address(path):
    assert replies(b"MAIL FROM:<%b>" % path) == [501]
    assert replies(b"MAIL FROM:<>", b"RCPT TO:<%b>" % path) == [250, 501]


@pytest.mark.parametrize("text", [b"", b"<", b">", b"a@b", b"<a@b", b"a@b>", b" <a@b>", b"<a@b>x"])
def test_what_is_no_path(text):
    assert replies(b"MAIL FROM:" + text) == [501]


def test_special_paths():
    """The null path, postmaster, and source routes, which are ignored (RFC 5321, appendix C)."""
    _, messages, _ = talk(
        HELLO + b"MAIL FROM:<>\r\nRCPT TO:<PostMaster>\r\n"
        b"RCPT TO:<@r.example,@s.example:a@b.example>\r\nDATA\r\n.\r\n"
    )
    assert messages == [(b"", b"PostMaster\0a@b.example\0", b"")]
    assert replies(b"MAIL FROM:<>", b"RCPT TO:<>") == [250, 501]


@pytest.mark.parametrize(
    "path",
    [
        "\u00e9@b.example",
        "a@b\u00fccher.example",
        '"\U0001f600 x"@\u20ac.example',
        "\ud7ff\ue000\U0010ffff@b",
    ],
)
def test_addresses_beyond_ascii_are_for_those_who_ask(path):
    path = path.encode()
    assert replies(b"MAIL FROM:<%b>" % path) == [553]
    assert replies(b"MAIL FROM:<>", b"RCPT TO:<%b>" % path) == [250, 553]
    _, messages, _ = talk(
        HELLO + b"MAIL FROM:<%b> SMTPUTF8\r\nRCPT TO:<%b>\r\nDATA\r\n.\r\n" % (path, path)
    )
    assert messages == [(path, path + b"\0", b"")]


@pytest.mark.parametrize(
    "path",
    [
        b"\x80",
        b"\xc3",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf0\x80\x80\xaf",
        b"\xf4\x90\x80\x80",
        b"\xf8\x88\x80\x80\x80",
        b"\xe2\x82",
        b"\xe2\x82a",
        b"\xc3\xa9\xa9",
    ],
)
def test_addresses_that_are_no_utf8(path):
    for whole in (path + b"@b", b"a@" + path, b'"' + path + b'"@b'):
        assert replies(b"MAIL FROM:<%b> SMTPUTF8" % whole) == [501]


# ---- the end of a message ----


@pytest.mark.parametrize(
    "end",
    [
        b"\n.\n",
        b"\r.\r",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\r\n.\r",
        b"\n\r.\r\n",
        b"\r\n\n.\n",
        b"\r\n.\r\r\n",
        b"\r\n.\n\r\n",
        b"\r\n.\0\r\n",
        b"\r\n. \r\n",
        b"\r\n\x00.\r\n",
        b"\r\n..\r\n",
    ],
)
def test_nothing_but_crlf_dot_crlf_ends_a_message(end):
    """No smuggling: what follows is data, wherever the bytes are split."""
    data = b"one" + end + HOSTILE
    whole = talk(BEGIN + data)
    assert len(whole[1]) == 1
    assert talk(BEGIN + data, b"\1" * 250) == whole
    got = whole[1][0][2]
    assert b"MAIL FROM:<a@b.example>\r\nRCPT TO:<victim" in got
    assert got.startswith(b"one" + end.replace(b"\r\n.", b"\r\n"))


def test_dots_are_unstuffed_after_crlf_only():
    assert message_of(b".\r\n") == b""
    assert message_of(b"..\r\n.\r\n") == b".\r\n"
    assert message_of(b"...a\r\n.b\r\n.\r\n") == b"..a\r\nb\r\n"
    assert message_of(b"a\n..b\r..c\r\n.\r\n") == b"a\n..b\r..c\r\n"
    assert message_of(b".\rx\r\n.\r\n") == b"\rx\r\n"
    assert message_of(b"a.\r\n.\r\n") == b"a.\r\n"


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"a", b"\0"]), max_size=30))
def test_what_is_stuffed_arrives(parts):
    """As a client stuffs it, in pieces of any size."""
    data = b"".join(parts) + b"\r\n"
    stuffed = re.sub(rb"(\A|(?<=\r\n))\.", b"..", data)
    assert message_of(stuffed + b".\r\n") == data
    assert message_of(stuffed + b".\r\n", cuts=b"\1" * 255) == data


def test_bytes_may_be_split_anywhere():
    data = BEGIN + b"a\r\n..\r\n.b\r\n\r\n.\r\nNOOP\r\n" + MAIL + b"QUIT\r\n"
    whole = talk(data)
    for cut in range(1, len(data)):
        assert talk(data, bytes([cut, 0])) == whole
    assert talk(data, b"\1" * len(data)) == whole


# ---- limits ----


def test_long_command_lines():
    fits = b"NOOP " + b"x" * 505
    assert replies(fits, fits + b"x", b"NOOP") == [250, 500, 250]
    long = b"MAIL FROM:<>" + b" " * 551
    assert replies(long) == [250]
    assert replies(long + b" ", b"NOOP") == [500, 250]
    assert replies(b"x" * 100_000, b"NOOP") == [500, 250]
    assert talk(HELLO + b"x\n" * 50_000 + b"\r\nNOOP\r\n")[0].endswith(b"\r\n250 2.0.0 OK\r\n")


def test_too_many_recipients():
    rcpt = RCPT.strip()
    assert replies(b"MAIL FROM:<>", *[rcpt] * 5, b"DATA") == [250, 250, 250, 250, 452, 452, 354]


def test_messages_that_are_too_large():
    """They are read to their end, and what follows is executed."""
    line = b"." + b"x" * 997 + b"\r\n"
    assert len(message_of(b"." + line + b"." + line + b".\r\n")) == 2000
    text, messages, _ = talk(BEGIN + line * 50 + b"\n.\r\n\r\n.\r\nNOOP\r\n")
    assert messages == []
    assert [part[:3] for part in text.splitlines()[-3:]] == [b"354", b"552", b"250"]


def test_lines_that_are_too_long():
    assert message_of(b"x" * 1000 + b"\r\n" + b"y" * 900 + b"\r\n.\r\n").count(b"\r\n") == 2
    text, messages, _ = talk(BEGIN + b"x" * 1001 + b"\r\n.\r\nNOOP\r\n")
    assert messages == []
    assert [part[:3] for part in text.splitlines()[-2:]] == [b"500", b"250"]


def test_too_many_errors():
    limits = (*LIMITS[:3], 3)
    text, messages, ended = talk(b"x\r\n" * 4 + BEGIN + b".\r\n", limits=limits)
    assert ended
    assert messages == []
    assert text.splitlines()[3:] == [b"421 4.7.0 probe.example Too many errors"]


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"GET", b"connect", b"OPTIONS"])
def test_a_browser_is_sent_away(method):
    """The body of a request, which any page can have sent, is no session."""
    wire = method + b" / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n" + BEGIN + b".\r\n"
    text, messages, ended = talk(wire)
    assert text == b"421 4.7.0 probe.example This is no HTTP server\r\n"
    assert ended
    assert messages == []


# ---- STARTTLS ----


def test_starttls():
    """What was said in clear is forgotten; nothing that follows in clear is executed (CVE-2011-0411)."""
    text, messages, _ = talk(HELLO + MAIL + RCPT + b"STARTTLS\r\n" + HOSTILE, tls=True)
    assert b"250-STARTTLS\r\n" in text
    assert text.endswith(b"250 2.1.5 OK\r\n220 2.0.0 Ready for TLS\r\n")
    assert messages == []
    before = HELLO + b"STARTTLS\r\n"
    text, messages, _ = talk(
        before + MAIL + HELLO + b"STARTTLS\r\n" + RCPT, bytes([len(before)]), tls=True
    )
    lines = text[text.index(b"220 ") :].splitlines()
    assert lines[1].startswith(b"503 ")
    assert b"250-STARTTLS" not in lines
    assert [line[:4] for line in lines[-2:]] == [b"503 ", b"503 "]
    assert replies(b"STARTTLS now", tls=True) == [501]
