"""ZMQPush, ZMQPull, ZMQPub, ZMQSub and ZMQDealer, with peers of pyzmq and with each other."""

import os
import pickle
import socket
import subprocess
import sys
import threading

import pytest
import zmq

import compysition
from compysition import Event, Queue, wire
from compysition.actors import ZMQDealer, ZMQPub, ZMQPull, ZMQPush, ZMQSub
from compysition.event import JSONEvent
from tests.actors.helpers import fill_outbox, logged, take
from tests.flows import Source, quiet_director
from tests.waiting import wait_until

HOME = {"host": "127.0.0.1", "port": 0}


@pytest.fixture
def started():
    """Start an actor with an inbox, an outbox, an error queue and a log; those as its attributes."""
    actors = []

    def start(actor):
        actor.inbox, actor.outbox = Queue("inbox"), Queue("outbox")
        actor.register_consumer("inbox", actor.inbox)
        if not actor.pool.outbound:
            actor.pool.outbound.add("outbox", queue=actor.outbox)
        actor.errors = actor.pool.error.add("errors")
        actor.lines = actor.pool.logs.add("log")
        actor.start()
        actors.append(actor)
        return actor

    yield start
    for actor in actors:
        actor.stop()


def bound(context, kind, **options):
    peer = context.socket(kind)
    for name, value in options.items():
        setattr(peer, name, value)
    return peer, peer.bind_to_random_port("tcp://127.0.0.1")


def connected(context, kind, actor, **options):
    peer = context.socket(kind)
    peer.SNDTIMEO = 5000
    for name, value in options.items():
        setattr(peer, name, value)
    peer.connect(actor.endpoint)
    return peer


def hear(peer):
    """The next message, while the loop goes on."""
    wait_until(lambda: peer.poll(0), compysition.sleep)
    return peer.recv_multipart()


def hear_frame(peer):
    wait_until(lambda: peer.poll(0), compysition.sleep)
    return peer.recv()


def numbers(peer, count):
    """Each is a frame, however many a message has."""
    return [wire.loads(hear_frame(peer)).data for _ in range(count)]


def put(actor, count, first=0):
    for number in range(first, first + count):
        actor.inbox.put(Event(data=number))


class Long(Source):
    """Sends more than the buffers of a connection hold."""

    def produce(self):
        for number in range(self.count):
            self.send_event(Event(data=str(number).ljust(50_000)))


# ---- both ways, with foreign peers ----


def test_an_event_keeps_what_it_is(context, started):
    peer, port = bound(context, zmq.PULL)
    push = started(ZMQPush("push", host="127.0.0.1", port=port))
    event = JSONEvent(data={"a": [1, "\u00fc"]}, extra=2)
    push.inbox.put(event)
    (frame,) = hear(peer)
    other = wire.loads(frame)
    assert (type(other), other.event_id, other.data) == (JSONEvent, event.event_id, event.data)
    assert other.extra == 2
    assert push.events_sent == 1
    assert push.outbox.empty()


def test_either_side_binds(context, started):
    push = started(ZMQPush("push", mode="bind", **HOME))
    assert push.endpoint == f"tcp://127.0.0.1:{push.port}"
    peer = connected(context, zmq.PULL, push)
    put(push, 20)
    assert numbers(peer, 20) == list(range(20))
    sender, port = bound(context, zmq.PUSH)
    pull = started(ZMQPull("pull", mode="connect", host="localhost", port=str(port)))
    sender.send(wire.dumps(Event(data=1)))
    assert take(pull.outbox, 1) == [1]


def test_who_connects_goes_to_this_host_by_default(context, started):
    """FIX ZMQ-2: no name of the machine is looked up."""
    peer, port = bound(context, zmq.PULL)
    push = started(ZMQPush("push", port=port))
    assert push.endpoint == f"tcp://127.0.0.1:{port}"
    put(push, 1)
    assert numbers(peer, 1) == [0]


@pytest.mark.parametrize("protocol", ["ipc", "inproc"])
def test_two_actors_without_tcp(started, tmp_path, protocol):
    where = {"transmission_protocol": protocol, "socket_file": str(tmp_path / "socket")}
    push = started(ZMQPush("push", **where))
    put(push, 50)
    pull = started(ZMQPull("pull", **where))
    assert take(pull.outbox, 50) == list(range(50))


