"""What tests of several actors need."""

from compysition import Event, Queue


class Mute(Event):
    """An event whose data cannot be told."""

    def data_string(self):
        raise ValueError("no words")


def logged(queue, level=None):
    """The messages waiting on a log queue, of one level or of all."""
    records = [queue.get() for _ in range(queue.qsize())]
    return [record.message for record in records if level in (None, record.level)]


def wait_for_log(queue, start):
    """The next record whose message starts so."""
    while True:
        record = queue.get(block=True, timeout=5)
        if record.message.startswith(start):
            return record


def fill_outbox(actor, size=1):
    """Give the actor an outbox, and fill it."""
    queue = Queue("outbox", maxsize=size)
    for _ in range(size):
        queue.put(Event(data="in the way"))
    actor.pool.outbound.add("outbox", queue=queue)
    return queue


def take(queue, count, timeout=5):
    """The data of the next events on a queue."""
    return [queue.get(block=True, timeout=timeout).data for _ in range(count)]
