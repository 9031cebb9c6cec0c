"""MDPClient and MDPWorker, through somebody else's broker: tests/majordomo.py."""

import signal
import subprocess
import sys

import pytest

from compysition import Actor, Event, Queue, errors
from compysition.actors import Data, MDPClient, MDPWorker, Null
from compysition.actors.mdpactors import Request
from compysition.event import HttpEvent, JSONEvent
from tests.actors.mdpsides import FAST, Echo, Fails, Side, both, client, dealer, worker
from tests.majordomo import Announcer, C, W, brokering
from tests.servers import running
from tests.waiting import wait_until

# ---- requests and answers ----


@pytest.mark.parametrize("standard", [False, True], ids=["dialect", "MDP 0.1"])
def test_requests_are_answered(standard):
    with (
        brokering() as broker,
        both(broker, standard=standard, worker={"standard": standard}) as side,
    ):
        side.ask(*range(50))
        assert sorted(side.answered(50)) == list(range(50))
        assert not side.failures
        wait_until(lambda: not side.worker.requests)


def test_a_request_is_sent_as_the_dialect_says():
    """MDP-5: in the order in which events came."""
    with (
        brokering() as broker,
        both(
            broker, service_prefix="a.", service_postfix=".b", worker={"service": "a.echo.b"}
        ) as side,
    ):
        side.ask(*range(20))
        side.answered(20)
        x = side.client.socket_identity.encode()
        requests = [frames for frames in broker.heard if frames[2:4] == [C, b"\x00\x38"]]
        assert all(
            frames[0] == x and frames[1] == b"" and frames[4] == b"a.echo.b" for frames in requests
        )
        assert [frames[5].decode() for frames in requests] == [e.meta_id for e in side.answers]
        assert [x, b"", C, b"\x06"] in broker.heard
        w = side.worker.socket_identity.encode()
        assert [w, b"", W, b"\x06", b"a.echo.b"] in broker.heard
        wait_until(lambda: [w, b"", W, b"\x04", w] in broker.heard)
        assert len(x) == 32
        assert side.client.broker_manager == {
            broker.identity.decode(): {"endpoint": broker.endpoint, "verified": True}
        }


def test_the_reply_keeps_what_the_event_is():
    with brokering() as broker, both(broker) as side:
        event = JSONEvent(service="echo", data={"a": 1}, meta_id="m", extra="x")
        side.requests.put(event)
        side.answered()
        (reply,) = side.answers
        assert type(reply) is JSONEvent
        assert (reply.event_id, reply.meta_id, reply.extra) == (event.event_id, "m", "x")


def test_long_events():
    """Their bytes are handed over to ZeroMQ."""
    with brokering() as broker, both(broker) as side:
        sizes = [2**15, 2**16, 10, 2**20, 10]
        side.ask(*("x" * size for size in sizes))
        assert sorted(map(len, side.answered(5))) == sorted(sizes)


def test_events_with_one_id_are_asked_one_after_the_other():
    with brokering() as broker, both(broker) as side:
        event = Event(service="echo", data=1)
        for _ in range(3):
            side.requests.put(event)
        assert side.answered(3) == [1, 1, 1]


def test_an_id_made_up_by_a_script():
    with brokering() as broker, both(broker) as side:
        side.requests.put(Event(_event_id="my own", service="echo", data=1))
        side.answered()
        assert side.answers[0].event_id == "my own"


def test_consume_by_hand_waits():
    """A script's actor may call it: it returns when the answer has been sent on."""
    with brokering() as broker:
        side = Side()
        side.add_client(brokers=[broker.endpoint])
        side.add_worker(brokers=[broker.endpoint])
        waiting = []

        class Calls(Actor):
            def consume(self, event, *args, **kwargs):
                side.client.consume(event)
                waiting.append(side.client.waiting)

        caller = side.director.register_actor(Calls, "caller")
        queue = Queue("calls")
        caller.register_consumer("calls", queue)
        with running(side.director):
            queue.put(Event(service="echo", data=5))
            assert side.answered() == [5]
            wait_until(lambda: waiting == [0])
    with pytest.raises(errors.ServiceUnavailable, match="not started"):
        side.client.consume(Event(service="echo"))


# ---- nobody answers ----


def test_mdp6_no_broker_at_all():
    """FIX MDP-5, MDP-6: what waits for a broker is answered."""
    with client(brokers=["tcp://127.0.0.1:1"], timeout=0.2) as side:
        side.ask(1, 2)
        assert [type(event.error) for event in side.failed(2)] == [errors.ServiceUnavailable] * 2
        assert [event.data for event in side.failures] == [1, 2]
        assert side.logged(
            "There are events waiting on the client queue, but no brokers are registered"
        )


