"""Parts of a pipeline in processes of their own: requests over ZeroMQ to any number of workers, and their journal over TCP.

    python examples/across_processes.py front      # one, at http://127.0.0.1:8080/price
    python examples/across_processes.py worker     # as many as you like, now or later
    python examples/across_processes.py journal    # one

    front    http -> work =====> in -> price -> answers =====> answers -> http
                                         :  -> journal =====> in -> print

Ask for a price:

    curl --json '{"article": "tea", "quantity": 3}' http://127.0.0.1:8080/price

A journal that is not there yet, or for a while, misses nothing: workers keep what it has not acknowledged. ``--port`` is the first of four ports.
"""

import argparse
import os

from compysition import Actor, Director
from compysition.actors import HTTPServer, TCPIn, TCPOut, ZMQPull, ZMQPush
from compysition.event import JSONEvent

HOST = "127.0.0.1"
PRICES = {"tea": 4, "coffee": 7}


class Price(Actor):
    input = output = JSONEvent

    def consume(self, event, *args, **kwargs):
        order = event.data
        event.data = {
            **order,
            "price": PRICES[order["article"]] * order["quantity"],
            "by": os.getpid(),
        }
        self.send_event(event)


class Print(Actor):
    input = JSONEvent

    def consume(self, event, *args, **kwargs):
        print(event.event_id[:8], event.data_string(), flush=True)


def front(director, port):
    http = director.register_actor(HTTPServer, "http", address=HOST, port=port)
    work = director.register_actor(ZMQPush, "work", mode="bind", host=HOST, port=port + 1)
    answers = director.register_actor(ZMQPull, "answers", mode="bind", host=HOST, port=port + 2)
    director.connect_queue((http, "price"), work)
    director.connect_queue(answers, http)


def worker(director, port):
    work = director.register_actor(ZMQPull, "in", mode="connect", host=HOST, port=port + 1)
    price = director.register_actor(Price, "price")
    answers = director.register_actor(ZMQPush, "answers", mode="connect", host=HOST, port=port + 2)
    journal = director.register_actor(TCPOut, "journal", host=HOST, port=port + 3)
    director.connect_queue(work, price)
    director.connect_queue(price, [answers, journal])
    director.connect_error_queue(price, answers)


def journal(director, port):
    journal = director.register_actor(TCPIn, "in", host=HOST, port=port + 3)
    director.connect_queue(journal, director.register_actor(Print, "print"))


def main():
    roles = {"front": front, "worker": worker, "journal": journal}
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=roles)
    parser.add_argument("--port", type=int, default=8080)
    arguments = parser.parse_args()
    director = Director(name=arguments.role, log_level="WARNING", generate_blockdiag=False)
    roles[arguments.role](director, arguments.port)
    director.start()


if __name__ == "__main__":
    main()
