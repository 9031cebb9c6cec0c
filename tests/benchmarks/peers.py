"""What peers need for a hop: a queue's put and get, and the call of the same consume. Prints JSON."""

import asyncio
import copy
import json
import statistics
import sys
import time

import gevent
import gevent.queue
import uvloop

from tests.benchmarks.hops import DOCUMENT, EVENTS, RUNS, BareActor


def asyncio_hop(loop_factory):
    async def consumer(queue, actor):
        for _ in range(EVENTS):
            actor.consume(await queue.get(), origin="q", origin_queue=queue)

    async def run():
        queue, actor = asyncio.Queue(500), BareActor()
        start = time.thread_time()
        task = asyncio.create_task(consumer(queue, actor))
        for _ in range(EVENTS):
            await queue.put(DOCUMENT)
        await task
        return (time.thread_time() - start) / EVENTS * 1e6

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(run())


def gevent_hop():
    queue, actor = gevent.queue.Queue(500), BareActor()

    def consumer():
        for _ in range(EVENTS):
            actor.consume(queue.get(), origin="q", origin_queue=queue)

    start = time.thread_time()
    greenlet = gevent.spawn(consumer)
    for _ in range(EVENTS):
        queue.put(DOCUMENT)
    greenlet.join()
    return (time.thread_time() - start) / EVENTS * 1e6


def deep_copy():
    start = time.thread_time()
    for _ in range(EVENTS // 10):
        copy.deepcopy(DOCUMENT)
    return (time.thread_time() - start) / (EVENTS // 10) * 1e6


MEASURES = {
    "asyncio.Queue hop": lambda: asyncio_hop(asyncio.new_event_loop),
    "asyncio.Queue hop on uvloop": lambda: asyncio_hop(uvloop.new_event_loop),
    "gevent.queue hop": gevent_hop,
    "copy.deepcopy": deep_copy,
}


def main():
    medians = {name: statistics.median(f() for _ in range(RUNS)) for name, f in MEASURES.items()}
    json.dump(medians, sys.stdout)


if __name__ == "__main__":
    main()
