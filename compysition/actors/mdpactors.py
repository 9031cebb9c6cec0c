"""Clients and workers of MajorDomo."""

from compysition._core import MDPActor, MDPClient, MDPWorker

__all__ = ["MDPActor", "MDPClient", "MDPWorker"]
