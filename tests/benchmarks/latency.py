"""How late a timer is while a pipeline is busy, and how long a `put` takes to reach another thread's consume."""

import queue
import statistics
import threading
import time

import compysition
from compysition import Actor
from compysition.actors import FlowController, Null
from compysition.event import JSONEvent
from tests.benchmarks.hops import DOCUMENT
from tests.benchmarks.rows import Row, percentile
from tests.benchmarks.sleepers import cooperative_sleep
from tests.flows import Forward, quiet_director

SECONDS = 0.001
TIMERS = 2000
AWAY = 0.05  # ms
HOPS = 5
CIRCULATING = 500
PUTS = 1000


def one_timer(sleep):
    """How late a timer was, and for how long this thread was off the CPU meanwhile, which a busy one is not of itself; in ms."""
    cpu, start = time.thread_time(), time.perf_counter()
    sleep(SECONDS)
    wall = time.perf_counter() - start
    return (wall - SECONDS) * 1e3, (wall - (time.thread_time() - cpu)) * 1e3


def late_timers(name):
    """Rows for a busy process. Timers during which another process took the CPU away are left out, and counted."""
    sleep = cooperative_sleep()
    timers = [one_timer(sleep) for _ in range(TIMERS)]
    late = [late for late, away in timers if away < AWAY]
    return [
        Row(f"{name}: p50", percentile(late, 50), "ms"),
        Row(f"{name}: p99", percentile(late, 99), "ms", 1),
        Row(f"{name}: left out", 100 - 100 * len(late) / TIMERS, "%"),
    ]


def busy_circle(kind, actor_class):
    """A circle of actors in which events go round for ever."""
    director = quiet_director(stop_timeout=0)
    actors = [director.register_actor(actor_class, f"hop {i}") for i in range(HOPS)]
    for sender, receiver in zip(actors, [*actors[1:], actors[0]], strict=True):
        director.connect_queue(sender, receiver)
    director.start(block=False)
    for _ in range(CIRCULATING):
        actors[0].send_event(JSONEvent(data=DOCUMENT))
    rows = late_timers(f"1 ms timer late, busy {kind} actors")
    director.stop()
    return rows


def late_timer_python():
    return busy_circle("Python", Forward)


def late_timer_c():
    return busy_circle("C", FlowController)


class Endless(Actor):
    """Sends events as fast as its full outbox allows, until it is told to end."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.ended = False

    def pre_hook(self):
        self.threads.spawn(self.produce, restart=False)

    def produce(self):
        while not self.ended:
            self.send_event(JSONEvent(data=DOCUMENT))

    def consume(self, event, *args, **kwargs):
        """A source gets no events."""


def late_timer_source():
    director = quiet_director()
    source = director.register_actor(Endless, "source")
    actors = [director.register_actor(Forward, f"hop {i}") for i in range(HOPS)]
    actors.append(director.register_actor(Null, "end"))
    for sender, receiver in zip([source, *actors], actors, strict=False):
        director.connect_queue(sender, receiver)
    director.start(block=False)
    rows = late_timers("1 ms timer late, busy Python source")
    source.ended = True
    director.stop()
    return rows


class Receiver(Actor):
    """Notes how long ago each event was made."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.ages = []

    def consume(self, event, *args, **kwargs):
        self.ages.append(time.perf_counter() - event.data)


def put_slowly(put):
    """Call `put(time)` from this thread, with pauses in which the other one falls asleep."""
    for _ in range(PUTS):
        time.sleep(0.001)
        put(time.perf_counter())


def peer_ages():
    """The same with queue.Queue between two plain threads."""
    numbers, ages = queue.Queue(), []

    def consumer():
        while (made := numbers.get()) is not None:
            ages.append(time.perf_counter() - made)

    thread = threading.Thread(target=consumer)
    thread.start()
    put_slowly(numbers.put)
    numbers.put(None)
    thread.join()
    return ages


def put_to_consume():
    director = quiet_director()
    receiver = director.register_actor(Receiver, "receiver")
    inbox = compysition.Queue("in")
    receiver.register_consumer("in", inbox)

    def produce():
        put_slowly(lambda made: inbox.put(compysition.Event(data=made)))
        director.stop()

    before = peer_ages()
    thread = threading.Thread(target=produce)
    thread.start()
    director.start()
    thread.join()
    peer = statistics.median([*before, *peer_ages()]) * 1e6
    own = statistics.median(receiver.ages) * 1e6
    return [
        Row("put from a thread until consume, p50", own, "µs", 2, own / peer, "queue.Queue"),
        Row("the same with queue.Queue, p50", peer, "µs"),
    ]
