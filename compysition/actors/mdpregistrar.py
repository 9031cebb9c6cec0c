"""The registration service of MajorDomo's brokers."""

from compysition._core import MDPBrokerRegistrationService

__all__ = ["MDPBrokerRegistrationService"]
