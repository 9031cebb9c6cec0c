"""What SMTPIn reads out of a message: headers, encodings, parts."""

import email.message
import email.policy
import time

import pytest

from compysition import _mail
from compysition.errors import MalformedEventData

HTML = (
    b"<html><head><title>no</title><style>p{}</style></head><body><p>one<br>two</p>"
    b"<script>no()</script><!-- no --><ul><li>three &amp; \xe2\x9c\x93</ul></body></html>"
)


def read(text):
    """Read a message whose line ends are written as \\n."""
    data = text if isinstance(text, bytes) else text.encode()
    return _mail.read(data.replace(b"\n", b"\r\n"))


def multipart(kind, *parts):
    """Join parts (headers and body as text); a boundary that names the kind."""
    boundary = f"=_{kind}"
    body = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\npreamble\n{body}--{boundary}--\nend\n'


# ---- headers ----


def test_repeated_headers_are_lists():
    """FIX SMTP-6: none is lost, whatever the case of the names, and their order stays."""
    mail = read("Received: a\nX: 1\nreceived: b\nRECEIVED: c\n\nbody\n")
    assert mail == {"Received": ["a", "b", "c"], "X": "1", "payload": "body\n"}
    assert list(mail) == ["Received", "X", "payload"]


def test_no_header_passes_for_the_payload():
    assert read("payload: a\nPayload: b\n\nbody") == {"Payload": ["a", "b"], "payload": "body"}


def test_folded_headers():
    assert read("A: one\n two\n\tthree\nB:\n c\n\n")["A"] == "one two\tthree"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=?utf-8?q?h=C3=A9_=3D?=", "h\u00e9 ="),
        ("=?UTF-8?B?w6k=?= x =?iso-8859-1?Q?=FC?=", "\u00e9 x \u00fc"),
        ("=?utf-8?b?4oI=?=\n =?utf-8?b?rA==?=", "\u20ac"),  # a character in two words
        ("=?utf-8?q?a?= =?utf-8?q?b?=  =?latin1?q?c?= d", "abc d"),
        ("=?utf-8*en?q?a?=", "a"),
        ("=?no-such?q?=C3=A9?=", "\u00e9"),
        ("=?utf-8?b?abcde?=", "=?utf-8?b?abcde?="),
        ("=?utf-8?b?w6k?=", "\u00e9"),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?utf-8?q?a", "=?utf-8?q?a"),
        ("=?hex_codec?q?61?=", "61"),
        ("=?utf-8?q?=00=01?=", "\ufffd\ufffd"),
        ("\u00fc\u20ac", "\u00fc\u20ac"),
        (b"\xff", "\ufffd"),
    ],
)
def test_encoded_words(value, text):
    value = value if isinstance(value, bytes) else value.encode()
    assert read(b"S: " + value + b"\n\n")["S"] == text


@pytest.mark.parametrize(
    ("data", "mail"),
    [
        (b"", {"payload": ""}),
        (b"\r\n", {"payload": ""}),
        (b"\r\nbody", {"payload": "body"}),
        (b"no header\r\n\r\nmore", {"payload": "no header\n\nmore"}),
        (b"A: 1", {"A": "1", "payload": ""}),
        (b"A: 1\n\nbody", {"A": "1", "payload": "body"}),
        (b"A: 1\r\nno header\r\n\r\nbody", {"A": "1", "payload": "no header\n\nbody"}),
        (b"From a@b Tue\r\nA: 1\r\n\r\nx", {"A": "1", "payload": "x"}),
        (b"A: 1\r\n\r\n\0\x0b\xff\r\n", {"A": "1", "payload": "\ufffd\ufffd\ufffd\n"}),
    ],
)
def test_what_is_hardly_a_message(data, mail):
    assert _mail.read(data) == mail


# ---- bodies ----


