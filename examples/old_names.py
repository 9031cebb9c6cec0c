"""A script as it was written for release 1.0: the names of then, and the calls."""

from compysition.module import STDOUT, Data, Header, TestEvent
from compysition.router import Default

router = Default()
router.register_module(TestEvent, "source", interval=0.5, max_events=4)
router.register_module(Header, "header", header={"colour": "green"})
router.register_module(Data, "data", data="Hello, this has been a test")
router.register_module(STDOUT, "stdout", timestamp=True)
router.register_log_module(STDOUT, "logs", prefix="log: ")

router.connect("source.outbox", "header.inbox")
router.connect("header.outbox", "data.inbox")
router.connect("data.outbox", "stdout.inbox")

router.start()
router.block()
