"""Import path of ZMQReq and ZMQRep."""

from compysition._core import ZMQRep, ZMQReq

__all__ = ["ZMQRep", "ZMQReq"]
