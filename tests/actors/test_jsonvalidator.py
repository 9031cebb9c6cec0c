import json
import logging
import os
import re

import jsonschema
import pytest
import referencing.retrieval
from jsonschema import Draft4Validator, Draft7Validator, FormatChecker
from jsonschema_specifications import REGISTRY as SPECIFICATIONS

from compysition import Event
from compysition.actors import JSONValidator
from compysition.errors import ActorInitFailure, InvalidEventDataModification, MalformedEventData
from compysition.event import HttpEvent, JSONEvent, JSONHttpEvent, XMLEvent
from tests.actors.helpers import fill_outbox, logged, take, wait_for_log
from tests.corpora import CORPORA, naughty_strings

SUITE = CORPORA / "JSON-Schema-Test-Suite"

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"items": {"type": "integer"}}},
    "required": ["c"],
}


def refusal(actor, data):
    """The messages for data that does not fit."""
    with pytest.raises(MalformedEventData) as caught:
        actor.consume(JSONEvent(data=data))
    return caught.value.message


# ---- events ----


def test_data_that_fits_passes(wrap, log):
    actor = JSONValidator("validator", SCHEMA)
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = JSONEvent(data={"a": 1, "c": None})
    assert wrapper.output.data == {"a": 1, "c": None}
    assert wait_for_log(lines, "Incoming JSON").message == "Incoming JSON successfully validated"


def test_without_a_schema_everything_passes(wrap):
    wrapper = wrap(JSONValidator("validator"))
    wrapper.input = JSONEvent(data=[1])
    assert wrapper.output.data == [1]


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        ({"a": "x", "c": 1}, ["a 'x' is not of type 'integer'"]),
        ({"b": [1, "q"], "c": 1}, ["b: 1 'q' is not of type 'integer'"]),
        ({}, ["'c' is a required property"]),  # JSON-2
        ([], ["[] is not of type 'object'"]),
    ],
)
def test_messages_with_paths_json_2(data, messages):
    assert refusal(JSONValidator("validator", SCHEMA), data) == messages


def test_all_errors_are_told(wrap, log):
    actor = JSONValidator("validator", SCHEMA)
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = JSONHttpEvent(data={"a": "x", "b": [1, "q"]})
    failed = wrapper.error
    expected = [
        "a 'x' is not of type 'integer'",
        "b: 1 'q' is not of type 'integer'",
        "'c' is a required property",
    ]
    assert sorted(failed.error.message) == sorted(expected)
    assert failed.status == (400, "Bad Request")
    assert [error["message"] for error in failed.format_error()] == failed.error.message
    assert failed.data == {"a": "x", "b": [1, "q"]}
    assert wrapper.output_queues["outbox"].empty()
    record = wait_for_log(lines, "Error validating")
    assert record.message == f"Error validating incoming JSON: {failed.error.message}"
    assert record.level == logging.ERROR


def test_events_of_other_types_are_converted(wrap):
    wrapper = wrap(JSONValidator("validator", {"required": ["a"]}))
    wrapper.input = XMLEvent(data="<a>1</a>")
    assert wrapper.output.data == {"a": "1"}
    wrapper.input = HttpEvent(data='{"a": 2}')
    assert type(wrapper.output) is JSONHttpEvent
    wrapper.input = Event(data="no json")
    assert isinstance(wrapper.error.error, InvalidEventDataModification)


@pytest.mark.parametrize("data", [None, True, 0, 1.5, "text", []])
def test_json_that_is_no_dict(data):
    event = JSONEvent(data=json.dumps(data))
    JSONValidator("validator", {"enum": [data]}).consume(event)
    with pytest.raises(MalformedEventData):
        JSONValidator("validator", {"enum": ["other"]}).consume(event)


def test_validating_leaves_what_copies_share_alone(wrap):
    """A fan-out's data is not copied because it was validated."""
    wrapper = wrap(JSONValidator("validator", SCHEMA), output_queues=["one", "two"])
    wrapper.input = JSONEvent(data={"c": [1]})
    one, two = (wrapper.output_queues[name].get(block=True, timeout=5) for name in ("one", "two"))
    one.data["c"].append(2)
    assert two.data == {"c": [1]}


