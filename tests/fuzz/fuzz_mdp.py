"""What clients and workers say to a MajorDomo broker, in any order, as time goes by."""

from collections import Counter

from compysition import _core
from tests.fuzz import target
from tests.fuzz.choices import Choices

C, W = b"MDPC01", b"MDPW01"
REQUEST, REPLY, HEARTBEAT, DISCONNECT, VERIFIED = b"\x02", b"\x03", b"\x04", b"\x05", b"\x07"
PEERS = [b"one", b"two", b"three", b"four", b"five", b"gone", b"full"]
PIECES = [
    b"",
    C,
    W,
    *(bytes([n]) for n in range(1, 9)),
    b"\x008",
    b"mmi.service",
    b"echo",
    b"other",
]
PIECES += [b"third", b"fourth", b"L", b"M", b"body", b"x" * 600, b"\xff\n", *PEERS]


def message(choices):
    """One that is nearly right, mostly."""
    sender, client = choices.pick(PEERS), choices.pick(PEERS)
    service, logging_id = choices.pick([b"echo", b"other"]), choices.pick([b"L", b"M"])
    forms = [
        [b"", C, service, b"body"],
        [b"", C, b"\x008", service, logging_id, b"body"],
        [b"", C, b"\x06"],
        [b"", W, b"\x01", service],
        [b"", W, b"\x06", service],
        [b"", W, REPLY, client, b"", logging_id, b"answer"],
        [b"", W, REPLY, client, b"", b"answer"],
        [b"", W, HEARTBEAT],
        [b"", W, HEARTBEAT, sender],
        [b"", W, DISCONNECT],
        [choices.pick(PIECES) for _ in range(choices.number(8))],
    ]
    frames = [sender, *choices.pick(forms)]
    if choices.number(8) == 7:
        frames[choices.number(len(frames))] = choices.pick(PIECES)
    return frames


def steps(data):
    choices = Choices(data)
    found = []
    while choices.place < len(data):
        found.append(choices.number(400) if choices.number(6) == 5 else message(choices))
    return found


def seeds():
    return [bytes(range(256)), bytes(range(255, -1, -1)), b"\0\0\0\0\3" * 40, b"\5\1\2" * 60]


@target(seeds)
def majordomo_broker(data):
    """Nothing is sent that nobody asked for, and what is counted adds up."""
    taken = steps(data)
    sent, services, workers, counters = _core._run_broker(taken)
    messages = [step for step in taken if isinstance(step, list)]
    asked = Counter(m[0] for m in messages if m[1:3] == [b"", C])
    for _, empty, header, command, *_ in sent:
        assert (empty, header in (C, W)) == (b"", True)
        assert header == C or command in (REQUEST, HEARTBEAT, DISCONNECT, VERIFIED)
    for service in services.values():
        counted = service["answered"] + service["expired"] + service["failed"] + service["refused"]
        assert service["waiting"] <= 3 + service["retried"]
        assert counted + service["waiting"] + service["dispatched"] <= service["requests"]
    assert (
        sum(service["waiting"] + service["dispatched"] for service in services.values())
        == (counters["open"])
    )
    assert sum(worker["in_flight"] for worker in workers.values()) == sum(
        service["dispatched"] for service in services.values()
    )
    assert len(workers) == sum(service["workers"] for service in services.values()) <= 4
    assert counters["invalid"] <= len(messages)
    assert counters["open"] <= sum(asked.values())
