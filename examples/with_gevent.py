"""gevent inside an actor: a hundred events that each wait, all at the same time.

Each event stands for a request to a slow service; gevent.sleep is where one would fetch a page.
"""

import time

import gevent

from compysition import Actor, Director
from compysition.actors import TestEvent

EVENTS = 100
SECONDS = 0.2


class SlowService(Actor):
    """Answers each event after a while, as a service on the network would."""

    def consume(self, event, *args, **kwargs):
        gevent.sleep(SECONDS)
        event.data = f"answer to {event.data}"
        self.send_event(event)


class Summary(Actor):
    """Counts the answers, and stops the director after the last one."""

    def __init__(self, name, director, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.director = director
        self.answers = []

    def consume(self, event, *args, **kwargs):
        self.answers.append(event.data)
        if len(self.answers) == EVENTS:
            self.director.stop()


def main():
    director = Director(generate_blockdiag=False, log_level="WARNING")
    source = director.register_actor(
        TestEvent, "source", "question", producers=EVENTS, interval=60, max_events=EVENTS
    )
    service = director.register_actor(SlowService, "service")
    summary = director.register_actor(Summary, "summary", director)
    director.connect_queue(source, service)
    director.connect_queue(service, summary)

    start = time.monotonic()
    director.start()
    seconds = time.monotonic() - start
    print(f"{len(summary.answers)} answers, each after {SECONDS} s, took {seconds:.2f} s together")


if __name__ == "__main__":
    main()
