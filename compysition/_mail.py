"""Mail as SMTPIn gets it (RFC 5322, RFC 2045 to 2047): headers and text. Imported when the first message comes.

Anybody may send anything here, so that the package email only gets what it reads in a time that grows with the size: headers one
part at a time, and no long parameters.
"""

import binascii
import email.message
import email.parser
import itertools
import re

from lxml import etree

from compysition import _multipart
from compysition._charsets import canonical
from compysition.errors import MalformedEventData

MOST_HEAD = 262_144  # bytes of headers, of a message or a part
MOST_PARAMETERS = 2048  # characters of a Content-Type: email's time grows with the square
MOST_DEPTH = 10  # of multiparts in multiparts

FIRST_END = re.compile(rb"\A\r?\n")
BLANK_LINE = re.compile(rb"\r?\n\r?\n")
FIRST_LINE = re.compile(rb"[!-9;-~]+[ \t]*:|From ")
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
parse_headers = email.parser.HeaderParser().parsestr


def clean(text: str) -> str:
    """Return text that XML can express; what it cannot becomes U+FFFD, and CRLF a line feed."""
    return NOT_IN_XML.sub("\ufffd", text.replace("\r\n", "\n"))


def decode_text(text: bytes, charset: str | None) -> str:
    """Decode, by UTF-8 where the charset is none that is known."""
    return text.decode(canonical(charset or "utf-8") or "utf-8", "replace")


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


def header_text(value: str) -> str:
    """Unfold and decode the value of a header."""
    value = value.replace("\r", "").replace("\n", "")
    return clean(ENCODED_WORDS.sub(decode_words, value) if "=?" in value else value)


def split_message(data: bytes) -> tuple[email.message.Message, bytes]:
    """Return the headers and the body of a message or part.

    Raises MalformedEventData for more than MOST_HEAD bytes of headers.
    """
    match = BLANK_LINE.search(data)
    head, body = (data[: match.start()], data[match.end() :]) if match else (data, b"")
    if not FIRST_LINE.match(data):
        head, body = b"", FIRST_END.sub(b"", data)
    if len(head) > MOST_HEAD:
        raise MalformedEventData(f"More than {MOST_HEAD} bytes of headers")
    message = parse_headers(head.decode("utf-8", "replace"))
    rest = message.get_payload()  # from the first line on that is no header
    if isinstance(rest, str) and rest:
        body = rest.encode("utf-8", "replace") + b"\r\n\r\n" + body
    if len(message.get("content-type", "")) > MOST_PARAMETERS:
        message.replace_header("content-type", "application/octet-stream")
    return message, body


def headers_of(message: email.message.Message) -> Mail:
    """Return name -> text, or the list of texts of a header that is there several times, whatever the case of its name."""
    headers: Mail = {}
    names: dict[str, str] = {}
    for name, value in message.items():
        name = names.setdefault(name.lower(), "Payload" if name == "payload" else name)
        text = header_text(value)
        before = headers.get(name)
        if before is None:
            headers[name] = text
        elif isinstance(before, list):
            before.append(text)
        else:
            headers[name] = [before, text]
    return headers


# ---- bodies ----


def body_text(message: email.message.Message, body: bytes) -> str:
    """Decode a body that is one part."""
    message.set_payload(body.decode("ascii", "surrogateescape"))
    decoded = message.get_payload(decode=True)
    assert isinstance(decoded, bytes)
    return clean(decode_text(decoded, message.get_content_charset()))


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
    message: email.message.Message, body: bytes, found: dict[str, str], depth: int = 0
) -> None:
    """Put the first text/plain that is no attachment into ``found``, and the first text/html before that."""
    kind = message.get_content_type()
    boundary = message.get_boundary() if kind.startswith("multipart/") else None
    if boundary and depth < MOST_DEPTH:
        for part in _multipart.split(boundary.encode("utf-8", "replace"), body):
            find_texts(*split_message(FIRST_END.sub(b"", part)), found, depth + 1)
            if "text/plain" in found:
                break
    elif (
        kind in ("text/plain", "text/html")
        and kind not in found
        and message.get_content_disposition() != "attachment"
    ):
        found[kind] = body_text(message, body)


def read(data: bytes) -> Mail:
    """Return the headers of a message, and as ``payload`` its text.

    That is the first text/plain of a multipart, else the text of its first text/html; and of other messages their body.
    Raises MalformedEventData for headers that are too long, and more than a thousand parts.
    """
    message, body = split_message(data)
    mail = headers_of(message)
    if message.get_content_maintype() == "multipart" and message.get_boundary():
        found: dict[str, str] = {}
        find_texts(message, body, found)
        mail["payload"] = found.get("text/plain") or html_text(found.get("text/html", ""))
    else:
        mail["payload"] = body_text(message, body)
    return mail
