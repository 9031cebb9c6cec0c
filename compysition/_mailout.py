"""What SMTPOut makes of an event: a mail (RFC 5322) and its envelope. Imported when the first mail is sent."""

import base64
import binascii
import email.policy
import re
from collections.abc import Iterable
from email.message import EmailMessage
from email.utils import formatdate, getaddresses, make_msgid
from typing import Any, NamedTuple

from compysition.errors import MalformedEventData

POLICY = email.policy.SMTP.clone(cte_type="7bit")
ADDRESSES = ("to", "cc", "bcc", "from", "reply-to", "sender")
NAME = re.compile(r"[!-9;-~]+")
ADDRESS = re.compile(r"[^\s<>(),;:\\\"@\x00-\x20\x7f-\x9f]+@[^\s<>(),;:\\\"@\x00-\x20\x7f-\x9f]+")
DOMAIN = re.compile(r"(?<=@)[^\s<>(),;:\\\"@]+(?=\s*(?:[>,;]|$))")
COMMAS = re.compile(r"\s*,(?:\s*,)*\s*")
WRITTEN_BY_US = frozenset(["content-type", "content-transfer-encoding", "mime-version"])


class Mail(NamedTuple):
    """What is sent, and to whom."""

    message: EmailMessage
    recipients: list[str]
    sender: str
    to: str  # as it was given, for the log


def build(actor: Any, event: Any) -> Mail | None:
    """The mail of an event of SMTPOut; None when nobody is to get one. Raises MalformedEventData."""
    root = event.data
    sender = root.find("From")
    if sender is not None:
        sender.text = actor.normalize_address((sender.text or "").strip(), actor.domain)
    fields = _fields(root, actor.body_tag)
    if not fields.get("from"):
        address = actor.normalize_address((actor.address or "").strip(), actor.domain)
        fields["from"] = [address] if address else []
    to = ", ".join(value for value in fields.get("to", ()) if value != "None")
    recipients = _addresses([to, *fields.get("cc", ()), *fields.pop("bcc", ())])
    if not recipients:
        return None
    senders = _addresses(fields["from"])
    if not senders:
        raise MalformedEventData("The mail has no sender: neither From nor from_address")
    body = root.find(actor.body_tag)
    message = _message(fields, "" if body is None else "".join(body.itertext()), senders[0])
    for filename, data, kind in _attachments(event, root):
        maintype, _, subtype = kind.partition("/")
        message.add_attachment(data, maintype=maintype, subtype=subtype, filename=filename)
    return Mail(message, recipients, senders[0], to)


def split_host(host: Any, port: int) -> tuple[str, int]:
    """Host and port of "host", "host:port", "[address]:port", an address, or (host, port)."""
    if isinstance(host, str):
        match = re.fullmatch(r"\[([^\]]+)\](?::(\d+))?|([^:]*)(?::(\d+))?|(.*:.*:.*)", host)
        if match is None:
            raise ValueError(f"{host!r} is no host")
        name, number = match[1] or match[3] or match[5] or "", match[2] or match[4] or port
    else:
        name, number = host
    if not isinstance(name, str) or not re.fullmatch(r"[\w.:%-]{1,255}", name, re.ASCII):
        raise ValueError(f"{host!r} is no host")
    if not 0 < int(number) < 65536:
        raise ValueError(f"{number!r} is no port")
    return name, int(number)


def flatten(message: Any, utf8: bool) -> tuple[bytes, bool]:
    """The bytes of a message, which may be text or bytes, and whether the server has to know SMTPUTF8; as ``utf8`` says, an
    address is not ASCII.
    """
    if hasattr(message, "as_bytes"):
        utf8 = utf8 or bool(getattr(message.policy, "utf8", False))
        return message.as_bytes(policy=POLICY.clone(utf8=utf8)), utf8
    return message.encode() if isinstance(message, str) else bytes(message), utf8


