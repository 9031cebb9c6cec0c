"""What comes over TCP: frames in any pieces, and events in bytes."""

import struct

from compysition import _core, wire
from compysition.errors import MalformedEventData, QueueEmpty
from compysition.event import Event, JSONEvent, JSONHttpEvent, LogEvent, XMLEvent
from tests.fuzz import target

LIMIT = 300


def frame(content):
    return struct.pack(">I", len(content)) + content


def framing_seeds():
    """A byte for the number of cuts, the cuts, and the bytes on the wire."""
    texts = [
        frame(b"") + frame(b"abc") * 3,
        frame(b"x" * 300) + frame(b"x" * 301) + frame(b"y"),
        b"GET / HTTP",
    ]
    return [cuts + text for text in texts for cuts in (b"\0", b"\3\1\2\5")]


def split(data):
    """The messages, and the length that is refused, by the book."""
    messages = []
    while len(data) >= 4:
        length = struct.unpack_from(">I", data)[0]
        if length > LIMIT:
            return messages, length
        if len(data) < 4 + length:
            break
        messages.append(data[4 : 4 + length])
        data = data[4 + length :]
    return messages, None


@target(framing_seeds)
def framing(data):
    """However the bytes are split: the messages that are in them."""
    count = data[0] if data else 0
    cuts, text = data[1 : 1 + count], data[1 + count :]
    pieces, at = [], 0
    for cut in cuts:
        pieces.append(text[at : at + cut])
        at += cut
    pieces.append(text[at:])
    assert _core._split_frames(pieces, LIMIT) == split(text)
    assert _core._split_frames([bytes([byte]) for byte in text], LIMIT) == split(text)


def wire_seeds():
    failed = JSONEvent(data={"a": [1, -1, 2.5, None, True, "\u00fc", 2**70]})
    failed.error = QueueEmpty(["a"])
    values = (1, b"x", {"k": {1, 2}}, bytearray(b"y"), frozenset([None]), -(2**80))
    events = [
        failed,
        Event(data=values, mark="m"),
        Event(event_id="mine", meta_id="other", service="s"),
        XMLEvent(data="<a b='c'>d</a>"),
        JSONHttpEvent(data=[], headers={"A": "b"}),
        LogEvent("INFO", "me", "said"),
    ]
    return [wire.dumps(event) for event in events]


@target(wire_seeds)
def wire_events(data):
    """Whatever the bytes are: an event, which can be sent again as well, or MalformedEventData."""
    try:
        event = wire.loads(data)
    except MalformedEventData:
        return
    again = wire.loads(wire.dumps(event))
    assert type(again) is type(event)
    assert again.event_id == event.event_id
