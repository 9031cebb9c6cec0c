"""Import path of FlowController."""

from compysition._core import FlowController

__all__ = ["FlowController"]
