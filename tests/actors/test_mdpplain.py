"""MDPClient and MDPWorker in plain MDP 0.1 (RFC 7), with peers that know no events."""

import pytest

import compysition
from compysition import Actor, Event, errors, wire
from compysition.actors import Data, MDPBroker, MDPClient, MDPWorker
from compysition.event import JSONEvent, JSONHttpEvent
from tests.actors.mdpsides import Echo, Fails, client, dealer, worker
from tests.flows import quiet_director
from tests.majordomo import C, W, brokering
from tests.servers import running
from tests.waiting import wait_until

PLAIN = {"standard": True, "body": "data"}


def sign_on(peer, service=b"echo"):
    peer.send_multipart([b"", W, b"\x01", service])


def take_request(peer):
    """The client's address, and the body."""
    empty, header, command, address, last, *body = peer.recv_multipart()
    assert (empty, header, command, last) == (b"", W, b"\x02", b"")
    return address, body


def answer(peer, address, *body):
    peer.send_multipart([b"", W, b"\x03", address, b"", *body])


def requests_heard(broker):
    return [frames for frames in broker.heard if frames[2] == C]


# ---- clients ----


def test_data_goes_out_and_comes_back():
    with (
        brokering() as broker,
        client(brokers=[broker.endpoint], service_prefix="a.", **PLAIN) as side,
        dealer(broker) as peer,
    ):
        sign_on(peer, b"a.upper")
        event = Event(service="upper", data="é")
        side.requests.put(event)
        address, body = take_request(peer)
        assert body == ["é".encode()]
        assert requests_heard(broker) == [[address, b"", C, b"a.upper", "é".encode()]]
        answer(peer, address, b"\xc9")
        assert side.answered() == [b"\xc9"]
        (reply,) = side.answers
        assert (type(reply), reply.event_id, reply.service) == (Event, event.event_id, "upper")


@pytest.mark.parametrize(
    ("options", "sent", "answer_class"),
    [
        ({}, JSONHttpEvent, JSONHttpEvent),
        ({"event_class": JSONEvent}, Event, JSONEvent),
    ],
)
def test_the_class_of_a_reply(options, sent, answer_class):
    """That of the request, or another."""
    with (
        brokering() as broker,
        client(brokers=[broker.endpoint], **PLAIN, **options) as side,
        dealer(broker) as peer,
    ):
        sign_on(peer)
        event = sent(service="echo", data='{"a": 1}')
        side.requests.put(event)
        address, body = take_request(peer)
        assert body == [b'{"a": 1}']
        answer(peer, address, b'{"b": 2}')
        assert side.answered() == [{"b": 2}]
        assert type(side.answers[0]) is answer_class
        assert side.answers[0].event_id == event.event_id


def test_several_frames():
    with (
        brokering() as broker,
        client(brokers=[broker.endpoint], **PLAIN) as side,
        worker(brokers=[broker.endpoint], **PLAIN),
    ):
        side.ask([b"one", b"", b"three"], [b"x"] * 27)
        assert side.answered() == [[b"one", b"", b"three"]]
        assert isinstance(side.failed()[0].error, ValueError)


def test_a_reply_that_the_class_does_not_take():
    with (
        brokering() as broker,
        client(brokers=[broker.endpoint], **PLAIN) as side,
        dealer(broker) as peer,
    ):
        sign_on(peer)
        side.requests.put(JSONEvent(service="echo", data=[1]))
        address, _ = take_request(peer)
        answer(peer, address, b"no JSON")
        (event,) = side.failed()
        assert isinstance(event.error, errors.InvalidEventDataModification)
        assert event.data == [1]


def test_a_late_reply_is_nobody_elses():
    with (
        brokering() as broker,
        client(brokers=[broker.endpoint], timeout=0.3, connections=1, **PLAIN) as side,
        dealer(broker) as peer,
    ):
        sign_on(peer)
        side.ask("first")
        late, body = take_request(peer)
        assert body == [b"first"]
        assert isinstance(side.failed()[0].error, errors.ActorTimeout)
        side.ask("second")
        wait_until(lambda: len(requests_heard(broker)) == 2)
        answer(peer, late, b"to the first")
        address, body = take_request(peer)
        assert (body, address != late) == ([b"second"], True)
        answer(peer, address, b"to the second")
        assert side.answered() == [b"to the second"]


