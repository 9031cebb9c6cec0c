"""ZeroMQ actors that come and go, with events on their way."""

from compysition import Event, Queue
from compysition.actors import ZMQPull, ZMQPush
from compysition.actors.zeromq import curve_keypair
from tests.actors.helpers import take

PUBLIC, SECRET = curve_keypair()


def leak_zmq_push_and_pull():
    pull = ZMQPull("pull", port=0, host="127.0.0.1")
    outbox = Queue("outbox")
    pull.pool.outbound.add("outbox", queue=outbox)
    pull.start()
    push = ZMQPush("push", port=pull.port)
    inbox = Queue("inbox")
    push.register_consumer("inbox", inbox)
    push.start()
    for number in range(3):
        inbox.put(Event(data=number))
    take(outbox, 3)
    push.stop()
    pull.stop()


def leak_zmq_that_cannot_be_made():
    for arguments in ({"port": -1}, {"curve_secretkey": "x"}, {"plain_users": {"a": 1}}):
        try:
            ZMQPull("pull", **arguments)
        except (TypeError, ValueError):
            pass
    ZMQPull("pull", curve_server=True, curve_secretkey=SECRET, curve_clients=[PUBLIC])