def test_another_process(started):
    pull = started(ZMQPull("pull", **HOME))
    script = (
        "import sys\nfrom compysition.actors import ZMQPush\nfrom tests.flows import *\n"
        "director, push = numbers_to(ZMQPush, 'connect', int(sys.argv[1]), count=500)\n"
        "director.start(block=False)\ndirector.stop()\nassert push.events_sent == 500\n"
    )
    path = os.pathsep.join(part for part in sys.path if part)
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(pull.port)], env={**os.environ, "PYTHONPATH": path}
    )
    assert take(pull.outbox, 500, timeout=20) == list(range(500))
    assert process.wait(20) == 0


def test_what_waits_goes_out_together(context, started):
    """Each event is a frame, in the inbox's order; an event that comes alone leaves alone."""
    peer, port = bound(context, zmq.PULL)
    push = started(ZMQPush("push", host="127.0.0.1", port=port, max_batch=4))
    put(push, 100)
    messages = []
    while sum(map(len, messages)) < 100:
        messages.append(hear(peer))
    assert {len(message) for message in messages} <= {1, 2, 3, 4}  # whoever puts them may be slower
    assert len(messages) < 100
    assert [wire.loads(frame).data for message in messages for frame in message] == list(range(100))
    put(push, 1)
    assert len(hear(peer)) == 1
    assert push.events_sent == 101
    assert push.inbox.empty()


@pytest.mark.parametrize("options", [{"max_batch": 1}, {"high_water_mark": 8}])
def test_one_by_one(context, started, options):
    """By request; and with a mark that has no room for messages of several."""
    peer, port = bound(context, zmq.PULL)
    push = started(ZMQPush("push", host="127.0.0.1", port=port, **options))
    put(push, 6)
    assert [len(hear(peer)) for _ in range(6)] == [1] * 6


def test_peers_of_one_that_binds_share_evenly(context, started):
    push = started(ZMQPush("push", mode="bind", **HOME))
    peers = [connected(context, zmq.PULL, push) for _ in range(2)]

    def both_are_there():
        put(push, 1)
        compysition.sleep(0.001)
        return all(peer.poll(0) for peer in peers)

    wait_until(both_are_there, compysition.sleep)
    put(push, 40, first=100)
    for peer in peers:
        heard = []
        while len(heard) < 20:
            (frame,) = hear(peer)
            heard += [wire.loads(frame).data] if wire.loads(frame).data >= 100 else []
        assert len(set(heard)) == 20


def test_frames_of_a_message_are_events(context, started):
    """What is none among them harms no other."""
    pull = started(ZMQPull("pull", **HOME))
    peer = connected(context, zmq.PUSH, pull)
    good = [wire.dumps(Event(data=number)) for number in range(100)]
    peer.send_multipart([*good[:50], b"x", *good[50:]])
    assert take(pull.outbox, 100) == list(range(100))
    assert (pull.events_received, pull.events_refused) == (101, 1)


def test_topics(started):
    pub = started(ZMQPub("pub", **HOME))
    sub = started(ZMQSub("sub", host="127.0.0.1", port=pub.port, topics=["a", b"c"]))

    def heard():
        for service in ("b", "abc", "c"):
            pub.inbox.put(Event(data=service, service=service))
        compysition.sleep(0.01)
        return sub.outbox.qsize() >= 2

    wait_until(heard, compysition.sleep)
    assert set(take(sub.outbox, 2)) == {"abc", "c"}


def test_a_dealer_and_a_router(context, started):
    router, port = bound(context, zmq.ROUTER)
    dealer = started(ZMQDealer("dealer", host="127.0.0.1", port=port))
    put(dealer, 3)
    for number in range(3):
        identity, frame = hear(router)
        assert wire.loads(frame).data == number
        router.send_multipart([identity, frame])
    assert take(dealer.outbox, 3) == [0, 1, 2]


# ---- arguments ----


