"""A worker: serves the requests for test_service. There may be as many as there is work for.

python examples/majordomo/worker.py [--registrar HOST]
"""

import argparse
import os
import socket

from compysition import Actor, Director
from compysition.actors import STDOUT, MDPWorker

parser = argparse.ArgumentParser()
parser.add_argument("--registrar", default="localhost", metavar="HOST")
arguments = parser.parse_args()


class Answer(Actor):
    """Says who has served the request."""

    def consume(self, event, *args, **kwargs):
        event.data = f"Hello, this has been process {os.getpid()} on {socket.gethostname()}"
        self.send_event(event)


director = Director()
worker = director.register_actor(
    MDPWorker, "worker", "test_service", registration_publisher_host=arguments.registrar
)
answer = director.register_actor(Answer, "answer")
director.register_log_actor(STDOUT, "log", timestamp=True)

director.connect_queue(worker, answer)
director.connect_queue(answer, worker)

director.start()
