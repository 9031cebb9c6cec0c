"""Dicts to XML and back: the contract's rows, and xmltodict as the reference."""

import io

import pytest
import xmltodict
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from compysition.errors import InvalidEventDataModification
from compysition.event import (
    JSONEvent,
    UnescapedDictXMLGenerator,
    XMLEvent,
    internal_xmlify,
    remove_internal_xmlify,
)
from tests.corpora import naughty_strings


def to_xml(data):
    return XMLEvent(data=data).data_string()


def to_data(text):
    return XMLEvent(data=text).convert(JSONEvent).data


def canonical(text):
    return etree.tostring(etree.fromstring(text), method="c14n")


# ---- rows of the contract ----


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"a": 1}, "<a>1</a>"),
        ({"a": None}, "<a/>"),
        ({"a": {}}, "<a/>"),
        ({"a": True}, "<a>true</a>"),
        ({"a": 1.5}, "<a>1.5</a>"),
        ({"a": 1, "b": 2}, "<jsonified_envelope><a>1</a><b>2</b></jsonified_envelope>"),
        ({"a": [1, 2]}, "<jsonified_envelope><a>1</a><a>2</a></jsonified_envelope>"),
        ({"a": []}, "<jsonified_envelope/>"),
        ({"a": {"b": [1, 2]}}, "<a><b>1</b><b>2</b></a>"),
        (
            [1, 2],
            "<jsonified_envelope><jsonified_envelope>1</jsonified_envelope>"
            "<jsonified_envelope>2</jsonified_envelope></jsonified_envelope>",
        ),
        ([], "<jsonified_envelope/>"),
        (
            [{"a": 1}, {"b": 2}],
            "<jsonified_envelope><jsonified_envelope><a>1</a></jsonified_envelope>"
            "<jsonified_envelope><b>2</b></jsonified_envelope></jsonified_envelope>",
        ),
        ({"a": {"@id": "5", "#text": "hi"}}, '<a id="5">hi</a>'),
        ({"a": "<b>x</b>"}, "<a><b>x</b></a>"),
        ({"a": "a<b"}, "<a>a&lt;b</a>"),
        (
            {"a": [[1, 2], [3]]},
            "<jsonified_envelope><a>[1, 2]</a><a>[3]</a></jsonified_envelope>",
        ),
        ({"a": {"b": (1, 2), "c": {3: 4}.keys()}}, "<a><b>1</b><b>2</b><c>3</c></a>"),
        ({"a": {"@b": True, "@c": None, "@d": 1}}, '<a b="true" c="" d="1"/>'),
        ({"a": {"#text": 5, "b": None}}, "<a><b/>5</a>"),
        ({"a": {"b": b"\xc3\xa9"}}, "<a><b>&#233;</b></a>"),
        ({"a": "\r\n\t x"}, "<a>&#13;\n\t x</a>"),
        ({"a": {"@b": '"<&>\n\t'}}, '<a b="&quot;&lt;&amp;&gt;&#10;&#9;"/>'),
    ],
)
def test_dict_to_xml(data, text):
    assert to_xml(data) == text


def test_EVT_11_an_empty_dict_is_no_data():
    assert to_xml({}) == to_xml(None) == "<root/>"
    assert JSONEvent().convert(XMLEvent).data.tag == "root"


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("<a/>", {"a": None}),
        ("<a> </a>", {"a": None}),
        ("<a>\n x \t</a>", {"a": "x"}),
        ("<a>\u2003é\u2003</a>", {"a": "é"}),
        ("<a>\u2003</a>", {"a": None}),
        ("<a b='1'>x<c/></a>", {"a": {"@b": "1", "c": None, "#text": "x"}}),
        ("<a b=''/>", {"a": {"@b": ""}}),
        ("<a>x<b/>y <c/> z</a>", {"a": {"b": None, "c": None, "#text": "xy  z"}}),
        ("<a><b>1</b><c/><b>2</b></a>", {"a": {"b": ["1", "2"], "c": None}}),
        ("<a><!-- x --><?y z?><![CDATA[<]]></a>", {"a": "<"}),
        ("<jsonified_envelope><a>1</a><a>2</a></jsonified_envelope>", {"a": ["1", "2"]}),
        ("<jsonified_envelope/>", None),
        ("<jsonified_envelope>x</jsonified_envelope>", "x"),
        (
            '<p:a xmlns:p="u" xmlns="d" p:x="1" xml:lang="de"><b/></p:a>',
            {
                "p:a": {
                    "@xmlns:p": "u",
                    "@xmlns": "d",
                    "@p:x": "1",
                    "@xml:lang": "de",
                    "b": None,
                }
            },
        ),
    ],
)
def test_xml_to_dict(text, data):
    assert to_data(text) == data
    assert type(to_data(text)) is type(data)


