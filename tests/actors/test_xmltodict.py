import pytest
import xmltodict as library
from hypothesis import given
from lxml import etree

from compysition.actors import DictToXML, XMLToDict
from compysition.errors import InvalidEventDataModification, MalformedEventData
from compysition.event import (
    Event,
    JSONEvent,
    JSONHttpEvent,
    XMLEvent,
    XMLHttpEvent,
    internal_xmlify,
    remove_internal_xmlify,
)
from compysition.testutils.test_actor import TestActorWrapper
from tests.actors.helpers import logged
from tests.corpora import naughty_strings
from tests.flows import Collect, quiet_director
from tests.xml.test_dict import documents, elements, is_document, serialised


@pytest.fixture
def to_dict(modify):
    """The JSON data that XMLToDict makes of XML."""

    def run(text, **kwargs):
        event = modify(XMLToDict("d", **kwargs), XMLEvent(data=text))
        assert type(event) is JSONEvent
        return event.data

    return run


# ---- data ----


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("<a/>", {"a": None}),
        ("<a>1</a>", {"a": "1"}),
        ("<a b='1'>x<c/></a>", {"a": {"@b": "1", "c": None, "#text": "x"}}),
        ("<a><b>1</b><b>2</b></a>", {"a": {"b": ["1", "2"]}}),
        ("<p:a xmlns:p='u'><p:b/></p:a>", {"p:a": {"@xmlns:p": "u", "p:b": None}}),
        ("<jsonified_envelope><a>1</a><b/></jsonified_envelope>", {"a": "1", "b": None}),
        ("<jsonified_envelope/>", None),
    ],
)
def test_xml_becomes_json(to_dict, text, data):
    assert to_dict(text) == data


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("<a><b>1</b><c/></a>", {"b": "1", "c": None}),
        ("<a b='1'>x</a>", {"@b": "1", "#text": "x"}),
        ("<a><b><c/></b></a>", {"b": {"c": None}}),
        ("<p:jsonified_envelope xmlns:p='u' a='1'/>", {"@xmlns:p": "u", "@a": "1"}),
        ("<a/>", {}),
        ("<a> </a>", {}),
    ],
)
def test_flatten_leaves_the_root_element_out(to_dict, text, data):
    assert to_dict(text, flatten=True) == data


@pytest.mark.parametrize("value", ["text", "5", "null", "true", '{"a": 1}', '"', "é"])
def test_flatten_keeps_text_as_text(wrap, value):
    wrapper = wrap(XMLToDict("d", flatten=True))
    event = XMLEvent(data="<a/>")
    event.data.text = value
    wrapper.input = event
    made = wrapper.output
    assert made.data == value
    assert made.clone().data == value


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("<e><a>1</a><b>2</b></e>", {"a": "1", "b": "2"}),
        ("<e><a><b>1</b></a></e>", {"a": {"b": "1"}}),
        ("<e><e>1</e><e>2</e></e>", ["1", "2"]),
        ("<e xmlns='u'><a/></e>", {"@xmlns": "u", "a": None}),
        ("<e>text</e>", "text"),
        ("<e/>", None),
    ],
)
@pytest.mark.parametrize("flatten", [False, True])
def test_XML_4_of_an_envelope_flatten_changes_nothing(to_dict, text, data, flatten):
    text = text.replace("e>", "jsonified_envelope>").replace("<e", "<jsonified_envelope")
    assert to_dict(text, flatten=flatten) == data


def test_data_in_the_hands_of_python(wrap):
    wrapper = wrap(XMLToDict("d", flatten=True))
    event = XMLEvent(data="<a/>")
    element = event.data
    for number in range(3):
        etree.SubElement(element, "b").text = str(number)
    wrapper.input_queues["inbox"].put(event)
    assert wrapper.output.data == {"b": ["0", "1", "2"]}
    assert len(element) == 3


# ---- the event ----


def test_http_events_stay_http_events(modify):
    event = XMLHttpEvent(
        headers={"X": "1"}, status=(201, "Created"), environment={"a": 1}, data="<a/>", mark=3
    )
    for flatten in (False, True):
        made = modify(XMLToDict("d", flatten), event)
        assert type(made) is JSONHttpEvent
        assert (made.headers, made.status, made.environment) == (
            {"X": "1"},
            (201, "Created"),
            {"a": 1},
        )
        assert (made.event_id, made.created, made.mark) == (event.event_id, event.created, 3)


def test_json_becomes_xml_first(modify):
    made = modify(XMLToDict("d"), JSONEvent(data={"a": 1, "b": [True]}))
    assert made.data == {"a": "1", "b": "true"}


def test_other_events_given_by_hand():
    actor = XMLToDict("d", flatten=True)
    outbox = actor.pool.outbound.add("outbox")
    for event in (JSONEvent(data={"a": [1]}), Event(data={"a": [1]})):
        actor.consume(event)
        assert outbox.get().data == [1]


def test_an_overridden_convert_is_called(wrap):
    class Own(XMLEvent):
        def convert(self, cls):
            if len(self.data) == 0:
                raise OSError("disk full")
            converted = super().convert(cls)
            converted.data["more"] = 1
            return converted

    wrapper = wrap(XMLToDict("d"))
    wrapper.input = Own(data="<a><b/></a>")
    assert wrapper.output.data == {"a": {"b": None}, "more": 1}
    wrapper.input = Own(data="<a/>")
    failed = wrapper.error
    assert isinstance(failed.error, MalformedEventData)
    assert failed.error.message == ["disk full"]
    assert failed.data_string() == "<a/>"


