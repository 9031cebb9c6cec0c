"""TCPOut and TCPIn."""

from compysition._core import TCPIn, TCPOut

DEFAULT_PORT = 9000
BUFFER_SIZE = 1024  # of 1.2.54; nothing uses it

__all__ = ["BUFFER_SIZE", "DEFAULT_PORT", "TCPIn", "TCPOut"]
