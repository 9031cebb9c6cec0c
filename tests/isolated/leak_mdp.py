"""MDPClient and MDPWorker: requests that end in each way, and actors that come and go."""

import compysition
from compysition import Actor, Event, Queue
from compysition.actors import MDPClient, MDPWorker
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