def test_mdp6_no_worker():
    """FIX MDP-6: a request that was sent has a time limit."""
    with brokering() as broker, client(brokers=[broker.endpoint], timeout=0.4) as side:
        side.ask(1)
        (event,) = side.failed()
        assert isinstance(event.error, errors.ActorTimeout)
        assert event.service == "echo"


def test_mdp5_the_inbox_waits():
    """FIX MDP-5: no more requests wait than may."""
    with client(brokers=["tcp://127.0.0.1:1"], concurrency=3, timeout=1) as side:
        side.ask(*range(10))
        wait_until(lambda: side.client.waiting == 3)
        assert side.requests.qsize() == 7
        assert side.client.outbound_queue == ["echo"] * 3
        side.director.stop_timeout = 0.1


def test_data_that_cannot_be_sent():
    with brokering() as broker, both(broker) as side:
        side.ask(object(), 2)
        assert side.answered() == [2]
        assert isinstance(side.failed()[0].error, TypeError)


# ---- replies that should not come ----


def test_a_second_reply_is_dropped():
    with brokering() as broker, both(broker) as side:
        broker.replies = 3
        side.ask(1, 2)
        wait_until(lambda: side.client.late == 4)
        assert sorted(side.answered(2)) == [1, 2]
        assert side.logged("Dropped a reply that nothing waits for")


def test_a_late_reply_is_dropped():
    with brokering() as broker, client(brokers=[broker.endpoint], timeout=0.3) as side:
        side.ask(1)
        side.failed()
        with worker(brokers=[broker.endpoint]):
            wait_until(lambda: side.client.late == 1)
        assert not side.answers


def test_garbage_from_a_broker():
    """Malformed messages are logged, and the next one is understood."""
    with brokering() as broker, both(broker) as side:
        side.ask(1)
        side.answered()
        for x in (side.client.socket_identity, side.worker.socket_identity):
            address = x.encode() + b"_receiver"
            with dealer(broker) as relay:  # what the broker's thread sends must come from there
                relay.send_multipart([b"", b"MDPW01", b"\x03", address[:-9], b"", b"no", b"event"])
                relay.send_multipart(
                    [b"", b"MDPW01", b"\x03", address[:-9], b"", b"\xd9\xd9\xf7\x83"]
                )
                wait_until(lambda: len(side.logged("invalid")) >= 2)
        side.ask(2)
        assert side.answered(2) == [1, 2]


# ---- the worker's flow ----


def test_mdp8_an_error_of_the_flow_is_the_reply():
    """FIX MDP-8: without an error route, too; and FIX MDP-7: the request is forgotten."""
    with brokering() as broker, both(broker, worker={"flow": Fails}) as side:
        side.ask(7)
        (event,) = side.failed()
        assert isinstance(event.error, errors.ForbiddenEvent)
        assert event.data == 7
        wait_until(lambda: not side.worker.requests)
        assert not side.answers


def test_mdp8_an_http_client_sees_the_status():
    with brokering() as broker, both(broker, worker={"flow": Fails}) as side:
        side.requests.put(HttpEvent(service="echo", data="x"))
        (event,) = side.failed()
        assert event.status == (403, "Forbidden")


def test_mdp8_an_event_that_ends_in_the_flow():
    """FIX MDP-8: it is answered with an error."""
    with brokering() as broker, both(broker, worker={"flow": Null, "back": False}) as side:
        side.ask(7)
        (event,) = side.failed()
        assert "without an answer" in str(event.error)


def test_mdp8_a_reply_that_cannot_be_sent():
    with (
        brokering() as broker,
        both(broker, worker={"flow": Data("flow", data={1: object()})}) as side,
    ):
        side.ask(7)
        (event,) = side.failed()
        assert isinstance(event.error, TypeError | errors.CompysitionException)


class Keeps(Actor):
    def consume(self, event, *args, **kwargs):
        self.kept = event


def test_mdp7_requests_are_forgotten_by_age():
    """FIX MDP-7: what a Python actor keeps for ever is answered in the end."""
    with (
        brokering() as broker,
        both(broker, worker={"flow": Keeps, "request_timeout": 0.3}) as side,
    ):
        side.ask(7)
        (event,) = side.failed()
        assert isinstance(event.error, errors.ActorTimeout)
        assert not side.worker.requests


def test_a_reply_to_no_request():
    with brokering() as broker, worker(brokers=[broker.endpoint]) as side:
        queue = Queue("strays")
        side.worker.register_consumer("strays", queue)
        event = Event(data=1)
        queue.put(event)
        text = "Received event response but was unable to find client return address for id "
        wait_until(lambda: side.logged(text + event.event_id))