@pytest.mark.parametrize(
    ("data", "back"),
    [
        ([1, 2], ["1", "2"]),
        ([{"a": 1}, {"b": 2}], [{"a": "1"}, {"b": "2"}]),
        ({"a": [1, 2], "b": "x"}, {"a": ["1", "2"], "b": "x"}),
        ({"a": [1]}, {"a": "1"}),
        ([1], "1"),
        ({"a": None, "b": None}, {"a": None, "b": None}),
    ],
)
def test_EVT_12_envelopes_go_as_they_came(data, back):
    assert JSONEvent(data=data).convert(XMLEvent).convert(JSONEvent).data == back


def test_internal_xmlify():
    envelope = "jsonified_envelope"
    assert internal_xmlify({"a": 1}) == {"a": 1}
    assert internal_xmlify({"a": 1, "b": 2}) == {envelope: {"a": 1, "b": 2}}
    assert internal_xmlify({"a": [1]}) == {envelope: {"a": [1]}}
    assert internal_xmlify([1]) == {envelope: {envelope: [1]}}
    assert internal_xmlify(5) == 5
    assert remove_internal_xmlify({envelope: {envelope: [1]}}) == [1]
    assert remove_internal_xmlify({envelope: None}) is None
    assert remove_internal_xmlify({envelope: 1, "a": 2}) == {envelope: 1, "a": 2}
    assert remove_internal_xmlify({"a": 1}) == {"a": 1}


# ---- namespaces ----


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"a": {"@xmlns": "u", "b": 1}}, '<a xmlns="u"><b>1</b></a>'),
        ({"a": {"b": 1, "@xmlns": {"": "u", "p": "v"}}}, '<a xmlns="u" xmlns:p="v"><b>1</b></a>'),
        ({"p:a": {"p:b": {"@p:c": 1}, "@xmlns:p": "u"}}, '<p:a xmlns:p="u"><p:b p:c="1"/></p:a>'),
        (
            {"a": {"@xmlns": "u", "b": {"@xmlns": "", "c": 1}}},
            '<a xmlns="u"><b xmlns=""><c>1</c></b></a>',
        ),
        (
            {"a": {"@xmlns": "u", "#text": "<b><c xmlns='v'><d/></c></b>"}},
            '<a xmlns="u"><b><c xmlns="v"><d/></c></b></a>',
        ),
        ({"a": {"@xml:lang": "de"}}, '<a xml:lang="de"/>'),
    ],
)
def test_namespaces(data, text):
    made = XMLEvent(data=data)
    assert made.data_string() == text
    assert [node.tag for node in made.data.iter()] == [
        node.tag for node in etree.fromstring(text).iter()
    ]


@pytest.mark.parametrize(
    "data",
    [
        {"p:a": 1},
        {"a": {"@p:b": 1}},
        {"a": {"@xmlns:p": ""}},
        {"a": {"@xmlns:p": "[]"}},
        {"@xmlns": []},
        {"a": {"@xmlns:": "u"}},
        {"a": {"@xmlns:xml": "u"}},
        {"p:a": {"@xmlns:q": "u"}},
        {"a": {"@xmlns:p": "u", "@xmlns:q": "u", "@p:x": 1, "@q:x": 2}},
    ],
)
def test_wrong_namespaces(data):
    with pytest.raises(InvalidEventDataModification, match="Malformed data: "):
        XMLEvent(data=data)


