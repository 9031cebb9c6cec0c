"""MDPBroker, with peers written by somebody else: their sockets are pyzmq's, their frames those of RFC 7 and of compysition's dialect."""

import contextlib
import random
import socket
import time
import uuid

import pytest
import zmq

import compysition
from compysition import Actor, Event, Queue
from compysition.actors import MDPBroker, MDPClient, MDPWorker
from compysition.actors.zeromq import curve_keypair
from compysition.errors import SetupError
from tests.actors.mdpsides import Echo, Events, Served
from tests.flows import quiet_director
from tests.hosts import two_hosts
from tests.mdpnodes import Node
from tests.servers import running
from tests.waiting import wait_until

C, W = b"MDPC01", b"MDPW01"
READY, REQUEST, REPLY, HEARTBEAT, DISCONNECT, VERIFY, VERIFIED = (bytes([n]) for n in range(1, 8))
CLIENT_REQUEST = b"\x008"
SILENCE_MS = 150  # how long is listened before it is said that nothing comes
SLOW = {"heartbeat_interval": 60000}  # no heartbeat is due while a test runs


class Broker(Served):
    """A running MDPBroker."""

    @property
    def endpoint(self):
        return f"tcp://127.0.0.1:{self.actor.port}"

    def socket(self, kind=zmq.DEALER, identity=None, **options):
        return self.connect(kind, self.actor.port, identity, **options)

    def service(self, name="echo"):
        return self.actor.services[name]

    def wait_service(self, name="echo", **values):
        wait_until(
            lambda: values.items() <= self.actor.services.get(name, {}).items(), compysition.sleep
        )


@contextlib.contextmanager
def serving(**options):
    director = quiet_director(log_level=10)
    log = director.register_log_actor(Events, "log").events
    options = {"registration_service_endpoint": "", "host": "127.0.0.1", **SLOW, **options}
    actor = director.register_actor(MDPBroker, "broker", 0, **options)
    with running(director):
        broker = Broker(actor, log)
        try:
            yield broker
        finally:
            broker.context.destroy(0)


@pytest.fixture
def broker():
    with serving() as broker:
        yield broker


class StandardWorker:
    """A worker of MDP 0.1."""

    def __init__(self, broker, service=b"echo", identity=None):
        self.socket = broker.socket(identity=identity)
        self.say(READY, service)

    def say(self, *frames):
        self.socket.send_multipart([b"", W, *frames])

    def hear(self):
        frames = self.socket.recv_multipart()
        assert frames[:2] == [b"", W]
        return frames[2:]

    def hear_request(self):
        """Return client and body."""
        command, client, empty, *body = self.hear()
        assert (command, empty) == (REQUEST, b"")
        return client, body

    def reply(self, client, *body):
        self.say(REPLY, client, b"", *body)

    def hears_nothing(self):
        return not self.socket.poll(SILENCE_MS)


class DialectPeer:
    """A client or worker with two sockets."""

    header = None

    def __init__(self, broker, identity=None):
        self.identity = identity or uuid.uuid4().hex.encode()
        self.incoming = broker.socket(identity=self.identity + b"_receiver")
        self.outgoing = broker.socket(identity=self.identity)
        self.name = broker.actor.broker_identity.encode()
        self.kept = []  # heard already

    def say(self, *frames):
        self.outgoing.send_multipart([b"", self.header, *frames])

    def hear(self):
        frames = self.kept.pop(0) if self.kept else self.incoming.recv_multipart()
        assert frames[:2] == [b"", self.header]
        return frames[2:]

    def hears_nothing(self):
        return not self.incoming.poll(SILENCE_MS)

    def verify(self, *service):
        """Ask until the broker knows where to answer to, as the socket that receives may be connected later."""
        deadline = time.monotonic() + 20
        while True:
            self.say(VERIFY, *service)
            if self.incoming.poll(100):
                assert self.hear() == [VERIFIED, self.name]
                break
            assert time.monotonic() < deadline
        while self.incoming.poll(0):
            frames = self.incoming.recv_multipart()
            if frames[2] != VERIFIED:
                self.kept.append(frames)


class DialectClient(DialectPeer):
    header = C

    def __init__(self, broker, identity=None):
        super().__init__(broker, identity)
        self.verify()

    def ask(self, *body, logging_id=b"L", service=b"echo"):
        self.say(CLIENT_REQUEST, service, logging_id, *body)

    def hear_reply(self):
        command, empty, *body = self.hear()
        assert (command, empty) == (REPLY, b"")
        return body


