import logging
import re

import pytest
from lxml import etree

from compysition import Event
from compysition.actors import EventFilter, EventRouter, EventXMLFilter, EventXMLXpathsFilter
from compysition.event import JSONEvent, XMLEvent, XMLHttpEvent
from tests.actors.helpers import logged, take, wait_for_log

PLAIN = (
    '<order kind="web"><id>17</id><note/>'
    '<items><item no="1"><sku>A-1</sku></item><item no="2"><sku>B-2</sku></item></items>'
    "<total>caf\xe9<b>bold</b>tail</total><!--remark--></order>"
)
SPACED = PLAIN.replace("<order", '<order xmlns="urn:o" xmlns:c="urn:c"').replace(
    "<id>", "<c:id>17</c:id><id>"
)


def values(event, xpath, **kwargs):
    """What an XPath finds."""
    event_filter = EventXMLFilter(xpath, **kwargs)
    return list(event_filter._get_value(event, event_filter.event_scope))


# ---- values ----


@pytest.mark.parametrize("text", [PLAIN, SPACED])
@pytest.mark.parametrize(
    ("xpath", "found"),
    [
        ("/order/id", ["17"]),
        ("//sku", ["A-1", "B-2"]),
        ("items/item/sku", ["A-1", "B-2"]),
        ("//item[@no='2']/sku", ["B-2"]),
        ("//item[sku = 'A-1']/@no", ["1"]),
        ("/order/@kind", ["web"]),
        ("/order/note", [""]),
        ("//total", ["caf\xe9"]),
        ("//total/text()", ["caf\xe9", "tail"]),
        ("//comment()", ["remark"]),
        ("/", []),
        ("//nothing", []),
        ("count(//item)", [2.0]),  # FLT-3
        ("count(//item) > 1", [True]),  # FLT-3
        ("string(//sku)", ["A-1"]),  # FLT-3
        ("//item[position() mod 2 = 0 and sku]/sku", ["B-2"]),
        ("..", []),
        (".", [""]),
        (b"//id", ["17"]),
    ],
)
def test_what_an_xpath_finds(text, xpath, found):
    assert values(XMLEvent(data=text), xpath) == found


def test_prefixes_of_the_document():
    event = XMLEvent(data=SPACED)
    assert values(event, "//c:id") == ["17"]
    assert values(event, "//default:id") == ["17"]


def test_prefixes_that_a_child_declares():
    event = XMLEvent(data='<a><b xmlns:x="urn:1"/><x:c xmlns:x="urn:2">deep</x:c></a>')
    assert values(event, "//x:c") == ["deep"]


def test_a_default_namespace_that_a_child_declares():
    event = XMLEvent(data='<a><b xmlns="urn:1">b</b><c>c</c></a>')
    assert values(event, "//b") == ["b"]
    assert values(event, "//c") == []


@pytest.mark.parametrize(
    ("regexes", "xpath", "matches"),
    [
        ("^B-", "//sku", True),
        ("^C-", "//sku", False),
        (["^C-", "^A-"], "//sku", True),
        (".*", "//note", True),
        (".*", "//nothing", False),
        ("^2.0$", "count(//item)", True),  # FLT-3
        ("^False$", "count(//item) > 2", True),  # FLT-3
        ("^A-1$", "string(//sku)", True),  # FLT-3
        ("caf\xe9", "//total", True),
    ],
)
def test_matches(regexes, xpath, matches):
    assert EventXMLFilter(xpath, None, regexes).matches(XMLEvent(data=PLAIN)) is matches


@pytest.mark.parametrize(
    "xpath", ["//[", "", "//x:a", "f(1)", "$v", "1 +", None, "a\x16", "//a['\x1a']"]
)
def test_what_is_no_xpath_matches_nothing(xpath, capfd):
    assert not EventXMLFilter(xpath).matches(XMLEvent(data=PLAIN))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "event", [Event(), Event(data="<a/>"), Event(data=5), JSONEvent(data={"a": 1})]
)
def test_what_is_no_xml_matches_nothing(event):
    assert not EventXMLFilter("//a").matches(event)