@pytest.mark.parametrize("cls", [ZMQPush, ZMQPull])
def test_arguments_of_all_versions(cls):
    actor = cls("a", port=1234, host="h", listen=True, mode="connect")
    assert (actor.port, actor.host, actor.mode) == (1234, "h", "connect")
    assert (cls.TCP, cls.IPC, cls.INPROC) == ("tcp", "ipc", "inproc")
    assert cls.protocol == (zmq.PUSH if cls is ZMQPush else zmq.PULL)
    for error, arguments in [
        (ValueError, {"transmission_protocol": "udp"}),
        (ValueError, {"transmission_protocol": "ipc"}),
        (ValueError, {"port": 65536}),
        (ValueError, {"port": "x"}),
        (ValueError, {"high_water_mark": 0}),
        (ValueError if cls is ZMQPush else TypeError, {"max_batch": 0}),
        (ValueError, {"linger": -1}),
        (ValueError, {"serializer": "json"}),
        (TypeError, {"topics": ""}),
    ]:
        with pytest.raises(error):
            cls("a", **arguments)


def test_a_port_in_use(context):
    _, port = bound(context, zmq.PULL)
    with pytest.raises(OSError, match=f"cannot bind to tcp://127.0.0.1:{port}"):
        ZMQPull("pull", port=port, host="127.0.0.1").start()


# ---- room ----


def test_without_a_peer_the_inbox_waits(context, started):
    """FIX ZMQ-3."""
    push = started(ZMQPush("push", mode="bind", **HOME))
    put(push, 300)
    compysition.sleep(0)
    assert (push.inbox.qsize(), push.events_sent) == (300, 0)
    peer = connected(context, zmq.PULL, push)
    assert numbers(peer, 300) == list(range(300))


def test_a_slow_peer_holds_back_the_source(context):
    """FIX ZMQ-3: what waits is bounded; nothing is lost, and the order stays."""
    peer, port = bound(context, zmq.PULL, RCVHWM=10)
    director = quiet_director(size=10)
    source = director.register_actor(Long, "source", 1000)
    push = director.register_actor(ZMQPush, "push", port=port, host="127.0.0.1", high_water_mark=10)
    director.connect_queue(source, push)
    director.start(block=False)
    sent = -1
    while sent != push.events_sent:
        sent = push.events_sent
        compysition.sleep(0.05)
    assert sent < 1000
    assert [int(text) for text in numbers(peer, 1000)] == list(range(1000))
    director.stop()
    assert director.stats()["events"]["in_flight"] == 0


def test_a_full_outbox_stops_receiving(context, started):
    pull = ZMQPull("pull", high_water_mark=10, **HOME)
    outbox = fill_outbox(pull)
    started(pull)
    peer = connected(context, zmq.PUSH, pull)
    for number in range(100):
        peer.send(wire.dumps(Event(data=number)))
    wait_until(lambda: pull.events_received == 1, compysition.sleep)
    assert take(outbox, 101)[1:] == list(range(100))


# ---- what is no event ----


def test_what_is_no_event_is_logged_and_counted(context, started):
    """FIX ZMQ-4, SEC-2: no bytes end the receiving, and a pickle is not loaded."""
    pull = started(ZMQPull("pull", max_event_bytes=10_000, **HOME))
    peer = connected(context, zmq.PUSH, pull)
    event = wire.dumps(Event(data="x"))
    strange = [
        [b""],
        [b"text"],
        [event[:-1]],
        [event + b"x"],
        [pickle.dumps(Event(data="x"))],
    ]
    for frames in strange:
        peer.send_multipart(frames)
    peer.send(wire.dumps(Event(data="later")))
    assert take(pull.outbox, 1) == ["later"]
    assert pull.events_refused == len(strange)
    lines = [line for line in logged(pull.lines) if line.startswith("Received invalid event")]
    assert len(lines) == len(strange)
    with connected(context, zmq.PUSH, pull, LINGER=200) as hostile:
        hostile.send(bytes(20_000))  # libzmq ends the connection
        peer.send(event)
        assert take(pull.outbox, 1) == ["x"]
    assert pull.outbox.empty()


