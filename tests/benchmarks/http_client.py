"""HTTPClient beside the standard library's client: GETs of what nginx answers, each on one processor."""

import http.client
import json
import os
import shutil
import sys
import threading
import time

from tests.benchmarks.http_server import CONNECTIONS, cores, running
from tests.benchmarks.rows import Row

REQUESTS = 20_000


def ours(port):
    """Through an actor, with as many under way as the others have threads."""
    from compysition import Actor, Director
    from compysition.actors import HTTPClient
    from compysition.event import HttpEvent

    class Source(Actor):
        def pre_hook(self):
            self.threads.spawn(self.produce)

        def produce(self):
            for _ in range(REQUESTS):
                self.send_event(HttpEvent())

        def consume(self, event, *args, **kwargs):
            pass

    class Count(Actor):
        count = 0

        def consume(self, event, *args, **kwargs):
            assert event.data["data"]["name"] == "value"
            self.count += 1
            if self.count == REQUESTS:
                director.stop()

    director = Director(log_level="ERROR", generate_blockdiag=False)
    source = director.register_actor(Source, "source")
    client = director.register_actor(
        HTTPClient, "client", f"http://127.0.0.1:{port}/x", concurrency=CONNECTIONS
    )
    director.connect_queue(source, client)
    director.connect_queue(client, director.register_actor(Count, "count"))
    director.start()


def get_many(port, count):
    """The standard library's: one connection, one request after the other."""
    client = http.client.HTTPConnection("127.0.0.1", port)
    for _ in range(count):
        client.request("GET", "/x")
        assert json.loads(client.getresponse().read())["data"]["name"] == "value"
    client.close()


def threads_of_http_client(port, count):
    threads = [
        threading.Thread(target=get_many, args=(port, REQUESTS // count)) for _ in range(count)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(function, *args):
    """Requests per second, and microseconds of processor time for each."""
    start, used = time.perf_counter(), time.process_time()
    function(*args)
    seconds, used = time.perf_counter() - start, time.process_time() - used
    return REQUESTS / seconds, used / REQUESTS * 1e6


def requests():
    """JSON that comes back, parsed by both."""
    if shutil.which("nginx") is None or shutil.which("taskset") is None:
        print("HTTPClient is not measured: nginx or taskset not installed", file=sys.stderr)
        return []
    with running("nginx_constant") as (port, _):
        os.sched_setaffinity(0, {cores()[1]})
        rate, used = measure(ours, port)
        alone, used_alone = measure(threads_of_http_client, port, 1)
        many, used_many = measure(threads_of_http_client, port, CONNECTIONS)
    peer = min(used_alone, used_many)
    return [
        Row("HTTPClient, 64 at once: processor time", used, "µs", 1, used / peer, "http.client"),
        Row("HTTPClient: http.client, processor time", peer, "µs"),
        Row("HTTPClient, 64 at once", rate, "1/s"),
        Row("HTTPClient: http.client, one connection", alone, "1/s"),
        Row("HTTPClient: http.client, 64 threads", many, "1/s"),
    ]
