"""Pipelines that measurements send events through one by one."""

import itertools

from compysition import Queue, sleep


def start_chain(actors, make):
    """Connect actors in a chain and start them.

    Returns what sends the event that `make` gives through all of them and waits until it is out, and what stops them.
    """
    first = Queue("first")
    actors[0].register_consumer("first", first)
    for source, destination in itertools.pairwise(actors):
        source.connect_queue(destination.name, destination)
    queues = [queue for actor in actors for queue in actor.pool.inbound.values()]
    for actor in actors:
        actor.start()

    def one_event():
        first.put(make())
        while any(map(len, queues)):
            sleep(0)

    def stop():
        for actor in actors:
            actor.stop()

    return one_event, stop
