"""What a MajorDomo broker says to clients and workers."""

from compysition import _core
from tests.fuzz import target
from tests.fuzz.choices import Choices, random_seeds

C, W = b"MDPC01", b"MDPW01"
PIECES = [b"", C, W, *(bytes([n]) for n in range(1, 9)), b"echo", b"L", b"body", b"x" * 600]
MOST = 32  # frames


def message(choices):
    """One that is nearly right, mostly."""
    body = [choices.pick(PIECES) for _ in range(choices.number(MOST))]
    frames = choices.pick(
        [
            [b"", W, b"\x02", b"client", b"", *body],
            [b"", W, b"\x04"],
            [b"", W, b"\x05", *body],
            [b"", choices.pick([C, W]), b"\x07", b"broker"],
            [b"", C, b"echo", *body],
            [b"", C, b"\x03", b"", *body],
            body,
        ]
    )
    if frames and choices.number(4) == 3:
        frames[choices.number(len(frames))] = choices.pick(PIECES)
    return frames


def read(frames, worker, standard, lock_step):
    """What it means by the book: RFC 7, and the dialect's table."""
    if len(frames) > MOST or frames[:2] != [b"", W if worker else C]:
        return "invalid", None, None
    before = None
    match frames[2:]:
        case [b"\x07", _] if not standard:
            return "verified", None, None
        case [b"\x02", before, b"", *body] if worker and body:
            pass
        case [b"\x04", *_] if worker:
            return "heartbeat", None, None
        case [b"\x05", *_] if worker:
            return "disconnect", None, None
        case [service, *body] if standard and not worker and body:
            before = service if lock_step else None
        case [b"\x03", b"", *body] if not standard and not worker and body:
            pass
        case _:
            return "invalid", None, None
    return "body", before, body[0] if len(body) == 1 else body


@target(random_seeds)
def majordomo_peer(data):
    choices = Choices(data)
    worker, standard = bool(choices.number(2)), bool(choices.number(2))
    lock_step = standard and not worker and bool(choices.number(2))
    frames = message(choices)
    assert _core._read_mdp(frames, worker, standard, lock_step) == read(
        frames, worker, standard, lock_step
    )