# ---- refusals ----


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a b": 1}, "'a b' is not a name in XML"),
        ({"": 1}, "'' is not a name in XML"),
        ({"1": 1}, "'1' is not a name in XML"),
        ({"a:b:c": 1}, "'a:b:c' is not a name in XML"),
        ({":a": 1}, "':a' is not a name in XML"),
        ({"@a": 1}, "'@a' is not a name in XML"),
        ({"#text": 1}, "'#text' is not a name in XML"),
        ({"a": {"@": 1}}, "'@' is not a name in XML"),
        ({"a": {"@b c": 1}}, "'@b c' is not a name in XML"),
        ({"a": {"<b/>": 1}}, "'<b/>' is not a name in XML"),
        ({"a\0b": 1}, "'a\\x00b' holds a null character"),
        ({"a": {"@b\0c": 1}}, "'@b\\x00c' holds a null character"),
        ({"a": {"@xmlns:p\0q": "urn:x"}}, "'@xmlns:p\\x00q' holds a null character"),
        ({5: 1}, "the keys of data for XML are str, not int"),
        ({"a": {None: 1}}, "the keys of data for XML are str, not NoneType"),
        ({"a": "é\x00b"}, "the character U+0000 at index 1 of 'é\\x00b' cannot be in XML"),
        ({"a": {"@b": "\x1b"}}, "the character U+001B at index 0"),
        ({"a": "\ufffe"}, "the character U+FFFE at index 0"),
        ({"a": "\ud800"}, "surrogates not allowed"),
        ({"a": b"\xff"}, "can't decode byte 0xff"),
    ],
)
def test_what_xml_cannot_express(data, message):
    with pytest.raises(InvalidEventDataModification) as raised:
        XMLEvent(data=data)
    assert raised.value.message[0].startswith("Malformed data: ")
    assert message in raised.value.message[0]


def nested(levels):
    data = None
    for _ in range(levels):
        data = {"a": data}
    return data


def test_depth_is_bounded_as_for_text():
    made = XMLEvent(data=nested(256))
    assert XMLEvent(data=made.data_string()).convert(JSONEvent).data == nested(256)
    with pytest.raises(InvalidEventDataModification, match="nested more than 256 levels"):
        XMLEvent(data=nested(257))
    data = {}
    data["a"] = data
    with pytest.raises(InvalidEventDataModification, match="nested more than 256 levels"):
        XMLEvent(data=data)


def test_values_whose_text_fails():
    class Value:
        def __str__(self):
            raise LookupError("no text")

    with pytest.raises(InvalidEventDataModification, match="no text"):
        XMLEvent(data={"a": Value()})


def test_values_that_change_the_data():
    class Value:
        def __str__(self):
            data.clear()
            return "x"

    data = {"a": Value(), "b": "y"}
    assert to_xml({"c": data}) == "<c><a>x</a><b>y</b></c>"


# ---- text that is markup ----


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("<b/>", "<b/>"),
        (" \n<b c='d'>x</b>\t", ' \n<b c="d">x</b>\t'),
        ("<!-- c --><b/>", "<!-- c --><b/>"),
        ("<b>&amp;</b>", "<b>&amp;</b>"),
        ("<b/><c/>", "&lt;b/&gt;&lt;c/&gt;"),
        ("<b/>x", "&lt;b/&gt;x"),
        ("<b>", "&lt;b&gt;"),
        ("<p:b/>", "&lt;p:b/&gt;"),
        ("<!-- c -->", "&lt;!-- c --&gt;"),
        ("</x><x>", "&lt;/x&gt;&lt;x&gt;"),
        ("<b/></x><x><b/>", "&lt;b/&gt;&lt;/x&gt;&lt;x&gt;&lt;b/&gt;"),
        ("<?xml version='1.0'?><b/>", "&lt;?xml version='1.0'?&gt;&lt;b/&gt;"),
        ("<!DOCTYPE b><b/>", "&lt;!DOCTYPE b&gt;&lt;b/&gt;"),
        ("<b>&e;</b>", "&lt;b&gt;&amp;e;&lt;/b&gt;"),
    ],
)
def test_text_that_may_be_markup(value, content):
    assert to_xml({"a": value}) == f"<a>{content}</a>"
    assert to_xml({"a": {"@b": value}}).count("<") == 1

    writer = io.StringIO()
    UnescapedDictXMLGenerator(writer).characters(value)
    assert writer.getvalue() == (value if content.lstrip().startswith("<") else content)


