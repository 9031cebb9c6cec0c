import collections
import concurrent.futures
import copy
import pickle
import re
import subprocess
import sys
import textwrap

import pytest
from lxml import etree, html

import compysition
from compysition.actors import FlowController, Null
from compysition.errors import (
    CompysitionException,
    InvalidEventConversion,
    InvalidEventDataModification,
    MalformedEventData,
)
from compysition.event import (
    Event,
    HttpEvent,
    JSONEvent,
    JSONHttpEvent,
    XMLEvent,
    XMLHttpEvent,
    _XMLFormatInterface,
)
from tests.flows import Forward, quiet_director

CLASSES = [XMLEvent, XMLHttpEvent]


def text_of(element):
    return etree.tostring(element).decode()


# ---- classes ----


def test_classes():
    assert XMLEvent.__bases__ == (_XMLFormatInterface, Event)
    assert XMLHttpEvent.__bases__ == (XMLEvent, HttpEvent)
    assert XMLEvent.content_type == XMLHttpEvent.content_type == "application/xml"
    assert XMLHttpEvent({"a": "b"}, 404).status == (404, "Not Found")


def test_conversion_methods_name_the_classes_and_convert():
    methods = XMLEvent.conversion_methods
    assert set(methods) >= {str, bytes, dict, collections.OrderedDict, list, type(None)}
    assert text_of(methods[str]("<a>x</a>")) == "<a>x</a>"
    assert text_of(methods[dict]({"a": 1})) == "<a>1</a>"
    element = etree.XML("<a/>")
    assert isinstance(element, tuple(methods))
    assert not isinstance(etree.Comment("x"), tuple(methods))


# ---- assigning ----


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("assigned", "text"),
    [
        (None, "<root/>"),
        ("<a/>", "<a/>"),
        ("\n <a> x </a>\n", "<a> x </a>"),
        ('<?xml version="1.0" encoding="UTF-16"?><a>é</a>', "<a>&#233;</a>"),
        ('<?xml version="1.0" encoding="iso-8859-1"?><a>é</a>'.encode("latin-1"), "<a>&#233;</a>"),
        ("<a>é</a>".encode(), "<a>&#233;</a>"),
        ('<?xml version="1.0" encoding="UTF-16"?><a>é</a>'.encode("utf-16"), "<a>&#233;</a>"),
        ("\ufeff<a/>", "<a/>"),
        ("<?p?><!-- c --><a/><!-- d --><?q?>", "<a/>"),
        ("<a><![CDATA[<x>]]></a>", "<a>&lt;x&gt;</a>"),
        ("<a>\r\n</a>", "<a>\n</a>"),
        ('<a b="&#10;&quot;"/>', '<a b="&#10;&quot;"/>'),
        ("<!DOCTYPE a [<!ENTITY e 'x<b/>'>]><a>&e;</a>", "<a>x<b/></a>"),
        ("<!DOCTYPE a [<!ATTLIST a b CDATA 'c'>]><a/>", "<a/>"),
        (
            '<a xmlns="u" xmlns:p="v"><p:b p:c="d"/></a>',
            '<a xmlns="u" xmlns:p="v"><p:b p:c="d"/></a>',
        ),
        ({"a": 1}, "<a>1</a>"),
        (
            collections.OrderedDict(b=1, a=2),
            "<jsonified_envelope><b>1</b><a>2</a></jsonified_envelope>",
        ),
        (collections.Counter("a"), "<a>1</a>"),
        ([], "<jsonified_envelope/>"),
    ],
)
def test_what_may_be_assigned(cls, assigned, text):
    made = cls(data=assigned)
    assert made.data_string() == text
    made.data = "<other/>"
    made.data = assigned
    assert text_of(made.data) == text


def test_elements_are_kept_as_they_are():
    element = etree.XML("<a><b>x</b>tail</a>")
    made = XMLEvent(data=element)
    assert made.data is element
    made.data = element[0]
    assert made.data is element[0]
    assert made.data_string() == "<b>x</b>"
    assert made.clone().data_string() == "<b>x</b>"
    assert element[0].tail == "tail"


