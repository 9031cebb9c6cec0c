"""What tests of the scheduler look at."""

import collections
import contextlib
import gc

import greenlet

from compysition import Actor, Queue


class Held(Actor):
    """Its consumes wait for a token in ``gate`` each; ``most``: how many were inside at once."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.gate = Queue("gate")
        self.inside = self.most = 0
        self.data = []

    def consume(self, event, *args, **kwargs):
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.gate.get(block=True)
        self.inside -= 1
        self.data.append(event.data)

    def release(self, count):
        for _ in range(count):
            self.gate.put("token")


def count_workers():
    """The worker greenlets of the process, idle ones among them."""
    gc.collect()
    return sum(type(thing).__name__ == "_Worker" for thing in gc.get_objects())


@contextlib.contextmanager
def counted_switches():
    """A counter of greenlet's events ("switch", "throw") inside the with block."""
    counts = collections.Counter()
    old = greenlet.settrace(lambda event, greenlets: counts.update([event]))
    try:
        yield counts
    finally:
        greenlet.settrace(old)
