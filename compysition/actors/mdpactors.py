"""Clients and workers of MajorDomo."""

from compysition._core import MDPActor, MDPClient, MDPWorker
from compysition._core import MDPRequest as Request

__all__ = ["MDPActor", "MDPClient", "MDPWorker", "Request"]
