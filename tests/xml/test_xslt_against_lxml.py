"""Transformations beside those of lxml: the same verdict and the same canonical result."""

import contextlib

import pytest
from lxml import etree

from compysition import Queue
from compysition.actors import XSD, XSLT
from compysition.errors import MalformedEventData
from compysition.event import XMLEvent
from tests.actors.helpers import logged
from tests.xml.schemas import COMPLEX, complex_type
from tests.xml.side_by_side import outcomes
from tests.xml.stylesheets import DOCUMENTS, MARKUP, SHEETS, sheet

FAILED = "failed"


def canonical(element):
    return etree.tostring(element, method="c14n").decode()


def compiled(stylesheet):
    """What lxml makes of it, None when that is an error."""
    try:
        return etree.XSLT(etree.fromstring(stylesheet))
    except etree.XSLTParseError:
        return None


def by_lxml(transform, text):
    """The canonical result, or FAILED: also when there is no root element, which is no error for lxml."""
    try:
        root = transform(etree.fromstring(text)).getroot()
    except etree.XSLTError:
        return FAILED
    return FAILED if root is None else canonical(root)


def by_transform(actor, text):
    try:
        return canonical(actor.transform(etree.fromstring(text)))
    except MalformedEventData:
        return FAILED


def by_event(event):
    return canonical(event.data) if event.error is None else FAILED


@pytest.mark.parametrize("name", SHEETS)
def test_a_stylesheet_means_the_same(name):
    expected = compiled(SHEETS[name])
    if expected is None:
        with pytest.raises(etree.XSLTParseError):
            XSLT("xslt", SHEETS[name])
        return
    actor = XSLT("xslt", SHEETS[name])
    for text in DOCUMENTS.values():
        assert by_transform(actor, text) == by_lxml(expected, text)


def test_most_stylesheets_have_a_result():
    results = [
        by_lxml(compiled(sheet), DOCUMENTS["order"]) for sheet in SHEETS.values() if compiled(sheet)
    ]
    assert len(results) > 400
    assert results.count(FAILED) < 20


@pytest.mark.parametrize("start", range(0, len(SHEETS), 60))
def test_stylesheets_mean_the_same_in_a_pipeline(start):
    """Each event is fanned out to all of them; the first are transformed in the pool, later ones where it pays."""
    names = [name for name in list(SHEETS)[start : start + 60] if compiled(SHEETS[name])]
    found = outcomes([(XSLT, SHEETS[name]) for name in names], DOCUMENTS, by_event)
    for name, results in zip(names, found, strict=True):
        transform = compiled(SHEETS[name])
        expected = {key: [by_lxml(transform, text)] * 3 for key, text in DOCUMENTS.items()}
        assert results == expected, name


def test_actors_do_not_see_what_others_do_to_an_event():
    """Stripped spaces, IDs and defaults of a schema stay with the one that made them."""
    sheets = [sheet for name, sheet in SHEETS.items() if name.startswith(("space", "body: copy"))]
    schemas = [
        complex_type(COMPLEX[name]).replace('"r"', '"order"')
        for name in ("any lax", "any skip", "attribute by default")
    ]
    actors = [*((XSLT, sheet) for sheet in sheets), *((XSD, text) for text in schemas)]
    mixed = [pair for pairs in zip(actors, actors[::-1], strict=True) for pair in pairs]
    found = outcomes(mixed, DOCUMENTS, by_event, rounds=5)
    for (kind, source), results in zip(mixed, found, strict=True):
        for key, text in DOCUMENTS.items():
            whole = etree.fromstring(text)
            if kind is XSLT:
                expected = by_lxml(compiled(source), text)
            else:
                expected = (
                    canonical(whole)
                    if etree.XMLSchema(etree.fromstring(source)).validate(whole)
                    else FAILED
                )
            assert results[key] == [expected] * 5


@pytest.mark.parametrize("name", MARKUP)
def test_unescaped_output_is_markup_for_the_next_actor(name):
    actor, expected = XSLT("xslt", MARKUP[name]), compiled(MARKUP[name])
    for text in DOCUMENTS.values():
        read = etree.fromstring(etree.tostring(expected(etree.fromstring(text))))
        assert by_transform(actor, text) == canonical(read)


def test_unescaped_output_that_is_no_xml_is_written_as_it_is(wrap):
    sheet = MARKUP["a reference"].replace("&amp;#65;", "&amp;nbsp;")
    wrapper = wrap(XSLT("xslt", sheet))
    wrapper.input = XMLEvent(data="<a/>")
    text = wrapper.output.data_string()
    assert text == etree.tostring(compiled(sheet)(etree.fromstring("<a/>"))).decode()
    assert "&nbsp;" in text


# ---- xsl:message ----

MESSAGES = {
    "text": "so far so good",
    "space": "  two  words ",
    "several lines": "one\n  two\n\nthree\n",
    "markup": 'a <b c="1">x</b> &lt;tag&gt; &amp;',
    "other characters": "é 漢 𝄞",
    "a value": '<xsl:value-of select="count(//item)"/> items',
    "elements of the document": '<xsl:copy-of select="//name[1]"/>',
    "what a template makes": '<xsl:apply-templates select="//name"/>',
    "nothing": "",
}


def messages_of_lxml(stylesheet, text):
    """Of a message without text it says "unknown error"."""
    transform = etree.XSLT(etree.fromstring(stylesheet))
    with contextlib.suppress(etree.XSLTApplyError):
        transform(etree.fromstring(text))
    return [entry.message.replace("unknown error", "") for entry in transform.error_log]


def messages_of_ours(stylesheet, text, queue):
    actor = XSLT("xslt", stylesheet)
    actor.pool.logs.add("log", queue=queue)
    actor.pool.outbound.add("outbox")
    with contextlib.suppress(MalformedEventData):
        actor.consume(XMLEvent(data=text))
    marks = ("Stylesheet says: ", "Error applying transform. Error was: ")
    return [
        message.removeprefix(mark)
        for message in logged(queue)
        for mark in marks
        if message.startswith(mark)
    ]


@pytest.mark.parametrize("document", ["order", "tiny"])
@pytest.mark.parametrize("terminate", ["no", "yes"])
@pytest.mark.parametrize("name", MESSAGES)
def test_messages_are_the_same(name, terminate, document):
    body = (
        "<r><xsl:message>first</xsl:message>"
        f'<xsl:message terminate="{terminate}">{MESSAGES[name]}</xsl:message>'
        "<xsl:message>last</xsl:message></r>"
    )
    expected = messages_of_lxml(sheet(body), DOCUMENTS[document])
    assert "first" in expected[0]
    found = messages_of_ours(sheet(body), DOCUMENTS[document], Queue("log"))
    assert [text.split() for text in found] == [text.split() for text in expected]
