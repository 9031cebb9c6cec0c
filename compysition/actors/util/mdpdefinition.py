"""The constants of the MajorDomo protocol: MDP 0.1 (RFC 7 of rfc.zeromq.org) and compysition's dialect of it."""

__all__ = [
    "B_BROKER",
    "B_DISCONNECT",
    "B_HEARTBEAT",
    "B_VERIFICATION_REQUEST",
    "B_VERIFICATION_RESPONSE",
    "C_CLIENT",
    "C_REQUEST",
    "W_DISCONNECT",
    "W_HEARTBEAT",
    "W_READY",
    "W_REPLY",
    "W_REQUEST",
    "W_WORKER",
    "commands",
]

# Headers
C_CLIENT = b"MDPC01"
W_WORKER = b"MDPW01"
B_BROKER = b"MDPB01"

# Between broker and worker; a reply of the dialect also goes to the client as W_REPLY.
W_READY = b"\001"
W_REQUEST = b"\002"
W_REPLY = b"\003"
W_HEARTBEAT = b"\004"
W_DISCONNECT = b"\005"

# Of the dialect: peer to broker, and the answer
B_VERIFICATION_REQUEST = b"\006"
B_VERIFICATION_RESPONSE = b"\007"

# Of the dialect: NUL and a digit
C_REQUEST = b"\0008"
B_HEARTBEAT = b"\0009"
B_DISCONNECT = b"\010"

commands: list[str | None] = [None, "READY", "REQUEST", "REPLY", "HEARTBEAT", "DISCONNECT"]