def test_an_xpath_holds_no_null_character():
    for arguments in ({"xpath": "//a\0b"}, {"xslt": "<a/>\0"}):
        with pytest.raises((ValueError, SyntaxError), match="null character"):
            EventXMLFilter(**arguments)


def test_elements_and_trees_as_data_flt_3():
    root = etree.fromstring(PLAIN)
    for data in (root, etree.ElementTree(root)):
        for event in (XMLEvent(data=data), Event(data=data), Event(other=data)):
            scope = "data" if event.data is not None else "other"
            assert EventXMLFilter("//sku", None, "B-2", event_scope=scope).matches(event)


def test_an_element_inside_a_tree():
    item = etree.fromstring(PLAIN).find(".//item")
    assert values(Event(item=item), "sku", event_scope="item") == ["A-1"]


def test_the_element_that_a_script_holds_and_changes():
    event = XMLEvent(data=PLAIN)
    element = event.data
    event_filter = EventXMLFilter("//id", None, "18")
    assert not event_filter.matches(event)
    element.find("id").text = "18"
    assert event_filter.matches(event)
    assert event.data is element


def test_matching_makes_no_element():
    event = XMLEvent(data=PLAIN)
    copy = event.clone()
    assert EventXMLFilter("//sku", None, "B-2").matches(event)
    event.data.find("id").text = "18"
    assert copy.data.find("id").text == "17"


def test_too_many_steps():
    text = f"<a>{'<b/>' * 8000}</a>"
    with pytest.raises(Exception, match=r"^Error in attempting to apply regex patterns.*steps"):
        EventXMLFilter("count(//b[//b[//b]])").matches(XMLEvent(data=text))


# ---- stylesheets ----


def stylesheet(body):
    return (
        '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">'
        f"{body}</xsl:stylesheet>"
    )


SUM = stylesheet(
    '<xsl:template match="/"><sum><xsl:value-of select="sum(//item/@no)"/></sum></xsl:template>'
)


@pytest.mark.parametrize(
    "xslt", [SUM, SUM.encode(), f'<?xml version="1.0" encoding="ascii"?>{SUM}']
)
def test_a_stylesheet_flt_2(xslt):
    event = XMLEvent(data=PLAIN)
    assert EventXMLFilter("/sum", xslt, "^3$").matches(event)
    assert EventXMLFilter("string(/sum)", xslt, "^3$").matches(event)
    assert not EventXMLFilter("//sku", xslt).matches(event)
    assert event.data_string() == XMLEvent(data=PLAIN).data_string()


def test_a_stylesheet_in_a_file(tmp_path):
    path = tmp_path / "sum.xsl"
    path.write_text(SUM)
    assert EventXMLFilter("/sum", xslt=path, value_regexes="^3$").matches(XMLEvent(data=PLAIN))


def test_a_stylesheet_strips_nothing_from_the_event():
    strip = stylesheet(
        '<xsl:strip-space elements="*"/>' + '<xsl:template match="/"><a/></xsl:template>'
    )
    event = XMLEvent(data="<a> <b/> </a>")
    assert EventXMLFilter("/a", strip).matches(event)
    assert event.data_string() == "<a> <b/> </a>"


def test_a_stylesheet_for_both_xpaths():
    copy = stylesheet(
        '<xsl:template match="/"><r><re>^<xsl:value-of select="//id"/>$</re>'
        '<v><xsl:value-of select="//id"/></v></r></xsl:template>'
    )
    assert EventXMLXpathsFilter("//re", "//v", copy).matches(XMLEvent(data=PLAIN))
    assert EventXMLXpathsFilter(xpath="//v", value_xpath="//re", xslt=copy).matches(
        XMLEvent(data=PLAIN)
    )


@pytest.mark.parametrize(
    ("xslt", "error"),
    [("<a/>", etree.XSLTParseError), ("<a", etree.XMLSyntaxError), (5, TypeError)],
)
def test_what_is_no_stylesheet(xslt, error):
    with pytest.raises(error):
        EventXMLFilter("//a", xslt=xslt)


