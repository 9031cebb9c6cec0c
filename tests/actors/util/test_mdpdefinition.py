import re
from pathlib import Path

import pytest

from compysition.actors.util import mdpdefinition as mdp

HEADER = Path(__file__).parents[3] / "csrc" / "net" / "mdp.h"


def test_the_constants_are_those_of_the_original():
    assert (mdp.C_CLIENT, mdp.W_WORKER, mdp.B_BROKER) == (b"MDPC01", b"MDPW01", b"MDPB01")
    assert (mdp.W_READY, mdp.W_REQUEST, mdp.W_REPLY) == (b"\x01", b"\x02", b"\x03")
    assert (mdp.W_HEARTBEAT, mdp.W_DISCONNECT) == (b"\x04", b"\x05")
    assert (mdp.B_VERIFICATION_REQUEST, mdp.B_VERIFICATION_RESPONSE) == (b"\x06", b"\x07")
    assert (mdp.C_REQUEST, mdp.B_HEARTBEAT, mdp.B_DISCONNECT) == (b"\x00\x38", b"\x00\x39", b"\x08")
    assert mdp.commands[1] == "READY"
    assert mdp.commands[5] == "DISCONNECT"


@pytest.mark.parametrize(
    ("macro", "value"),
    [
        ("CLIENT", mdp.C_CLIENT),
        ("WORKER", mdp.W_WORKER),
        ("READY", mdp.W_READY),
        ("REQUEST", mdp.W_REQUEST),
        ("REPLY", mdp.W_REPLY),
        ("HEARTBEAT", mdp.W_HEARTBEAT),
        ("DISCONNECT", mdp.W_DISCONNECT),
        ("VERIFY", mdp.B_VERIFICATION_REQUEST),
        ("VERIFIED", mdp.B_VERIFICATION_RESPONSE),
        ("GONE", mdp.B_DISCONNECT),
        ("CLIENT_REQUEST", mdp.C_REQUEST),
        ("ALIVE", mdp.B_HEARTBEAT),
    ],
)
def test_the_core_has_the_same(macro, value):
    text = re.search(rf'#define CPS_MDP_{macro} "(.*?)"', HEADER.read_text())[1]
    assert text.encode().decode("unicode_escape").encode("latin-1") == value
