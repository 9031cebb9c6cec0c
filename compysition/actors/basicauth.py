"""Import path of BasicAuth."""

from compysition._core import BasicAuth

__all__ = ["BasicAuth"]
