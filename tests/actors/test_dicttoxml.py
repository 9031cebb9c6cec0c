"""DictToXML and PropertiesToXML."""

import datetime
import io

import pytest
from lxml import etree

from compysition.actors import DictToXML, PropertiesToXML
from compysition.errors import InvalidEventDataModification, MalformedEventData
from compysition.event import (
    Event,
    HttpEvent,
    JSONEvent,
    JSONHttpEvent,
    LogEvent,
    XMLEvent,
    XMLHttpEvent,
)
from tests.actors.helpers import logged
from tests.corpora import naughty_strings
from tests.flows import Collect, quiet_director

ENVELOPE = "jsonified_envelope"


@pytest.fixture
def to_xml(modify):
    """The XML that DictToXML makes of JSON data."""

    def run(data, name="k", **kwargs):
        return modify(DictToXML(name, **kwargs), JSONEvent(data=data)).data_string()

    return run


# ---- DictToXML: data ----


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"a": 1}, "<a>1</a>"),
        ({"a": 1, "b": 2}, "<k><a>1</a><b>2</b></k>"),
        ([1, 2], f"<{ENVELOPE}><k>1</k><k>2</k></{ENVELOPE}>"),
        ([1], f"<{ENVELOPE}><{ENVELOPE}>1</{ENVELOPE}></{ENVELOPE}>"),
        ([], f"<{ENVELOPE}/>"),
        (
            {"errors": [{"foo": "bar"}, {"foo": "x"}]},
            f"<{ENVELOPE}><errors><foo>bar</foo></errors><errors><foo>x</foo></errors></{ENVELOPE}>",
        ),
        ({"a": {"@b": "c", "#text": "d"}}, '<a b="c">d</a>'),
        ({"a": None}, "<a/>"),
        ('"text"', "<k>text</k>"),
        ("5", "<k>5</k>"),
        ("false", "<k>false</k>"),
    ],
)
def test_json_becomes_xml(to_xml, data, text):
    assert to_xml(data) == text


@pytest.mark.parametrize("data", [{}, None, "null"])
def test_XML_2_empty_data_becomes_an_empty_element(to_xml, data):
    assert to_xml(data) == "<k/>"


def test_the_key_is_the_actors_name_unless_it_is_given(to_xml):
    assert to_xml({"a": 1, "b": 2}, key="root") == "<root><a>1</a><b>2</b></root>"
    actor = DictToXML("name", False, "root")
    assert (actor.name, actor.key, actor.escape_xml) == ("name", "root", False)
    assert DictToXML("name", key="root", size=3).size == 3


# ---- DictToXML: text ----


@pytest.mark.parametrize(
    ("text", "markup"), [("<b>x</b>", True), (" <b/>\n", True), ("<b/><c/>", False), ("<b", False)]
)
def test_text_that_is_a_document_becomes_markup(to_xml, text, markup):
    escaped = text.replace("<", "&lt;").replace(">", "&gt;")
    assert to_xml({"a": text}) == f"<a>{text if markup else escaped}</a>"


@pytest.mark.parametrize("text", ["<b>x</b>", " <b/>\n", "<b/><c/>", "a & b"])
def test_XML_1_escape_xml_escapes_all_text(to_xml, text):
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert to_xml({"a": text}, escape_xml=True) == f"<a>{escaped}</a>"
    data = {"c": [text, 1], "b": {"#text": text}}
    inner = f"<c>{escaped}</c><c>1</c><b>{escaped}</b>"
    assert to_xml(data, escape_xml=True) == f"<k>{inner}</k>"


@pytest.mark.parametrize("escape", [True, False])
def test_naughty_strings_pass(wrap, escape):
    wrapper = wrap(DictToXML("k", escape_xml=escape))
    for text in naughty_strings():
        forbidden = any((c < " " and c not in "\t\n\r") or c in "\ufffe\uffff" for c in text)
        wrapper.input = JSONEvent(data={"a": text, "b": text})
        if forbidden:
            assert isinstance(wrapper.error.error, InvalidEventDataModification)
            continue
        element = wrapper.output.data
        assert [child.tag for child in element] == ["a", "b"]
        if escape or len(element[0]) == 0:
            assert (element[0].text or "") == text
        else:
            assert etree.tostring(element[0], encoding="unicode").startswith("<a>")


# ---- DictToXML: the event ----