def test_pickle_for_who_asks_for_it(started):
    pull = started(ZMQPull("pull", serializer="pickle", **HOME))
    push = started(ZMQPush("push", host="127.0.0.1", port=pull.port, serializer="pickle"))
    push.inbox.put(Event(data={1, 2}))
    assert take(pull.outbox, 1) == [{1, 2}]


def test_what_cannot_be_sent_takes_the_error_path(context, started):
    peer, port = bound(context, zmq.PULL)
    push = started(ZMQPush("push", host="127.0.0.1", port=port))
    push.inbox.put(Event(data=threading.Lock()))
    put(push, 1)
    assert isinstance(push.errors.get(block=True, timeout=5).error, TypeError)
    assert numbers(peer, 1) == [0]


def test_a_pull_consumes_nothing(started):
    pull = started(ZMQPull("pull", **HOME))
    put(pull, 1)
    wait_until(pull.inbox.empty, compysition.sleep)
    assert (
        "Received event on queue, but this actor does not consume. Event has been discarded"
        in logged(pull.lines)
    )


# ---- the end ----


def descriptors():
    return len(os.listdir("/proc/self/fd"))


def test_a_stop_closes_everything_at_once(context):
    """FIX ZMQ-1."""
    before = None
    for _ in range(3):
        director = quiet_director()
        pull = director.register_actor(ZMQPull, "pull", **HOME)
        director.start(block=False)
        port = pull.port
        director.stop()
        del director, pull
        before = before or descriptors()
        assert descriptors() <= before
    peer = context.socket(zmq.PULL)
    peer.bind(f"tcp://127.0.0.1:{port}")


def test_started_again(context, started):
    """Events that wait from before the start do not find a socket without room."""
    push = started(ZMQPush("push", mode="bind", **HOME))
    other = started(ZMQPull("other", **HOME))  # the context stays
    peer = connected(context, zmq.PULL, push)
    put(push, 1)
    assert numbers(peer, 1) == [0]
    for number in range(3):
        push.stop()
        put(push, 1, number)
        push.start()
        assert numbers(peer, 1) == [number]
    assert push.errors.empty()
    assert other.endpoint


def test_a_stop_waits_for_what_lingers(context):
    peer, port = bound(context, zmq.PULL)
    director = quiet_director()
    source = director.register_actor(Source, "source", 500)
    push = director.register_actor(ZMQPush, "push", port=port, host="127.0.0.1")
    director.connect_queue(source, push)
    director.start(block=False)
    director.stop()
    assert numbers(peer, 500) == list(range(500))


def test_a_stop_while_a_peer_goes_on_sending(context):
    director = quiet_director()
    pull = director.register_actor(ZMQPull, "pull", **HOME)
    director.start(block=False)
    peer = connected(context, zmq.PUSH, pull, SNDTIMEO=100)
    ended = threading.Event()
    frame = wire.dumps(Event(data=1))

    def flood():
        while not ended.is_set():
            try:
                peer.send(frame)
            except zmq.Again:
                return

    thread = threading.Thread(target=flood)
    thread.start()
    wait_until(lambda: pull.events_received > 100, compysition.sleep)
    director.stop()
    ended.set()
    thread.join()
    assert director.stats()["events"]["in_flight"] == 0


def test_what_the_socket_has_not_taken_is_reported():
    """It was consumed, and waited for room: the other side accepts, and says nothing."""
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    director = quiet_director(stop_timeout=0.05)
    source = director.register_actor(Source, "source", 20)
    push = director.register_actor(
        ZMQPush, "push", host="127.0.0.1", port=port, high_water_mark=4, linger=0
    )
    director.connect_queue(source, push)
    director.start(block=False)
    wait_until(lambda: push.events_sent == 4, compysition.sleep)
    director.stop()
    events = director.stats()["events"]
    silent.close()
    assert (events["in_flight"], events["reported"]) == (0, 16)


def test_unsent_events_are_reported():
    director = quiet_director(stop_timeout=0.05)
    source = director.register_actor(Source, "source", 5)
    push = director.register_actor(ZMQPush, "push", mode="bind", **HOME)
    director.connect_queue(source, push)
    director.start(block=False)
    director.stop()
    assert director.stats()["events"]["reported"] == 5
