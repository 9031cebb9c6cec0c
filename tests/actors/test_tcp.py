"""TCPOut and TCPIn: events come to another process, each of them, whatever happens to connections."""

import select
import socket
import struct
import threading

import pytest
import trustme

import compysition
from compysition import Actor, Event, Queue, wire
from compysition.actors import TCPIn, TCPOut
from compysition.actors.tcp import BUFFER_SIZE, DEFAULT_PORT
from compysition.errors import ActorInitFailure, MalformedEventData
from compysition.event import JSONEvent, XMLHttpEvent
from tests.actors.helpers import fill_outbox
from tests.flows import quiet_director
from tests.mailclients import Keep
from tests.servers import SECONDS, read_all, running
from tests.waiting import wait_until

FAST = {"reconnect_min": 0.01, "reconnect_max": 0.05}


def wait(condition):
    """Let this thread's loop run until the condition holds."""
    wait_until(condition, compysition.sleep)


def frame(event):
    """The event as it goes over the wire."""
    data = event if isinstance(event, bytes) else wire.dumps(event)
    return struct.pack(">I", len(data)) + data


def frames(data):
    """The events in bytes of the wire, as far as they are complete."""
    found = []
    while len(data) >= 4 and len(data) >= 4 + struct.unpack_from(">I", data)[0]:
        length = struct.unpack_from(">I", data)[0]
        found.append(wire.loads(data[4 : 4 + length]))
        data = data[4 + length :]
    return found


def numbers(events):
    return [event.data["n"] for event in events]