class DialectWorker(DialectPeer):
    header = W
    hear_request = StandardWorker.hear_request
    reply = StandardWorker.reply

    def __init__(self, broker, service=b"echo", identity=None):
        super().__init__(broker, identity)
        self.verify(service)

    def beat(self):
        self.say(HEARTBEAT, self.identity)


class StandardClient:
    """An asynchronous client of MDP 0.1."""

    def __init__(self, broker, kind=zmq.DEALER):
        self.kind = kind
        self.socket = broker.socket(kind)

    def ask(self, *body, service=b"echo"):
        empty = [] if self.kind == zmq.REQ else [b""]
        self.socket.send_multipart([*empty, C, service, *body])

    def hear(self):
        frames = self.socket.recv_multipart()
        if self.kind != zmq.REQ:
            assert frames.pop(0) == b""
        assert frames[0] == C
        return frames[1:]

    def hears_nothing(self):
        return not self.socket.poll(SILENCE_MS)


CLIENTS = pytest.mark.parametrize("client_class", [StandardClient, DialectClient])
WORKERS = pytest.mark.parametrize("worker_class", [StandardWorker, DialectWorker])


# ---- MDP 0.1 (RFC 7) ----


@pytest.mark.parametrize("kind", [zmq.REQ, zmq.DEALER])
def test_a_request_of_mdp_0_1(broker, kind):
    worker = StandardWorker(broker)
    client = StandardClient(broker, kind)
    client.ask(b"one", b"", b"\x00\xff")
    address, body = worker.hear_request()
    assert body == [b"one", b"", b"\x00\xff"]
    worker.reply(address, b"answer", b"more")
    assert client.hear() == [b"echo", b"answer", b"more"]


def test_a_standard_worker_has_one_request_at_a_time(broker):
    worker = StandardWorker(broker)
    client = StandardClient(broker)
    client.ask(b"1")
    client.ask(b"2")
    address, body = worker.hear_request()
    assert body == [b"1"]
    broker.wait_service(waiting=1, dispatched=1)
    assert worker.hears_nothing()
    worker.reply(address, b"one")
    assert worker.hear_request() == (address, [b"2"])
    assert client.hear() == [b"echo", b"one"]


def test_requests_wait_for_the_first_worker_in_their_order(broker):
    client = StandardClient(broker)
    for number in b"1", b"2", b"3":
        client.ask(number)
    broker.wait_service(waiting=3)
    worker = StandardWorker(broker)
    for number in b"1", b"2", b"3":
        address, body = worker.hear_request()
        assert body == [number]
        worker.reply(address, number)
        assert client.hear() == [b"echo", number]
    broker.wait_logged("no waiting healthy workers")


@WORKERS
def test_workers_have_their_turns(broker, worker_class):
    workers = [worker_class(broker) for _ in range(3)]
    broker.wait_service(workers=3)
    client = StandardClient(broker)
    incoming = [getattr(worker, "incoming", None) or worker.socket for worker in workers]
    poller = zmq.Poller()
    for one in incoming:
        poller.register(one, zmq.POLLIN)
    served = []
    for number in range(6):
        client.ask(b"%d" % number)
        (heard, _), *_ = poller.poll(20000)
        worker = workers[incoming.index(heard)]
        address, body = worker.hear_request()
        worker.reply(address, *body)
        served.append(worker)
        assert client.hear() == [b"echo", b"%d" % number]
    assert served[:3] == served[3:]
    assert set(served) == set(workers)


def test_services_are_apart(broker):
    one, two = StandardWorker(broker, b"one"), StandardWorker(broker, "zwei ü".encode())
    client = StandardClient(broker)
    client.ask(b"a", service="zwei ü".encode())
    assert two.hear_request()[1] == [b"a"]
    assert one.hears_nothing()
    assert set(broker.actor.services) == {"one", "zwei ü"}


def test_ready_twice_is_wrong(broker):
    worker = StandardWorker(broker)
    worker.say(READY, b"echo")
    assert worker.hear() == [DISCONNECT]
    broker.wait_service(workers=0)


@pytest.mark.parametrize("frames", [[HEARTBEAT], [REPLY, b"client", b"", b"answer"]])
def test_an_unknown_worker_is_told_to_begin_anew(broker, frames):
    worker = broker.socket()
    worker.send_multipart([b"", W, *frames])
    assert worker.recv_multipart() == [b"", W, DISCONNECT]
    assert broker.actor.counters["disconnects"] == 1


