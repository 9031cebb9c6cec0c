"""Import path of ZMQPush and ZMQPull in 1.0 and 1.1."""

from compysition._core import ZMQPull, ZMQPush

__all__ = ["ZMQPull", "ZMQPush"]
