"""Import path of JSONValidator."""

from compysition._core import JSONValidator

__all__ = ["JSONValidator"]
