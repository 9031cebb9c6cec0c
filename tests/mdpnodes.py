"""A process with parts of a MajorDomo: ``python -m tests.mdpnodes REGISTRAR PART ...``.

REGISTRAR is the host of the registration service. Parts: ``registrar``, ``broker``, ``client``, and ``worker:NAME``, which answers with
its name. What comes on standard input is asked, a line each, and the answers are printed.
"""

import subprocess
import sys
import threading

from compysition import Actor, Event, Queue
from compysition.actors import MDPBroker, MDPBrokerRegistrationService, MDPClient, MDPWorker
from tests.flows import quiet_director

HEARTBEAT = {"heartbeat_interval": 100}


class Named(Actor):
    def consume(self, event, *args, **kwargs):
        event.data = f"{event.data} {self.name}"
        self.send_event(event)


class Print(Actor):
    def consume(self, event, *args, **kwargs):
        print(event.data, flush=True)


def add(director, part, registrar):
    peer = {"registration_publisher_host": registrar, **HEARTBEAT}
    if part == "registrar":
        director.register_actor(MDPBrokerRegistrationService, part, **HEARTBEAT)
    elif part == "broker":
        endpoint = f"tcp://{registrar}:6000"
        director.register_actor(
            MDPBroker, part, registration_service_endpoint=endpoint, **HEARTBEAT
        )
    elif part == "client":
        client = director.register_actor(MDPClient, part, **peer)
        director.connect_queue(client, director.register_actor(Print, "print"))
        requests = Queue("requests")
        client.register_consumer("requests", requests)
        threading.Thread(target=ask, args=(requests,), daemon=True).start()
    else:
        name = part.removeprefix("worker:")
        worker = director.register_actor(MDPWorker, "worker", "echo", **peer)
        answer = director.register_actor(Named, name)
        director.connect_queue(worker, answer)
        director.connect_queue(answer, worker)


def ask(requests):
    for line in sys.stdin:
        requests.put(Event(service="echo", data=line.strip()))


class Node:
    """Such a process."""

    def __init__(self, host, *arguments):
        self.process = subprocess.Popen(
            [*host, sys.executable, "-m", "tests.mdpnodes", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, text):
        self.process.stdin.write(f"{text}\n")
        self.process.stdin.flush()

    def answer(self):
        return self.process.stdout.readline().strip()

    def kill(self):
        self.process.kill()
        self.process.communicate()


def main(registrar, *parts):
    director = quiet_director()
    for part in parts:
        add(director, part, registrar)
    director.start()


if __name__ == "__main__":
    main(*sys.argv[1:])
