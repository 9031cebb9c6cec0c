"""Import path of XMLToDict; the library of this name is another module."""

from compysition._core import XMLToDict

__all__ = ["XMLToDict"]