def test_it_logs_what_it_did(wrap, log):
    class Broken(XMLHttpEvent):
        def convert(self, cls):
            raise InvalidEventDataModification(["one", "two"])

    actor = XMLToDict("d")
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = XMLEvent(data="<a/>")
    assert wrapper.output is not None
    wrapper.input = Broken(data="<a/>")
    failed = wrapper.error
    assert (type(failed.error), failed.error.message) == (MalformedEventData, ["one", "two"])
    assert (type(failed), failed.status[0]) == (Broken, 400)
    messages = logged(lines)
    assert "Successfully converted XML to Dict" in messages
    assert "Unable to convert to XML: ['one', 'two']" in messages


def test_deep_and_huge_xml(wrap):
    wrapper = wrap(XMLToDict("d"))
    wrapper.input = XMLEvent(data="<a>" * 256 + "</a>" * 256)
    data = wrapper.output.data
    for _ in range(256):
        data = data["a"]
    assert data is None
    wrapper.input = XMLEvent(data="<a>" + "<b/>" * 200_000 + "x" * 9_000_000 + "</a>")
    data = wrapper.output.data["a"]
    assert (len(data["b"]), len(data["#text"])) == (200_000, 9_000_000)


def test_a_tree_that_is_too_deep_is_the_events_error(wrap):
    element = root = etree.Element("a")
    for _ in range(3000):
        element = etree.SubElement(element, "a")
    wrapper = wrap(XMLToDict("d"))
    event = XMLEvent(data="<a/>")
    event.data.append(root)
    del element, root
    wrapper.input_queues["inbox"].put(event)
    assert isinstance(wrapper.error.error, MalformedEventData)
    wrapper.input = XMLEvent(data="<a/>")
    assert wrapper.output.data == {"a": None}


# ---- there and back ----


class Chain:
    """Sends data through actors in their own director."""

    def __init__(self, *actors):
        self.wrappers = [TestActorWrapper(actor) for actor in actors]

    def __call__(self, event):
        for wrapper in self.wrappers:
            wrapper.input = event
            event = wrapper.output
        return event

    def stop(self):
        for wrapper in self.wrappers:
            wrapper.stop()


@pytest.fixture(scope="module")
def there_and_back():
    chain = Chain(DictToXML("k"), XMLToDict("d"))
    yield chain
    chain.stop()


@pytest.fixture(scope="module")
def back_and_there():
    chain = Chain(XMLToDict("d"), DictToXML("k"))
    yield chain
    chain.stop()


def expected(data):
    """What xmltodict makes of data there and back."""
    if not (isinstance(data, (dict, list)) and len(data) == 1):
        data = {"k": data}
    text = library.unparse(internal_xmlify(data)).encode()
    return remove_internal_xmlify(library.parse(text))


@given(documents.filter(is_document))
def test_json_to_xml_to_json_agrees_with_xmltodict(there_and_back, data):
    event = JSONEvent(data=data)
    assert there_and_back(event).data == expected(event.clone().data)


@given(elements)
def test_xml_to_json_to_xml_keeps_the_data(back_and_there, element):
    text = serialised(("root", {"xmlns:p": "urn:p"}, [element]))
    made = back_and_there(XMLEvent(data=text))
    assert library.parse(made.data_string()) == library.parse(text)


def test_naughty_strings_pass(there_and_back):
    passed = 0
    for text in naughty_strings():
        if any((c < " " and c not in "\t\n\r") or c in "\ufffe\uffff" for c in text):
            continue
        data = there_and_back(JSONEvent(data={"a": text, "b": {"@c": text}})).data["k"]
        assert data["b"] == {"@c": text}
        if not text.strip().startswith("<"):
            assert data["a"] == (text.strip() or None)
            passed += 1
    assert passed > 300


# ---- in a flow ----


def test_every_event_of_a_flow_arrives_once():
    director = quiet_director()
    there = director.register_actor(DictToXML, "k")
    back = director.register_actor(XMLToDict, "d", flatten=True)
    keep = director.register_actor(Collect, "keep")
    director.connect_queue(there, back)
    director.connect_queue(back, keep)
    inbox = there.pool.inbound.add("inbox")
    there.register_consumer("inbox", inbox)
    for number in range(100):
        inbox.put(JSONHttpEvent(data={"a": number, "b": number}))
    director.start(block=False)
    director.stop()
    assert keep.data == [{"a": str(number), "b": str(number)} for number in range(100)]
    assert director.stats()["events"]["in_flight"] == 0


def test_a_flow_imports_no_lxml(run_script):
    script = """
import sys
from compysition.actors import DictToXML, PropertiesToXML, XMLToDict
from compysition.event import JSONEvent

first, second, third = DictToXML("k"), XMLToDict("d"), PropertiesToXML("p", escape_xml=True)
outbox = first.pool.outbound.add("outbox")
second.pool.outbound.add("outbox", queue=outbox)
third.pool.outbound.add("outbox", queue=outbox)
first.consume(JSONEvent(data={"a": 1, "b": "<c/>"}))
second.consume(outbox.get())
third.consume(outbox.get())
print(outbox.get().data_string()[:4], "lxml" in sys.modules, "xmltodict" in sys.modules)
"""
    assert run_script(script) == (0, ["<p>< False False"])
