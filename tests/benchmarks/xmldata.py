"""XML as the data of events: text, dicts, and trees that pass between C and lxml."""

import pathlib
import subprocess
import sys
import tempfile
import time

import xmltodict
from lxml import etree

from compysition import _core
from compysition.actors import DictToXML, Null, XMLToDict
from compysition.event import JSONEvent, XMLEvent
from tests.benchmarks.pipelines import start_chain
from tests.benchmarks.rows import Row
from tests.lxmls import environment_with, other_lxml

ITEMS = "".join(
    f'<item sku="A{i}" qty="{i}"><name>Thing number {i}</name><price currency="EUR">{i}.50</price>'
    f"<note>plain &amp; simple</note></item>"
    for i in range(20)
)
ORDER = f'<order id="17"><customer><name>Jane Doe</name></customer><items>{ITEMS}</items></order>'
TEXT = ORDER.encode()
ROWS = {
    "doc": {"row": [{"@id": str(i), "a": "x", "b": "y", "c": None, "d": "z"} for i in range(20)]}
}
ROUNDS = 40
CALLS = 50


def times(*functions):
    """Microseconds per call of each: the least of many rounds, in turn, so that all see the same machine."""
    least = [float("inf")] * len(functions)
    for _ in range(ROUNDS):
        for index, function in enumerate(functions):
            start = time.perf_counter()
            for _ in range(CALLS):
                function()
            least[index] = min(least[index], (time.perf_counter() - start) / CALLS)
    return [seconds * 1e6 for seconds in least]


def text():
    ours, lxml = times(
        lambda: XMLEvent(data=TEXT).data_string(), lambda: etree.tostring(etree.fromstring(TEXT))
    )
    return [Row("XML: parse and serialise an order", ours, "µs", None, ours / lxml, "lxml")]


def by_xmltodict():
    text = xmltodict.unparse(ROWS).encode()
    etree.fromstring(text)
    return xmltodict.parse(text)


def dicts():
    source = JSONEvent(data=ROWS)
    actors = [DictToXML("there"), XMLToDict("back"), Null("end")]
    one_document, stop = start_chain(actors, lambda: JSONEvent(data=ROWS))
    converted, sent, theirs = times(
        lambda: source.convert(XMLEvent).convert(JSONEvent), one_document, by_xmltodict
    )
    stop()
    names = {
        "XML: dict to XML to dict, 100 nodes": converted,
        "XML: the same by DictToXML and XMLToDict": sent,
    }
    return [
        Row(name, ours, "µs", 10, theirs / ours, "as fast as xmltodict", True)
        for name, ours in names.items()
    ]


def through_c():
    made = XMLEvent(data=TEXT)
    copied = made.clone()
    del made
    copied.data_string()


def through_python():
    made = XMLEvent(data=TEXT)
    made.data.set("seen", "yes")
    copied = made.clone()
    del made
    copied.data_string()


def crossing_here():
    """What it costs that Python changes a tree between two users in C, and whether lxml has our libxml2."""
    without, across = times(through_c, through_python)
    return across - without, _core._lxml_shares_trees()


def crossing():
    """The same with each lxml that there is."""
    costs = dict([crossing_here()[::-1]])
    other = other_lxml()
    if other is not None:
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-m", __name__],
                env=environment_with(other, pathlib.Path(folder)),
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
        cost, shared = done.stdout.split()
        costs[shared == "True"] = float(cost)
    rows = []
    if False in costs:
        rows.append(Row("XML: C to Python to C, as text", costs[False], "µs"))
    if len(costs) == 2:
        ratio = costs[False] / costs[True]
        rows.append(
            Row("XML: C to Python to C", costs[True], "µs", 5, ratio, "as fast as text", True)
        )
    elif True in costs:
        rows.append(Row("XML: C to Python to C", costs[True], "µs"))
    return rows


if __name__ == "__main__":
    print(*crossing_here())