def test_a_reply_that_nobody_asked_for(broker):
    worker = StandardWorker(broker)
    worker.reply(b"somebody", b"answer")
    assert worker.hear() == [DISCONNECT]


def test_a_reply_to_somebody_else(broker):
    """It would show one client's answer to another."""
    worker, client, other = StandardWorker(broker), StandardClient(broker), StandardClient(broker)
    client.ask(b"1")
    address, _ = worker.hear_request()
    worker.reply(address + b"x", b"answer")
    assert worker.hear() == [DISCONNECT]
    assert client.hears_nothing()
    assert other.hears_nothing()


def test_request_from_a_worker_is_wrong(broker):
    worker = StandardWorker(broker)
    worker.say(REQUEST, b"client", b"", b"body")
    assert worker.hear() == [DISCONNECT]


def test_only_the_broker_has_internal_services(broker):
    worker = StandardWorker(broker, b"mmi.service")
    assert worker.hear() == [DISCONNECT]
    broker.wait_logged("only the broker has services in mmi.")


# ---- MMI (RFC 8) ----


@CLIENTS
def test_mmi_service(broker, client_class):
    client = client_class(broker)
    StandardWorker(broker)
    StandardClient(broker).ask(b"waits", service=b"known, but without a worker")
    broker.wait_service(workers=1)
    broker.wait_service("known, but without a worker", waiting=1)
    for asked, status in [
        (b"echo", b"200"),
        (b"nobody", b"404"),
        (b"known, but without a worker", b"404"),
        (b"", b"404"),
    ]:
        client.ask(asked, service=b"mmi.service")
        expected = [b"L"] if client_class is DialectClient else []
        reply = client.hear_reply() if client_class is DialectClient else client.hear()[1:]
        assert reply == [*expected, status]


def test_other_internal_services_do_not_exist(broker):
    client = StandardClient(broker, zmq.REQ)
    for name in b"mmi.other", b"mmi.", b"mmi.service2":
        client.ask(b"x", service=name)
        assert client.hear() == [name, b"501"]


# ---- the dialect ----


def test_a_request_of_the_dialect(broker):
    worker, client = DialectWorker(broker), DialectClient(broker)
    client.ask(b"event", logging_id=b"log 1")
    address, body = worker.hear_request()
    assert (address, body) == (client.identity, [b"log 1", b"event"])
    worker.reply(address, b"log 1", b"answer")
    assert client.hear() == [REPLY, b"", b"log 1", b"answer"]
    assert broker.service()["answered"] == 1


def test_a_worker_of_the_dialect_has_many_requests(broker):
    worker, client = DialectWorker(broker), DialectClient(broker)
    for number in range(20):
        client.ask(b"%d" % number, logging_id=b"%d" % number)
    taken = [worker.hear_request()[1] for _ in range(20)]
    for body in reversed(taken):
        worker.reply(client.identity, *body)
    assert [client.hear_reply() for _ in range(20)] == taken[::-1]


def test_worker_concurrency():
    with serving(worker_concurrency=2) as broker:
        worker, client = DialectWorker(broker), DialectClient(broker)
        for number in b"1", b"2", b"3":
            client.ask(number, logging_id=number)
        broker.wait_service(waiting=1, dispatched=2)
        assert [worker.hear_request()[1][1] for _ in range(2)] == [b"1", b"2"]
        assert worker.hears_nothing()
        worker.reply(client.identity, b"2", b"two")
        assert worker.hear_request()[1] == [b"3", b"3"]


def test_a_known_worker_is_verified_again(broker):
    """FIX MDP-9: and moved, if its service is another one."""
    worker = DialectWorker(broker)
    worker.verify(b"echo")
    broker.wait_service(workers=1)
    worker.verify(b"other")
    broker.wait_service(workers=0)
    broker.wait_service("other", workers=1)
    client = DialectClient(broker)
    client.ask(b"x", service=b"other")
    assert worker.hear_request()[1] == [b"L", b"x"]


@WORKERS
def test_a_worker_that_leaves(broker, worker_class):
    """FIX MDP-10: its requests are given to another one."""
    worker, client = worker_class(broker), DialectClient(broker)
    client.ask(b"1")
    worker.hear_request()
    worker.say(DISCONNECT)
    broker.wait_service(workers=0, waiting=1, retried=1)
    other = DialectWorker(broker)
    assert other.hear_request()[1] == [b"L", b"1"]
    other.reply(client.identity, b"L", b"answer")
    assert client.hear_reply() == [b"L", b"answer"]


