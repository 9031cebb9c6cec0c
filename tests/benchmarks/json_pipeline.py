"""A JSON document of 10 kB that is created, validated, changed in Python and serialised, beside the same in plain Python."""

import copy
import json
import statistics
import time

from jsonschema import Draft4Validator, FormatChecker

from compysition import Actor
from compysition.actors import JSONValidator
from compysition.event import JSONEvent
from tests.benchmarks.pipelines import start_chain
from tests.benchmarks.rows import Row

ITEM = {
    "sku": "AB-1234-XYZ",
    "title": "A thing with a name of some length, as in a catalogue",
    "quantity": 3,
    "price": 12.5,
    "tags": ["red", "large", "on sale"],
    "stock": {"warehouse": "north", "shelf": 17, "reserved": False},
}
DOCUMENT = {"id": 17, "customer": {"name": "Ada", "email": "ada@example.com"}, "items": [ITEM] * 46}
TEXT = json.dumps(DOCUMENT)
SCHEMA = {
    "type": "object",
    "required": ["id", "customer", "items"],
    "properties": {
        "id": {"type": "integer"},
        "customer": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "email": {"format": "email"}},
        },
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["sku", "quantity"],
                "properties": {
                    "sku": {"type": "string", "pattern": "^[A-Z]{2}-"},
                    "quantity": {"type": "integer", "minimum": 1},
                    "price": {"type": "number"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "stock": {"type": "object", "properties": {"shelf": {"type": "integer"}}},
                },
            },
        },
    },
}
EVENTS = 100
RUNS = 9


class Change(Actor):
    """Changes its event's data in place."""

    def consume(self, event, *args, **kwargs):
        event.data["items"][0]["quantity"] += 1
        self.send_event(event)


class Serialise(Actor):
    """Where the text is made."""

    def consume(self, event, *args, **kwargs):
        event.data_string()


def microseconds(*functions):
    """What one of EVENTS calls takes this thread, for each function: the medians of rounds in turn."""
    rounds = [[] for _ in functions]
    for _ in range(RUNS):
        for function, taken in zip(functions, rounds, strict=True):
            start = time.thread_time()
            for _ in range(EVENTS):
                function()
            taken.append((time.thread_time() - start) / EVENTS * 1e6)
    return [statistics.median(taken) for taken in rounds]


def plain(validator):
    """The same in plain Python, with the one deep copy that a hop to another actor would need."""
    data = json.loads(TEXT)
    if list(validator.iter_errors(data)):
        raise AssertionError("the document fits the schema")
    data = copy.deepcopy(data)
    data["items"][0]["quantity"] += 1
    return json.dumps(data)


def json_pipeline():
    actors = [JSONValidator("validate", SCHEMA), Change("change"), Serialise("serialise")]
    one_document, stop = start_chain(actors, lambda: JSONEvent(data=TEXT))
    validator = Draft4Validator(SCHEMA, format_checker=FormatChecker())
    ours, theirs = microseconds(one_document, lambda: plain(validator))
    stop()
    event, actor = JSONEvent(data=TEXT), JSONValidator("validate", SCHEMA)
    data = event.data
    steps = {
        "create": lambda: JSONEvent(data=TEXT),
        "validate": lambda: actor.consume(event),
        "serialise": event.data_string,
        "json.loads": lambda: json.loads(TEXT),
        "jsonschema": lambda: list(validator.iter_errors(data)),
        "deepcopy": lambda: copy.deepcopy(data),
        "json.dumps": lambda: json.dumps(data),
    }
    name = "JSON of 10 kB"
    rows = [Row(f"{name}: all of it", ours, "µs", 1, ours / theirs, "plain Python")]
    for step, cost in zip(steps, microseconds(*steps.values()), strict=True):
        rows.append(Row(f"{name}: {step}", cost, "µs"))
    return rows
