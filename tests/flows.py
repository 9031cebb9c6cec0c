"""Small actors that tests build pipelines of."""

import compysition
from compysition import Actor, Director, Event


def quiet_director(**kwargs):
    """A director that writes no diagram and logs nothing."""
    return Director(**{"generate_blockdiag": False, "log_level": 100, **kwargs})


def numbers_to(actor_class, *args, count=10, **settings):
    """A director, and a registered actor that a source feeds."""
    director = quiet_director(**settings)
    source = director.register_actor(Source, "source", count)
    actor = director.register_actor(actor_class, "actor", *args)
    director.connect_queue(source, actor)
    return director, actor


class Forward(Actor):
    """Sends every event on."""

    def consume(self, event, *args, **kwargs):
        self.send_event(event)


class Collect(Actor):
    """Keeps what it gets, in ``data``; ``stop_at``: stops the director at that many events."""

    def __init__(self, name, director=None, stop_at=0, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.data = []
        self.director = director
        self.stop_at = stop_at

    def consume(self, event, *args, **kwargs):
        self.data.append(event.data)
        if len(self.data) == self.stop_at:
            self.director.stop()


class Slow(Actor):
    """Takes ``seconds`` for every event, then keeps and forwards it."""

    def __init__(self, name, seconds=0.01, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.seconds = seconds
        self.data = []

    def consume(self, event, *args, **kwargs):
        compysition.sleep(self.seconds)
        self.data.append(event.data)
        self.send_event(event)


class Fail(Actor):
    """Raises ValueError for every event."""

    def consume(self, event, *args, **kwargs):
        raise ValueError(f"no use for {event.data}")


class Source(Actor):
    """Sends the numbers below ``count`` as events as soon as it is started."""

    def __init__(self, name, count=10, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.count = count

    def pre_hook(self):
        self.threads.spawn(self.produce, restart=False)

    def produce(self):
        for number in range(self.count):
            self.send_event(Event(data=number))

    def consume(self, event, *args, **kwargs):
        raise AssertionError("a source gets no events")


class Around(Actor):
    """Sends an event on until it went around often enough; counts those that are done."""

    def __init__(self, name, rounds=3, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.rounds = rounds
        self.done = 0

    def consume(self, event, *args, **kwargs):
        event.data += 1
        if event.data < self.rounds:
            self.send_event(event)
        else:
            self.done += 1


class Zeros(Source):
    """Sends ``count`` events with the number 0."""

    def produce(self):
        for _ in range(self.count):
            self.send_event(Event(data=0))