def test_EVT_3_trees_and_subclasses_are_accepted():
    class Custom(etree.ElementBase):
        pass

    class Text(str):
        __slots__ = ()

    tree = etree.ElementTree(etree.XML("<a/>"))
    assert XMLEvent(data=tree).data is tree.getroot()
    transform = etree.XSLT(
        etree.XML(
            '<s:stylesheet version="1.0" xmlns:s="http://www.w3.org/1999/XSL/Transform">'
            '<s:template match="/"><out/></s:template></s:stylesheet>'
        )
    )
    assert XMLEvent(data=transform(tree)).data_string() == "<out/>"
    custom = Custom("x")
    assert XMLEvent(data=custom).data is custom
    assert XMLEvent(data=html.fromstring("<p>a<br>b</p>")).data_string() == "<p>a<br/>b</p>"
    assert XMLEvent(data=Text("<a/>")).data_string() == "<a/>"


@pytest.mark.parametrize(
    "value",
    [
        5,
        1.5,
        True,
        (1,),
        {1},
        object(),
        bytearray(b"<a/>"),
        str,
        ...,
        etree.Comment("x"),
        etree.PI("x"),
    ],
)
def test_EVT_4_what_may_not_be_assigned(value):
    made = XMLEvent(data="<kept/>")
    with pytest.raises(InvalidEventDataModification) as raised:
        made.data = value
    assert raised.value.message == [
        f"Data of type '{type(value)}' was not valid for event type {XMLEvent}"
    ]
    assert made.data_string() == "<kept/>"


def test_an_empty_tree_is_refused():
    with pytest.raises(InvalidEventDataModification, match="no root element"):
        XMLEvent(data=etree.ElementTree())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Document is empty, line 1, column 1"),
        ("<a>", "Premature end of data in tag a line 1, line 1, column 4"),
        ("<a>\n<b></a>", "Opening and ending tag mismatch: b line 2 and a, line 2, column 8"),
        ("<a/><b/>", "Extra content at the end of the document, line 1, column 5"),
        ("text", "Start tag expected, '<' not found, line 1, column 1"),
        ("<a b='1' b='2'/>", "Attribute b redefined, line 1, column "),
        ("<a>&x;</a>", "Entity 'x' not defined, line 1, column 7"),
        ("<!DOCTYPE a SYSTEM 'x'><a>&x;</a>", "Entity 'x' not defined, line 1, column 30"),
        ("<p:a/>", "Namespace prefix p on a is not defined, line 1, column 5"),
        ("<a>\0</a>", "Document holds a null character"),
        ("<a/>\0", "Document holds a null character"),
        (b"<a/>\0<b/>", ("Document holds a null character", "Extra content at the end")),
        (b"<a/>\n\0", ("Document holds a null character", "Extra content at the end")),
        ("<a>\x01</a>", "PCDATA invalid Char value 1, line 1, column 4"),
        (b"<a>\xff</a>", "Input is not proper UTF-8"),
        (b'<?xml version="1.0" encoding="none"?><a/>', "Unsupported encoding"),
    ],
)
def test_malformed_text_is_refused_with_its_place(text, message):
    with pytest.raises(InvalidEventDataModification) as raised:
        XMLEvent(data=text)
    said = raised.value.message[0].removeprefix("Unknown error occurred on modification: ")
    assert said.startswith(message)
    assert isinstance(raised.value.__cause__, SyntaxError)


def test_text_that_is_no_unicode_is_refused():
    with pytest.raises(InvalidEventDataModification, match="surrogates not allowed"):
        XMLEvent(data="<a>\ud800</a>")


def test_warnings_are_no_errors():
    many = "".join(f"<b xmlns='relative{i}'/>" for i in range(1500))
    assert len(XMLEvent(data=f"<a>{many}</a>").data) == 1500


def test_libxml2_prints_nothing(capfd):
    XMLEvent(data="<!DOCTYPE a [<!ENTITY lt '&#60;'>]><a/>")  # reported to nobody in particular
    with pytest.raises(InvalidEventDataModification):
        XMLEvent(data="<a><b></a>")
    assert capfd.readouterr() == ("", "")


# ---- safety ----


def entity_bomb(levels, width):
    entities = '<!ENTITY e0 "ha">' + "".join(
        f'<!ENTITY e{i + 1} "{f"&e{i};" * width}">' for i in range(levels)
    )
    return f"<!DOCTYPE a [{entities}]><a>&e{levels};</a>"


def large_entity(form):
    """One entity of 50 kB that is used 2000 times: the result would grow with the square of the text."""
    return f"<!DOCTYPE a [<!ENTITY e '{'x' * 50_000}'>]>" + form.format("&e;" * 2000)


