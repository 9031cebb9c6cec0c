"""The two sides of a MajorDomo broker, for tests: pipelines with an MDPClient or an MDPWorker, and sockets of peers written by others."""

import contextlib

import zmq

from compysition import Actor, Event, Queue, errors
from compysition.actors import MDPClient, MDPWorker
from tests.flows import quiet_director
from tests.servers import running
from tests.waiting import wait_until

FAST = {"heartbeat_interval": 100}


class Events(Actor):
    """Keeps the events themselves."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.events = []

    def consume(self, event, *args, **kwargs):
        self.events.append(event)


class Echo(Actor):
    def consume(self, event, *args, **kwargs):
        self.send_event(event)


class Fails(Actor):
    def consume(self, event, *args, **kwargs):
        raise errors.ForbiddenEvent("not you")


class Side:
    """A pipeline: a client with ``answers`` and ``failures``, a worker with its flow, or both."""

    def __init__(self):
        self.director = quiet_director(log_level=10)
        self.log = self.director.register_log_actor(Events, "log").events
        self.client = self.worker = None

    def add_client(self, **options):
        director = self.director
        self.client = director.register_actor(MDPClient, "client", **{**FAST, **options})
        answers = director.register_actor(Events, "answers")
        failures = director.register_actor(Events, "failures")
        director.connect_queue(self.client, answers)
        director.connect_error_queue(self.client, failures)
        self.answers, self.failures = answers.events, failures.events
        self.requests = Queue("requests")
        self.client.register_consumer("requests", self.requests)

    def add_worker(self, flow=Echo, back=True, service="echo", **options):
        director = self.director
        self.worker = director.register_actor(MDPWorker, "worker", service, **{**FAST, **options})
        self.flow = director.register_actor(flow if isinstance(flow, Actor) else flow("flow"))
        director.connect_queue(self.worker, self.flow)
        if back:
            director.connect_queue(self.flow, self.worker)

    def ask(self, *values, service="echo"):
        for value in values:
            self.requests.put(Event(service=service, data=value))

    def answered(self, count=1):
        wait_until(lambda: len(self.answers) >= count)
        return [event.data for event in self.answers]

    def failed(self, count=1):
        wait_until(lambda: len(self.failures) >= count)
        return self.failures

    def logged(self, text):
        return [line.message for line in self.log if text in line.message]


class Served:
    """A running actor that listens, what is logged, and the sockets of peers written by somebody else."""

    def __init__(self, actor, log):
        self.actor, self.log = actor, log
        self.context = zmq.Context()
        self.sockets = []  # pyzmq complains of those that nobody has any more

    def connect(self, kind, port, identity=None, **options):
        socket = self.context.socket(kind)
        socket.linger = 0
        socket.rcvtimeo = 20000
        for name, value in options.items():
            setattr(socket, name, value)
        if identity:
            socket.identity = identity
        socket.connect(f"tcp://127.0.0.1:{port}")
        self.sockets.append(socket)
        return socket

    def logged(self, text):
        return [line.message for line in self.log if text in line.message]

    def wait_logged(self, text, count=1):
        wait_until(lambda: len(self.logged(text)) >= count)


@contextlib.contextmanager
def both(broker, worker=None, stop_timeout=10.0, **options):
    """Run a client and a worker at the broker."""
    side = Side()
    side.director.stop_timeout = stop_timeout
    brokers = [broker.endpoint]
    side.add_client(brokers=brokers, **options)
    side.add_worker(brokers=brokers, **(worker or {}))
    with running(side.director):
        yield side


@contextlib.contextmanager
def client(**options):
    side = Side()
    side.add_client(**options)
    with running(side.director):
        yield side


@contextlib.contextmanager
def worker(**options):
    side = Side()
    side.add_worker(**options)
    with running(side.director):
        yield side


@contextlib.contextmanager
def dealer(broker, identity=None):
    """A socket of a peer written by somebody else."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    socket.rcvtimeo = 20000
    if identity:
        socket.identity = identity
    socket.connect(broker.endpoint)
    try:
        yield socket
    finally:
        context.destroy(0)