class Lines(Actor):
    """Keeps what is logged, in ``lines``."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.lines = []

    def consume(self, event, *args, **kwargs):
        self.lines.append(event.message)


class Receiving:
    """A TCPIn with an actor that keeps its events."""

    def __init__(self, port=0, log=False, **options):
        self.director = quiet_director(log_level=10 if log else 100)
        self.tcp = self.director.register_actor(TCPIn, "in", port, "127.0.0.1", **options)
        self.keep = self.director.register_actor(Keep, "keep")
        self.director.connect_queue(self.tcp, self.keep)
        if log:
            self.log = self.director.register_log_actor(Lines, "log").lines

    @property
    def events(self):
        return self.keep.events

    def start(self):
        self.director.start(block=False)
        return self

    def stop(self):
        self.director.stop()


class Sending:
    """A TCPOut that gets what is put on ``queue``."""

    def __init__(self, port, host="127.0.0.1", stop_timeout=5, log=False, **options):
        self.director = quiet_director(log_level=10 if log else 100, stop_timeout=stop_timeout)
        self.tcp = self.director.register_actor(TCPOut, "out", port, host, **{**FAST, **options})
        self.errors = self.director.register_error_actor(Keep, "errors").events
        self.queue = Queue("inbox")
        self.tcp.register_consumer("inbox", self.queue)
        if log:
            self.log = self.director.register_log_actor(Lines, "log").lines
        self.director.start(block=False)

    def send(self, *numbers):
        for number in numbers:
            self.queue.put(JSONEvent(data={"n": number}))

    def stop(self):
        self.director.stop()


class Peer:
    """A socket that listens, and is played by hand in the test's thread."""

    def __init__(self):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.setblocking(False)
        self.port = self.listening.getsockname()[1]
        self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.hang_up()
        self.listening.close()

    def hang_up(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def accept(self):
        def arrived():
            try:
                self.connection, _ = self.listening.accept()
            except BlockingIOError:
                return False
            return True

        wait(arrived)
        self.connection.setblocking(False)
        self.received = b""

    def read(self, count):
        """The first events of this connection."""

        def arrived():
            try:
                self.received += self.connection.recv(65536)
            except BlockingIOError:
                pass
            return len(frames(self.received)) >= count

        wait(arrived)
        return frames(self.received)

    def acknowledge(self, count):
        self.connection.sendall(struct.pack(">Q", count))


@pytest.fixture
def peer():
    with Peer() as made:
        yield made


@pytest.fixture
def pair():
    """Both ends, in this thread."""
    made = []

    def make(receiving=None, **options):
        ends = Receiving(**(receiving or {})).start()
        made.extend([ends, Sending(ends.tcp.port, **options)])
        return ends, made[-1]

    yield make
    for end in reversed(made):
        end.stop()


def ask(port, data, finish=True):
    """Send bytes to a server that runs in another thread; return what it says until it ends the connection."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as client:
        client.sendall(data)
        if finish:
            client.shutdown(socket.SHUT_WR)
        return read_all(client)


# ---- from one to the other ----


def test_events_arrive_in_order(pair):
    """FIX TCP-1, TCP-2: it can be made, and everything is sent."""
    receiving, sending = pair()
    sending.send(*range(3000))
    wait(lambda: len(receiving.events) == 3000)
    assert numbers(receiving.events) == list(range(3000))
    wait(lambda: sending.tcp.unacknowledged == 0)
    assert sending.tcp.connected
    assert receiving.tcp.connections == 1


def test_what_survives(pair):
    """FIX SEC-2: class, ids, service, HTTP fields, attributes and error."""
    receiving, sending = pair()
    event = XMLHttpEvent(data="<a>x</a>", service="orders", headers={"A": "b"}, mark=[1])
    event.error = MalformedEventData(["one", "two"])
    sending.queue.put(event)
    wait(lambda: receiving.events)
    (got,) = receiving.events
    assert type(got) is XMLHttpEvent
    for name in ("event_id", "meta_id", "service", "headers", "status", "environment", "mark"):
        assert getattr(got, name) == getattr(event, name), name
    assert got.data_string() == event.data_string()
    assert type(got.error) is MalformedEventData
    assert got.error.message == ["one", "two"]


@pytest.mark.parametrize("length", [0, 65536, 3_000_000])
def test_events_of_every_length(pair, length):
    receiving, sending = pair()
    sending.queue.put(Event(data="x" * length))
    sending.queue.put(Event(data="after"))
    wait(lambda: len(receiving.events) == 2)
    assert [len(event.data) for event in receiving.events] == [length, 5]


def test_a_unix_socket(tmp_path):
    director = quiet_director()
    host = f"unix:{tmp_path}/events"
    tcp = director.register_actor(TCPIn, "in", host=host)
    keep = director.register_actor(Keep, "keep")
    director.connect_queue(tcp, keep)
    director.start(block=False)
    sending = Sending(0, host)
    sending.send(1)
    wait(lambda: keep.events)
    sending.stop()
    director.stop()


def test_pickle_when_asked_for(pair):
    receiving, sending = pair({"serializer": "pickle"}, serializer="pickle")
    sending.queue.put(Event(data={1, (2, 3)}))
    wait(lambda: receiving.events)
    assert receiving.events[0].data == {1, (2, 3)}


class Order(JSONEvent):
    """A class of the script's own."""


def test_a_class_of_ones_own(pair):
    receiving, sending = pair({"event_classes": [Order]}, event_classes=[Order])
    sending.queue.put(Order(data={}))
    wait(lambda: receiving.events)
    assert type(receiving.events[0]) is Order


# ---- the sender ----


def test_what_is_not_acknowledged_is_sent_again(peer):
    """FIX TCP-2: nothing is lost with a connection."""
    sending = Sending(peer.port)
    sending.send(0, 1, 2)
    peer.accept()
    assert numbers(peer.read(3)) == [0, 1, 2]
    peer.acknowledge(1)
    wait(lambda: sending.tcp.unacknowledged == 2)
    peer.hang_up()
    sending.send(3)
    peer.accept()
    assert numbers(peer.read(3)) == [1, 2, 3]
    peer.acknowledge(3)
    wait(lambda: sending.tcp.unacknowledged == 0)
    sending.stop()


def test_a_connection_that_ends_with_nothing_to_send_is_made_again_later(peer):
    sending = Sending(peer.port)
    sending.send(0)
    peer.accept()
    peer.read(1)
    peer.acknowledge(1)
    wait(lambda: sending.tcp.unacknowledged == 0)
    peer.hang_up()
    wait(lambda: not sending.tcp.connected)
    sending.send(1)
    peer.accept()
    assert numbers(peer.read(1)) == [1]
    peer.acknowledge(1)
    sending.stop()


def test_a_server_that_is_away_and_comes_back():
    """FIX TCP-2: it waits with its attempts, starves nobody, and drops nothing."""
    receiving = Receiving().start()
    port = receiving.tcp.port
    receiving.stop()
    sending = Sending(port, log=True)
    sending.send(*range(10))
    wait(lambda: sum("Unable to send event" in line for line in sending.log) >= 2)
    assert f"Unable to send event over tcp to 127.0.0.1:{port}: connection refused" in sending.log
    assert sending.tcp.unacknowledged == 10
    receiving = Receiving(port).start()
    wait(lambda: len(receiving.events) == 10)
    assert numbers(receiving.events) == list(range(10))
    sending.stop()
    receiving.stop()


def test_a_server_that_stops_and_comes_back_meanwhile():
    receiving = Receiving().start()
    port = receiving.tcp.port
    sending = Sending(port)
    sending.send(*range(500))
    wait(lambda: len(receiving.events) > 10)
    receiving.stop()
    first = numbers(receiving.events)
    sending.send(*range(500, 600))
    receiving = Receiving(port).start()
    wait(lambda: sending.tcp.unacknowledged == 0 and sending.queue.empty())
    assert first + numbers(receiving.events) == list(range(600))
    sending.stop()
    receiving.stop()


def test_a_full_buffer_holds_back(peer):
    """The actor takes nothing more; once there is room it goes on."""
    sending = Sending(peer.port, max_buffer=1000)
    sending.send(*range(100))
    peer.accept()
    count = len(peer.read(1))
    wait(lambda: sending.tcp.unacknowledged > 5)
    assert sending.queue.qsize() > 50
    done = 0
    while done < 100:
        count = len(peer.read(done + 1))
        peer.acknowledge(count)
        done = count
    assert numbers(peer.read(100)) == list(range(100))
    wait(lambda: sending.tcp.unacknowledged == 0)
    sending.stop()


def test_a_stop_waits_for_acknowledgements(peer):
    sending = Sending(peer.port, log=True)
    sending.send(0)
    peer.accept()
    peer.read(1)
    thread = threading.Timer(0.05, peer.acknowledge, [1])
    thread.start()
    sending.stop()
    thread.join()
    assert "Stopped: 1 events drained, 0 not" in sending.log


def test_a_stop_reports_what_was_not_acknowledged(peer):
    """FIX TCP-2: it ends on stop, and says what is left."""
    sending = Sending(peer.port, log=True, stop_timeout=0.05)
    sending.send(0, 1, 2)
    peer.accept()
    peer.read(3)
    peer.acknowledge(1)
    wait(lambda: sending.tcp.unacknowledged == 2)
    sending.stop()
    assert "Stopped: 0 events drained, 2 not: unfinished by out (2)" in sending.log
    assert f"2 events were not acknowledged by 127.0.0.1:{peer.port}" in sending.log
    assert sending.tcp.unacknowledged == 0


def test_a_stop_while_nobody_answers():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    sending = Sending(port, stop_timeout=0.05)
    sending.send(0)
    wait(lambda: sending.tcp.unacknowledged == 1)
    sending.stop()
    assert sending.tcp.unacknowledged == 0


@pytest.mark.parametrize("answer", [struct.pack(">Q", 2), b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_an_answer_that_makes_no_sense(peer, answer):
    sending = Sending(peer.port, log=True, stop_timeout=0.05)
    sending.send(0)
    peer.accept()
    peer.read(1)
    peer.connection.sendall(answer)
    misunderstood = peer.connection
    peer.accept()
    assert numbers(peer.read(1)) == [0]
    misunderstood.close()
    assert any("does not answer as one that receives events" in line for line in sending.log)
    sending.stop()


def test_a_silent_peer_is_left(peer):
    sending = Sending(peer.port, log=True, answer_timeout=0.05)
    sending.send(0)
    peer.accept()
    peer.read(1)
    silent = peer.connection
    peer.accept()
    assert numbers(peer.read(1)) == [0]
    peer.acknowledge(1)
    wait(lambda: sending.tcp.unacknowledged == 0)
    silent.close()
    assert any("the other side is silent" in line for line in sending.log)
    sending.stop()


def test_an_acknowledgement_in_pieces(peer):
    sending = Sending(peer.port)
    sending.send(0)
    peer.accept()
    peer.read(1)
    for byte in struct.pack(">QQ", 0, 1):
        peer.connection.sendall(bytes([byte]))
        compysition.sleep(0)
    wait(lambda: sending.tcp.unacknowledged == 0)
    sending.stop()


def test_events_that_cannot_be_sent(peer):
    """They go to the error queues, which say why; the others arrive."""
    sending = Sending(peer.port, max_event_bytes=1000)
    sending.queue.put(Event(data=object()))
    sending.queue.put(Event(data="x" * 1000))
    sending.send(1)
    peer.accept()
    assert numbers(peer.read(1)) == [1]
    peer.acknowledge(1)
    wait(lambda: len(sending.errors) == 2)
    assert [type(event.error) for event in sending.errors] == [TypeError, MalformedEventData]
    assert "data: an object of type object cannot be sent" in str(sending.errors[0].error)
    assert "more than the 1000 of max_event_bytes" in str(sending.errors[1].error)
    sending.stop()


def test_a_name_that_is_none():
    sending = Sending(1, "name.invalid", log=True, stop_timeout=0.05)
    sending.send(0)
    wait(lambda: any("Unable to send event over tcp to name.invalid:1" in x for x in sending.log))
    sending.stop()


# ---- the receiver ----


def test_acknowledgements():
    """A count of 8 bytes, of all events that are on their queues."""
    receiving = Receiving()
    with running(receiving.director):
        data = b"".join(frame(JSONEvent(data={"n": n})) for n in range(5))
        answer = ask(receiving.tcp.port, data)
        assert len(answer) % 8 == 0
        assert struct.unpack(">Q", answer[-8:]) == (5,)
        assert numbers(receiving.events) == list(range(5))


def test_an_event_in_pieces():
    receiving = Receiving()
    with running(receiving.director):
        with socket.create_connection(("127.0.0.1", receiving.tcp.port), SECONDS) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in frame(JSONEvent(data={"n": 1})):
                client.sendall(bytes([byte]))
            assert client.recv(8) == struct.pack(">Q", 1)
    assert numbers(receiving.events) == [1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an event"),
        (b"x" * 500, "not an event"),
        (wire.dumps(JSONEvent(data={"n": 1}))[:-1], "ends early"),
        (b"\x80\x04N.", "serializer='pickle'"),
    ],
)
def test_what_is_no_event_is_logged_and_dropped(content, reason):
    """FIX SEC-2: it never ends the receiving loop."""
    receiving = Receiving(log=True)
    with running(receiving.director):
        answer = ask(receiving.tcp.port, frame(content) + frame(JSONEvent(data={"n": 1})))
        assert answer[-8:] == struct.pack(">Q", 2)
        assert numbers(receiving.events) == [1]
    (line,) = [x for x in receiving.log if x.startswith("Received invalid event format: ")]
    assert repr(content[:100]) in line
    assert reason in line


def test_an_event_that_is_too_long():
    """FIX SEC-2: it is refused by its length; its sender may forget it, and must come again for the others."""
    receiving = Receiving(log=True, max_event_bytes=1000)
    with running(receiving.director):
        good = frame(JSONEvent(data={"n": 1}))
        for length in (1001, 0x47455420, 0xFFFFFFFF):
            answer = ask(receiving.tcp.port, good + struct.pack(">I", length) + good, finish=False)
            assert answer[-8:] == struct.pack(">Q", 2)
        assert numbers(receiving.events) == [1, 1, 1]
    line = "Received invalid event format: 1001 bytes from 127.0.0.1, more than the 1000 of max_event_bytes"
    assert line in receiving.log


def test_a_sender_gets_past_an_event_that_is_refused():
    receiving = Receiving(max_event_bytes=1000).start()
    sending = Sending(receiving.tcp.port)
    sending.send(0)
    sending.queue.put(JSONEvent(data={"n": "x" * 1000}))
    sending.send(1)
    wait(lambda: sending.tcp.unacknowledged == 0 and sending.queue.empty())
    assert numbers(receiving.events) == [0, 1]
    sending.stop()
    receiving.stop()


def test_idle_connections_are_closed():
    """FIX SEC-2."""
    receiving = Receiving(idle_timeout=0.05)
    with running(receiving.director):
        assert ask(receiving.tcp.port, b"", finish=False) == b""
        assert ask(receiving.tcp.port, b"\0\0\1\0x", finish=False) == b""
        wait_until(lambda: receiving.tcp.connections == 0)


def test_more_connections_are_closed():
    receiving = Receiving(max_connections=1)
    with running(receiving.director):
        with socket.create_connection(("127.0.0.1", receiving.tcp.port), SECONDS) as first:
            first.sendall(frame(JSONEvent(data={"n": 1})))
            assert first.recv(8) == struct.pack(">Q", 1)
            with socket.create_connection(("127.0.0.1", receiving.tcp.port), SECONDS) as second:
                assert second.recv(8) == b""


def test_a_full_outbox_holds_back_and_is_not_acknowledged():
    receiving = TCPIn("in", 0, "127.0.0.1", max_buffer=500)
    full = fill_outbox(receiving)
    receiving.start()
    sending = Sending(receiving.port)
    sending.send(*range(50))
    wait(lambda: sending.tcp.unacknowledged == 50)
    for _ in range(20):
        compysition.sleep(0)
    assert sending.tcp.unacknowledged == 50
    assert full.get().data == "in the way"
    wait(lambda: sending.tcp.unacknowledged < 50)
    got = [full.get(block=True, timeout=5).data["n"] for _ in range(50)]
    assert got == list(range(50))
    wait(lambda: sending.tcp.unacknowledged == 0)
    sending.stop()
    receiving.stop()


def test_of_too_many_parts_the_one_that_stands_still_is_broken_off():
    """What is whole is read all the same, and the others can be finished."""
    receiving = Receiving(max_event_bytes=1000, max_buffer_total=2500).start()
    whole = frame(wire.dumps(JSONEvent(data={"n": "x" * 850})))

    def begin():
        client = socket.create_connection(("127.0.0.1", receiving.tcp.port), SECONDS)
        client.sendall(whole[:-2])
        return client

    moving = begin()
    wait(lambda: receiving.tcp.buffered == len(whole) - 2)
    still = begin()
    wait(lambda: receiving.tcp.buffered == 2 * len(whole) - 4)
    moving.sendall(whole[-2:-1])
    wait(lambda: receiving.tcp.buffered == 2 * len(whole) - 3)
    last = begin()
    wait(lambda: select.select([still], [], [], 0)[0])
    assert still.recv(1) == b""
    moving.sendall(whole[-1:])
    last.sendall(whole[-2:])
    wait(lambda: len(receiving.events) == 2)
    assert receiving.tcp.buffered == 0
    for client in (still, moving, last):
        client.close()
    receiving.stop()


def test_all_connections_together_are_held_back():
    """Nobody is broken off, and each event comes once."""
    receiving = TCPIn("in", 0, "127.0.0.1", max_event_bytes=200_000, max_buffer_total=300_000)
    full = fill_outbox(receiving)
    receiving.start()
    senders = [Sending(receiving.port) for _ in range(8)]
    for sending in senders:
        for number in range(10):
            sending.queue.put(JSONEvent(data={"n": number, "long": "x" * 100_000}))
    wait(lambda: receiving.buffered > 300_000)
    for _ in range(100):
        compysition.sleep(0)
    assert receiving.buffered < 300_000 + 8 * 65536
    assert full.get().data == "in the way"
    got = [full.get(block=True, timeout=5).data["n"] for _ in range(80)]
    assert sorted(got) == [number for number in range(10) for _ in range(8)]
    wait(lambda: not any(sending.tcp.unacknowledged for sending in senders))
    assert (receiving.buffered, receiving.connections, full.qsize()) == (0, 8, 0)
    for sending in senders:
        sending.stop()
    receiving.stop()


def test_a_stop_with_a_full_outbox_acknowledges_nothing_more():
    receiving = TCPIn("in", 0, "127.0.0.1")
    full = fill_outbox(receiving)
    receiving.start()
    sending = Sending(receiving.port, stop_timeout=0.05)
    sending.send(0, 1)
    wait(lambda: receiving.connections == 1)
    for _ in range(20):
        compysition.sleep(0)
    thread = threading.Timer(0.05, full.get)
    thread.start()
    receiving.stop()
    thread.join()
    wait(lambda: sending.tcp.unacknowledged == 1)
    assert full.get().data == {"n": 0}
    assert full.empty()
    sending.stop()


class Refusing(TCPIn):
    """Its send raises."""

    def send_event(self, event):
        raise ValueError("no")


def test_an_exception_in_the_middle():
    director = quiet_director()
    tcp = director.register_actor(Refusing, "in", 0, "127.0.0.1")
    errors = director.register_error_actor(Keep, "errors").events
    with running(director):
        answer = ask(tcp.port, frame(JSONEvent(data={"n": 1})) * 2)
    assert answer[-8:] == struct.pack(">Q", 2)
    assert [str(event.error) for event in errors] == ["no", "no"]


class Slowly(TCPIn):
    """Its send blocks."""

    def send_event(self, event):
        compysition.sleep(0.001)
        super().send_event(event)


def test_a_send_that_blocks_keeps_the_order():
    director = quiet_director()
    tcp = director.register_actor(Slowly, "in", 0, "127.0.0.1")
    keep = director.register_actor(Keep, "keep")
    director.connect_queue(tcp, keep)
    director.start(block=False)
    sending = Sending(tcp.port)
    sending.send(*range(30))
    wait(lambda: sending.tcp.unacknowledged == 0 and sending.queue.empty())
    assert numbers(keep.events) == list(range(30))
    sending.stop()
    director.stop()


def test_events_that_come_in_are_ignored(wrap):
    wrapper = wrap(TCPIn("in", 0, "127.0.0.1"))
    wrapper.input = Event(data="x")
    wait(wrapper.input_queues["inbox"].empty)
    assert wrapper.output_queues["outbox"].empty()
    assert wrapper.error_queues["error"].empty()


def test_a_port_that_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        tcp = TCPIn("in", server.getsockname()[1], "127.0.0.1")
        with pytest.raises(OSError, match="listen on"):
            tcp.start()


def test_what_it_logs():
    receiving = Receiving(log=True).start()
    port = receiving.tcp.port
    receiving.stop()
    assert f"Connecting to 127.0.0.1 on {port}" in receiving.log


# ---- TLS ----


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Paths: authority, a server's and a client's certificate, another authority."""
    folder = tmp_path_factory.mktemp("tls")
    authority, other = trustme.CA(), trustme.CA()
    paths = {"cafile": folder / "ca.pem", "other": folder / "other.pem"}
    authority.cert_pem.write_to_path(paths["cafile"])
    other.cert_pem.write_to_path(paths["other"])
    for name in ("localhost", "client"):
        paths[name] = folder / f"{name}.pem"
        authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(paths[name])
    return paths


@pytest.mark.parametrize("mutual", [False, True])
def test_tls(pair, certificates, mutual):
    cafile = certificates["cafile"]
    receiving, sending = pair(
        {"certfile": certificates["localhost"], **({"cafile": cafile} if mutual else {})},
        cafile=cafile,
        server_hostname="localhost",
        **({"certfile": certificates["client"]} if mutual else {}),
    )
    sending.send(*range(1000))
    sending.queue.put(JSONEvent(data={"n": "x" * 300_000}))
    wait(lambda: sending.tcp.unacknowledged == 0 and sending.queue.empty())
    assert numbers(receiving.events) == [*range(1000), "x" * 300_000]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"cafile": "other"}, "self-signed"),
        ({"cafile": "cafile"}, "mismatch"),
        ({"cafile": "cafile", "server_hostname": "localhost"}, ""),
    ],
)
def test_tls_that_is_refused(certificates, options, reason):
    """An authority that is not ours, another name, a client without a certificate."""
    receiving = Receiving(certfile=certificates["localhost"], cafile=certificates["cafile"]).start()
    options["cafile"] = certificates[options["cafile"]]
    sending = Sending(receiving.tcp.port, log=True, stop_timeout=0.05, **options)
    sending.send(1)
    wait_for = "Unable to send event over tcp"
    wait(lambda: any(line.startswith(wait_for) for line in sending.log))
    line = next(line for line in sending.log if line.startswith(wait_for))
    assert any(part in line for part in reason.split("|")), line
    sending.stop()
    assert receiving.events == []
    receiving.stop()


def test_a_plain_sender_at_a_tls_port(certificates):
    receiving = Receiving(certfile=certificates["localhost"]).start()
    sending = Sending(receiving.tcp.port, stop_timeout=0.05, log=True)
    sending.send(1)
    wait(lambda: any(line.startswith("Unable") for line in sending.log))
    sending.stop()
    assert receiving.events == []
    receiving.stop()


@pytest.mark.parametrize("actor", [TCPIn, TCPOut])
def test_certificates_that_are_none(actor, tmp_path):
    (tmp_path / "none.pem").write_text("none")
    for path in (tmp_path / "none.pem", tmp_path / "absent.pem"):
        tcp = actor("tcp", 0, "127.0.0.1", certfile=path, cafile=path)
        with pytest.raises(ActorInitFailure, match=str(path)):
            tcp.start()


# ---- arguments ----


def test_constants():
    assert (DEFAULT_PORT, BUFFER_SIZE) == (9000, 1024)
    assert TCPIn("in").host == "0.0.0.0"
    out = TCPOut("out", 1, "h", True)
    assert (out.port, out.host, out.listen) == (1, "h", True)
    assert TCPOut("out").host == "127.0.0.1"
    assert TCPIn("in").blockdiag_config["shape"] == "cloud"
    assert TCPOut("out").blockdiag_config["shape"] == "cloud"


@pytest.mark.parametrize(
    ("actor", "options", "error"),
    [
        (TCPIn, {"port": 65536}, ValueError),
        (TCPIn, {"port": "x"}, TypeError),
        (TCPIn, {"host": 1}, TypeError),
        (TCPIn, {"serializer": "json"}, ValueError),
        (TCPIn, {"max_event_bytes": 0}, ValueError),
        (TCPIn, {"keyfile": "x"}, ValueError),
        (TCPIn, {"cafile": "x"}, ValueError),
        (TCPIn, {"idle_timeout": 0}, ValueError),
        (TCPIn, {"max_connections": 0}, ValueError),
        (TCPOut, {"keyfile": "x"}, ValueError),
        (TCPOut, {"event_classes": [int]}, TypeError),
        (TCPOut, {"reconnect_min": 2, "reconnect_max": 1}, ValueError),
        (TCPOut, {"server_hostname": 1}, TypeError),
        (TCPOut, {"max_buffer": 0}, ValueError),
        (TCPIn, {"max_event_bytes": 1000, "max_buffer_total": 999}, ValueError),
    ],
)
def test_arguments_that_make_no_sense(actor, options, error):
    with pytest.raises(error):
        actor("tcp", **options)


def test_a_subclass_that_forgets_its_base():
    class Forgetful(TCPOut):
        def __init__(self, name):
            pass

    with pytest.raises(RuntimeError, match="has not called that of TCPOut"):
        Forgetful("out").pre_hook()


def test_started_again(pair):
    receiving, sending = pair()
    sending.send(1)
    wait(lambda: receiving.events)
    sending.stop()
    sending.director.start(block=False)
    sending.send(2)
    wait(lambda: len(receiving.events) == 2)
    assert numbers(receiving.events) == [1, 2]
