"""MDPClient and MDPWorker with brokers that send nonsense, with CURVE and PLAIN, and stopped while they are busy."""

import contextlib

import pytest
import zmq.auth.thread

from compysition import Actor, Queue, errors
from compysition.actors import MDPClient, MDPWorker
from compysition.actors.zeromq import curve_keypair
from tests.actors.mdpsides import FAST, Side, both, client, worker
from tests.flows import Slow
from tests.majordomo import C, W, brokering
from tests.servers import running
from tests.waiting import wait_until

each_dialect = pytest.mark.parametrize("standard", [False, True], ids=["dialect", "MDP 0.1"])

NO_MESSAGES = [  # for anybody; "H" is the header
    [b""],
    [b"\xff" * 300],
    [b"", b"H"],
    [b"", b"MDPX01", b"\x02", b"a", b"", b"b"],
    [b"", b"H" + b"0", b"\x02", b"a", b"", b"b"],
    [b"full", b"H", b"\x02", b"a", b"", b"b"],
    [b"H", b"\x02", b"a", b"", b"b"],
    [b"", b"H", b"\x02", b"a", b"", *[b"x"] * 40],
]
NO_REQUESTS = [
    [b"", W, b""],
    [b"", W, b"\x02"],
    [b"", W, b"\x02", b"client"],
    [b"", W, b"\x02", b"client", b""],
    [b"", W, b"\x02", b"client", b"full", b"body"],
    [b"", W, b"\x03", b"client", b"", b"body"],
    [b"", W, b"\x99", b"client"],
    [b"", C, b"\x02", b"client", b"", b"body"],
]
NO_REPLIES = {
    False: [
        [b"", C, b"\x03"],
        [b"", C, b"\x03", b""],
        [b"", C, b"\x03", b"full", b"body"],
        [b"", C, b"echo", b"", b"body"],
        [b"", C, b"\x07"],
        [b"", W, b"\x03", b"", b"body"],
    ],
    True: [[b"", C, b""], [b"", C, b"echo"], [b"", W, b"echo", b"body"]],
}


def tell(broker, address, header, messages):
    for message in messages:
        frames = (frame.replace(b"H", header) for frame in message)
        broker.told.append([address, *frames])


@each_dialect
@pytest.mark.parametrize("kind", ["client", "worker"])
def test_what_is_no_message(kind, standard):
    """Each is logged, and what comes then is understood."""
    with (
        brokering() as broker,
        both(broker, worker={"standard": standard}, standard=standard) as side,
    ):
        side.ask(1)
        side.answered()
        if standard:
            header = C if kind == "client" else W
            address = next(frames[0] for frames in broker.heard if frames[2] == header)
        else:
            address = getattr(side, kind).socket_identity.encode() + b"_receiver"
        if kind == "client":
            messages = NO_MESSAGES + NO_REPLIES[standard]
            tell(broker, address, C, messages)
        else:
            messages = NO_MESSAGES + NO_REQUESTS
            tell(broker, address, W, messages)
        wait_until(lambda: len(side.logged("Received invalid message")) == len(messages))
        side.ask(2)
        assert side.answered(2) == [1, 2]
        assert not side.failures


# ---- CURVE and PLAIN ----

SERVER, SERVER_SECRET = curve_keypair()
OURS, OUR_SECRET = curve_keypair()
STRANGER, STRANGER_SECRET = curve_keypair()
CURVE = {"curve_serverkey": SERVER, "curve_publickey": OURS, "curve_secretkey": OUR_SECRET}


class Friends:
    """Tells a broker's authenticator who may come."""

    def callback(self, domain, key):
        return key == OURS.encode()


@contextlib.contextmanager
def secured(**options):
    with brokering(**options) as broker:
        authenticator = zmq.auth.thread.ThreadAuthenticator(broker.context)
        authenticator.start()
        authenticator.configure_plain(domain="*", passwords={"me": "secret"})
        authenticator.configure_curve_callback(domain="*", credentials_provider=Friends())
        try:
            yield broker
        finally:
            authenticator.stop()


def curve_broker():
    return secured(curve_server=True, curve_secretkey=SERVER_SECRET.encode())


def plain_broker():
    return secured(plain_server=True)


@each_dialect
@pytest.mark.parametrize(
    ("start", "keys"),
    [(curve_broker, CURVE), (plain_broker, {"plain_username": "me", "plain_password": "secret"})],
    ids=["CURVE", "PLAIN"],
)
def test_keys(start, keys, standard):
    options = {"standard": standard, **keys}
    with start() as broker, both(broker, worker=options, **options) as side:
        side.ask(1, 2)
        assert sorted(side.answered(2)) == [1, 2]


@pytest.mark.parametrize(
    ("start", "keys"),
    [
        (curve_broker, {}),
        (
            curve_broker,
            {**CURVE, "curve_publickey": STRANGER, "curve_secretkey": STRANGER_SECRET},
        ),
        (curve_broker, {**CURVE, "curve_serverkey": STRANGER}),
        (plain_broker, {"plain_username": "me", "plain_password": "wrong"}),
    ],
    ids=["none", "a stranger's", "of another server", "wrong password"],
)
def test_wrong_keys(start, keys):
    """Nothing is sent, and requests fail in time."""
    with start() as broker, client(brokers=[broker.endpoint], timeout=0.3, **keys) as side:
        side.ask(1)
        assert isinstance(side.failed()[0].error, errors.ServiceUnavailable)
        assert not broker.heard
        if keys.get("curve_serverkey") != STRANGER:
            wait_until(lambda: side.logged("refuses the connection"))


# ---- busy ----


@each_dialect
def test_a_worker_that_is_stopped_while_it_is_busy(standard):
    """What it has taken is answered, and it signs off."""
    with (
        brokering() as broker,
        client(brokers=[broker.endpoint], standard=standard) as side,
    ):
        with worker(flow=Slow("flow", 0.1), brokers=[broker.endpoint], standard=standard) as other:
            side.ask(1)
            wait_until(lambda: other.flow.data or other.worker.requests)
        assert side.answered() == [1]
        wait_until(lambda: not broker.workers)


def test_a_full_destination_of_a_client():
    """Answers wait, and none is lost."""
    with brokering() as broker:
        side = Side()
        side.client = side.director.register_actor(
            MDPClient, "client", brokers=[broker.endpoint], **FAST
        )
        last = side.director.register_actor(Slow("last", 0.001), size=1)
        side.director.connect_queue(side.client, last)
        side.requests = Queue("requests")
        side.client.register_consumer("requests", side.requests)
        side.add_worker(brokers=[broker.endpoint])
        with running(side.director):
            side.ask(*range(100))
            wait_until(lambda: len(last.data) == 100)
        assert sorted(last.data) == list(range(100))


class Breaks(Actor):
    """Fails in the middle, after the answer has been sent."""

    def consume(self, event, *args, **kwargs):
        self.send_event(event)
        raise ValueError("too late")


def test_an_exception_after_the_answer():
    with brokering() as broker, both(broker, worker={"flow": Breaks}) as side:
        side.ask(1, 2)
        assert sorted(side.answered(2)) == [1, 2]
        assert not side.failures
        wait_until(lambda: not side.worker.requests)


@pytest.mark.parametrize(
    "actor", [MDPClient("a"), MDPWorker("a", "echo")], ids=["client", "worker"]
)
def test_what_is_no_event(actor):
    with pytest.raises((TypeError, errors.InvalidActorInput)):
        actor.consume("text")
