"""Forms of several parts (RFC 7578), by the email package of Python."""

import email.parser
import email.policy


def parse(content_type: str, body: bytes) -> dict[str, str]:
    """Return a dict: name of a field -> its text; the last one of a name counts."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    fields: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(content, bytes):
            fields[name] = content.decode(part.get_content_charset() or "utf-8", "replace")
    return fields
