"""ZMQReq and ZMQRep, with peers of pyzmq and with each other."""

import pytest
import zmq

import compysition
from compysition import Event, Queue, wire
from compysition.actors import Null, ZMQRep, ZMQReq
from compysition.errors import ActorTimeout, BadGateway, MalformedEventData, ResourceNotFound
from compysition.event import JSONEvent
from tests.flows import Collect, Fail, Forward, Source, quiet_director
from tests.waiting import wait_until


def heard(socket, receive):
    """What a peer in this thread receives, while the loop goes on."""
    wait_until(lambda: socket.poll(0), compysition.sleep)
    return receive()


def peer_of(context, kind, actor):
    socket = context.socket(kind)
    socket.SNDTIMEO = 5000
    socket.connect(actor.endpoint)
    return socket


def bound_peer(context, kind):
    socket = context.socket(kind)
    socket.SNDTIMEO = 5000
    return socket, socket.bind_to_random_port("tcp://127.0.0.1")


def asker(port, **kwargs):
    """A started ZMQReq, and its queues: inbox, outbox, errors."""
    actor = ZMQReq("req", port=port, **kwargs)
    queues = [Queue(name) for name in ("inbox", "outbox", "errors")]
    actor.register_consumer("inbox", queues[0])
    actor.pool.outbound.add("outbox", queue=queues[1])
    actor.pool.error.add("errors", queue=queues[2])
    actor.start()
    return actor, *queues


def answerer(*, flow=None, **kwargs):
    """A running director with ZMQRep, and what answers its questions."""
    director = quiet_director()
    rep = director.register_actor(ZMQRep, "rep", port=0, host="127.0.0.1", **kwargs)
    worker = director.register_actor(flow or Forward, "worker")
    director.connect_queue(rep, worker)
    if flow is None:
        director.connect_queue(worker, rep)
    director.start(block=False)
    return director, rep


def ask(socket, event):
    socket.send(wire.dumps(event))
    return wire.loads(heard(socket, socket.recv))


# ---- ZMQReq ----


def test_an_answer_takes_the_place_of_its_question(context):
    peer, port = bound_peer(context, zmq.REP)
    actor, inbox, outbox, _ = asker(port)
    question = JSONEvent(data={"n": 1})
    inbox.put(question)
    asked = wire.loads(heard(peer, peer.recv))
    assert (asked.event_id, asked.data) == (question.event_id, {"n": 1})
    asked.data["n"] = 2
    peer.send(wire.dumps(asked))
    answer = outbox.get(block=True, timeout=5)
    assert (answer.event_id, answer.data) == (question.event_id, {"n": 2})
    actor.stop()


def test_questions_wait_for_the_answer_to_the_one_before(context):
    peer, port = bound_peer(context, zmq.REP)
    actor, inbox, outbox, _ = asker(port)
    for n in range(3):
        inbox.put(Event(data=n))
    for n in range(3):
        asked = wire.loads(heard(peer, peer.recv))
        assert asked.data == n
        assert not peer.poll(0)
        peer.send(wire.dumps(asked))
    assert [outbox.get(block=True, timeout=5).data for _ in range(3)] == [0, 1, 2]
    actor.stop()


def test_no_answer_in_time_is_an_error_and_the_next_question_is_asked(context):
    peer, port = bound_peer(context, zmq.ROUTER)
    actor, inbox, outbox, errors = asker(port, timeout=0.1)
    inbox.put(Event(data="first"))
    late = heard(peer, peer.recv_multipart)
    failed = errors.get(block=True, timeout=5)
    assert failed.data == "first"
    assert type(failed.error) is ActorTimeout
    inbox.put(Event(data="second"))
    asked = heard(peer, peer.recv_multipart)
    peer.send_multipart(late)  # nobody waits for it any more
    peer.send_multipart(asked)
    assert outbox.get(block=True, timeout=5).data == "second"
    actor.stop()


def test_an_answer_that_is_no_event_is_an_error(context):
    peer, port = bound_peer(context, zmq.REP)
    actor, inbox, _, errors = asker(port)
    inbox.put(Event(data="question"))
    heard(peer, peer.recv)
    peer.send(b"nonsense")
    failed = errors.get(block=True, timeout=5)
    assert type(failed.error) is BadGateway
    assert "not an event" in failed.error_string()
    assert actor.events_refused == 1
    actor.stop()


def test_an_answer_with_an_error_goes_along_the_error_path(context):
    peer, port = bound_peer(context, zmq.REP)
    actor, inbox, outbox, errors = asker(port)
    inbox.put(Event(data="question"))
    answer = wire.loads(heard(peer, peer.recv))
    answer.error = MalformedEventData("bad question")
    peer.send(wire.dumps(answer))
    failed = errors.get(block=True, timeout=5)
    assert (type(failed.error), failed.error.message) == (MalformedEventData, ["bad question"])
    assert outbox.qsize() == 0
    actor.stop()