def test_data_that_is_too_deep_is_an_error_of_the_event(wrap):
    schema = {"items": {"$ref": "#"}, "type": "array"}
    wrapper = wrap(JSONValidator("validator", schema))
    data = []
    for _ in range(600):
        data = [data]
    wrapper.input = JSONEvent(data=data)
    assert isinstance(wrapper.error.error, RecursionError)
    wrapper.input = JSONEvent(data=[])
    assert wrapper.output.data == []


def test_naughty_strings_pass_unchanged(wrap):
    strings = naughty_strings()
    wrapper = wrap(JSONValidator("validator", {"type": "array", "items": {"type": "string"}}))
    wrapper.input = JSONEvent(data=strings)
    assert wrapper.output.data == strings
    for string in strings:
        message = refusal(JSONValidator("validator", {"enum": [1]}), {string: 1})
        assert message == [f"{ {string: 1}!r} is not one of [1]"]


def test_a_full_destination(wrap):
    actor = JSONValidator("validator", SCHEMA)
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(3):
        wrapper.input = JSONEvent(data={"c": number})
    assert take(outbox, 4) == ["in the way", {"c": 0}, {"c": 1}, {"c": 2}]


def test_a_stop_finishes_what_waits(wrap):
    wrapper = wrap(JSONValidator("validator", SCHEMA))
    for number in range(50):
        wrapper.input = JSONEvent(data={"c": number} if number % 2 else {})
    wrapper.stop()
    assert take(wrapper.output_queues["outbox"], 25) == [{"c": n} for n in range(1, 50, 2)]
    assert take(wrapper.error_queues["error"], 25) == [{}] * 25


def test_a_failure_does_not_stop_the_others(wrap):
    class Bad(FormatChecker):
        def check(self, instance, format):
            raise KeyError("in the middle")

    class Validator(JSONValidator):
        def _build_formatter(self):
            return Bad()

    wrapper = wrap(Validator("validator", {"properties": {"a": {"format": "email"}}}))
    wrapper.input = JSONEvent(data={"a": "x"})
    wrapper.input = JSONEvent(data={"b": "x"})
    assert isinstance(wrapper.error.error, KeyError)
    assert wrapper.output.data == {"b": "x"}


# ---- schemas ----


@pytest.mark.parametrize("form", [json.dumps(SCHEMA), json.dumps(SCHEMA).encode(), SCHEMA])
def test_forms_of_a_schema(form):
    actor = JSONValidator("validator", form)
    assert actor.schema == form
    assert refusal(actor, {}) == ["'c' is a required property"]


def test_a_schema_in_a_file(tmp_path):
    path = tmp_path / "schema.json"
    path.write_text(json.dumps(SCHEMA))
    for form in (path, os.fspath(path)):
        actor = JSONValidator("validator", form)
        assert actor.schema == form
        assert refusal(actor, {}) == ["'c' is a required property"]
    with pytest.raises(ActorInitFailure, match=r"none\.json' is no JSON, and a file of that name"):
        JSONValidator("validator", os.fspath(tmp_path / "none.json"))
    with pytest.raises(FileNotFoundError):
        JSONValidator("validator", tmp_path / "none.json")


def test_draft_4_unless_the_schema_says_otherwise():
    schema = {"const": 1, "maximum": 5, "exclusiveMaximum": True}
    JSONValidator("validator", schema).consume(JSONEvent(data="2"))
    assert refusal(JSONValidator("validator", schema), "5")
    newer = {"$schema": "http://json-schema.org/draft-07/schema#", "const": 1}
    assert refusal(JSONValidator("validator", newer), "2") == ["1 was expected"]
    unknown = {"$schema": "http://example.com/schema", "const": 1}
    JSONValidator("validator", unknown).consume(JSONEvent(data="2"))


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": 5}, "5 is not valid under any of the given schemas"),
        ('{"type": 5}', "5 is not valid under any of the given schemas"),
        ("{", "Expecting property name"),
        (b"\xff", "decode"),
        ([1], "a schema is a JSON object, not list"),
        (True, "a schema is a JSON object, not bool"),
        ({"pattern": "("}, "regex"),
        ({"not": {"patternProperties": {"(": {}}}}, "patternProperties: '(' is not a 'regex'"),
        ({"$schema": 5}, "$schema: 5 is not of type 'string'"),
        ('{"not": ' * 900 + "{}" + "}" * 900, "nested too deeply"),
        ({"$ref": "#/definitions/none"}, "'#/definitions/none' cannot be resolved: '/definitions"),
    ],
)
def test_a_schema_that_is_not_valid_json_1(schema, reason):
    with pytest.raises(ActorInitFailure) as caught:
        JSONValidator("validator", schema)
    assert caught.value.message[0].startswith("Invalid schema: ")
    assert reason in caught.value.message[0]