def envelope(to: Any) -> list[str]:
    """The addresses in text or in several texts."""
    return _addresses([to] if isinstance(to, str) else list(to))


def _fields(root: Any, body_tag: str) -> dict[str, list[str]]:
    """Name in lower case -> values, of the children that are headers."""
    fields: dict[str, list[str]] = {}
    for child in root.iterchildren("*"):
        name = child.tag.rpartition("}")[2]
        value = "".join(child.itertext()).strip()
        if name in (body_tag, "Attachment") or name.lower() in WRITTEN_BY_US:
            continue
        if not NAME.fullmatch(name) or any(ord(one) < 32 and one != "\t" for one in value):
            raise MalformedEventData(f"{name} is no header: a line break or a control character")
        if value:
            fields.setdefault(name.lower(), []).append(value)
    return fields


def _message(fields: dict[str, list[str]], body: str, sender: str) -> EmailMessage:
    written = [value for name in ADDRESSES for value in fields.get(name, ())]
    utf8 = not all(address.isascii() for address in _addresses(written))  # RFC 6532
    message = EmailMessage(POLICY.clone(utf8=utf8))
    try:
        for name, values in fields.items():
            joined = [_with_ascii_domains(values)] if name in ADDRESSES else values
            for value in joined:
                message["-".join(word.capitalize() for word in name.split("-"))] = value
        if "date" not in fields:
            message["Date"] = formatdate(localtime=True)
        if "message-id" not in fields:
            message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2])
        message.set_content(body)
    except (ValueError, LookupError) as problem:
        raise MalformedEventData(f"The event makes no mail: {problem}") from problem
    return message


def _ascii_domain(domain: str) -> str:
    """An internationalised domain as the DNS has it (RFC 5891)."""
    try:
        return domain.encode("idna").decode()
    except UnicodeError as problem:
        raise MalformedEventData(f"{domain!r} is no domain: {problem}") from problem


def _with_ascii_domains(values: list[str]) -> str:
    return DOMAIN.sub(lambda match: _ascii_domain(match[0]), ", ".join(values))


def _addresses(values: Iterable[str]) -> list[str]:
    """Each address once, its domain in ASCII."""
    found: dict[str, None] = {}
    for value in values:
        for _, address in getaddresses([COMMAS.sub(", ", value).strip(", ")] if value else []):
            if not ADDRESS.fullmatch(address):
                raise MalformedEventData(f"{value!r} is no mail address, or not only")
            local, _, domain = address.rpartition("@")
            found[f"{local}@{_ascii_domain(domain)}"] = None
    return list(found)


def _attachments(event: Any, root: Any) -> Iterable[tuple[str, bytes, str]]:
    """Name, content and type, of event.attachments and of the Attachment elements."""
    try:
        for given in getattr(event, "attachments", None) or ():
            data = given["data"]
            content = data.encode() if isinstance(data, str) else bytes(memoryview(data))
            yield _checked(given.get("filename", "attachment"), content, given.get("type"))
    except (AttributeError, LookupError, TypeError) as problem:
        raise MalformedEventData(f"The event's attachments are none: {problem!r}") from problem
    for element in root.iterchildren("Attachment"):
        text = "".join(element.itertext())
        try:
            content = (
                base64.b64decode(text) if element.get("encoding") == "base64" else text.encode()
            )
        except binascii.Error as problem:
            raise MalformedEventData(f"An attachment is no base64: {problem}") from problem
        yield _checked(element.get("filename", "attachment"), content, element.get("type"))


def _checked(filename: str, content: bytes, kind: str | None) -> tuple[str, bytes, str]:
    kind = kind or "application/octet-stream"
    if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", kind, re.ASCII) or kind.startswith("multipart/"):
        raise MalformedEventData(f"{kind!r} is no type of an attachment")
    if any(ord(one) < 32 for one in filename):
        raise MalformedEventData("The name of an attachment has a control character")
    return filename, content, kind