def test_one_request_at_a_time_for_each_connection():
    with (
        brokering() as broker,
        client(brokers=[broker.endpoint], connections=2, **PLAIN) as side,
        dealer(broker) as peer,
    ):
        side.ask(*"abcdef")
        wait_until(lambda: len(requests_heard(broker)) == 2)
        assert len(side.client.outbound_queue) == 4
        assert side.client.broker_manager == {
            broker.endpoint: {"endpoint": broker.endpoint, "verified": True}
        }
        sign_on(peer)
        for _ in "abcdef":
            address, body = take_request(peer)
            waiting = [frames for frames in requests_heard(broker) if frames[0] == address]
            assert waiting[-1][4:] == body
            answer(peer, address, body[0].upper())
        assert sorted(side.answered(6)) == [b"A", b"B", b"C", b"D", b"E", b"F"]
        assert len({frames[0] for frames in requests_heard(broker)}) == 2


def test_a_reply_of_another_service():
    with (
        brokering() as broker,
        client(brokers=[broker.endpoint], timeout=0.5, **PLAIN) as side,
    ):
        side.ask("x")
        wait_until(lambda: requests_heard(broker))
        address = requests_heard(broker)[0][0]
        broker.told.append([address, b"", C, b"other", b"y"])
        wait_until(lambda: side.client.late == 1)
        assert isinstance(side.failed()[0].error, errors.ActorTimeout)
        assert not side.answers


def test_a_broker_that_is_restarted():
    """What it had is asked again, on a socket that has never sent anything."""
    with brokering() as broker:
        port = broker.port
        entered = client(brokers=[broker.endpoint], connections=1, **PLAIN)
        side = entered.__enter__()
        side.ask("x")
        wait_until(lambda: requests_heard(broker))
    with brokering(port=port) as broker, dealer(broker) as peer:
        sign_on(peer)
        address, body = take_request(peer)
        answer(peer, address, b"y")
        assert (body, side.answered()) == ([b"x"], [b"y"])
        assert len(requests_heard(broker)) == side.client.resent == 1
        entered.__exit__(None, None, None)


def test_a_stop_with_a_request_on_its_way():
    with brokering() as broker:
        with client(brokers=[broker.endpoint], **PLAIN) as side:
            side.director.stop_timeout = 0.1
            side.ask("x")
            wait_until(lambda: requests_heard(broker))
        assert side.client.waiting == 0


# ---- workers ----


class Adds(Actor):
    def consume(self, event, *args, **kwargs):
        event.data["sum"] = sum(event.data["numbers"])
        self.send_event(event)


def test_a_worker_makes_events_of_a_class():
    with (
        brokering() as broker,
        worker(flow=Adds, brokers=[broker.endpoint], event_class=JSONEvent, **PLAIN),
        dealer(broker) as peer,
    ):
        peer.send_multipart([b"", C, b"echo", b'{"numbers": [1, 2]}'])
        assert peer.recv_multipart() == [b"", C, b"echo", b'{"numbers": [1, 2], "sum": 3}']


def test_a_worker_answers_what_it_cannot_read():
    """A broker of MDP 0.1 sends it nothing more before that."""
    with (
        brokering() as broker,
        worker(brokers=[broker.endpoint], event_class=JSONEvent, **PLAIN) as side,
        dealer(broker) as peer,
    ):
        peer.send_multipart([b"", C, b"echo", b"no JSON"])
        assert b"Malformed data" in peer.recv_multipart()[3]
        peer.send_multipart([b"", C, b"echo", b"[1]"])
        assert peer.recv_multipart()[3] == b"[1]"
        assert side.logged("Received an invalid request")


def test_a_worker_answers_events_that_it_cannot_read():
    with (
        brokering() as broker,
        worker(brokers=[broker.endpoint], standard=True),
        dealer(broker) as peer,
    ):
        for _ in range(2):
            peer.send_multipart([b"", C, b"echo", wire.dumps(Event(data=1))[:-1]])
            reply = wire.loads(peer.recv_multipart()[3])
            assert isinstance(reply.error, errors.MalformedEventData)


