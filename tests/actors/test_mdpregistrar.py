"""MDPBrokerRegistrationService, with brokers and subscribers on pyzmq."""

import contextlib
import socket
import time

import pytest
import zmq

import compysition
from compysition import Event, Queue
from compysition.actors import MDPBroker, MDPBrokerRegistrationService, MDPClient, MDPWorker
from compysition.actors.zeromq import curve_keypair
from compysition.errors import SetupError
from tests.actors.mdpsides import Echo, Events, Served
from tests.flows import quiet_director
from tests.servers import running
from tests.waiting import wait_until

SCOPE = b"BrokerUpdates"
ALIVE, GONE = b"\x009", b"\x08"


class Service(Served):
    """A running MDPBrokerRegistrationService."""

    def broker(self, identity=b"one", **options):
        return self.connect(zmq.DEALER, self.actor.listen_port, identity, **options)

    def subscriber(self, scope=SCOPE, **options):
        socket = self.connect(zmq.SUB, self.actor.publish_port, **options)
        socket.subscribe(scope)
        return socket


@contextlib.contextmanager
def serving(**options):
    director = quiet_director(log_level=10)
    log = director.register_log_actor(Events, "log").events
    actor = director.register_actor(
        MDPBrokerRegistrationService,
        "service",
        0,
        0,
        **{"host": "127.0.0.1", "heartbeat_interval": 60000, **options},
    )
    with running(director):
        service = Service(actor, log)
        try:
            yield service
        finally:
            service.context.destroy(0)


@pytest.fixture
def service():
    with serving() as service:
        yield service


def register(broker, where=b"5555"):
    broker.send_multipart([b"", where])


def test_a_broker_is_announced(service):
    broker = service.broker()
    register(broker)
    service.wait_logged("Registered new broker [one] on port 5555")
    subscriber = service.subscriber()
    assert subscriber.recv_multipart() == [SCOPE, b"", ALIVE, b"one", b"5555"]  # at once
    register(broker)
    assert subscriber.recv_multipart() == [SCOPE, b"", ALIVE, b"one", b"5555"]
    assert len(service.logged("Registered")) == 1


def test_every_subscriber_hears_of_every_broker(service):
    register(service.broker(b"one"))
    register(service.broker(b"two"), b"10.0.0.7:6666")
    service.wait_logged("Registered", 2)
    for _ in range(2):
        subscriber = service.subscriber()
        heard = {tuple(subscriber.recv_multipart()[3:]) for _ in range(2)}
        assert heard == {(b"one", b"5555"), (b"two", b"10.0.0.7:6666")}


def test_the_scope():
    with serving(manager_subscriber_scope="Other") as service:
        register(service.broker())
        service.wait_logged("Registered")
        assert service.subscriber(b"Other").recv_multipart()[0] == b"Other"


def test_a_broker_that_has_moved(service):
    broker = service.broker()
    register(broker)
    service.wait_logged("on port 5555")
    register(broker, b"7777")
    service.wait_logged("on port 7777")
    assert service.subscriber().recv_multipart()[3:] == [b"one", b"7777"]


def test_a_silent_broker_is_gone():
    with serving(heartbeat_interval=30) as service:
        subscriber = service.subscriber()
        register(service.broker())
        while (heard := subscriber.recv_multipart())[2] != GONE:
            assert heard[2] == ALIVE
        assert heard == [SCOPE, b"", GONE, b"one", b"5555"]
        service.wait_logged("Notifying clients that broker one has disconnected")


def test_others_do_not_hasten_the_end():
    """FIX MDP-2: one step for each interval that was missed, however many messages of others come."""
    interval = 0.1
    with serving(heartbeat_interval=int(interval * 1000)) as service:
        quiet, loud = service.broker(b"quiet"), service.broker(b"loud")
        subscriber = service.subscriber()
        began = time.monotonic()
        register(quiet)
        heard = None
        while heard != GONE:
            register(loud)
            *_, heard, name, _ = subscriber.recv_multipart()
        assert name == b"quiet"
        assert time.monotonic() - began >= 3.9 * interval


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"", b""],
        [b"", b"x"],
        [b"", b"5555", b"more"],
        [b"", b"555555"],
        [b"", b":5555"],
        [b"", b"host"],
        [b"", b"host:"],
        [b"", b"ho st:5555"],
        [b"", b"host\n:5555"],
        [b"x", b"5555"],
        [b"", b"\xff:5555"],
        [b"", b"x" * 251 + b":5555"],
        [b""] * 40,
    ],
)
def test_malformed_registrations(service, frames):
    """FIX MDP-3: logged, and ignored."""
    service.broker(b"bad").send_multipart(frames)
    service.wait_logged("Received invalid message: [b'bad'")
    register(service.broker(b"good"))
    service.wait_logged("Registered new broker [good]")
    assert not service.logged("Registered new broker [bad]")


