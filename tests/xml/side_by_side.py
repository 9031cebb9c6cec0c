"""A pipeline that gives every event to many actors at once."""

import collections

from compysition import Actor, Queue
from compysition.event import XMLEvent
from tests.flows import Forward, quiet_director


class Keep(Actor):
    """Keeps what became of each event, by the name of its document."""

    def __init__(self, name, result, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.results = collections.defaultdict(list)
        self.result = result

    def consume(self, event, *args, **kwargs):
        self.results[event.document].append(self.result(event))


def outcomes(actors, documents, result, rounds=3):
    """Send each document so often, fanned out to all actors, given as a list of (class, argument).

    result(event): what to compare. Returns a list with a dict for each actor: document -> list of results.
    """
    director = quiet_director()
    entry, inbox, keepers = director.register_actor(Forward, "entry"), Queue("inbox"), []
    entry.register_consumer("inbox", inbox)
    for number, (kind, argument) in enumerate(actors):
        actor = director.register_actor(kind, f"actor{number}", argument)
        keeper = director.register_actor(Keep, f"keeper{number}", result)
        director.connect_queue(entry, actor)
        director.connect_queue(actor, keeper)
        director.connect_error_queue(actor, keeper)
        keepers.append(keeper)
    director.start(block=False)
    for _ in range(rounds):
        for name, text in documents.items():
            inbox.put(XMLEvent(data=text, document=name))
    director.stop()
    return [dict(keeper.results) for keeper in keepers]