@pytest.mark.parametrize("flow", [Echo, Fails])
def test_whatever_comes_is_data(flow):
    """Also what looks like an event of ours; an error is its text."""
    body = wire.dumps(Event(data=1))
    with (
        brokering() as broker,
        worker(flow=flow, brokers=[broker.endpoint], **PLAIN),
        dealer(broker) as peer,
    ):
        peer.send_multipart([b"", C, b"echo", body])
        assert peer.recv_multipart()[3] == (body if flow is Echo else b"['not you']")


class Waits(Event):
    """Takes its time to say what its data is."""

    def data_string(self):
        compysition.sleep(0.15)
        return "late"


def test_a_request_that_ends_while_its_reply_is_written():
    """It is answered once."""
    with (
        brokering() as broker,
        worker(
            flow=Data("flow", data=5),
            brokers=[broker.endpoint],
            event_class=Waits,
            request_timeout=0.05,
            **PLAIN,
        ) as side,
        dealer(broker) as peer,
    ):
        peer.send_multipart([b"", C, b"echo", b"x"])
        assert b"no answer in time" in peer.recv_multipart()[3]
        wait_until(lambda: side.logged("unable to find client return address"))
        assert not peer.poll(0)


# ---- the life of a worker ----


def ready(broker):
    """Who has signed on, in that order."""
    return [frames[0] for frames in broker.heard if frames[2:] == [W, b"\x01", b"echo"]]


def test_a_worker_that_is_told_to_disconnect():
    """It says nothing more on that socket, and signs on with another one."""
    with brokering() as broker, worker(brokers=[broker.endpoint], standard=True) as side:
        wait_until(lambda: len(ready(broker)) == 1)
        first = ready(broker)[0]
        heard = len(broker.heard)
        broker.told.append([first, b"", W, b"\x05"])
        wait_until(lambda: len(ready(broker)) == 2)
        assert first not in [frames[0] for frames in broker.heard[heard:] if frames[3] != b"\x04"]
        assert ready(broker)[1] != first
        assert side.logged("Received disconnect command")


def test_a_broker_without_heartbeats():
    """It is left after three that are missed, for a time that grows until it says something."""
    with brokering() as broker:
        broker.beats = False
        with worker(brokers=[broker.endpoint], standard=True, heartbeat_interval=20) as side:
            wait_until(lambda: len(side.logged("is silent")) >= 3)
            waits = [int(line.split()[-2]) for line in side.logged("is silent")]
            assert waits[:3] == [20, 40, 80]
            broker.beats = True
            signed_on = ready(broker)
            assert len(set(signed_on)) == len(signed_on) >= 2
            wait_until(lambda: side.worker.broker_manager[broker.endpoint]["verified"])


# ---- through a broker of ours ----


@pytest.mark.parametrize("options", [{}, {"body": "data"}, PLAIN], ids=repr)
def test_mdpbroker(options):
    """It serves both dialects at once; and tells a client which services there are (RFC 8)."""
    director = quiet_director()
    broker = director.register_actor(
        MDPBroker, "broker", 0, host="127.0.0.1", registration_service_endpoint=""
    )
    with running(director):
        brokers = [f"tcp://127.0.0.1:{broker.port}"]
        with client(brokers=brokers, **PLAIN) as side, worker(brokers=brokers, **options):
            side.ask("x", [b"y", b"z"])
            assert sorted(side.answered(2), key=repr) == [[b"y", b"z"], b"x"]
            side.ask("echo", service="mmi.service")
            assert side.answered(3)[2] == b"200"


# ---- arguments ----


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"body": "text", "standard": True}, ValueError),
        ({"body": "data"}, ValueError),
        ({"event_class": int}, TypeError),
        ({"event_class": "JSONEvent"}, TypeError),
        ({"connections": 0, **PLAIN}, ValueError),
    ],
)
def test_arguments(options, error):
    with pytest.raises(error):
        MDPClient("client", brokers=["tcp://127.0.0.1:1"], **options)
    MDPWorker("worker", "echo", body="data")