@pytest.mark.parametrize("where", ["text", "attribute", "through another"])
def test_SEC_1_external_entities_are_refused(tmp_path, where):
    secret = tmp_path / "secret.xml"
    secret.write_text("<secret/>")
    content = {
        "text": "<a>&e;</a>",
        "attribute": "<a b='&e;'/>",
        "through another": "<a>&f;</a>",
    }[where]
    declared = f"<!ENTITY e SYSTEM '{secret.as_uri()}'><!ENTITY f '&e;'>"
    with pytest.raises(InvalidEventDataModification, match="External entity 'e' refused, line 1"):
        XMLEvent(data=f"<!DOCTYPE a [{declared}]>{content}")


def test_SEC_1_external_parameter_entities_are_refused(tmp_path):
    declarations = tmp_path / "declarations.ent"
    declarations.write_text("<!ENTITY f 'x'>")
    text = f"<!DOCTYPE a [<!ENTITY % e SYSTEM '{declarations.as_uri()}'>%e;]><a/>"
    with pytest.raises(InvalidEventDataModification, match="External entity '%e' refused, line 1"):
        XMLEvent(data=text)


def test_SEC_1_document_types_are_not_loaded(tmp_path):
    dtd = tmp_path / "a.dtd"
    dtd.write_text("<!ATTLIST a b CDATA 'loaded'><!ENTITY e 'loaded'>")
    assert XMLEvent(data=f"<!DOCTYPE a SYSTEM '{dtd.as_uri()}'><a/>").data_string() == "<a/>"
    with pytest.raises(InvalidEventDataModification, match="Entity 'e' not defined"):
        XMLEvent(data=f"<!DOCTYPE a SYSTEM '{dtd.as_uri()}'><a>&e;</a>")


@pytest.mark.parametrize("parse", ["xml", "text"])
def test_SEC_1_nothing_is_included(tmp_path, parse):
    """XInclude is plain markup."""
    secret = tmp_path / "secret.xml"
    secret.write_text("<secret/>")
    text = (
        '<a xmlns:xi="http://www.w3.org/2001/XInclude">'
        f'<xi:include href="{secret.as_uri()}" parse="{parse}"/></a>'
    )
    event = XMLEvent(data=text)
    assert event.data_string() == text
    assert event.data[0].tag == "{http://www.w3.org/2001/XInclude}include"
    assert event.convert(JSONEvent).convert(XMLEvent).data_string().count("secret") == 1


@pytest.mark.parametrize(
    "text",
    [
        entity_bomb(10, 10),
        entity_bomb(2, 2000),
        large_entity("<a>{}</a>"),
        large_entity("<a b='{}'/>"),
        "<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f '&e;'>]><a>&e;</a>",
        "<!DOCTYPE a [<!ENTITY e '&f;'><!ENTITY f '&e;'>]><a b='&e;'/>",
        "<!DOCTYPE a [<!ENTITY % p '&#37;p;'>%p;]><a/>",
    ],
)
def test_expansion_is_bounded(text):
    with pytest.raises(InvalidEventDataModification):
        XMLEvent(data=text)


@pytest.mark.parametrize(("levels", "accepted"), [(255, True), (300, False), (1_000_000, False)])
def test_depth_is_bounded(levels, accepted):
    text = "<a>" * levels + "</a>" * levels
    if accepted:
        assert XMLEvent(data=text).convert(JSONEvent).convert(XMLEvent).data_string() != ""
    else:
        with pytest.raises(InvalidEventDataModification, match="xcessive depth"):
            XMLEvent(data=text)


@pytest.mark.parametrize("part", ["x" * 15_000_000, "x\n" * 6_000_000, "&amp;" * 11_000_000])
def test_long_text(part):
    made = XMLEvent(data=f"<a>{part}</a>")
    assert made.data.text == part.replace("&amp;", "&")


def test_long_documents_are_bounded_too():
    padding = "<!--" + "x" * 10_000_000 + "-->"
    with pytest.raises(
        InvalidEventDataModification, match="Document type 'a' refused in a document"
    ):
        XMLEvent(data=f"{padding}<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>")
    with pytest.raises(InvalidEventDataModification, match="Excessive depth in document at"):
        XMLEvent(data=padding + "<a>" * 257 + "</a>" * 257)
    assert XMLEvent(data=padding + "<a>" * 256 + "</a>" * 256).data.tag == "a"


