"""The actor XMLValidator of releases up to 1.1."""

from compysition._core import XSD

__all__ = ["XMLValidator"]


class XMLValidator(XSD):
    """XSD under its old name."""