def test_a_document_that_a_stylesheet_gives_up_on_does_not_match():
    give_up = stylesheet(
        '<xsl:template match="/"><xsl:message terminate="yes">no</xsl:message></xsl:template>'
    )
    assert not EventXMLFilter("//a", give_up).matches(XMLEvent(data=PLAIN))


def test_a_stylesheet_may_read_no_files(tmp_path):
    secret = tmp_path / "secret.xml"
    secret.write_text("<secret/>")
    read = stylesheet(
        f'<xsl:template match="/"><a><xsl:copy-of select="document(\'{secret}\')"/></a></xsl:template>'
    )
    with pytest.raises(Exception, match=r"secret\.xml"):
        EventXMLFilter("//secret", read).matches(XMLEvent(data=PLAIN))


def test_a_result_without_a_root_element():
    text = stylesheet('<xsl:output method="text"/><xsl:template match="/">text</xsl:template>')
    with pytest.raises(Exception, match="no root element"):
        EventXMLFilter("//a", text).matches(XMLEvent(data=PLAIN))


# ---- arguments ----


def test_the_positional_order():
    last = EventFilter()
    event_filter = EventXMLFilter("//a", None, "x", "out", "text", last)
    assert (event_filter.xpath, event_filter.xslt) == ("//a", None)
    assert event_filter.value_regexes == [re.compile("x")]
    assert (event_filter.outbox_names, event_filter.event_scope) == (["out"], ("text",))
    assert event_filter.next_filter is last


@pytest.mark.parametrize("regexes", ["x", ["x"], b"x"])
def test_the_positional_order_of_1_1(regexes):
    event_filter = EventXMLFilter("//a", regexes, ["out"])
    assert event_filter.value_regexes == [re.compile("x")]
    assert (event_filter.outbox_names, event_filter.xslt) == (["out"], None)


@pytest.mark.parametrize("arguments", [(5,), ("//a", None, 5), ("//a", None, "("), (["//a"],)])
def test_arguments_of_other_types(arguments):
    with pytest.raises((TypeError, re.error)):
        EventXMLFilter(*arguments)
    with pytest.raises(TypeError):
        EventXMLXpathsFilter("//a", "//b", value_regexes="x")


# ---- EventXMLXpathsFilter ----


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("<a><re>^x+$</re><v>xxx</v></a>", True),
        ("<a><re>^x+$</re><v>y</v></a>", False),
        ("<a><re>^y$</re><re>^x$</re><v>x</v></a>", True),
        ("<a><v>x</v></a>", False),
        ("<a><re>x</re></a>", False),
        ("<a><re/><v>x</v></a>", True),
    ],
)
def test_regexes_in_the_document(text, matches):
    assert EventXMLXpathsFilter("//re", "//v").matches(XMLEvent(data=text)) is matches


def test_a_regex_that_is_computed():
    event = XMLEvent(data="<a><v>3.0</v><v/><v/></a>")
    assert EventXMLXpathsFilter("count(//v)", "//v").matches(event)


def test_a_bad_regex_in_the_document():
    with pytest.raises(Exception, match="Error in attempting to apply regex patterns"):
        EventXMLXpathsFilter("//re", "//v").matches(XMLEvent(data="<a><re>(</re><v/></a>"))


def test_parse_value_regexes_for_each_event():
    class Loose(EventXMLXpathsFilter):
        def parse_value_regexes(self, value_regexes):
            return [re.compile(regex, re.IGNORECASE) for regex in value_regexes]

    assert Loose("//re", "//v").matches(XMLEvent(data="<a><re>abc</re><v>ABC</v></a>"))


def test_arguments_of_the_xpaths_filter():
    one = EventXMLXpathsFilter("//re", "//v", outbox_names="out")
    assert (one.regex_xpath, one.xpath, one.outbox_names) == ("//re", "//v", ["out"])
    old = EventXMLXpathsFilter(xpath="//v", value_xpath="//re", outbox_names="out")
    assert (old.regex_xpath, old.xpath) == ("//re", "//v")
    positional = EventXMLXpathsFilter("//v", "//re", ["out"])
    assert (positional.regex_xpath, positional.xpath) == ("//re", "//v")
    assert positional.outbox_names == ["out"]