def test_a_document_type_leaves_nothing_behind():
    made = XMLEvent(data="<!DOCTYPE a [<!ATTLIST b i ID #IMPLIED>]><a><b i='x'/></a>")
    made.data.remove(made.data[0])
    assert made.data.xpath("id('x')") == []
    assert made.data.getroottree().docinfo.internalDTD is None


# ---- reading ----


def test_data_is_an_element():
    made = XMLEvent(data='<r xmlns:p="u"><a i="1">t</a><p:b/><a>q</a></r>')
    assert made.data is made.data
    assert made.data.find("a").text == "t"
    assert [a.text for a in made.data.iter("a")] == ["t", "q"]
    assert made.data.xpath("//a/@i") == ["1"]
    assert made.data.xpath("//p:b", namespaces={"p": "u"})[0].tag == "{u}b"
    assert made.data.getparent() is None
    assert isinstance(made.data, etree._Element)
    assert text_of(made.data.getroottree()) == made.data_string()


def test_data_can_be_changed_in_place():
    made = XMLEvent(data="<a><b>x</b></a>")
    made.data.find("b").text = "y"
    etree.SubElement(made.data, "c", d="é")
    assert made.data_string() == '<a><b>y</b><c d="&#233;"/></a>'
    assert made.convert(JSONEvent).data == {"a": {"b": "y", "c": {"@d": "é"}}}
    made.data[0].clear()
    assert made.clone().data_string() == '<a><b/><c d="&#233;"/></a>'


def test_parts_of_trees_may_move_to_other_trees():
    one, two = XMLEvent(data="<a><b>x</b></a>"), XMLEvent(data='<c xmlns:p="u"><p:d e="f"/></c>')
    other = etree.XML("<other/>")
    other.append(one.data[0])
    one.data.append(two.data[0])
    del two
    assert text_of(other) == "<other><b>x</b></other>"
    assert one.data_string() == '<a><p:d xmlns:p="u" e="f"/></a>'
    assert one.data.find("{u}d").get("e") == "f"
    del one
    assert other.find("b").text == "x"


def test_data_is_read_by_lookup():
    made = XMLEvent(data="<a>x</a>")
    assert made.lookup(["data", "text"]) == "x"
    assert made.lookup(["data", "missing"]) is None


@pytest.mark.parametrize(
    ("text", "data_string"),
    [
        ("<a>é€😀</a>", "<a>&#233;&#8364;&#128512;</a>"),
        ('<a b="é&gt;ö">ü</a>', '<a b="&#233;&gt;&#246;">&#252;</a>'),
        (f"<a b='{chr(0xFFFFF) * 99}'/>", f'<a b="{"&#1048575;" * 99}"/>'),
        (f"<a>{chr(0x7FF) * 99}</a>", f"<a>{'&#2047;' * 99}</a>"),
        ("<é ö='ü'/>", '<é ö="&#252;"/>'),
        ("<a>ä<!-- é < > ' --><?p é?>ö</a>", "<a>&#228;<!-- é < > ' --><?p é?>&#246;</a>"),
        ("<a b='\"é\"'>'é'</a>", "<a b=\"&quot;&#233;&quot;\">'&#233;'</a>"),
        (
            '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" '
            '"http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd"><html><head/><br/></html>',
            "<html><head/><br/></html>",
        ),
    ],
)
def test_data_string_is_ascii_where_xml_has_references(text, data_string):
    made = XMLEvent(data=text)
    assert made.data_string() == data_string
    assert text_of(XMLEvent(data=data_string).data) == text_of(made.data)


def test_data_string_of_what_is_no_xml():
    made = XMLEvent()
    made._data = 5
    assert (made.data, made.data_string()) == (5, "5")
    made._data = None
    assert (made.data, made.data_string()) == (None, "None")


# ---- copies ----


def test_copies_do_not_see_each_other():
    made = XMLEvent(data="<a/>")
    copies = [made.clone(), copy.deepcopy(made), made.clone()]
    held = made.data
    copies += [made.clone(), copy.deepcopy(made)]
    held.set("changed", "1")
    for number, copied in enumerate(copies):
        assert copied.data_string() == "<a/>"
        copied.data.set("number", str(number))
    assert made.data_string() == '<a changed="1"/>'
    assert [copied.data.get("number") for copied in copies] == ["0", "1", "2", "3", "4"]


