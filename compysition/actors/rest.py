"""Import path of RESTTranslator."""

from compysition._core import RESTTranslator

__all__ = ["RESTTranslator"]
