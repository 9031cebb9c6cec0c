"""Events as bytes, for processes of one's own: what the actors between processes send (docs/wire-format.rst)."""

from ._core import wire_dumps as dumps
from ._core import wire_loads as loads

__all__ = ["dumps", "loads"]
