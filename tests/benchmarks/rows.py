"""A row of results, and the table of rows."""

import dataclasses
import statistics
import sys


def host():
    """Who runs the scheduler in this process: "native" or "gevent"."""
    return "gevent" if "gevent" in sys.modules else "native"


@dataclasses.dataclass
class Row:
    """What was measured, and what it must reach.

    `limit` is for `ratio`, which says how many times `than` it is, or for `value` where no ratio is. It is the most allowed;
    with `at_least` the least. None: the row is there to compare with.
    """

    measure: str
    value: float
    unit: str
    limit: float | None = None
    ratio: float | None = None
    than: str = ""
    at_least: bool = False
    host: str = dataclasses.field(default_factory=host)

    @property
    def met(self):
        """True or False; None where there is no target."""
        if self.limit is None:
            return None
        judged = self.value if self.ratio is None else self.ratio
        return judged >= self.limit if self.at_least else judged <= self.limit

    @property
    def target(self):
        """The target in words; for a row without one, what its ratio refers to."""
        bound = "" if self.limit is None else f"{'≥' if self.at_least else '≤'} {self.limit:g} "
        return bound + (f"x {self.than}" if self.than else self.unit if bound else "")


HOSTS = ("native", "gevent")
WIDTHS = (46, 8, 8, 8, 8, 7, 20)  # what is left of 120 columns is for the verdict
HEADER = ("", "native", "ratio", "gevent", "ratio", "unit", "target")


def number(value):
    """Three digits or more; whole numbers as they are."""
    if value == int(value):
        return f"{int(value):,}"
    size = abs(value)
    decimals = 3 if size < 10 else 2 if size < 100 else 1 if size < 1000 else 0
    return f"{value:,.{decimals}f}"


def columns(texts):
    """Texts in columns: numbers to the right, the others to the left."""
    padded = [f"{text:>{width}}" for text, width in zip(texts, WIDTHS, strict=True)]
    for column in (0, -1, -2):
        padded[column] = f"{texts[column]:<{WIDTHS[column]}}"
    return "".join(padded[:-2]) + " " + "".join(padded[-2:])


def verdict(rows):
    """In a word, for the hosts that were measured."""
    missed = [row.host for row in rows if row.met is False]
    if all(row.met is None for row in rows):
        return ""
    if not missed:
        return "met"
    return "MISSED" if len(missed) == len(rows) else f"{missed[0]} MISSED"


def header():
    return columns(HEADER)


def lines(rows):
    """A line of the table for each measure, with the hosts side by side."""
    for measure in dict.fromkeys(row.measure for row in rows):
        hosts = {row.host: row for row in rows if row.measure == measure}
        texts = []
        for name in HOSTS:
            row = hosts.get(name)
            texts.append("" if row is None else number(row.value))
            texts.append("" if row is None or row.ratio is None else number(row.ratio))
        some = next(iter(hosts.values()))
        line = columns((measure, *texts, some.unit, some.target))
        yield f"{line} {verdict(hosts.values())}".rstrip()


def percentile(values, percent):
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]