def test_a_part_that_is_held_is_enough_to_copy():
    made = XMLEvent(data="<a><b/></a>")
    part = made.data[0]
    copied = made.clone()
    part.set("changed", "1")
    assert copied.data_string() == "<a><b/></a>"
    assert made.data_string() == '<a><b changed="1"/></a>'


def test_an_element_that_nobody_holds_changes_hands():
    made = XMLEvent(data="<a/>")
    address = id(made.data)  # the event keeps it alive
    made.data.set("changed", "1")
    copied = made.clone()
    del made
    assert id(copied.data) == address
    assert copied.data_string() == '<a changed="1"/>'


def test_a_copy_of_a_subelement_has_its_namespaces():
    root = etree.XML('<r xmlns="d" xmlns:p="u" xmlns:unused="x"><a><p:b p:c="1"/></a>tail</r>')
    copied = XMLEvent(data=root[0]).clone()
    assert copied.data.tag == "{d}a"
    assert copied.data[0].attrib == {"{u}c": "1"}
    assert copied.data.getparent() is None


def test_pickling():
    made = XMLHttpEvent(data="<a>é</a>", status=201, extra=[1])
    made.data.set("b", "c")
    state = made.__getstate__()
    assert state["_data"] == '<a b="c">&#233;</a>'
    assert str(made) == str(state)
    loaded = pickle.loads(pickle.dumps(made))
    assert type(loaded) is XMLHttpEvent
    assert loaded.data_string() == made.data_string()
    assert (loaded.event_id, loaded.status, loaded.extra) == (made.event_id, made.status, [1])
    assert vars(made)["_data"] is made.data


def test_deep_elements_made_in_python():
    root = element = etree.Element("a")
    for _ in range(1500):
        element = etree.SubElement(element, "a")
    made = XMLEvent(data=root)
    assert made.clone().data_string() == made.data_string() == text_of(root)
    for _ in range(1000):
        element = etree.SubElement(element, "a")
    with pytest.raises(ValueError, match="more than 2048 levels"):
        made.clone()
    with pytest.raises(ValueError, match="more than 2048 levels"):
        made.data_string()


def run_in_threads(work, count=4):
    """Call work(number) in threads at once; raise what the first of them raised."""
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        for future in [pool.submit(work, number) for number in range(count)]:
            future.result()


def test_events_in_many_threads():
    def work(number):
        for i in range(100):
            made = XMLEvent(data=f"<a{number}><b{i}>{'x' * i}</b{i}></a{number}>")
            copied = made.clone()
            made.data.append(copied.data[0])
            assert len(made.data) == 2
            assert pickle.loads(pickle.dumps(made)).data_string() == made.data_string()

    run_in_threads(work)


def test_an_event_that_many_threads_use():
    made = XMLEvent(data="<a/>")

    def work(number):
        for i in range(200):
            if i % 10 == number:
                made.data = f"<a>{'<b/>' * 100}</a>"
            assert made.data.tag == "a"
            assert made.clone().data.tag == "a"
            assert made.data_string().startswith("<a")
            assert "a" in made.convert(JSONEvent).data

    run_in_threads(work)


# ---- conversion ----


@pytest.mark.parametrize(
    ("source", "requested", "result"),
    [
        (Event, XMLEvent, XMLEvent),
        (Event, XMLHttpEvent, XMLHttpEvent),
        (XMLEvent, XMLEvent, XMLEvent),
        (XMLEvent, JSONEvent, JSONEvent),
        (XMLEvent, HttpEvent, HttpEvent),
        (XMLEvent, XMLHttpEvent, XMLHttpEvent),
        (XMLEvent, JSONHttpEvent, JSONHttpEvent),
        (JSONEvent, XMLEvent, XMLEvent),
        (JSONEvent, XMLHttpEvent, XMLHttpEvent),
        (HttpEvent, XMLEvent, XMLHttpEvent),
        (HttpEvent, XMLHttpEvent, XMLHttpEvent),
        (XMLHttpEvent, JSONEvent, JSONHttpEvent),
        (XMLHttpEvent, XMLHttpEvent, XMLHttpEvent),
        (XMLHttpEvent, JSONHttpEvent, JSONHttpEvent),
        (JSONHttpEvent, XMLEvent, XMLHttpEvent),
        (JSONHttpEvent, XMLHttpEvent, XMLHttpEvent),
    ],
)
def test_EVT_5_convert(source, requested, result):
    made = source(data={"a": "x"}, extra=5)
    converted = made.convert(requested)
    assert type(converted) is result
    assert (converted.event_id, converted.extra) == (made.event_id, 5)
    if issubclass(result, _XMLFormatInterface) or result is HttpEvent:
        assert text_of(converted.data) == "<a>x</a>"
    else:
        assert converted.data == {"a": "x"}
    if issubclass(result, HttpEvent):
        assert (converted.status, converted.headers) == ((200, "OK"), {})
    assert type(made) is source


