"""What happened to the packages of this machine: a log file as a pipeline of Python actors.

    python examples/package_activity.py [LOG_FILE]

The lines of a log (default /var/log/dpkg.log) become events. A parser sends each to two counters at once; their results are joined
by event and summed up in a table. Lines that cannot be parsed take the error queue.

    reader -> parser -+-> by_action -+-> summary
                 :    +-> by_day ----+
                 : errors
                 +-> rejects
"""

import sys
from collections import Counter

from compysition import Actor, Director, Queue
from compysition.errors import MalformedEventData
from compysition.event import JSONEvent


class Reader(Actor):
    """Sends one event for each line of a file."""

    output = JSONEvent

    def __init__(self, name, path, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.path = path
        self.finished = Queue("finished")

    def pre_hook(self):
        self.threads.spawn(self.read, restart=False)

    def read(self):
        try:
            with open(self.path, encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    if not self.loop():
                        break
                    self.send_event(self.create_event(data={"line": line.rstrip("\n")}))
            self.finished.put(None)
        except OSError as error:
            self.finished.put(error)

    def consume(self, event, *args, **kwargs):
        self.send_event(event)


class Parser(Actor):
    """Splits a line into day, time, action and subject."""

    input = output = JSONEvent

    def consume(self, event, *args, **kwargs):
        fields = event.data["line"].split()
        if len(fields) < 4:
            raise MalformedEventData(f"a line of {len(fields)} words")
        event.data = dict(zip(("day", "time", "action", "subject"), fields[:4], strict=True))
        self.send_event(event)


class Pick(Actor):
    """Keeps one field of an event."""

    input = output = JSONEvent

    def __init__(self, name, field, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.field = field

    def consume(self, event, *args, **kwargs):
        event.data = {self.field: event.data[self.field]}
        self.send_event(event)


class Summary(Actor):
    """Joins what both branches say of one event, and counts."""

    input = JSONEvent

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.halves = {}
        self.days = Counter()
        self.actions = Counter()

    def consume(self, event, *args, **kwargs):
        half = self.halves.pop(event.event_id, None)
        if half is None:
            self.halves[event.event_id] = event.data
            return
        joined = {**half, **event.data}
        self.days[joined["day"]] += 1
        self.actions[joined["action"]] += 1


class Rejects(Actor):
    """Counts the events that failed."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.count = 0

    def consume(self, event, *args, **kwargs):
        self.count += 1


def print_table(title, counts, limit=8):
    print(f"{title:<24}{'lines':>8}")
    for name, count in counts.most_common(limit):
        print(f"{name:<24}{count:>8}")
    print()


def main(path="/var/log/dpkg.log"):
    director = Director(name="package_activity", log_level="WARNING")
    reader = director.register_actor(Reader, "reader", path)
    parser = director.register_actor(Parser, "parser")
    by_action = director.register_actor(Pick, "by_action", "action")
    by_day = director.register_actor(Pick, "by_day", "day")
    summary = director.register_actor(Summary, "summary")
    rejects = director.register_actor(Rejects, "rejects")

    director.connect_queue(reader, parser)
    director.connect_queue(parser, [by_action, by_day])
    director.connect_queue(by_action, summary)
    director.connect_queue(by_day, summary)
    director.connect_error_queue(parser, rejects)

    director.start(block=False)
    error = reader.finished.get(block=True)
    director.stop()
    if error is not None:
        sys.exit(f"cannot read the log: {error}")
    print(f"{path}: {sum(summary.days.values())} lines, {rejects.count} not understood\n")
    print_table("action", summary.actions)
    print_table("day", summary.days)


if __name__ == "__main__":
    main(*sys.argv[1:2])