def test_http_events_stay_http_events(modify):
    event = JSONHttpEvent(
        headers={"X": "1"}, status=(201, "Created"), environment={"a": 1}, data={"b": 2}, mark=3
    )
    made = modify(DictToXML("k"), event)
    assert type(made) is XMLHttpEvent
    assert (made.headers, made.status, made.environment) == ({"X": "1"}, (201, "Created"), {"a": 1})
    assert (made.event_id, made.created, made.mark) == (event.event_id, event.created, 3)


def test_xml_becomes_json_first(modify):
    event = modify(DictToXML("k"), XMLEvent(data="<a><!-- c --><b/> </a>"))
    assert type(event) is XMLEvent
    assert event.data_string() == "<a><b/></a>"


def test_xml_given_by_hand_becomes_json_first():
    actor = DictToXML("k")
    outbox = actor.pool.outbound.add("outbox")
    actor.consume(XMLHttpEvent(data=f"<{ENVELOPE}><a>1</a><a>2</a><b/></{ENVELOPE}>"))
    event = outbox.get()
    assert type(event) is XMLHttpEvent
    assert event.data_string() == "<k><a>1</a><a>2</a><b/></k>"


class Own(JSONEvent):
    """Converts itself in its own way."""

    def convert(self, cls):
        if self.data == {"k": {"be": "none", "n": 1}}:
            return None
        converted = super().convert(cls)
        converted.seen = self.data
        return converted


@pytest.mark.parametrize("escape", [False, True])
def test_an_overridden_convert_is_called(wrap, escape):
    wrapper = wrap(DictToXML("k", escape_xml=escape))
    wrapper.input = Own(data={"a": "<b/>", "c": 1})
    event = wrapper.output
    assert type(event) is XMLEvent
    if not escape:
        assert event.seen == {"k": {"a": "<b/>", "c": 1}}
    assert len(event.data[0]) == (not escape)


def test_an_overridden_convert_must_return_an_event(wrap):
    wrapper = wrap(DictToXML("k"))
    wrapper.input = Own(data={"be": "none", "n": 1})
    failed = wrapper.error
    assert "convert() must return an event" in str(failed.error)
    assert failed.data == {"be": "none", "n": 1}


def test_an_overridden_convert_may_return_the_event_itself(modify):
    class Itself(XMLEvent):
        def convert(self, cls):
            return self

    made = modify(PropertiesToXML("p"), Itself(data="<a/>"))
    assert (type(made), made.data.tag) == (Itself, "p")


def test_it_logs_what_it_did(wrap, log):
    actor = DictToXML("k")
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = JSONEvent(data={"a": 1})
    assert wrapper.output is not None
    wrapper.input = JSONEvent(data={"a b": 1})
    error = wrapper.error.error
    messages = logged(lines)
    assert "Successfully converted Dict to XML" in messages
    assert f"Unable to convert XML: {error}" in messages


# ---- DictToXML: what XML cannot express ----


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"a b": 1}, "'a b' is not a name in XML"),
        ({"a": 1, "1": 2}, "'1' is not a name in XML"),
        ({"p:a": 1}, "Namespace prefix p on a is not defined"),
        ({"a": "\x00"}, "U+0000"),
    ],
)
@pytest.mark.parametrize("escape", [False, True])
def test_what_xml_cannot_express_is_the_events_error(wrap, data, message, escape):
    wrapper = wrap(DictToXML("k", escape_xml=escape))
    wrapper.input = JSONHttpEvent(data=data)
    failed = wrapper.error
    assert isinstance(failed.error, InvalidEventDataModification)
    assert message in str(failed.error)
    assert (type(failed), failed.data, failed.status[0]) == (JSONHttpEvent, data, 400)
    wrapper.input = JSONEvent(data={"a": 1})
    assert wrapper.output.data_string() == "<a>1</a>"


def test_a_key_that_is_no_name_matters_when_it_is_used(wrap):
    wrapper = wrap(DictToXML("my actor"))
    wrapper.input = JSONEvent(data={"a": 1})
    assert wrapper.output.data_string() == "<a>1</a>"
    wrapper.input = JSONEvent(data={"a": 1, "b": 2})
    assert "'my actor' is not a name in XML" in str(wrapper.error.error)


def nested(levels):
    data = None
    for _ in range(levels):
        data = {"a": data}
    return data