def test_the_first_answer_is_the_answer(broker):
    """A worker that was thought to be gone replies, too."""
    slow, client = DialectWorker(broker), DialectClient(broker)
    client.ask(b"1")
    slow.hear_request()
    slow.say(DISCONNECT)
    quick = DialectWorker(broker)
    quick.hear_request()
    slow.reply(client.identity, b"L", b"slow")
    assert client.hear_reply() == [b"L", b"slow"]
    quick.reply(client.identity, b"L", b"quick")
    broker.wait_logged("to a request that was answered already")
    assert client.hears_nothing()
    assert broker.actor.counters["late"] == 1


def test_a_request_that_comes_again_is_not_taken_twice(broker):
    worker, client = DialectWorker(broker), DialectClient(broker)
    for _ in range(3):
        client.ask(b"1")
    worker.hear_request()
    broker.wait_service(duplicates=2)
    assert worker.hears_nothing()
    worker.reply(client.identity, b"L", b"answer")
    client.hear_reply()
    client.ask(b"1")  # has crossed the answer
    broker.wait_service(duplicates=3)
    client.ask(b"2")  # another one, of an event whose id is the same
    assert worker.hear_request()[1] == [b"L", b"2"]


def test_the_reply_to_a_request_of_another_broker(broker):
    """As after a restart: the worker has it from the broker that was here before."""
    worker, client = DialectWorker(broker), DialectClient(broker)
    for _ in range(2):
        worker.reply(client.identity, b"L", b"answer")
    assert client.hear_reply() == [b"L", b"answer"]
    assert client.hears_nothing()


# ---- both at once ----


def test_a_standard_client_and_a_worker_of_the_dialect(broker):
    worker, client = DialectWorker(broker), StandardClient(broker)
    client.ask(b"1")
    client.ask(b"2")
    (address, first), (_, second) = worker.hear_request(), worker.hear_request()
    assert (first[1:], second[1:]) == ([b"1"], [b"2"])
    assert len({first[0], second[0], b""}) == 3  # logging ids of their own
    worker.reply(address, second[0], b"two")
    assert client.hear() == [b"echo", b"two"]


def test_a_client_of_the_dialect_and_a_standard_worker(broker):
    worker, client = StandardWorker(broker), DialectClient(broker)
    client.ask(b"event")
    address, body = worker.hear_request()
    assert body == [b"L", b"event"]
    worker.reply(address, b"L", b"answer")
    assert client.hear_reply() == [b"L", b"answer"]
    client.ask(b"event", logging_id=b"M")
    address, body = worker.hear_request()
    worker.reply(address, b"the answer only")
    assert client.hear_reply() == [b"M", b"the answer only"]


# ---- time ----


def test_heartbeats_of_a_standard_worker():
    with serving(heartbeat_interval=50) as broker:
        worker = StandardWorker(broker)
        for _ in range(8):  # longer than a silent one is kept
            assert worker.hear() == [HEARTBEAT]
            worker.say(HEARTBEAT)
        assert broker.service()["workers"] == 1


def test_a_silent_standard_worker_is_removed():
    with serving(heartbeat_interval=50) as broker:
        client, worker = StandardClient(broker), StandardWorker(broker)
        client.ask(b"1")
        worker.hear_request()
        broker.wait_logged("has been silent for too long")
        broker.wait_service(workers=0, waiting=1, retried=1)
        other = StandardWorker(broker)
        assert other.hear_request()[1] == [b"1"]


def test_a_silent_worker_of_the_dialect():
    """FIX MDP-11: what is held goes to it as soon as it is heard of again; silent for longer, it is removed."""
    with serving(heartbeat_interval=40) as broker:
        client, worker = DialectClient(broker), DialectWorker(broker)
        wait_until(lambda: broker.actor.workers[worker.identity.decode()]["liveness"] < 3)
        client.ask(b"1")
        broker.wait_service(waiting=1)
        while not worker.incoming.poll(5):
            worker.beat()
        assert worker.hear_request()[1] == [b"L", b"1"]
        while (heard := worker.hear()) != [DISCONNECT, worker.name]:
            assert heard[0] == REQUEST
        broker.wait_service(workers=0)


def test_a_worker_that_dies(broker):
    """Its connection ends, and no heartbeat is due for a minute: what it is sent next comes back."""
    client, worker = StandardClient(broker), StandardWorker(broker)
    broker.wait_service(workers=1)
    worker.socket.close()
    other = StandardWorker(broker)
    broker.wait_service(workers=2)
    client.ask(b"1")
    address, body = other.hear_request()
    other.reply(address, *body)
    assert client.hear() == [b"echo", b"1"]


