"""Millions of events to a process that is killed and started again: what arrives, and the memory of the sender.

``python -m tests.benchmarks.soak_processes receive TCPIn PORT FILE`` is that process, which notes in the file what it got.
"""

import itertools
import mmap
import os
import subprocess
import sys
import tempfile
import time

from tests.benchmarks.http_server import free_port
from tests.benchmarks.rows import Row
from tests.measures import resident

EVENTS = min(int(os.environ.get("BENCH_SOAK_EVENTS", 10_000_000)), 10_000_000)
KILLS = 10
QUEUE = 100  # of the receiver
WARM = 2  # the life of the receiver after which the sender may not grow

# What a receiver notes: the first number and the one past the last, numbers that were left out, and those that came again.
FIRST, NEXT, GAPS, AGAIN = range(4)


def receive(name, port, path):
    from compysition import Actor, actors
    from tests.flows import quiet_director

    with open(path, "r+b") as file:
        notes = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")

    class Note(Actor):
        def consume(self, event, *args, **kwargs):
            number = event.data
            if number < notes[NEXT]:
                notes[AGAIN] += 1
                return
            if notes[NEXT] == 0:
                notes[FIRST] = number
            else:
                notes[GAPS] += number - notes[NEXT]
            notes[NEXT] = number + 1

    director = quiet_director(size=QUEUE)
    receiver = director.register_actor(
        getattr(actors, name), "in", port=int(port), host="127.0.0.1", max_event_bytes=10_000
    )
    director.connect_queue(receiver, director.register_actor(Note, "note"))
    director.start()


def send(name, port):
    """Print how many events were reported at the end as not sent."""
    from compysition import Event, actors
    from tests.flows import Source, quiet_director

    class Numbers(Source):
        def produce(self):
            for number in range(self.count):
                self.send_event(Event(data=number))

    director = quiet_director(stop_timeout=60)
    numbers = director.register_actor(Numbers, "numbers", EVENTS)
    out = director.register_actor(getattr(actors, name), "out", port=int(port), linger=60)
    director.connect_queue(numbers, out)
    director.start(block=False)
    director.stop()
    events = director.stats()["events"]
    print(events["reported"] + events["failed"], flush=True)


def run(*words):
    return subprocess.Popen(
        [sys.executable, "-m", __name__, *map(str, words)], stdout=subprocess.PIPE, text=True
    )


def live(command, path, until):
    """A life of the receiver: until it has so many events, or none for a while. Its notes."""
    with open(path, "w+b") as file:
        file.write(bytes(8 * 4))
        file.flush()
        notes = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
    process = run(*command, path)
    before, progress = 0, time.monotonic()
    while notes[NEXT] < until and time.monotonic() < progress + 20:
        if notes[NEXT] != before:
            before, progress = notes[NEXT], time.monotonic()
        time.sleep(0.001)
    process.kill()
    process.wait()
    process.stdout.close()
    return notes.tolist()


def lives(sender, receiver):
    """The notes of all lives, the sender's memory after each, and how many events it reported."""
    port = free_port()
    notes, memory = [], []
    with tempfile.TemporaryDirectory() as folder:
        sending = run("send", sender, port)
        for life in range(1, KILLS + 2):
            # All deaths are in the first half: what buffers hold of the rest must not be everything.
            until = EVENTS if life > KILLS else EVENTS * life // (2 * KILLS)
            notes.append(live(("receive", receiver, port), os.path.join(folder, "notes"), until))
            memory.append(resident(sending.pid))
        reported = int(sending.stdout.readline())
        sending.wait(60)
        sending.stdout.close()
    return notes, memory, reported


def soak(sender, receiver, at_risk):
    begin = time.perf_counter()
    notes, memory, reported = lives(sender, receiver)
    seconds = time.perf_counter() - begin
    steps = [later[FIRST] - earlier[NEXT] for earlier, later in itertools.pairwise(notes)]
    connected = sum(life[GAPS] for life in notes) + EVENTS - notes[-1][NEXT]
    again = sum(life[AGAIN] for life in notes) - sum(min(step, 0) for step in steps)
    name = f"{sender} to {receiver}"
    return [
        Row(f"{name}, {EVENTS:,} events, {KILLS} deaths", seconds / EVENTS * 1e6, "µs each"),
        Row(f"{name}: lost while connected", connected, "", 0),
        Row(f"{name}: lost by a death, at most", max(*steps, 0), "", at_risk),
        Row(f"{name}: reported as not sent", reported, "", 0),
        Row(f"{name}: came twice", again, ""),
        Row(f"{name}: growth of the sender", (max(memory[WARM:]) - memory[WARM]) / 2**20, "MiB", 2),
    ]


def push_to_pull():
    """ZeroMQ acknowledges nothing: what was on its way to a receiver that is killed is lost."""
    return soak("ZMQPush", "ZMQPull", None)


def out_to_in():
    """What is acknowledged is on a queue of the receiver, or with its consumer: no more than that can be lost."""
    return soak("TCPOut", "TCPIn", QUEUE + 1)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
