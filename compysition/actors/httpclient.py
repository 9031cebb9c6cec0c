"""Import path of HTTPClient."""

from compysition._core import HTTPClient

__all__ = ["HTTPClient"]