def test_retries_are_bounded():
    with serving(max_retries=1) as broker:
        client = DialectClient(broker)
        client.ask(b"1")
        for _ in range(2):
            worker = DialectWorker(broker)
            worker.hear_request()
            worker.say(DISCONNECT)
        broker.wait_service(failed=1, waiting=0, dispatched=0)
        broker.wait_logged("2 workers have gone while they had it")


def test_requests_expire():
    with serving(expiry=0.1) as broker:
        client = StandardClient(broker)
        client.ask(b"1")
        broker.wait_service(expired=1, waiting=0)
        worker = StandardWorker(broker)
        client.ask(b"2")
        address, body = worker.hear_request()
        assert body == [b"2"]
        broker.wait_service(expired=2, dispatched=0)
        worker.reply(address, b"late")
        broker.wait_logged("to a request that had expired")
        assert client.hears_nothing()
        client.ask(b"3")
        assert worker.hear_request()[1] == [b"3"]


# ---- bounds ----


def test_waiting_requests_are_bounded():
    with serving(max_waiting=2) as broker:
        client = StandardClient(broker)
        for number in b"1", b"2", b"3":
            client.ask(number)
        broker.wait_service(waiting=2, refused=1)
        broker.wait_logged("The queue of service echo is full (2 requests")
        worker = StandardWorker(broker)
        for number in b"1", b"2":
            address, body = worker.hear_request()
            assert body == [number]
            worker.reply(address, b"")
        assert worker.hears_nothing()


def test_waiting_bytes_are_bounded():
    with serving(max_waiting_bytes=1000) as broker:
        client = StandardClient(broker)
        client.ask(b"x" * 800)
        client.ask(b"y" * 800)
        broker.wait_service(waiting=1, refused=1, waiting_bytes=800)


def test_all_requests_together_are_bounded():
    """Also those that workers have; an answer makes room."""
    with serving(max_waiting_bytes=1000, max_open_bytes=3500) as broker:
        worker, client = DialectWorker(broker), DialectClient(broker)
        for number in b"1", b"2", b"3":
            client.ask(number * 1000, logging_id=number)
        broker.wait_service(dispatched=2, refused=1)
        assert 2000 < broker.actor.counters["open_bytes"] < 3500
        for _ in range(2):
            address, (logging_id, _) = worker.hear_request()
            worker.reply(address, logging_id, b"")
            client.hear_reply()
        assert broker.actor.counters["open_bytes"] == 0
        client.ask(b"4" * 1000, logging_id=b"4")
        assert worker.hear_request()[1][0] == b"4"


def test_services_and_workers_are_bounded():
    with serving(max_services=2, max_workers=1) as broker:
        client = StandardClient(broker)
        for name in b"1", b"2", b"3":
            client.ask(b"x", service=name)
        broker.wait_logged("There are too many services (2)")
        StandardWorker(broker, b"1")
        broker.wait_service("1", workers=1)
        assert StandardWorker(broker, b"1").hear() == [DISCONNECT]
        broker.wait_logged("there are too many")


def test_idle_services_make_room():
    with serving(max_services=2) as broker:
        client = StandardClient(broker)
        for number in range(5):
            worker = StandardWorker(broker, b"%d" % number)
            client.ask(b"x", service=b"%d" % number)
            address, _ = worker.hear_request()
            worker.reply(address, b"y")
            assert client.hear() == [b"%d" % number, b"y"]
            worker.say(DISCONNECT)
            broker.wait_service(str(number), workers=0)


def test_a_long_frame_ends_the_connection():
    with serving(max_frame_bytes=1000) as broker:
        hostile, client, worker = (
            StandardClient(broker),
            StandardClient(broker),
            StandardWorker(broker),
        )
        hostile.ask(b"x" * 1001)
        client.ask(b"y" * 1000)
        assert worker.hear_request()[1] == [b"y" * 1000]
        assert worker.hears_nothing()


# ---- malformed messages ----

