"""Import path of the ZeroMQ actors."""

from compysition._core import (
    ZMQDealer,
    ZMQPub,
    ZMQPull,
    ZMQPush,
    ZMQRep,
    ZMQReq,
    ZMQSub,
    curve_keypair,
)

DEFAULT_PORT = 9000

__all__ = [
    "DEFAULT_PORT",
    "ZMQDealer",
    "ZMQPub",
    "ZMQPull",
    "ZMQPush",
    "ZMQRep",
    "ZMQReq",
    "ZMQSub",
    "curve_keypair",
]