def test_schemas_elsewhere_are_not_fetched():
    schema = {"properties": {"a": {"$ref": "http://localhost:9/x.json"}}}
    with pytest.raises(ActorInitFailure) as caught:
        JSONValidator("validator", schema)
    assert caught.value.message == [
        "Invalid schema: $ref 'http://localhost:9/x.json' cannot be resolved: "
        "schemas elsewhere are not fetched unless retrieve is given"
    ]


def test_schemas_elsewhere_by_retrieve():
    """Each is retrieved once, when the actor is made, and so are those that it refers to."""
    known = {
        "http://x/one.json": '{"items": {"$ref": "two.json"}}',
        "http://x/two.json": {"type": "integer"},
    }
    asked = []

    def retrieve(uri):
        asked.append(uri)
        return known[uri]

    actor = JSONValidator("validator", {"$ref": "http://x/one.json"}, retrieve=retrieve)
    for _ in range(3):
        assert refusal(actor, [1, "x"]) == ["1 'x' is not of type 'integer'"]
    assert asked == list(known)


def test_what_retrieve_raises_is_told():
    def retrieve(uri):
        raise OSError("no route")

    with pytest.raises(ActorInitFailure, match="cannot be resolved: no route"):
        JSONValidator("validator", {"$ref": "http://x/one.json"}, retrieve=retrieve)


def test_the_drafts_themselves_are_known():
    actor = JSONValidator("validator", {"$ref": "http://json-schema.org/draft-04/schema#"})
    assert refusal(actor, {"type": 5})


def test_something_else_than_a_schema_in_the_same_place():
    """A property named $ref is none, and neither is what stands in an enum."""
    schema = {
        "properties": {"$ref": {"type": "string"}},
        "enum": [{"$ref": "http://x/y"}],
        "definitions": {"a": {"$ref": "#"}},
    }
    JSONValidator("validator", schema).consume(JSONEvent(data={"$ref": "http://x/y"}))


# ---- subclasses ----


def test_formats_are_checked():
    actor = JSONValidator("validator", {"properties": {"a": {"format": "ipv4"}}})
    actor.consume(JSONEvent(data={"a": "127.0.0.1"}))
    assert refusal(actor, {"a": "x"}) == ["a 'x' is not a 'ipv4'"]


def test_build_formatter():
    class Even(JSONValidator):
        def _build_formatter(self):
            checker = super()._build_formatter()
            checker.checks("even")(lambda value: value % 2 == 0)
            return checker

    schema = {"items": {"format": "even"}}
    assert refusal(Even("validator", schema), [2, 3]) == ["1 3 is not a 'even'"]
    JSONValidator("validator", schema).consume(JSONEvent(data=[3]))  # is not changed by the other


def test_no_formatter():
    class Loose(JSONValidator):
        def _build_formatter(self):
            return None

    Loose("validator", {"items": {"format": "ipv4"}}).consume(JSONEvent(data=["x"]))


def test_process_error(wrap):
    class Own(JSONValidator):
        def process_error(self, message, event):
            event.messages = message
            super().process_error("another", event)

    wrapper = wrap(Own("validator", SCHEMA))
    wrapper.input = JSONEvent(data={})
    failed = wrapper.error
    assert failed.messages == ["'c' is a required property"]
    assert failed.error.message == ["another"]


def test_process_error_that_raises_nothing_takes_the_event(wrap):
    class Own(JSONValidator):
        def process_error(self, message, event):
            event.data = {"refused": message}
            self.send_event(event)

    wrapper = wrap(Own("validator", SCHEMA))
    wrapper.input = JSONEvent(data={})
    wrapper.input = JSONEvent(data={"c": 1})
    assert wrapper.output.data == {"refused": ["'c' is a required property"]}
    assert wrapper.output.data == {"c": 1}
    assert wrapper.error_queues["error"].empty()