@pytest.mark.parametrize(
    ("source", "requested"),
    [
        (XMLEvent, Event),
        (XMLHttpEvent, Event),
        (XMLHttpEvent, XMLEvent),
        (XMLHttpEvent, HttpEvent),
    ],
)
def test_narrowing_is_refused(source, requested):
    with pytest.raises(InvalidEventConversion, match="Narrowing event conversion"):
        source().convert(requested)


def test_EVT_6_subclasses_keep_their_transport():
    class Mine(JSONHttpEvent):
        pass

    assert type(Mine(data={"a": 1}).convert(XMLEvent)) is XMLHttpEvent


def test_conversion_leaves_the_source_alone():
    made = XMLEvent(data="<a/>")
    converted = made.convert(XMLHttpEvent)
    converted.data.set("changed", "1")
    assert made.data_string() == "<a/>"
    held = made.data
    converted = made.convert(XMLHttpEvent)
    held.set("changed", "2")
    assert converted.data_string() == "<a/>"


@pytest.mark.parametrize("data", ["<b>", 5])
def test_data_that_cannot_be_converted(data):
    with pytest.raises(InvalidEventDataModification):
        Event(data=data).convert(XMLEvent)
    made = JSONEvent(data={})
    made._data = {"a": "\x00"}
    with pytest.raises(
        InvalidEventDataModification, match=r"Malformed data: the character U\+0000"
    ):
        made.convert(XMLEvent)


def test_elements_become_json():
    element = etree.XML("<a b='1'><c/><c>x</c></a>")
    expected = {"a": {"@b": "1", "c": [None, "x"]}}
    assert JSONEvent(data=element).data == expected
    assert JSONEvent(data=etree.ElementTree(element)).data == expected
    assert Event(data=element).convert(JSONEvent).data == expected
    assert JSONEvent(data=element[1]).data == {"c": "x"}


def test_own_conversions():
    class Numbers(XMLEvent):
        conversion_methods = {
            **XMLEvent.conversion_methods,
            int: lambda number: etree.XML(f"<n>{number}</n>"),
        }

    made = Numbers(data=5)
    assert made.clone().data_string() == "<n>5</n>"
    made.data = "<a/>"
    assert made.data_string() == "<a/>"
    assert JSONEvent(data={"b": 1}).convert(Numbers).data_string() == "<b>1</b>"
    assert made.convert(JSONEvent).data == {"a": None}
    element = etree.XML("<e/>")
    made.data = element
    assert made.data is element


# ---- errors ----


def test_ERR_2_errors_have_codes():
    made = XMLEvent(error=MalformedEventData("bad", code="E1", field="f"))
    assert made.error_string() == (
        "<errors>\n  <error>\n    <message>bad</message>\n    <code>E1</code>\n  </error>\n</errors>\n"
    )
    assert text_of(made.format_error()) == (
        "<errors><error><message>bad</message><code>E1</code></error></errors>"
    )


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (CompysitionException(["a", "b"]), "<message>a</message>|<message>b</message>"),
        (CompysitionException("a", code=5), "<message>a</message><code>5</code>"),
        (CompysitionException("a", code=0), "<message>a</message><code>0</code>"),
        (ValueError("a"), "<message>a</message>"),
        (KeyError("a"), "<message>'a'</message>"),
        (CompysitionException("é<b>x</b>\x01"), "<message>é&lt;b&gt;x&lt;/b&gt;\ufffd</message>"),
        (CompysitionException(CompysitionException("inner")), "<message>inner</message>"),
        ("text", "<message>text</message>"),
    ],
)
@pytest.mark.parametrize("cls", CLASSES)
def test_ERR_1_ERR_2_formatted_errors(cls, error, text):
    made = cls(error=error)
    expected = "".join(f"<error>{entry}</error>" for entry in text.split("|"))
    element = made.format_error()
    assert etree.tostring(element, encoding=str) == f"<errors>{expected}</errors>"
    compact = etree.fromstring(made.error_string(), etree.XMLParser(remove_blank_text=True))
    assert etree.tostring(compact, encoding=str) == f"<errors>{expected}</errors>"
    assert made.error_string().isascii()


