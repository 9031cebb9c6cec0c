"""CURVE and PLAIN of the ZeroMQ actors, with peers of pyzmq."""

import pytest
import zmq

import compysition
from compysition import Event, Queue, wire
from compysition.actors import ZMQPull, ZMQPush
from compysition.actors.zeromq import curve_keypair
from tests.actors.helpers import take
from tests.waiting import wait_until

PUBLIC, SECRET = curve_keypair()
CLIENT_PUBLIC, CLIENT_SECRET = curve_keypair()
STRANGER_PUBLIC, STRANGER_SECRET = curve_keypair()


@pytest.fixture
def server():
    """Start a ZMQPull with such settings; its outbox is an attribute."""
    actors = []

    def start(**settings):
        actor = ZMQPull("pull", host="127.0.0.1", port=0, **settings)
        actor.outbox = Queue("outbox")
        actor.pool.outbound.add("outbox", queue=actor.outbox)
        actor.start()
        actors.append(actor)
        return actor

    yield start
    for actor in actors:
        actor.stop()


def client(context, actor, text, **options):
    """A PUSH that has one event for the actor."""
    socket = context.socket(zmq.PUSH)
    monitor = socket.get_monitor_socket(
        zmq.EVENT_HANDSHAKE_SUCCEEDED
        | zmq.EVENT_HANDSHAKE_FAILED_AUTH
        | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
        | zmq.EVENT_DISCONNECTED
    )
    for name, value in options.items():
        setattr(socket, name, value)
    socket.connect(actor.endpoint)
    socket.send(wire.dumps(Event(data=text)))
    wait_until(lambda: monitor.poll(0), compysition.sleep)


def curve(public, secret, server=PUBLIC):
    return {
        "curve_publickey": public.encode(),
        "curve_secretkey": secret.encode(),
        "curve_serverkey": server.encode(),
    }


def test_curve_for_all_who_know_the_key(context, server):
    pull = server(curve_server=True, curve_secretkey=SECRET)
    client(context, pull, "none")
    client(context, pull, "wrong", **curve(CLIENT_PUBLIC, CLIENT_SECRET, STRANGER_PUBLIC))
    client(context, pull, "right", **curve(CLIENT_PUBLIC, CLIENT_SECRET))
    assert take(pull.outbox, 1) == ["right"]
    assert pull.events_received == 1


def test_curve_for_some(context, server):
    pull = server(curve_server=True, curve_secretkey=SECRET, curve_clients=[CLIENT_PUBLIC])
    client(context, pull, "stranger", **curve(STRANGER_PUBLIC, STRANGER_SECRET))
    client(context, pull, "friend", **curve(CLIENT_PUBLIC, CLIENT_SECRET))
    assert take(pull.outbox, 1) == ["friend"]
    assert pull.events_received == 1


def test_started_again_strangers_stay_out(context, server):
    """Each context has a handler of its own: without one, libzmq would let in whoever knows the key."""
    pull = server(curve_server=True, curve_secretkey=SECRET, curve_clients=[CLIENT_PUBLIC])
    for _ in range(2):
        pull.stop()
        pull.start()
        client(context, pull, "stranger", **curve(STRANGER_PUBLIC, STRANGER_SECRET))
        client(context, pull, "friend", **curve(CLIENT_PUBLIC, CLIENT_SECRET))
        assert take(pull.outbox, 1) == ["friend"]
    assert pull.events_received == 2


def test_an_actor_as_curve_client(server):
    pull = server(curve_server=True, curve_secretkey=SECRET, curve_clients=[CLIENT_PUBLIC])
    push = ZMQPush(
        "push",
        host="127.0.0.1",
        port=pull.port,
        curve_serverkey=PUBLIC,
        curve_secretkey=CLIENT_SECRET,
    )
    inbox = Queue("inbox")
    push.register_consumer("inbox", inbox)
    inbox.put(Event(data="in secret"))
    push.start()
    assert take(pull.outbox, 1) == ["in secret"]
    push.stop()


def test_plain(context, server):
    pull = server(plain_users={"me": "password"})
    client(context, pull, "none")
    client(context, pull, "wrong", plain_username=b"me", plain_password=b"passwore")
    client(context, pull, "other", plain_username=b"you", plain_password=b"password")
    client(context, pull, "right", plain_username=b"me", plain_password=b"password")
    assert take(pull.outbox, 1) == ["right"]
    assert pull.events_received == 1


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"curve_server": True}, "curve_server needs curve_secretkey"),
        ({"curve_secretkey": "x" * 39}, "curve_secretkey must be 40 characters of Z85"),
        ({"curve_secretkey": SECRET}, "curve_secretkey needs curve_server=True"),
        ({"curve_publickey": PUBLIC}, "curve_publickey needs curve_secretkey"),
        (
            {"curve_publickey": CLIENT_PUBLIC, "curve_secretkey": SECRET, "curve_server": True},
            "curve_publickey does not belong to curve_secretkey",
        ),
        ({"curve_clients": [PUBLIC]}, "curve_clients is for a curve_server"),
        ({"plain_username": "me"}, "plain_username and plain_password go together"),
        ({"plain_users": {}, "curve_serverkey": PUBLIC}, "CURVE or PLAIN, not both"),
        ({"plain_users": {"a\0": "b"}}, "has a NUL in it"),
    ],
)
def test_settings_that_do_not_fit(settings, text):
    with pytest.raises(ValueError, match=text):
        ZMQPull("pull", **settings)