# ---- subclasses, and in a router ----


def test_get_value_of_a_subclass():
    class Upper(EventXMLFilter):
        def _get_value(self, event, event_scope):
            return (value.upper() for value in super()._get_value(event, event_scope))

    assert Upper("//a", None, "X").matches(XMLEvent(data="<a>x</a>"))


def test_a_router(wrap):
    router = EventRouter(
        "router",
        [
            EventXMLFilter("//sku", None, "^A", "one"),
            EventXMLFilter("/order/@kind", None, "phone", "two"),
            EventXMLFilter("//id", None, "17", "two", next_filter=EventXMLFilter("//note")),
        ],
    )
    wrapper = wrap(router, output_queues=["one", "two"])
    wrapper.input = XMLHttpEvent(data=PLAIN, status=(201, "Created"))
    wrapper.input = XMLEvent(data="<order><id>18</id></order>")
    wrapper.stop()
    for name in ("one", "two"):
        (data,) = take(wrapper.output_queues[name], 1)
        assert data.get("kind") == "web"
        assert wrapper.output_queues[name].empty()
    assert wrapper.error_queues["error"].empty()


def test_a_router_that_meets_a_document_with_too_much_work(wrap):
    wrapper = wrap(
        EventRouter("router", EventXMLFilter("count(//b[//b[//b]])", outbox_names="outbox"))
    )
    wrapper.input = XMLEvent(data=f"<a>{'<b/>' * 8000}</a>")
    assert "steps" in str(wrapper.error.error)
    wrapper.input = XMLEvent(data="<a><b/></a>")
    assert wrapper.output.data.tag == "a"


@pytest.mark.parametrize(
    "make",
    [
        lambda xpath: EventXMLFilter(xpath, outbox_names="outbox"),
        lambda xpath: EventXMLXpathsFilter("//a", xpath, outbox_names="outbox"),
        lambda xpath: EventXMLXpathsFilter(xpath, "//a", outbox_names="outbox"),
    ],
)
@pytest.mark.parametrize(
    ("xpath", "fault"),
    [
        ("//a[", "Invalid expression at the end"),
        ("//a[@b=]", "Invalid expression at ']'"),
        ("//a[. = 'b]", "Unfinished literal at the end"),
        ("", "Invalid expression at the end"),
        ("matches(., 'b')", "function matches not found"),
        ("$b", "Undefined variable"),
        ("count()", "Invalid number of arguments"),
    ],
)
def test_the_router_says_which_xpath_is_none(wrap, log, make, xpath, fault):
    router = EventRouter("router", [make("//a"), make(xpath)])
    lines = log(router)
    wrap(router)
    record = wait_for_log(lines, "A filter will never match: ")
    assert record.message == f"A filter will never match: {xpath!r} is no XPath: {fault}"
    assert record.level == logging.WARNING


@pytest.mark.parametrize(
    ("xpath", "fault"),
    [("//x:a", "Undefined namespace prefix"), ("//b[f(.)]", "function f not found")],
)
@pytest.mark.parametrize("chained", [False, True])
def test_the_router_says_once_which_xpath_a_document_does_not_suit(
    wrap, log, xpath, fault, chained
):
    event_filter = EventXMLFilter(xpath, outbox_names="other")
    if chained:
        event_filter = EventFilter(outbox_names="other", next_filter=event_filter)
    router = EventRouter("router", [event_filter, EventFilter(outbox_names="outbox")])
    lines = log(router)
    wrapper = wrap(router, output_queues=["outbox", "other"])
    for _ in range(3):
        wrapper.input = XMLEvent(data="<a><b/></a>")
        assert wrapper.output.data.tag == "a"
    assert logged(lines, logging.WARNING) == [
        f"A filter does not match: {xpath!r} cannot be evaluated on this document: {fault}"
    ]
