"""MDPClient and MDPWorker: requests that end in each way, and actors that come and go."""

import compysition
from compysition import Actor, Event, Queue, _core
from compysition.actors import MDPBroker, MDPBrokerRegistrationService, MDPClient, MDPWorker
from compysition.actors.zeromq import curve_keypair
from tests.flows import quiet_director
from tests.majordomo import brokering

KINDS = ["good", "bad", "lost", object()]


class Flow(Actor):
    def consume(self, event, *args, **kwargs):
        if event.data == "bad":
            raise ValueError(event)
        if event.data == "good":
            self.send_event(event)


class Ends(Actor):
    count = 0

    def consume(self, event, *args, **kwargs):
        self.count += 1


def ask(broker, **options):
    """Ask once for each kind, and stop."""
    director = quiet_director(stop_timeout=0.1)
    client = director.register_actor(
        MDPClient, "client", brokers=[broker], timeout=0.02, heartbeat_interval=50, **options
    )
    worker = director.register_actor(
        MDPWorker, "worker", "s", brokers=[broker], heartbeat_interval=50, **options
    )
    ends = director.register_actor(Ends, "ends")
    flow = director.register_actor(Flow, "flow")
    director.connect_queue(worker, flow)
    director.connect_queue(flow, worker)
    director.connect_queue(client, ends)
    director.connect_error_queue(client, ends)
    requests = Queue("requests")
    client.register_consumer("requests", requests)
    director.start(block=False)
    for kind in KINDS:
        requests.put(Event(service="s", data=kind))
    while ends.count < len(KINDS):
        compysition.sleep(0.005)
    director.stop()


def leak_requests():
    with brokering() as broker:
        ask(broker.endpoint)


def leak_requests_of_the_standard():
    with brokering() as broker:
        ask(broker.endpoint, standard=True)


def leak_requests_as_data():
    with brokering() as broker:
        ask(broker.endpoint, standard=True, body="data")


def leak_requests_without_a_broker():
    ask("tcp://127.0.0.1:1")


def leak_actors_that_never_start():
    MDPClient("client")
    MDPWorker("worker", "s")
    for wrong in ({"brokers": 5}, {"standard": True}, {"curve_serverkey": "x"}):
        try:
            MDPClient("client", **wrong)
        except (TypeError, ValueError):
            pass


def leak_broker_and_registration_service():
    director = quiet_director()
    director.register_actor(
        MDPBrokerRegistrationService, "service", 0, 0, host="127.0.0.1", heartbeat_interval=20
    )
    broker = director.register_actor(
        MDPBroker,
        "broker",
        0,
        host="127.0.0.1",
        registration_service_endpoint="",
        curve_server=True,
        curve_secretkey=curve_keypair()[1],
    )
    director.start(block=False)
    compysition.sleep(0.03)
    broker.services, broker.workers, broker.counters  # noqa: B018
    director.stop()


def leak_brokers_that_never_start():
    MDPBroker("broker")
    MDPBrokerRegistrationService("service")
    for kind in (MDPBroker, MDPBrokerRegistrationService):
        for wrong in ({"host": 5}, {"curve_server": True}, {"heartbeat_interval": 0}):
            try:
                kind("actor", **wrong)
            except (TypeError, ValueError):
                pass


def leak_messages_to_a_broker():
    steps = [
        [b"w", b"", b"MDPW01", b"\x01", b"s"],
        [b"c", b"", b"MDPC01", b"s", b"x"],
        50,
        [b"d", b"", b"MDPC01", b"\x008", b"s", b"L", b"x"],
        [b"w", b"", b"MDPW01", b"\x03", b"c", b"", b"y"],
        [b"x", b"", b"nonsense"],
    ]
    _core._run_broker(steps)
