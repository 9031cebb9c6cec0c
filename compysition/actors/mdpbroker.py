"""The broker of MajorDomo, and what it tells of its services and workers."""

from typing import TypedDict

from compysition._core import MDPBroker

__all__ = ["MDPBroker", "Service", "Worker"]


class Service(TypedDict):
    """A value of ``MDPBroker.services``. Counts begin when the service is first heard of."""

    workers: int  # registered
    waiting: int  # requests that no worker has
    waiting_bytes: int
    dispatched: int  # requests that workers have
    requests: int
    answered: int
    expired: int  # dropped, as nobody took or answered them in time
    retried: int  # given to another worker
    failed: int  # dropped, as too many workers had gone with them
    refused: int  # dropped, as too many waited
    duplicates: int  # that came again while the broker had them, and were not taken twice


class Worker(TypedDict):
    """A value of ``MDPBroker.workers``."""

    service: str
    standard: bool  # speaks plain MDP 0.1
    in_flight: int  # requests that it has
    answered: int
    liveness: int  # of a silent one it is lower
