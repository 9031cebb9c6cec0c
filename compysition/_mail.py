"""Mail as SMTPIn gets it (RFC 5322, RFC 2045 to 2047, RFC 6532): headers and text. Imported when the first message comes.

Anybody may send anything here. The package email reads parameters of headers, and no long ones: its time for them grows with
the square. Its parsers take ten times as long as what is here, or raise for malformed headers.
"""

import binascii
import email.message
import functools
import itertools
import re
from typing import NamedTuple

from lxml import etree

from compysition import _multipart
from compysition._charsets import canonical
from compysition.errors import MalformedEventData

MOST_HEAD = 262_144  # bytes of headers, of a message or a part
MOST_PARAMETERS = 2048  # bytes of a header that has some
MOST_DEPTH = 10  # of multiparts in multiparts

UNIX_FROM = re.compile(rb"From [^\r\n]*(?:\r\n?|\n)")
HEADER = re.compile(
    rb"([!-9;-~]+)[ \t]*:[ \t]*([^\r\n]*(?:(?:\r\n?|\n)[ \t][^\r\n]*)*)(?:\r\n?|\n|\Z)"
)
LINE_END = re.compile(rb"\r\n?|\n|")
ENCODED_WORD = re.compile(r"=\?([^?\s*]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?\s]*)\?=")
ENCODED_WORDS = re.compile(
    r"=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=(?:[ \t]*=\?[^?\s]+\?[bBqQ]\?[^?\s]*\?=)*"
)
NOT_IN_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
LINES_OF_HTML = """
    address blockquote br dd div dt h1 h2 h3 h4 h5 h6 hr li ol p pre table td th title tr ul
""".split()
TEXT_OF_HTML = "//text()[not(ancestor::script or ancestor::style or ancestor::head)]"

Mail = dict[str, str | list[str]]
Headers = list[tuple[str, bytes]]


class ContentType(NamedTuple):
    """What a Content-Type says."""

    name: str = "text/plain"
    boundary: str | None = None  # of a multipart
    charset: str | None = None


def clean(text: str) -> str:
    """Return text that XML can express; what it cannot becomes U+FFFD, and CRLF a line feed."""
    return NOT_IN_XML.sub("\ufffd", text.replace("\r\n", "\n"))


def decode_text(text: bytes, charset: str | None) -> str:
    """Decode, by UTF-8 where the charset is none that is known."""
    return text.decode(canonical(charset) or "utf-8" if charset else "utf-8", "replace")


# ---- headers ----


def decode_word(encoding: str, text: str) -> bytes:
    if encoding in "qQ":
        return binascii.a2b_qp(text.encode(), header=True)
    return binascii.a2b_base64(text.encode() + b"==")


def decode_words(match: re.Match[str]) -> str:
    """Decode encoded words that follow each other: a character may be in two of them."""
    words = ENCODED_WORD.findall(match[0])
    try:
        return "".join(
            decode_text(b"".join(decode_word(*word[1:]) for word in group), charset)
            for charset, group in itertools.groupby(words, lambda word: word[0].lower())
        )
    except binascii.Error:
        return match[0]


def header_text(value: bytes) -> str:
    """Unfold and decode the value of a header."""
    text = value.replace(b"\r", b"").replace(b"\n", b"").decode("utf-8", "replace")
    if "=?" in text:
        text = ENCODED_WORDS.sub(decode_words, text)
    return text if text.isprintable() else clean(text)


def split_message(data: bytes) -> tuple[Headers, bytes]:
    """Return the headers and the body of a message or part: that begins at an empty line, or one that is no header.

    Raises MalformedEventData for more than MOST_HEAD bytes of headers.
    """
    first = UNIX_FROM.match(data)
    place = first.end() if first else 0
    headers = []
    while match := HEADER.match(data, place):
        place = match.end()
        if place > MOST_HEAD:
            raise MalformedEventData(f"More than {MOST_HEAD} bytes of headers")
        headers.append((match[1].decode("ascii"), match[2]))
    end = LINE_END.match(data, place)
    return headers, data[end.end() if end else place :]


def headers_of(headers: Headers) -> Mail:
    """Return name -> text, or the list of texts of a header that is there several times, whatever the case of its name."""
    mail: Mail = {}
    names: dict[str, str] = {}
    for name, value in headers:
        name = names.setdefault(name.lower(), "Payload" if name == "payload" else name)
        text = header_text(value)
        before = mail.get(name)
        if before is None:
            mail[name] = text
        elif isinstance(before, list):
            before.append(text)
        else:
            mail[name] = [before, text]
    return mail


def parameter_header(headers: Headers, name: str) -> str:
    """Return the first header of that name (in lower case), "" when it is missing or too long."""
    for found, value in headers:
        if found.lower() == name:
            return value.decode("utf-8", "replace") if len(value) <= MOST_PARAMETERS else ""
    return ""


@functools.lru_cache(maxsize=64)
def read_content_type(value: str) -> ContentType:
    if not value:
        return ContentType()
    message = email.message.Message()
    message["Content-Type"] = value
    kind = message.get_content_type()
    boundary = message.get_boundary() if kind.startswith("multipart/") else None
    return ContentType(kind, boundary, message.get_content_charset())


# ---- bodies ----


def body_text(headers: Headers, content: ContentType, body: bytes) -> str:
    """Decode a body that is one part."""
    encoding = parameter_header(headers, "content-transfer-encoding").strip().lower()
    try:
        if encoding == "base64":
            body = binascii.a2b_base64(body + b"==")
        elif encoding == "quoted-printable":
            body = binascii.a2b_qp(body)
    except binascii.Error:
        pass  # it stays as it is
    return clean(decode_text(body, content.charset))


def html_text(html: str) -> str:
    """Return what a reader of the page sees, a line for each paragraph."""
    parser = etree.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = etree.fromstring(html.encode("utf-8"), parser)
    except etree.LxmlError:
        return ""
    if root is None:
        return ""
    for element in root.iter(*LINES_OF_HTML):
        element.tail = "\n" + (element.tail or "")
    lines = "".join(root.xpath(TEXT_OF_HTML)).splitlines()
    return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))


def find_texts(
    headers: Headers, content: ContentType, body: bytes, found: dict[str, str], depth: int = 0
) -> None:
    """Put the first text/plain that is no attachment into ``found``, and the first text/html before that."""
    if content.boundary and depth < MOST_DEPTH:
        for part in _multipart.split(content.boundary.encode("utf-8", "replace"), body):
            inner, text = split_message(LINE_END.sub(b"", part, count=1))
            kind = read_content_type(parameter_header(inner, "content-type"))
            find_texts(inner, kind, text, found, depth + 1)
            if "text/plain" in found:
                break
    elif content.name in ("text/plain", "text/html") and content.name not in found:
        disposition = parameter_header(headers, "content-disposition").partition(";")[0]
        if disposition.strip().lower() != "attachment":
            found[content.name] = body_text(headers, content, body)


def read(data: bytes) -> Mail:
    """Return the headers of a message, and as ``payload`` its text.

    That is the first text/plain of a multipart, else the text of its first text/html; and of other messages their body.
    Raises MalformedEventData for headers that are too long, and more than a thousand parts.
    """
    headers, body = split_message(data)
    content = read_content_type(parameter_header(headers, "content-type"))
    mail = headers_of(headers)
    if content.boundary:
        found: dict[str, str] = {}
        find_texts(headers, content, body, found)
        mail["payload"] = found.get("text/plain") or html_text(found.get("text/html", ""))
    else:
        mail["payload"] = body_text(headers, content, body)
    return mail