@pytest.mark.parametrize(
    ("headers", "body", "text"),
    [
        ("Content-Transfer-Encoding: base64", "w6kK\n", "\u00e9\n"),
        ("Content-Transfer-Encoding: BASE64", "w6k\n*", "\u00e9"),
        ("Content-Transfer-Encoding: quoted-printable", "=C3=A9=\n x=3D\n", "\u00e9 x=\n"),
        ("Content-Transfer-Encoding: no-such", "a\n", "a\n"),
        ("Content-Type: text/plain; charset=iso-8859-15", b"\xa4", "\u20ac"),
        ("Content-Type: text/plain; charset*=utf-8''latin1", b"\xfc", "\u00fc"),
        ("Content-Type: text/plain; charset=no-such", "\u00e9", "\u00e9"),
        ("Content-Type: text/html", "<p>a</p>", "<p>a</p>"),
        ("Content-Type: application/json", '{"a": 1}', '{"a": 1}'),
        ("Content-Type: multipart/mixed", "no boundary", "no boundary"),
        ("Content-Type: x" * 1000, "a", "a"),
    ],
)
def test_bodies_of_one_part(headers, body, text):
    """FIX SMTP-6: encodings."""
    body = body if isinstance(body, bytes) else body.encode()
    assert read(headers.encode() + b"\n\n" + body)["payload"] == text


PLAIN = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\nw6k="
PAGE = "Content-Type: text/html; charset=utf-8\n\n" + HTML.decode()
SEEN = "one\ntwo\nthree & \u2713"


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (multipart("alternative", PAGE, PLAIN), "\u00e9"),
        (multipart("alternative", PAGE), SEEN),
        (multipart("mixed", multipart("related", PAGE, "Content-Type: image/png\n\nx")), SEEN),
        (multipart("mixed", multipart("alternative", PAGE, PLAIN), "\nsecond"), "\u00e9"),
        (multipart("mixed", "\nno headers\n"), "no headers\n"),
        (multipart("mixed", "Content-Disposition: attachment\n\nfile", "\nbody"), "body"),
        (multipart("mixed", "Content-Disposition: attachment; filename=x\n\nfile"), ""),
        (multipart("mixed", "Content-Type: application/pdf\n\nx"), ""),
        (multipart("mixed", "Content-Type: message/rfc822\n\nSubject: x\n\ny", "\nbody"), "body"),
        (multipart("mixed").replace("--=_mixed", "--other"), ""),
        (multipart("mixed", "\nopen").replace("--=_mixed--", ""), ""),
    ],
)
def test_the_text_of_multiparts(message, text):
    """FIX SMTP-6: the first text/plain, also in nested parts; else the text of the first text/html."""
    assert read(message)["payload"] == text


def test_what_python_writes():
    message = email.message.EmailMessage()
    message["Subject"] = "\u00fc" * 100
    message["To"] = "\u00e9 <a@b.example>, c@d.example"
    message.set_content("text \u20ac\n" * 20)
    message.add_alternative("<p>html</p>", subtype="html")
    message.add_attachment(b"\0\1", maintype="application", subtype="x", filename="x")
    mail = _mail.read(message.as_bytes(policy=email.policy.SMTP))
    assert mail["Subject"] == "\u00fc" * 100
    assert mail["To"] == "\u00e9 <a@b.example>, c@d.example"
    assert mail["payload"] == "text \u20ac\n" * 20


# ---- hostile ones ----


def test_long_headers_and_many_parts_are_refused():
    with pytest.raises(MalformedEventData):
        read(b"A: b\n" * 70_000 + b"\n")
    with pytest.raises(MalformedEventData):
        read(multipart("mixed", *["Content-Type: x/y\n\n"] * 1001))


def nest(depth):
    message = "\ninner"
    for number in range(depth):
        message = multipart(f"n{number}", message)
    return message


def test_nesting_is_bounded():
    assert read(nest(10))["payload"] == "inner"
    assert read(nest(11))["payload"] == ""
    assert read(nest(300))["payload"] == ""


@pytest.mark.parametrize(
    "data",
    [
        b"S: " + b"=?a?q?" * 40_000 + b"\n\n",
        b"S: =?utf-8?q?" + b"a" * 250_000 + b"\n\n",
        b"S: " + b"=?utf-8?q?a?=" * 15_000 + b"\n\n",
        b"S: =?utf-8?q?a?=" + b" " * 250_000 + b"\n\n",
        b"Content-Type: text/plain" + b'; a="' * 50_000 + b"\n\n",
        b"Content-Type: multipart/x; boundary=a\n\n" + b"--a" * 500_000,
        b"Content-Type: multipart/x; boundary=a\n\n" + b"\n" * 1_000_000,
        b"A: \n" * 50_000 + b"\n",
        b"Content-Type: multipart/x; boundary=a\n\n--a\nContent-Type: text/html\n\n"
        + b"<p><b" * 100_000
        + b" \t" * 200_000
        + b"\n--a--\n",
    ],
)
def test_nothing_takes_longer_than_its_size_allows(data):
    before = time.process_time()
    read(data)
    assert time.process_time() - before < 3