MALFORMED = [
    [],
    [b""],
    [b"", C],
    [b"", C, b"echo"],
    [b"", C, b""],
    [b"", C, b"", b"body"],
    [b"", C, b"a\nb", b"body"],
    [b"", C, b"x" * 256, b"body"],
    [b"", C, b"echo", *[b""] * 25],
    [b"", C, b"echo", *[b"x"] * 1000],
    [b"", C, CLIENT_REQUEST],
    [b"", C, CLIENT_REQUEST, b"echo"],
    [b"", C, CLIENT_REQUEST, b"echo", b"L"],
    [b"", C, CLIENT_REQUEST, b"", b"L", b"event"],
    [b"", b"MDPC02", b"echo", b"body"],
    [b"", b"MDPX01", b"echo", b"body"],
    [b"x", C, b"echo", b"body"],
    [C, b"echo", b"body"],
    [b"", W],
    [b"", W, READY],
    [b"", W, READY, b""],
    [b"", W, READY, b"echo", b"more"],
    [b"", W, b"\x09"],
    [b"", W, b""],
    [b"", W, REPLY],
    [b"", W, REPLY, b"client"],
    [b"", W, REPLY, b"client", b""],
    [b"", W, REPLY, b"client", b"not empty", b"body"],
    [b"", W, HEARTBEAT, b"a", b"b"],
    [b"", W, VERIFY],
    [b"", W, VERIFY, b""],
    [b"", W, b"\x01\x01", b"echo"],
]


def test_malformed_messages(broker):
    """FIX MDP-3: each is logged and ignored, and nobody else notices."""
    worker, client = StandardWorker(broker), StandardClient(broker)
    sender = broker.socket()
    for count, frames in enumerate(MALFORMED, start=1):
        if frames:
            sender.send_multipart(frames)
        else:
            sender.send(b"")
        wait_until(lambda count=count: broker.actor.counters["invalid"] == count)
    assert len(broker.logged("Received invalid message: [b'")) == len(MALFORMED)
    client.ask(b"1")
    address, body = worker.hear_request()
    worker.reply(address, *body)
    assert client.hear() == [b"echo", b"1"]
    assert len(broker.actor.workers) == 1


def test_a_standard_worker_that_says_nonsense_is_disconnected(broker):
    worker = StandardWorker(broker)
    worker.say(b"\x77")
    assert worker.hear() == [DISCONNECT]
    broker.wait_service(workers=0)


def test_random_messages():
    """Any sequence of frames from any of a few peers leaves a broker that works."""
    pieces = [b"", C, W, READY, REQUEST, REPLY, HEARTBEAT, DISCONNECT, VERIFY, CLIENT_REQUEST]
    pieces += [b"echo", b"mmi.service", b"L", b"p0", b"p1", b"p2", b"\x00", b"\xff" * 300]
    generator = random.Random(5)
    with serving(heartbeat_interval=20, expiry=0.05, max_waiting=5, max_services=3) as broker:
        peers = [broker.socket(identity=b"p%d" % n) for n in range(3)]
        peers += [broker.socket(identity=b"p%d_receiver" % n) for n in range(3)]
        for _ in range(3000):
            head = generator.choice([[b"", C], [b"", W], []])
            frames = head + generator.choices(pieces, k=generator.randrange(1, 7))
            generator.choice(peers).send_multipart(frames)
        worker, client = StandardWorker(broker, b"last"), StandardClient(broker)
        deadline = time.monotonic() + 20
        heard = None
        while heard != REQUEST:
            assert time.monotonic() < deadline
            worker.say(
                READY if heard == DISCONNECT else HEARTBEAT, *[b"last"] * (heard == DISCONNECT)
            )
            client.ask(b"1", service=b"last")
            heard = worker.hear()[0]


# ---- security ----


def test_curve():
    public, secret = curve_keypair()
    mine, my_secret = (key.encode() for key in curve_keypair())
    with serving(curve_server=True, curve_secretkey=secret, curve_clients=[mine]) as broker:
        keys = {"curve_serverkey": public.encode()}
        worker = StandardWorker.__new__(StandardWorker)
        worker.socket = broker.socket(curve_publickey=mine, curve_secretkey=my_secret, **keys)
        worker.say(READY, b"echo")
        broker.wait_service(workers=1)
        other, other_secret = zmq.curve_keypair()
        for options in {}, {"curve_publickey": other, "curve_secretkey": other_secret, **keys}:
            stranger = broker.socket(**options)
            stranger.send_multipart([b"", C, b"echo", b"body"])
        assert worker.hears_nothing()


