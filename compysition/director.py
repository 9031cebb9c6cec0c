"""The Director: registers actors, connects their queues, starts and stops them."""

from compysition._core import Director

__all__ = ["Director"]