def test_concurrency_of_a_worker():
    with (
        brokering() as broker,
        both(broker, {"flow": Keeps, "concurrency": 2}, stop_timeout=0.1) as side,
    ):
        side.ask(*range(5))
        wait_until(lambda: len(side.worker.requests) == 2)
        client = side.client.socket_identity.encode()
        wanted = Request((client, broker.identity.decode()))
        assert list(side.worker.requests.values()) == [wanted] * 2
        requests = lambda: len([f for f in broker.heard if f[2:4] == [C, b"\x00\x38"]])  # noqa: E731
        wait_until(lambda: requests() == 5)
        assert len(side.worker.requests) == 2


def test_a_full_outbox_of_a_worker():
    """Requests wait, and none is lost."""
    with brokering() as broker:
        side = Side()
        side.add_client(brokers=[broker.endpoint])
        director = side.director
        side.worker = director.register_actor(
            MDPWorker, "worker", "echo", brokers=[broker.endpoint], **FAST
        )
        echo = director.register_actor(Echo, "slow", size=1)
        director.connect_queue(side.worker, echo)
        director.connect_queue(echo, side.worker)
        with running(director):
            side.ask(*range(100))
            assert sorted(side.answered(100)) == list(range(100))


# ---- peers that know no events ----


@pytest.mark.parametrize("standard", [False, True], ids=["dialect", "MDP 0.1"])
def test_a_client_that_knows_no_events(standard):
    """9.11.4: its bytes are the data of a plain event; in the dialect a logging id comes before them."""
    with (
        brokering() as broker,
        worker(brokers=[broker.endpoint], standard=standard) as side,
        dealer(broker) as peer,
    ):
        first = [] if standard else [b"logging"]
        peer.send_multipart([b"", C, b"echo", *first, b"one"])
        assert peer.recv_multipart() == [b"", C, b"echo", *first, b"one"]
        peer.send_multipart([b"", C, b"echo", *first, b"one", b"two"])
        assert peer.recv_multipart() == [b"", C, b"echo", *first, b"one", b"two"]
        assert side.worker.socket_identity


def test_a_worker_that_knows_no_events():
    """Its reply is found by the logging id."""
    with (
        brokering() as broker,
        client(brokers=[broker.endpoint]) as side,
        dealer(broker) as peer,
    ):
        peer.send_multipart([b"", W, b"\x01", b"upper"])
        side.ask("x", service="upper")
        _, _, command, address, _, logging_id, _body = peer.recv_multipart()
        assert command == b"\x02"
        peer.send_multipart([b"", W, b"\x03", address, b"", logging_id, b"PLAIN"])
        assert side.answered() == [b"PLAIN"]


# ---- brokers ----


def test_discovery():
    """FIX MDP-1: an announcement may name a host."""
    announcer = Announcer()
    with brokering() as broker, client(registration_publisher_port=announcer.port) as side:
        announcer.wait_for_subscriber()
        port = str(broker.port).encode()
        announcer.alive((broker.identity, b"127.0.0.1:" + port))
        wait_until(lambda: [b["verified"] for b in side.client.broker_manager.values()] == [True])
        name = broker.identity.decode()
        assert side.logged(f"Connected new broker {name} at port 127.0.0.1:{broker.port}")
        assert side.logged(f"Verified Broker {name}")
        announcer.gone(broker.identity, port)
        wait_until(lambda: side.client.broker_manager == {})
    announcer.close()


def test_garbage_from_a_registration_service():
    announcer = Announcer()
    with brokering() as broker, client(registration_publisher_port=announcer.port) as side:
        announcer.wait_for_subscriber()
        announcer.socket.send_multipart([b"BrokerUpdates"])
        announcer.socket.send_multipart([b"BrokerUpdatesAndMore", b"", b"\x00\x39", b"a", b"b"])
        announcer.alive((b"x\0\xff", b"no port"))
        announcer.alive((broker.identity, b"%d" % broker.port))
        wait_until(lambda: any(b["verified"] for b in side.client.broker_manager.values()))
        assert len(side.logged("invalid message from the registration service")) == 2
    announcer.close()


def test_a_verification_that_gets_lost_is_asked_for_again_soon():
    """As when the broker does not know the socket yet that it is to answer to. An interval is a minute here."""
    with brokering() as broker:
        broker.loses = 1
        with client(brokers=[broker.endpoint], heartbeat_interval=60000) as side:
            wait_until(lambda: any(b["verified"] for b in side.client.broker_manager.values()))


def test_mdp4_attempts_are_sent():
    """FIX MDP-4: each attempt that is counted was sent; then the sockets are replaced."""
    announcer = Announcer()
    with brokering() as broker:
        broker.verifies = False
        with client(registration_publisher_port=announcer.port) as side:
            announcer.wait_for_subscriber()
            announcer.alive((broker.identity, b"%d" % broker.port))
            wait_until(lambda: side.logged("permanently disconnected"))
            counted = side.logged("Number of verification attempts")
            sent = [frames for frames in broker.heard if frames[3:] == [b"\x06"]]
            assert len(counted) == len(sent) == 9
            assert [line[-2] for line in counted] == list("123123123")
            broker.verifies = True
            announcer.alive((broker.identity, b"%d" % broker.port))
            wait_until(lambda: any(b["verified"] for b in side.client.broker_manager.values()))
    announcer.close()