def test_plain():
    with serving(plain_users={"ann": "secret"}) as broker:
        worker = StandardWorker.__new__(StandardWorker)
        worker.socket = broker.socket(plain_username=b"ann", plain_password=b"secret")
        worker.say(READY, b"echo")
        broker.wait_service(workers=1)
        stranger = broker.socket(plain_username=b"ann", plain_password=b"guess")
        stranger.send_multipart([b"", C, b"echo", b"body"])
        assert worker.hears_nothing()


# ---- registration ----


@contextlib.contextmanager
def registering(**options):
    """A broker that registers with a socket of ours; gives that."""
    context = zmq.Context()
    service = context.socket(zmq.ROUTER)
    service.rcvtimeo = 20000
    port = service.bind_to_random_port("tcp://127.0.0.1")
    try:
        with serving(
            **{"registration_service_endpoint": f"tcp://127.0.0.1:{port}", **options}
        ) as broker:
            yield broker, service
    finally:
        context.destroy(0)


def test_it_registers_again_and_again():
    with registering(heartbeat_interval=50) as (broker, service):
        identity = broker.actor.broker_identity.encode()
        for _ in range(3):
            assert service.recv_multipart() == [identity, b"", b"%d" % broker.actor.port]


def test_the_registration_has_a_host():
    """FIX MDP-1: where the broker is reached."""
    with registering(advertised_host="broker.example") as (broker, service):
        assert service.recv_multipart()[2] == b"broker.example:%d" % broker.actor.port


def test_a_registration_service_by_its_port():
    context = zmq.Context()
    service = context.socket(zmq.ROUTER)
    service.rcvtimeo = 20000
    port = service.bind_to_random_port("tcp://127.0.0.1")
    options = {"registration_service_endpoint": None, "registration_service_port": str(port)}
    with serving(**options) as broker:
        assert service.recv_multipart()[2] == b"%d" % broker.actor.port
    context.destroy(0)


# ---- life ----


def test_the_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        director = quiet_director()
        port = other.getsockname()[1]
        director.register_actor(
            MDPBroker, "broker", port, host="127.0.0.1", registration_service_endpoint=""
        )
        with pytest.raises(OSError, match=f"cannot listen at tcp://127.0.0.1:{port}: Address"):
            director.start(block=False)


def test_a_stop_dismisses_workers():
    with serving() as broker:
        standard, dialect, client = (
            StandardWorker(broker),
            DialectWorker(broker),
            StandardClient(broker),
        )
        client.ask(b"1")
        broker.wait_service(dispatched=1, workers=2)
        name = dialect.name
        broker.context.linger = 0
        context, broker.context = broker.context, zmq.Context()
    heard = [standard.hear() for _ in range(1 + standard.socket.poll(500) // 2)]
    assert heard[-1] == [DISCONNECT] or standard.hear() == [DISCONNECT]
    while (last := dialect.hear()) != [DISCONNECT, name]:
        assert last[0] == REQUEST
    context.destroy(0)


def test_it_can_be_started_again():
    director = quiet_director()
    actor = director.register_actor(
        MDPBroker, "broker", 0, host="127.0.0.1", registration_service_endpoint=""
    )
    for _ in range(2):
        with running(director):
            broker = Broker(actor, [])
            worker, client = StandardWorker(broker), StandardClient(broker)
            client.ask(b"1")
            assert worker.hear_request()[1] == [b"1"]
            broker.context.destroy(0)
        assert (actor.services, actor.workers, actor.counters) == ({}, {}, {})


def test_it_takes_no_events(broker):
    queue = Queue("inbox")
    broker.actor.register_consumer("inbox", queue)
    queue.put(Event(data="x"))
    broker.wait_logged("this actor does not consume. Event has been discarded")


def test_one_broker_cannot_be_several_processes():
    director = quiet_director(processes=2)
    director.register_actor(MDPBroker, "broker", 0)
    with pytest.raises(SetupError, match="several processes cannot have the ports of 'broker'"):
        director.start()


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"port": 65536}, ValueError, "port must be 0 to 65535"),
        ({"port": "x"}, ValueError, "invalid literal"),
        ({"host": 5}, TypeError, "host must be str"),
        ({"heartbeat_interval": 0}, ValueError, "heartbeat_interval must be from 1"),
        ({"liveness": 0}, ValueError, "liveness must be from 1"),
        ({"expiry": -1}, ValueError, "expiry"),
        ({"max_retries": -1}, ValueError, "max_retries must be from 0 to 1000"),
        ({"max_waiting": 0}, ValueError, "max_waiting must be from 1"),
        ({"max_open_bytes": 1000}, ValueError, "max_open_bytes must be at least max_waiting_bytes"),
        ({"worker_concurrency": 0}, ValueError, "worker_concurrency must be from 1"),
        ({"curve_server": True}, ValueError, "curve_server needs curve_secretkey"),
        ({"advertised_host": "x" * 300}, ValueError, "advertised_host must be shorter"),
        ({"registration_service_port": -1}, ValueError, "registration_service_port must be 0"),
    ],
)
def test_wrong_arguments(options, error, text):
    with pytest.raises(error, match=text):
        MDPBroker("broker", **options)