def test_a_consume_of_a_subclass(wrap):
    class Twice(JSONValidator):
        def consume(self, event, *args, **kwargs):
            super().consume(event, *args, **kwargs)
            super().consume(event, *args, **kwargs)

    wrapper = wrap(Twice("validator", SCHEMA))
    wrapper.input = JSONEvent(data={"c": 1})
    assert [wrapper.output.data, wrapper.output.data] == [{"c": 1}, {"c": 1}]


def test_nothing_is_logged_below_the_level(wrap, log):
    actor = JSONValidator("validator", SCHEMA)
    lines = log(actor)
    actor.logger.level = logging.WARNING
    wrapper = wrap(actor)
    wrapper.input = JSONEvent(data={"c": 1})
    assert wrapper.output.data == {"c": 1}
    assert logged(lines) == []


# ---- the JSON Schema Test Suite ----

DRAFTS = {
    "draft4": ("http://json-schema.org/draft-04/schema#", Draft4Validator),
    "draft7": ("http://json-schema.org/draft-07/schema#", Draft7Validator),
}


def suite_retrieve(uri):
    return (SUITE / "remotes" / uri.removeprefix("http://localhost:1234/")).read_text()


class PlainValidator(JSONValidator):
    """Leaves formats unchecked: to the suite they are annotations."""

    def _build_formatter(self):
        return None


def suite_cases(path, draft):
    """The actor for each case of a file, and what is to be validated with it."""
    for case in json.loads(path.read_text()):
        schema = case["schema"] if isinstance(case["schema"], dict) else {"allOf": [case["schema"]]}
        yield {"$schema": DRAFTS[draft][0], **schema}, case


def verdict(actor, data):
    try:
        actor.consume(JSONEvent(data=json.dumps(data)))
    except MalformedEventData:
        return False
    return True


def suite_files(required):
    return [
        pytest.param(path, draft, id=f"{draft}-{path.stem}")
        for draft in DRAFTS
        for path in sorted((SUITE / "tests" / draft).rglob("*.json"))
        if ("optional" not in path.parts) is required
    ] or [
        pytest.param(None, None, marks=pytest.mark.skip(f"no JSON-Schema-Test-Suite in {CORPORA}"))
    ]


@pytest.mark.parametrize(("path", "draft"), suite_files(required=True))
def test_the_suites_verdicts(path, draft):
    for schema, case in suite_cases(path, draft):
        actor = PlainValidator("validator", schema, retrieve=suite_retrieve)
        for test in case["tests"]:
            told = f"{case['description']}: {test['description']}"
            assert (told, verdict(actor, test["data"])) == (told, test["valid"])


@referencing.retrieval.to_cached_resource()
def suite_resource(uri):
    return suite_retrieve(uri)


SUITE_REGISTRY = SPECIFICATIONS.combine(referencing.Registry(retrieve=suite_resource))


def reference_verdict(validator, data):
    """What jsonschema says itself: whether data fits, or the class of what it raises."""
    try:
        return validator.is_valid(data)
    except Exception as error:
        return type(error)


def optional_verdict(actor, data):
    try:
        return verdict(actor, data)
    except Exception as error:
        return type(error)


@pytest.mark.parametrize(("path", "draft"), suite_files(required=False))
def test_what_is_optional_as_in_jsonschema(path, draft):
    cls = DRAFTS[draft][1]
    for schema, case in suite_cases(path, draft):
        try:
            cls.check_schema(schema)
        except jsonschema.SchemaError:
            with pytest.raises(ActorInitFailure):
                JSONValidator("validator", schema)
            continue
        reference = cls(schema, format_checker=FormatChecker(), registry=SUITE_REGISTRY)
        try:
            actor = JSONValidator("validator", schema, retrieve=suite_retrieve)
        except ActorInitFailure:  # a pattern, of which jsonschema says so for each document
            assert {reference_verdict(reference, test["data"]) for test in case["tests"]} == {
                re.error
            }
            continue
        for test in case["tests"]:
            told = f"{case['description']}: {test['description']}"
            expected = reference_verdict(reference, test["data"])
            assert (told, optional_verdict(actor, test["data"])) == (told, expected)
