"""What weather stations send: lines of JSON, checked by a schema, routed, and computed in three branches at once.

    python examples/measurements.py [FILE]

Each line of the file (default: examples/data/measurements.jsonl) is an event. Weather goes to three actors, each of which
adds one value; a join makes one event of theirs. A battery below 12 volts is urgent; others are of no interest. Lines that
do not fit the schema take the error queue.

    lines -> check -> route -+-> dew_point -+-> report -> table
               :             +-> felt ------+
               : errors      +-> sea_level -+
               :             +-> urgent -> maintenance
               +-> rejected

The log is in build/measurements.
"""

import math
import sys
from pathlib import Path

from compysition import Actor, Director
from compysition.actors import (
    STDOUT,
    EventAttributeModifier,
    EventJSONFilter,
    EventRouter,
    FileLogger,
    JSONEventJoin,
    JSONValidator,
)
from compysition.event import Event, JSONEvent

DATA = Path(__file__).parent / "data"
OUTPUT = Path("build/measurements")

METRES = {"Hamburg": 11, "Feldberg": 1490, "Zugspitze": 2964}


class Lines(Actor):
    """Sends one event for each line of a file, and stops the director after the last."""

    def __init__(self, name, path, director, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.blockdiag_config["shape"] = "flowchart.input"
        self.path = path
        self.director = director

    def pre_hook(self):
        self.threads.spawn(self.read, restart=False)

    def read(self):
        try:
            with open(self.path, encoding="utf-8") as lines:
                for number, line in enumerate(lines, start=1):
                    self.send_event(Event(data=line.rstrip("\n"), line=number))
        except OSError as error:
            print(error, file=sys.stderr)
        self.director.stop()

    def consume(self, event, *args, **kwargs):
        self.send_event(event)


class Compute(Actor):
    """Adds a value, which is named as the actor, to the data."""

    input = output = JSONEvent

    def __init__(self, name, function, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.function = function

    def consume(self, event, *args, **kwargs):
        event.data[self.name] = round(self.function(event.data), 1)
        self.send_event(event)


class Keep(Actor):
    """Keeps the events, until all are there."""

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.blockdiag_config["shape"] = "note"
        self.events = []

    def consume(self, event, *args, **kwargs):
        self.events.append(event)


def dew_point(weather):
    """Where water in the air condenses, in degrees: the formula of Magnus."""
    celsius = weather["temperature"]
    gamma = math.log(weather["humidity"] / 100) + 17.62 * celsius / (243.12 + celsius)
    return 243.12 * gamma / (17.62 - gamma)


def felt(weather):
    """What the cold feels like in the wind, in degrees: the wind chill of 2001."""
    celsius, wind = weather["temperature"], weather["wind"]
    if celsius > 10 or wind < 5:
        return celsius
    return 13.12 + 0.6215 * celsius + (0.3965 * celsius - 11.37) * wind**0.16


def sea_level(weather):
    """The pressure at sea level, in hPa: the barometric formula."""
    fall = 0.0065 * METRES[weather["station"]]
    return weather["pressure"] * (1 - fall / (weather["temperature"] + 273.15 + fall)) ** -5.257


def print_table(reports):
    columns = ("temperature", "felt", "dew_point", "sea_level")
    print("time              station  ", *(f"{column:>12}" for column in columns))
    for data in sorted(reports, key=lambda data: (data["time"], data["station"])):
        print(
            f"{data['time']} {data['station']:<10}", *(f"{data[column]:>12}" for column in columns)
        )


def main(path=DATA / "measurements.jsonl"):
    director = Director(name="measurements")
    director.register_log_actor(FileLogger, "log", "measurements.log", directory=OUTPUT)

    lines = director.register_actor(Lines, "lines", path, director)
    check = director.register_actor(JSONValidator, "check", (DATA / "measurement.json").read_text())
    weather = EventJSONFilter("kind", "^weather$", ["dew_point", "felt", "sea_level"])
    low_battery = EventJSONFilter("volts", r"^(\d|1[01])(\.|$)", "urgent")
    route = director.register_actor(EventRouter, "route", [weather, low_battery])
    branches = [
        director.register_actor(Compute, "dew_point", dew_point),
        director.register_actor(Compute, "felt", felt),
        director.register_actor(Compute, "sea_level", sea_level),
    ]
    report = director.register_actor(JSONEventJoin, "report")
    table = director.register_actor(Keep, "table")
    urgent = director.register_actor(EventAttributeModifier, "urgent", "data/priority", "high")
    maintenance = director.register_actor(STDOUT, "maintenance", prefix="for maintenance: ")
    rejected = director.register_actor(Keep, "rejected")

    director.connect_queue(lines, check)
    director.connect_queue(check, route)
    director.connect_queue(route, [*branches, urgent])
    for branch in branches:
        director.connect_queue(branch, report)
    director.connect_queue(report, table)
    director.connect_queue(urgent, maintenance)
    director.connect_error_queue(check, rejected)

    director.start()

    print()
    print_table([event.data for event in table.events])
    print()
    for event in rejected.events:
        for message in event.error.message:
            print(f"line {event.line}: {message}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
