"""The name of the director up to release 1.0.66."""

from compysition.router.default import Default

__all__ = ["Default"]