def test_no_error():
    assert XMLEvent().format_error() is None
    assert XMLEvent().error_string() is None


def test_an_overridden_format_error_is_used():
    class Element(XMLEvent):
        def format_error(self):
            return etree.XML("<e><f/></e>") if self.error else None

    class Other(XMLEvent):
        def format_error(self):
            return ["x"]

    assert Element(error=ValueError()).error_string() == "<e>\n  <f/>\n</e>\n"
    assert Element().error_string() is None
    assert Other(error=ValueError()).error_string() == "['x']"


def test_http_status_of_errors():
    made = XMLHttpEvent()
    with pytest.raises(InvalidEventDataModification) as raised:
        made.data = "<a>"
    made.error = raised.value
    assert made.status == (400, "Bad Request")
    assert "Premature end of data" in made.error_string()


# ---- in a flow ----


class Change(compysition.Actor):
    """Adds an element that says its name."""

    def consume(self, event, *args, **kwargs):
        etree.SubElement(event.data, self.name)
        self.send_event(event)


class Keep(compysition.Actor):
    """Stops the director at the first event, which it keeps."""

    def __init__(self, name, director, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.director = director
        self.kept = None

    def consume(self, event, *args, **kwargs):
        self.kept = event
        self.director.stop()


class Make(compysition.Actor):
    """Sends one event."""

    def pre_hook(self):
        self.threads.spawn(lambda: self.send_event(XMLEvent(data="<a/>")), restart=False)

    def consume(self, event, *args, **kwargs):
        raise AssertionError("a source gets no events")


def test_later_actors_see_the_changes():
    director = quiet_director()
    source = director.register_actor(Make, "source")
    one = director.register_actor(Change, "one")
    split = director.register_actor(FlowController, "split")
    two = director.register_actor(Change, "two")
    other = director.register_actor(Change, "other")
    null = director.register_actor(Null, "null")
    keep = director.register_actor(Keep, "keep", director)
    director.connect_queue(source, one)
    director.connect_queue(one, split)
    director.connect_queue(split, [other, two])
    director.connect_queue(other, null)
    director.connect_queue(two, keep)
    director.start()
    assert keep.kept.data_string() == "<a><one/><two/></a>"


def test_the_default_actors_forward_elements(wrap):
    wrapper = wrap(Forward("forward"))
    element = etree.XML("<a><b/></a>")
    wrapper.input = XMLEvent(data=element)
    element.clear()
    assert wrapper.output.data_string() == "<a><b/></a>"


# ---- without lxml ----

WITHOUT_LXML = """
    import copy, pickle, sys
    sys.modules["lxml"] = None
    from compysition.event import JSONEvent, XMLEvent, XMLHttpEvent
    made = JSONEvent(data={"a": ["b", None]}).convert(XMLHttpEvent)
    made.error = ValueError("wrong")
    copied = pickle.loads(pickle.dumps(copy.deepcopy(made)))
    assert copied.convert(JSONEvent).data == {"a": ["b", None]}
    assert "<message>wrong</message>" in copied.error_string()
    copied.data = "<c/>"
    assert copied.data_string() == "<c/>"
    try:
        copied.data
    except ImportError as error:
        print(error)
    assert copied.clone().data_string() == "<c/>"
"""


def run_python(code):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_only_reading_data_needs_lxml():
    assert re.fullmatch(
        "the data of an XML event is an lxml element, and lxml cannot be imported; "
        "install it: pip install lxml .*\n",
        run_python(WITHOUT_LXML),
    )


def test_lxml_is_imported_when_data_is_read():
    code = """
        import sys
        from compysition.event import JSONEvent, XMLEvent
        from compysition.actors import FlowController
        made = XMLEvent(data="<a><b/></a>").clone().convert(JSONEvent).convert(XMLEvent)
        assert made.data_string() == "<a><b/></a>"
        assert "lxml" not in sys.modules
        assert made.data.tag == "a"
        assert "lxml" in sys.modules
    """
    assert run_python(code) == ""