def test_a_broker_that_is_restarted():
    """Requests that it had are sent again, each is answered once; the worker signs on again."""
    with brokering() as broker:
        side = Side()
        port = broker.port
        side.add_client(brokers=[broker.endpoint])
        side.add_worker(brokers=[broker.endpoint])
        running_now = running(side.director)
        running_now.__enter__()
        side.ask(0)
        side.answered()
        broker.swallows = 1000
        side.ask(*range(1, 20))
        wait_until(lambda: broker.swallows == 981)
    with brokering(port=port):
        assert sorted(side.answered(20)) == list(range(20))
        assert side.client.resent >= 19
        running_now.__exit__(None, None, None)
    assert len(side.answers) == 20


def start_broker(port=0):
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.majordomo", str(port)], stdout=subprocess.PIPE, text=True
    )
    return process, f"tcp://127.0.0.1:{int(process.stdout.readline())}"


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "frozen"])
def test_one_of_two_brokers_dies(how):
    """Every request is answered, through the other one, and none twice."""
    processes, brokers = zip(*(start_broker() for _ in range(2)), strict=True)
    try:
        side = Side()
        side.add_client(brokers=brokers)
        side.add_worker(brokers=brokers)
        with running(side.director):
            for actor in (side.client, side.worker):
                wait_until(
                    lambda actor=actor: all(b["verified"] for b in actor.broker_manager.values())
                )
            side.ask(*range(100))
            processes[0].send_signal(how)
            side.ask(*range(100, 400))
            assert sorted(side.answered(400)) == list(range(400))
        assert len(side.answers) == 400
        assert not side.failures
    finally:
        for process in processes:
            process.kill()
            process.wait()
            process.stdout.close()


def test_a_standard_worker_goes_on_after_a_message_that_means_nothing():
    """It sends its heartbeats."""
    with brokering() as broker, worker(brokers=[broker.endpoint], standard=True):
        ready = lambda: [f[0] for f in broker.heard if f[3:] == [b"\x01", b"echo"]]  # noqa: E731
        wait_until(lambda: len(ready()) == 1)
        with dealer(broker) as peer:  # a reply to the worker's address is a message of our choice
            broker.clients[ready()[0]] = b"\x05"
            peer.send_multipart([b"", W, b"\x03", ready()[0], b"", b""])
            broker.clients[ready()[0]] = b"\x05"
        wait_until(lambda: any(f[3:] == [b"\x04"] for f in broker.heard))


# ---- life ----


def test_a_stop_waits_for_answers():
    with brokering() as broker, worker(brokers=[broker.endpoint]):
        with client(brokers=[broker.endpoint]) as side:
            side.ask(*range(20))
            wait_until(lambda: side.client.waiting or side.answers)
        assert sorted(event.data for event in side.answers) == list(range(20))


def test_a_worker_signs_off():
    with brokering() as broker:
        with worker(brokers=[broker.endpoint]):
            wait_until(lambda: broker.workers)
        wait_until(lambda: not broker.workers)


def test_a_stop_with_requests_that_nobody_answers():
    side = Side()
    side.add_client(brokers=["tcp://127.0.0.1:1"])
    side.director.stop_timeout = 0.2
    with running(side.director):
        side.ask(1)
        wait_until(lambda: side.client.waiting)
    assert side.client.waiting == 0


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"brokers": "tcp://localhost:1"}, TypeError),
        ({"brokers": ["localhost"]}, ValueError),
        ({"standard": True}, ValueError),
        ({"heartbeat_interval": 0}, ValueError),
        ({"registration_publisher_port": 70000}, ValueError),
        ({"timeout": 0}, ValueError),
        ({"service_prefix": b"x"}, TypeError),
        ({"service_prefix": "x\0"}, ValueError),
        ({"curve_serverkey": "short"}, ValueError),
    ],
)
def test_arguments(options, error):
    with pytest.raises(error):
        MDPClient("client", **options)


def test_arguments_of_the_original():
    actor = MDPWorker("w", "test_service", "a", "b", context=None, registration_service_port="6000")
    assert (actor.service, actor.service_prefix, actor.service_postfix) == (
        "test_service",
        "a",
        "b",
    )
    assert actor.requests == {}
    with pytest.raises(ValueError):
        MDPWorker("w", "")
    with pytest.raises(TypeError):
        MDPWorker("w")


def test_an_endpoint_that_is_none():
    side = Side()
    side.add_client(brokers=["nothing://at-all"])
    with pytest.raises(OSError, match="nothing://at-all"), running(side.director):
        pass