def test_what_cannot_be_sent_is_an_error_that_names_it(context):
    _, port = bound_peer(context, zmq.REP)
    actor, inbox, _, errors = asker(port)
    inbox.put(Event(data={"key": object()}))
    failed = errors.get(block=True, timeout=5)
    assert "data['key']" in str(failed.error)
    actor.stop()


def test_a_stop_while_it_waits_ends_the_question(context):
    peer, port = bound_peer(context, zmq.REP)
    director = quiet_director(stop_timeout=0.2)
    source = director.register_actor(Source, "source", 1)
    req = director.register_actor(ZMQReq, "req", port=port)
    director.connect_queue(source, req)
    director.start(block=False)
    heard(peer, peer.recv)
    director.stop()
    assert not director.is_running()
    assert director.stats()["events"]["in_flight"] == 0


@pytest.mark.parametrize("name", ["topics"])
def test_arguments_of_other_kinds_are_refused(name):
    with pytest.raises(TypeError, match=name):
        ZMQReq("req", **{name: "x"})


# ---- ZMQRep ----


def test_a_question_of_a_foreign_peer_is_answered(context):
    director, rep = answerer()
    peer = peer_of(context, zmq.REQ, rep)
    question = JSONEvent(data={"n": 1}, service="sums")
    for _ in range(3):
        answer = ask(peer, question)
        assert (answer.event_id, answer.data, answer.service) == (
            question.event_id,
            {"n": 1},
            "sums",
        )
    director.stop()


def test_a_flow_that_fails_is_the_answer(context):
    director, rep = answerer(flow=Fail)
    answer = ask(peer_of(context, zmq.REQ, rep), Event(data="question"))
    assert isinstance(answer.error, ValueError)
    assert answer.data == "question"
    director.stop()


def test_a_flow_that_ends_without_an_answer_is_answered_at_once(context):
    director, rep = answerer(flow=Null)
    answer = ask(peer_of(context, zmq.REQ, rep), Event(data="question"))
    assert "without an answer" in answer.error_string()
    director.stop()


def test_a_flow_that_keeps_the_event_is_answered_at_the_time_limit(context):
    director, rep = answerer(flow=Collect, timeout=0.1)
    question = Event(data="question")
    answer = ask(peer_of(context, zmq.REQ, rep), question)
    assert (type(answer.error), answer.event_id) == (ActorTimeout, question.event_id)
    director.stop()


@pytest.mark.parametrize("nonsense", [b"", b"nonsense", b"\x80\x04.", wire.dumps(Event())[:-1]])
def test_nonsense_is_answered_with_an_error(context, nonsense):
    director, rep = answerer()
    peer = peer_of(context, zmq.REQ, rep)
    peer.send(nonsense)
    assert type(wire.loads(heard(peer, peer.recv)).error) is MalformedEventData
    assert rep.events_refused == 1
    assert ask(peer, Event(data="next")).data == "next"
    director.stop()


def test_an_event_that_nobody_asked_for_is_an_error():
    rep = ZMQRep("rep", port=0, host="127.0.0.1")
    inbox, errors = Queue("inbox"), Queue("errors")
    rep.register_consumer("inbox", inbox)
    rep.pool.error.add("errors", queue=errors)
    rep.start()
    inbox.put(Event())
    assert type(errors.get(block=True, timeout=5).error) is ResourceNotFound
    rep.stop()


def test_a_full_outbox_holds_the_question(context):
    rep = ZMQRep("rep", port=0, host="127.0.0.1")
    outbox = Queue("outbox", maxsize=1)
    outbox.put(Event(data="in the way"))
    rep.pool.outbound.add("outbox", queue=outbox)
    rep.start()
    peer = peer_of(context, zmq.REQ, rep)
    peer.send(wire.dumps(Event(data="question")))
    wait_until(lambda: rep.events_received == 1, compysition.sleep)
    assert outbox.get().data == "in the way"
    assert outbox.get(block=True, timeout=5).data == "question"
    rep.stop()


def test_a_stop_while_a_question_is_not_answered(context):
    director, rep = answerer(flow=Collect)
    peer = peer_of(context, zmq.REQ, rep)
    peer.send(wire.dumps(Event(data="question")))
    wait_until(lambda: rep.events_received == 1, compysition.sleep)
    director.stop()
    assert not director.is_running()


# ---- both ----


def test_one_asks_the_other():
    director, rep = answerer()
    actor, inbox, outbox, _ = asker(rep.port)
    for n in range(50):
        inbox.put(JSONEvent(data={"n": n}))
    assert [outbox.get(block=True, timeout=5).data["n"] for _ in range(50)] == list(range(50))
    actor.stop()
    director.stop()