def test_deep_data(wrap):
    wrapper = wrap(DictToXML("k"))
    wrapper.input = JSONEvent(data=nested(256))
    assert len(list(wrapper.output.data.iter())) == 256
    event = JSONEvent(data={})
    event.data.update(nested(100_000))
    wrapper.input_queues["inbox"].put(event)
    assert "nested more than 256 levels" in str(wrapper.error.error)


@pytest.mark.parametrize("escape", [False, True])
def test_huge_data(wrap, escape):
    wrapper = wrap(DictToXML("k", escape_xml=escape))
    wrapper.input = JSONEvent(data={"row": ["x"] * 100_000, "text": "y" * 20_000_000})
    element = wrapper.output.data
    assert len(element) == 100_001
    assert len(element[-1].text) == 20_000_000


# ---- PropertiesToXML ----

TIME = datetime.datetime(2026, 1, 2, 3, 4, 5, 6)
COMMON = (
    "<p><_event_id>id</_event_id><meta_id>id</meta_id><service>default</service><_error/>"
    "<created>2026-01-02 03:04:05.000006</created>"
)
HTTP = "<headers/><method/><_status>200</_status><_status>OK</_status><environment/>"


@pytest.mark.parametrize(
    ("cls", "result", "text"),
    [
        (Event, XMLEvent, COMMON + "</p>"),
        (JSONEvent, XMLEvent, COMMON + "</p>"),
        (XMLEvent, XMLEvent, COMMON + "</p>"),
        (HttpEvent, XMLHttpEvent, COMMON + HTTP + "</p>"),
        (JSONHttpEvent, XMLHttpEvent, COMMON + HTTP + "</p>"),
        (XMLHttpEvent, XMLHttpEvent, COMMON + HTTP + "</p>"),
    ],
)
def test_XML_3_attributes_of_events_of_all_types(modify, cls, result, text):
    event = modify(PropertiesToXML("p"), cls(event_id="id", created=TIME, data=None))
    assert type(event) is result
    assert event.data_string() == text


def test_XML_3_attributes_of_a_log_record(modify):
    event = modify(PropertiesToXML("p"), LogEvent(20, "me", "<b/>"))
    assert type(event) is XMLEvent
    assert event.data.findtext("level") == "20"
    assert event.data.find("message/b") is not None


def test_the_data_does_not_matter(wrap):
    wrapper = wrap(PropertiesToXML("p", key="root"))
    event = JSONEvent(data={})
    event.data["never"] = {1, 2}
    wrapper.input_queues["inbox"].put(event)
    assert wrapper.output.data.tag == "root"


class Untellable:
    def __str__(self):
        raise LookupError("no text")


VALUES = [
    (None, "<x/>"),
    (True, "<x>true</x>"),
    (1.5, "<x>1.5</x>"),
    ("<b/>", "<x><b/></x>"),
    (b"\xc3\xa9\xff", "<x>é\ufffd</x>"),
    ("a\x00b\ud800\uffff", "<x>a\ufffdb\ufffd\ufffd</x>"),
    ((1, [2, "<"], {"y": 3}), "<x>1</x><x>[2, '&lt;']</x><x><y>3</y></x>"),
    ([], ""),
    ({1}, "<x>{1}</x>"),
    (range(2), "<x>range(0, 2)</x>"),
    (ValueError("bad"), "<x>bad</x>"),
    ({"y": {"z": None}}, "<x><y><z/></y></x>"),
    ({"@id": 5, "y": 1, "#text": "t"}, '<x id="5"><y>1</y>t</x>'),
]


@pytest.mark.parametrize(("value", "text"), VALUES)
def test_values_become_text_or_elements(modify, value, text):
    event = Event()
    event.x = value
    made = modify(PropertiesToXML("p"), event)
    assert "".join(etree.tostring(e, encoding="unicode") for e in made.data.findall("x")) == text


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("a b", "a_b"),
        ("wsgi.input", "wsgi.input"),
        ("wsgi:input", "wsgi_input"),
        ("5", "_5"),
        ("5 é·", "_5_é·"),
        ("<a/>", "_a__"),
        ("-", "_-"),
        ("", "_"),
        (" ", "_"),
        ("\x00\ud800", "__"),
        ("😀a", "_a"),
        (None, "None"),
        (5, "_5"),
        ((1, 2), "_1__2_"),
        ("@", "_"),
        ("@a b", "_a_b"),
        ("@xmlns", "_xmlns"),
        ("@xmlns:p", "_xmlns_p"),
        ("xmlns", "xmlns"),
        ("#x", "_x"),
    ],
)
def test_XML_3_keys_that_are_no_names(modify, key, name):
    made = modify(PropertiesToXML("p"), HttpEvent(environment={key: "v"})).data
    assert [(child.tag, child.text) for child in made.find("environment")] == [(name, "v")]
    again = XMLEvent(data=etree.tostring(made, encoding="unicode")).data
    assert again.find("environment")[0].tag == name


