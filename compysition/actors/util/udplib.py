"""Who of a group of processes is master, found out over UDP."""

import socket
import time

from compysition._core import UDPInterface

__all__ = [
    "BURN_IN_PINGS",
    "PEER_EXPIRY",
    "PING_INTERVAL",
    "PING_PORT_NUMBER",
    "UDP",
    "UUID_BYTES",
    "Peer",
    "UDPInterface",
]

PING_PORT_NUMBER = 6999
PING_INTERVAL = 1.0  # seconds
PEER_EXPIRY = 10  # pings
UUID_BYTES = 32
BURN_IN_PINGS = 5


class UDP:
    """A UDP socket that sends to everybody, and shares its port.

    port: int. address: ignored, as it always was. broadcast: str, the address to which send() sends; None:
    255.255.255.255. Raises OSError.
    """

    def __init__(self, port: int, address: str | None = None, broadcast: str | None = None) -> None:
        self.port = port
        self.address = address
        self.broadcast = broadcast or "255.255.255.255"
        self.handle = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            for option in (socket.SO_BROADCAST, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
                self.handle.setsockopt(socket.SOL_SOCKET, option, 1)
            self.handle.bind(("", port))
        except OSError:
            self.handle.close()
            raise

    def send(self, buffer: bytes | str) -> int:
        """Send one datagram, text as UTF-8; the number of bytes. Raises OSError."""
        data = buffer.encode() if isinstance(buffer, str) else buffer
        return self.handle.sendto(data, (self.broadcast, self.port))

    def recv(self, service_length: int, uuid_length: int) -> tuple[str, str]:
        """Wait for a datagram, which blocks the thread; the name of a group, and the uuid of who has sent it.

        The uuid is the end of the datagram, the name is all before it, however long.
        """
        data = self.handle.recv(65535)
        end = max(len(data) - uuid_length, 0)
        return data[:end].decode(errors="replace"), data[end:].decode(errors="replace")

    def close(self) -> None:
        """Close the socket; safe to call twice."""
        self.handle.close()


class Peer:
    """Another node of a group.

    uuid: str. expiry: pings after which it is taken for dead, None for PEER_EXPIRY. interval: seconds
    between them, None for PING_INTERVAL. ``expires_at`` is when, in seconds of time.time().
    """

    def __init__(
        self, uuid: str, expiry: float | None = None, interval: float | None = None
    ) -> None:
        self.uuid = uuid
        self.expiry: float = PEER_EXPIRY if expiry is None else expiry
        self.interval: float = PING_INTERVAL if interval is None else interval
        self.expires_at = 0.0
        self.is_alive()

    def is_alive(self) -> None:
        """It was heard: it expires ``expiry * interval`` seconds from now."""
        self._expire_in(self.expiry * self.interval)

    def _expire_in(self, seconds: float) -> None:
        self.expires_at = time.time() + seconds