# ---- with our own clients and workers ----


def test_events_go_through():
    with serving(heartbeat_interval=100) as broker:
        director = quiet_director()
        client = director.register_actor(MDPClient, "client", brokers=[broker.endpoint])
        worker = director.register_actor(MDPWorker, "worker", "echo", brokers=[broker.endpoint])
        echo, answers = director.register_actor(Echo, "flow"), director.register_actor(Events, "a")
        director.connect_queue(client, answers)
        director.connect_queue(worker, echo)
        director.connect_queue(echo, worker)
        requests = Queue("requests")
        client.register_consumer("requests", requests)
        with running(director):
            for number in range(500):
                requests.put(Event(service="echo", data=number))
            wait_until(lambda: len(answers.events) == 500)
        assert sorted(event.data for event in answers.events) == list(range(500))
        assert broker.service()["answered"] == 500


class Gate(Actor):
    """Lets nothing through until it is opened."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.held, self.opened = 0, False

    def consume(self, event, *args, **kwargs):
        self.held += 1
        while not self.opened:
            compysition.sleep(0.01)
        self.send_event(event)


def test_a_restart_loses_no_request_that_a_client_waits_for():
    """The worker has some, others wait for it; each is answered once."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = {"host": "127.0.0.1", "registration_service_endpoint": "", "worker_concurrency": 20}
    options = {"brokers": [f"tcp://127.0.0.1:{port}"], "heartbeat_interval": 100}
    peers = quiet_director()
    client = peers.register_actor(MDPClient, "client", **options)
    worker = peers.register_actor(MDPWorker, "worker", "echo", **options)
    gate, answers = peers.register_actor(Gate, "gate"), peers.register_actor(Events, "answers")
    peers.connect_queue(client, answers)
    peers.connect_queue(worker, gate)
    peers.connect_queue(gate, worker)
    requests = Queue("requests")
    client.register_consumer("requests", requests)
    with running(peers):
        director = quiet_director()
        broker = director.register_actor(MDPBroker, "broker", port, **kept)
        with running(director):
            for number in range(40):
                requests.put(Event(service="echo", data=number))
            wait_until(lambda: broker.services.get("echo", {}).get("waiting") == 20)
            wait_until(lambda: gate.held == 20)
        with running(director):
            gate.opened = True
            wait_until(lambda: len(answers.events) == 40)
            assert broker.services["echo"]["answered"] >= 20
    assert sorted(event.data for event in answers.events) == list(range(40))
    assert client.resent >= 20


# ---- hosts ----


@contextlib.contextmanager
def nodes(*there):
    """Nodes on two hosts: pairs of the host's number and the parts; the registration service is on the first."""
    with two_hosts(random.randrange(10**6)) as hosts, contextlib.ExitStack() as stack:

        def start(number, *parts):
            node = Node(hosts.enter(number), hosts.addresses[0], *parts)
            stack.callback(node.kill)
            return node

        yield hosts, start, *[start(*node) for node in there]


def test_a_broker_on_another_host():
    """FIX MDP-1: it is announced with the address that it is reached at. A request that meets a cut link is answered when that is mended."""
    there = (0, "registrar", "client", "worker:a"), (1, "broker")
    with nodes(*there) as (hosts, _, client, _):
        client.ask("1")
        assert client.answer() == "1 a"
        hosts.cut()
        client.ask("2")
        hosts.mend()
        assert client.answer() == "2 a"


def test_a_worker_whose_link_is_cut():
    """Another one gets what it had; it is used again when it can be reached."""
    there = (0, "registrar", "broker", "client"), (1, "worker:b")
    with nodes(*there) as (hosts, start, client, _):
        client.ask("1")
        assert client.answer() == "1 b"
        hosts.cut()
        client.ask("2")
        start(0, "worker:a")
        assert client.answer() == "2 a"
        hosts.mend()
        answer, number = None, 3
        while answer != f"{number - 1} b":
            client.ask(number)
            answer = client.answer()
            number += 1
