from compysition._core import ZMQDealer, ZMQPub, ZMQPull, ZMQPush, ZMQSub, curve_keypair

__all__ = ["ZMQDealer", "ZMQPub", "ZMQPull", "ZMQPush", "ZMQSub", "curve_keypair"]