# ---- xmltodict as the reference ----

# xmltodict's text loses carriage returns, which parsers read as line feeds.
texts = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n &<>\"'"), max_size=8
).filter(lambda text: not text.strip().startswith("<") and not set(text) & set("\ufffe\uffff"))
names = st.sampled_from(["a", "b", "c-1", "d.e", "é", "_f", "jsonified_envelope"])
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
documents = st.recursive(
    scalars,
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(names, children, max_size=4)
        | st.tuples(
            st.dictionaries(names.map("@{}".format), texts, max_size=2),
            st.dictionaries(names, children, max_size=3),
            st.dictionaries(st.just("#text"), texts, max_size=1),
        ).map(lambda parts: {**parts[0], **parts[1], **parts[2]})
    ),
    max_leaves=12,
)


def is_document(data):
    """Whether xmltodict takes it: a root that is an element."""
    wrapped = internal_xmlify(data)
    return isinstance(wrapped, dict) and len(wrapped) == 1 and next(iter(wrapped))[0] not in "@#"


@given(documents.filter(is_document))
def test_as_xmltodict_writes_and_reads(data):
    reference = xmltodict.unparse(internal_xmlify(data)).encode()
    made = XMLEvent(data=data)
    assert canonical(made.data_string()) == canonical(reference)
    assert made.convert(JSONEvent).data == remove_internal_xmlify(xmltodict.parse(reference))


def serialised(element):
    name, attributes, children = element
    written = "".join(f' {key}="{value}"' for key, value in attributes.items())
    inner = "".join(child if isinstance(child, str) else serialised(child) for child in children)
    return f"<{name}{written}>{inner}</{name}>"


leaves = st.sampled_from(
    ["text", " ", "\n  ", "é", "&lt;", "&#233;", "<!-- c -->", "<?p i?>", "<![CDATA[<x>]]>", "\xa0"]
)
elements = st.recursive(
    leaves,
    lambda children: st.tuples(
        st.sampled_from(["a", "b", "p:c"]),
        st.dictionaries(
            st.sampled_from(["x", "p:y", "xmlns", "xmlns:p", "xml:space"]), st.just("urn:u")
        ),
        st.lists(children, max_size=4),
    ),
    max_leaves=15,
).filter(lambda element: not isinstance(element, str))


@given(elements)
def test_as_xmltodict_reads(element):
    text = serialised(("root", {"xmlns:p": "urn:p"}, [element]))
    expected = xmltodict.parse(text)
    made = XMLEvent(data=text)
    assert made.convert(JSONEvent).data == expected
    assert canonical(made.data_string()) == canonical(text)
    assert JSONEvent(data=made.data).data == expected


# ---- naughty strings ----


def test_naughty_strings_survive():
    refused = 0
    for text in naughty_strings():
        try:
            made = XMLEvent(data={"a": text})
        except InvalidEventDataModification:
            assert any((c < " " and c not in "\t\n\r") or c in "\ufffe\uffff" for c in text)
            refused += 1
            continue
        copied = XMLEvent(data=made.clone().data_string())
        if len(made.clone().data) == 0:
            assert (made.data.text or "") == (copied.data.text or "") == text
            assert copied.convert(JSONEvent).data == {"a": text.strip() or None}
        else:
            assert text.strip().startswith("<")
        assert XMLEvent(data={"a": {"@b": text}}).data.get("b") == text
    assert refused < 10
