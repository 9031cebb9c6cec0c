"""Forms of several parts (RFC 7578). Imported when the first one comes."""

import email.message
import email.parser
import email.utils
import re

from compysition._charsets import canonical
from compysition.errors import MalformedEventData

MOST_PARTS = 1000  # as many as other forms may have fields
MOST_HEAD = 2048  # bytes of headers: email's time for parameters grows with the square


def split(boundary: bytes, body: bytes) -> list[bytes]:
    """Return what stands between the lines of the boundary."""
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    parts: list[bytes] = []
    start = None
    for match in line.finditer(body):
        if start is not None:
            parts.append(body[start : match.start()])
        start = match.end()
        if len(parts) > MOST_PARTS:
            raise MalformedEventData(f"More than {MOST_PARTS} fields")
        if match[1]:
            break
    return parts


def check_length(head: bytes) -> None:
    """Raise MalformedEventData for more than email should get."""
    if len(head) > MOST_HEAD:
        raise MalformedEventData(f"More than {MOST_HEAD} bytes of headers in a form")


def parse(content_type: bytes, body: bytes) -> dict[str, str]:
    """Return name of a field -> its text; the last one of a name counts.

    Files count as fields. Raises MalformedEventData when there are more than MOST_PARTS parts, or when
    content_type or the headers of a part are longer than MOST_HEAD bytes.
    """
    check_length(content_type)
    message = email.message.Message()
    message["Content-Type"] = content_type.decode("latin-1")
    boundary = message.get_boundary()
    fields: dict[str, str] = {}
    if not boundary:
        return fields
    for part in split(boundary.encode("latin-1", "replace"), body):
        head, _, content = part.replace(b"\n\r\n", b"\n\n", 1).partition(b"\n\n")
        head = head.strip()
        check_length(head)
        headers = email.parser.HeaderParser().parsestr(head.decode("utf-8", "replace"))
        name = headers.get_param("name", header="content-disposition")
        if name is not None:
            charset = canonical(headers.get_content_charset("utf-8")) or "utf-8"
            fields[email.utils.collapse_rfc2231_value(name)] = content.decode(charset, "replace")
    return fields
