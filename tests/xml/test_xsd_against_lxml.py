"""Validations beside those of lxml: the same verdict, with the same messages."""

import pytest
from lxml import etree

from compysition import _core
from compysition.actors import XSD
from compysition.errors import MalformedEventData
from compysition.event import XMLEvent
from tests.xml.schemas import LATER_VALID, SCHEMAS
from tests.xml.side_by_side import outcomes


def compiled(schema):
    """What lxml makes of it, None when that is an error."""
    try:
        return etree.XMLSchema(etree.fromstring(schema))
    except etree.XMLSchemaParseError:
        return None


def by_lxml(schema, text):
    """What is wrong."""
    valid = schema.validate(etree.fromstring(text))
    messages = [f"{error.message} (line {error.line})" for error in schema.error_log]
    assert valid == (not messages)
    return messages


def by_event(event):
    return [] if event.error is None else event.error.message


def by_consume(actor, text):
    try:
        actor.consume(XMLEvent(data=text))
    except MalformedEventData as error:
        return error.message
    return []


def check(schema, documents):
    expected = compiled(schema)
    if expected is None:
        with pytest.raises(etree.XMLSchemaParseError):
            XSD("xsd", schema)
        return
    actor = XSD("xsd", schema)
    for text in documents:
        assert by_consume(actor, text) == by_lxml(expected, text)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_means_the_same(name):
    check(*SCHEMAS[name])


@pytest.mark.parametrize("name", LATER_VALID)
def test_a_schema_means_the_same_to_one_libxml2(name):
    if _core._lxml_shares_trees():
        check(*LATER_VALID[name])
    else:
        (later, always), actor = LATER_VALID[name][1], XSD("xsd", LATER_VALID[name][0])
        assert by_consume(actor, always) == []
        assert len(by_consume(actor, later)) <= 1


def test_schemas_say_both():
    verdicts = [
        by_lxml(compiled(schema), text) == []
        for schema, documents in SCHEMAS.values()
        if compiled(schema)
        for text in documents
    ]
    assert len(verdicts) > 5000
    assert min(verdicts.count(True), verdicts.count(False)) > 1000


@pytest.mark.parametrize("start", range(0, len(SCHEMAS), 60))
def test_schemas_mean_the_same_in_a_pipeline(start):
    """Each event is fanned out to all of them; the first are validated in the pool, later ones where it pays."""
    chosen = [pair for pair in list(SCHEMAS.values())[start : start + 60] if compiled(pair[0])]
    texts = sorted({text for _, documents in chosen for text in documents[::3]})
    found = outcomes([(XSD, schema) for schema, _ in chosen], dict(enumerate(texts)), by_event)
    for (source, _), results in zip(chosen, found, strict=True):
        schema = compiled(source)
        expected = {key: [by_lxml(schema, text)] * 3 for key, text in enumerate(texts)}
        assert results == expected, source
