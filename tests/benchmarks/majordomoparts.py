"""The processes of a MajorDomo of ours: ``python -m tests.benchmarks.majordomoparts ROLE [argument ...]``.

Where workers and clients find brokers is their first argument: endpoints with commas between them, or the port of the registration
service's publisher.
"""

import collections
import json
import sys
import time

import compysition
from compysition import Actor, Event
from compysition.actors import MDPClient, MDPWorker
from tests.benchmarks.rows import percentile
from tests.flows import Forward, Slow, quiet_director

SERVICE = "echo"


def brokers(where):
    if where.isdigit():
        return {"registration_publisher_port": where}
    return {"brokers": where.split(",")}


class Asker(Actor):
    """Sends events to a client, and gets their answers."""

    def __init__(self, name, director, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.director = director

    def pre_hook(self):
        self.threads.spawn(self.ask, restart=False)


class Steadily(Asker):
    """Keeps so many requests in flight until `count` are answered after those of `warm_up`."""

    def __init__(self, name, director, count, in_flight, warm_up, *args, **kwargs):
        super().__init__(name, director, *args, **kwargs)
        self.count, self.in_flight, self.warm_up = count, in_flight, warm_up
        self.times = []
        self.answered = 0

    def ask(self):
        for _ in range(self.in_flight):
            self.send_event(Event(service=SERVICE, data=time.perf_counter()))

    def consume(self, event, *args, **kwargs):
        now = time.perf_counter()
        self.answered += 1
        if self.answered == self.warm_up:
            self.begin = now
        elif self.answered > self.warm_up:
            self.times.append(now - event.data)
        if len(self.times) < self.count:
            self.send_event(Event(service=SERVICE, data=now))
        elif len(self.times) == self.count:
            print(self.count / (now - self.begin), percentile(self.times, 99), flush=True)
            self.director.stop()


class AtARate(Asker):
    """Sends so many requests a second, once the first is answered, and says how often each was."""

    def __init__(self, name, director, rate, seconds, *args, **kwargs):
        super().__init__(name, director, *args, **kwargs)
        self.rate, self.seconds = rate, seconds
        self.answers = collections.Counter()
        self.failed = 0
        self.longest = 0.0

    def send(self, number):
        self.send_event(Event(service=SERVICE, data=(number, time.perf_counter())))

    def ask(self):
        self.send(0)
        while not self.answers:
            compysition.sleep(0.01)
        print("ready", flush=True)
        begin, sent = time.perf_counter(), 1
        while sent <= self.rate * self.seconds:
            compysition.sleep(0.005)
            due = min((time.perf_counter() - begin), self.seconds) * self.rate
            while sent <= due:
                self.send(sent)
                sent += 1
        while len(self.answers) + self.failed < sent:
            compysition.sleep(0.01)
        compysition.sleep(0.5)  # for answers that come twice
        twice = sum(count > 1 for count in self.answers.values())
        print(json.dumps([sent, len(self.answers), twice, self.longest]), flush=True)
        self.director.stop()

    def consume(self, event, *args, **kwargs):
        if event.error is not None:
            self.failed += 1
            return
        number, begin = event.data
        self.answers[number] += 1
        self.longest = max(self.longest, time.perf_counter() - begin)


def run_broker(port, *registration):
    from compysition.actors.mdpbroker import MDPBroker

    director = quiet_director()
    ports = dict(
        zip(
            ("registration_service_port", "registration_publisher_port"), registration, strict=False
        )
    )
    director.register_actor(MDPBroker, "broker", int(port), host="127.0.0.1", **ports)
    director.start(block=False)
    print("ready", flush=True)
    director.block()


def run_registry(listen, publish):
    from compysition.actors.mdpregistrar import MDPBrokerRegistrationService

    director = quiet_director()
    director.register_actor(MDPBrokerRegistrationService, "registry", int(listen), int(publish))
    director.start(block=False)
    print("ready", flush=True)
    director.block()


def run_worker(where, milliseconds="0"):
    """Answer each request after that time; others meanwhile."""
    director = quiet_director()
    worker = director.register_actor(MDPWorker, "worker", SERVICE, **brokers(where))
    if milliseconds == "0":
        echo = director.register_actor(Forward, "echo")
    else:
        echo = director.register_actor(Slow, "slow", int(milliseconds) / 1000, concurrency=1000)
    director.connect_queue(worker, echo)
    director.connect_queue(echo, worker)
    director.start()


def run_asker(asker_class, where, *numbers):
    director = quiet_director()
    client = director.register_actor(MDPClient, "client", **brokers(where))
    asker = director.register_actor(asker_class, "asker", director, *map(int, numbers))
    director.connect_queue(asker, client)
    director.connect_queue(client, asker)
    director.connect_error_queue(client, asker)
    director.start()


ROLES = {
    "broker": run_broker,
    "registry": run_registry,
    "worker": run_worker,
    "client": lambda *arguments: run_asker(Steadily, *arguments),
    "steady": lambda *arguments: run_asker(AtARate, *arguments),
}

if __name__ == "__main__":
    ROLES[sys.argv[1]](*sys.argv[2:])