def test_curve():
    public, secret = curve_keypair()
    mine, my_secret = (key.encode() for key in curve_keypair())
    keys = {
        "curve_serverkey": public.encode(),
        "curve_publickey": mine,
        "curve_secretkey": my_secret,
    }
    with serving(curve_server=True, curve_secretkey=secret, curve_clients=[mine]) as service:
        register(service.broker(b"stranger"))
        register(service.broker(b"friend", **keys))
        subscriber = service.subscriber(**keys)
        assert subscriber.recv_multipart()[3] == b"friend"
        assert not service.logged("stranger")


def test_a_port_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as other:
        director = quiet_director()
        port = other.getsockname()[1]
        director.register_actor(MDPBrokerRegistrationService, "s", 0, port, host="127.0.0.1")
        with pytest.raises(OSError, match=f"cannot listen at tcp://127.0.0.1:{port}: Address"):
            director.start(block=False)


def test_one_service_cannot_be_several_processes():
    director = quiet_director(processes=2)
    director.register_actor(MDPBrokerRegistrationService, "s", 0, 0)
    with pytest.raises(SetupError, match="several processes cannot have the ports of 's'"):
        director.start()


def test_it_takes_no_events(service):
    queue = Queue("inbox")
    service.actor.register_consumer("inbox", queue)
    queue.put(Event(data="x"))
    wait_until(lambda: queue.empty(), compysition.sleep)
    register(service.broker())
    service.wait_logged("Registered")


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"listen_port": 65536}, ValueError, "listen_port must be 0 to 65535"),
        ({"publish_port": -1}, ValueError, "publish_port must be 0 to 65535"),
        ({"manager_subscriber_scope": 1}, TypeError, "manager_subscriber_scope must be str"),
        ({"heartbeat_interval": 0}, ValueError, "heartbeat_interval must be from 1"),
        ({"curve_server": True}, ValueError, "curve_server needs curve_secretkey"),
    ],
)
def test_wrong_arguments(options, error, text):
    with pytest.raises(error, match=text):
        MDPBrokerRegistrationService("service", **options)


def test_the_ports_of_the_others():
    service = MDPBrokerRegistrationService(
        "s", registration_service_port="7000", registration_publisher_port=7001
    )
    assert (service.listen_port, service.publish_port) == (7000, 7001)
    service = MDPBrokerRegistrationService("s", "1", 2, registration_service_port="7000")
    assert (service.listen_port, service.publish_port) == (1, 2)


@contextlib.contextmanager
def found_brokers(service, broker_options, peer_options):
    """Everything of ours: two brokers, found by a client and a worker. Gives brokers, client and worker, a queue, and what is answered."""
    director = quiet_director()
    peer = {
        "registration_publisher_host": "127.0.0.1",
        "registration_publisher_port": service.actor.publish_port,
        "heartbeat_interval": 50,
        **peer_options,
    }
    broker = {
        "host": "127.0.0.1",
        "registration_service_endpoint": f"tcp://127.0.0.1:{service.actor.listen_port}",
        "heartbeat_interval": 50,
        **broker_options,
    }
    brokers = [director.register_actor(MDPBroker, name, 0, **broker) for name in ("one", "two")]
    client = director.register_actor(MDPClient, "client", **peer)
    worker = director.register_actor(MDPWorker, "worker", "echo", **peer)
    flow, answers = (
        director.register_actor(Echo, "flow"),
        director.register_actor(Events, "answers"),
    )
    director.connect_queue(client, answers)
    director.connect_queue(worker, flow)
    director.connect_queue(flow, worker)
    requests = Queue("requests")
    client.register_consumer("requests", requests)
    with running(director):
        yield brokers, (client, worker), requests, answers.events


def ask_all(brokers, peers, requests, answers):
    """A hundred requests are answered, half of them through each broker."""
    for actor in peers:
        wait_until(
            lambda actor=actor: (
                [link["verified"] for link in actor.broker_manager.values()] == [True, True]
            )
        )
    for number in range(100):
        requests.put(Event(service="echo", data=number))
    wait_until(lambda: len(answers) == 100)
    assert [broker.services["echo"]["answered"] for broker in brokers] == [50, 50]


def test_brokers_are_found(service):
    with found_brokers(service, {}, {}) as parts:
        ask_all(*parts)


def test_brokers_are_found_with_curve():
    public, secret = curve_keypair()
    mine, my_secret = curve_keypair()
    server = {
        "curve_server": True,
        "curve_secretkey": secret,
        "curve_clients": [public, mine],
    }
    peer = {"curve_serverkey": public, "curve_publickey": mine, "curve_secretkey": my_secret}
    with (
        serving(**server) as service,
        found_brokers(service, {**server, "curve_serverkey": public}, peer) as parts,
    ):
        ask_all(*parts)