def test_XML_3_keys_that_become_one_name_all_stay(modify):
    environment = {"a b": 1, "a_b": 2, "a.b": 3, "a/b": 4, "@a": {"no": "attribute"}, "#text": [5]}
    made = modify(PropertiesToXML("my p"), HttpEvent(environment=environment)).data
    assert made.tag == "my_p"
    found = [(child.tag, child.text) for child in made.find("environment")]
    assert found == [
        ("a_b", "1"),
        ("a_b", "2"),
        ("a_b", "4"),
        ("a.b", "3"),
        ("_a", None),
        ("_text", "5"),
    ]


def test_streams_are_not_read(modify):
    stream = io.BytesIO(b"body\n")
    event = HttpEvent()
    event.environment = {"wsgi.input": stream}
    made = modify(PropertiesToXML("p"), event)
    assert "BytesIO" in made.data.findtext("environment/wsgi.input")
    assert stream.tell() == 0


def test_deep_and_cyclic_attributes(modify):
    cyclic = {"a": 1}
    cyclic["b"] = cyclic
    made = modify(PropertiesToXML("p"), Event(cyclic=cyclic, deep=nested(300))).data
    assert "{...}" in "".join(made.find("cyclic").itertext())
    assert "'a': None" in "".join(made.find("deep").itertext())


def test_XML_1_escape_xml_escapes_attributes(modify):
    made = modify(PropertiesToXML("p", escape_xml=True), JSONEvent(x="<b/>", y={"z": "<c/>"}))
    assert (made.data.findtext("x"), made.data.findtext("y/z")) == ("<b/>", "<c/>")


def test_naughty_strings_are_attributes(wrap):
    wrapper = wrap(PropertiesToXML("p", escape_xml=True))
    for text in naughty_strings():
        event = HttpEvent(environment={text or "empty": text})
        event.x = text
        wrapper.input = event
        made = wrapper.output
        allowed = "".join(
            "\ufffd" if (c < " " and c not in "\t\n\r") or c in "\ufffe\uffff" else c for c in text
        )
        assert (made.data.findtext("x") or "") == allowed
        assert XMLEvent(data=made.data_string()).data.findtext("x") == made.data.findtext("x")


def test_a_value_without_text_fails_one_event(wrap, log):
    actor = PropertiesToXML("p")
    lines = log(actor)
    wrapper = wrap(actor)
    event = Event(data=1)
    event.x = Untellable()
    wrapper.input = event
    assert isinstance(wrapper.error.error, LookupError)
    wrapper.input = Event(x=1)
    assert wrapper.output.data.findtext("x") == "1"
    assert "Unable to convert XML: no text" in logged(lines)


def test_errors_are_told(modify):
    event = JSONHttpEvent(error=MalformedEventData("bad"))
    assert modify(PropertiesToXML("p"), event).data.findtext("_error") == "['bad']"


# ---- in a flow ----


@pytest.mark.parametrize("cls", [DictToXML, PropertiesToXML])
def test_every_event_of_a_flow_arrives_once(cls):
    director = quiet_director()
    actor = director.register_actor(cls, "k")
    keep = director.register_actor(Collect, "keep")
    failed = director.register_actor(Collect, "failed")
    director.connect_queue(actor, keep)
    director.connect_error_queue(actor, failed)
    inbox = actor.pool.inbound.add("inbox")
    actor.register_consumer("inbox", inbox)
    for number in range(100):
        inbox.put(JSONHttpEvent(data={"a" if number % 10 else "not a name": number}))
    director.start(block=False)
    director.stop()
    wrong = 10 if cls is DictToXML else 0
    assert (len(keep.data), len(failed.data)) == (100 - wrong, wrong)
    events = director.stats()["events"]
    assert (events["in_flight"], events["failed"]) == (0, wrong)
