import tempfile

import pytest
from lxml import etree

from compysition import Queue
from compysition.actors import XSD, Null, XMLValidator
from compysition.errors import MalformedEventData
from compysition.event import Event, JSONEvent, XMLEvent
from tests.actors.helpers import fill_outbox, logged
from tests.flows import quiet_director

HEAD = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">'
NUMBERS = (
    HEAD + '<xs:element name="numbers"><xs:complexType><xs:sequence>'
    '<xs:element name="n" type="xs:int" maxOccurs="unbounded"/>'
    "</xs:sequence></xs:complexType></xs:element></xs:schema>"
)


def numbers(count, wrong=()):
    items = ("x" if i in wrong else i for i in range(count))
    return "<numbers>" + "".join(f"\n<n>{item}</n>" for item in items) + "</numbers>"


def wrong_number(line):
    return f"Element 'n': 'x' is not a valid value of the atomic type 'xs:int'. (line {line})"


# ---- normal events ----


@pytest.mark.parametrize("kind", [str, bytes, "path", "name"])
def test_a_schema_is_text_or_a_file(wrap, tmp_path, kind):
    path = tmp_path / "numbers.xsd"
    path.write_text(NUMBERS)
    given = {str: NUMBERS, bytes: NUMBERS.encode(), "path": path, "name": str(path)}[kind]
    wrapper = wrap(XSD("xsd", given))
    event = XMLEvent(data=numbers(2), extra=1)
    wrapper.input = event
    valid = wrapper.output
    assert (valid.data_string(), valid.extra) == (event.data_string(), 1)
    wrapper.input = XMLEvent(data=numbers(2, wrong=[0]))
    assert isinstance(wrapper.error.error, MalformedEventData)


def test_without_a_schema_all_xml_passes(wrap):
    wrapper = wrap(XSD("xsd"))
    assert wrapper.actor.schema is None
    wrapper.input = XMLEvent(data="<any/>")
    assert wrapper.output.data_string() == "<any/>"


def test_other_events_are_converted(wrap):
    wrapper = wrap(XSD("xsd", NUMBERS))
    wrapper.input = JSONEvent(data={"numbers": {"n": [1, 2]}})
    event = wrapper.output
    assert type(event) is XMLEvent
    assert event.data_string() == "<numbers><n>1</n><n>2</n></numbers>"


def test_data_in_the_hands_of_python_is_validated_as_it_is(wrap):
    wrapper = wrap(XSD("xsd", NUMBERS))
    event = XMLEvent(data=numbers(2))
    event.data[0].text = "x"
    wrapper.input = event
    assert wrapper.error.error.message == [wrong_number(2)]


def test_it_logs_what_it_found(wrap):
    actor = XSD("xsd", NUMBERS)
    log = Queue("log")
    actor.pool.logs.add("log", queue=log)
    wrapper = wrap(actor)
    wrapper.input = XMLEvent(data=numbers(1))
    assert wrapper.output is not None
    wrapper.input = XMLEvent(data=numbers(1, wrong=[0]))
    assert wrapper.error is not None
    lines = logged(log)
    assert "Incoming XML successfully validated" in lines
    assert f"Error validating incoming XML: {[wrong_number(2)]}" in lines


# ---- errors ----


def test_every_error_is_listed_with_its_line(wrap):
    wrapper = wrap(XSD("xsd", NUMBERS))
    wrapper.input = XMLEvent(data=numbers(300, wrong=[0, 7, 299]))
    event = wrapper.error
    assert event.error.message == [wrong_number(2), wrong_number(9), wrong_number(301)]
    assert len(event.format_error()) == 3
    assert event.data_string() == XMLEvent(data=numbers(300, wrong=[0, 7, 299])).data_string()


def test_messages_are_those_of_lxml():
    schema = etree.XMLSchema(etree.fromstring(NUMBERS))
    for text in ("<a/>", "<numbers/>", "<numbers b='1'><n/></numbers>", numbers(3, wrong=[1])):
        document = etree.fromstring(text)
        assert not schema.validate(document)
        lines = [f"{entry.message} (line {entry.line})" for entry in schema.error_log]
        with pytest.raises(MalformedEventData) as caught:
            XSD("xsd", NUMBERS).consume(XMLEvent(data=text))
        assert caught.value.message == lines


def test_an_overridden_process_error_decides(wrap):
    class Forgiving(XSD):
        def process_error(self, message, event):
            if len(message) > 1:
                super().process_error(message, event)
            self.send_event(XMLEvent(data=f"<forgiven n='{len(message)}'/>"))

    wrapper = wrap(Forgiving("xsd", NUMBERS))
    wrapper.input = XMLEvent(data=numbers(2, wrong=[0]))
    assert wrapper.output.data_string() == '<forgiven n="1"/>'
    wrapper.input = XMLEvent(data=numbers(2, wrong=[0, 1]))
    assert wrapper.error.error.message == [wrong_number(2), wrong_number(3)]


def test_what_is_no_xml_is_an_error(wrap):
    wrapper = wrap(XSD("xsd", NUMBERS))
    wrapper.input = Event(data="<numbers")
    assert isinstance(wrapper.error.error, Exception)
    wrapper.input = XMLEvent(data=numbers(1))
    assert wrapper.output.data_string() == "<numbers>\n<n>0</n></numbers>"


@pytest.mark.parametrize("schema", ["no xml", "<a"])
def test_a_schema_that_is_no_xml_is_refused(schema):
    with pytest.raises(etree.XMLSyntaxError):
        XSD("xsd", schema)


@pytest.mark.parametrize(
    "schema", ["<a/>", HEAD + '<xs:element name="a" type="none"/></xs:schema>']
)
def test_a_schema_that_is_none_is_refused(schema, capfd):
    with pytest.raises(etree.XMLSchemaParseError):
        XSD("xsd", schema)
    assert capfd.readouterr().err == ""


# ---- what a schema may read ----


@pytest.mark.parametrize(
    "tag", ['include schemaLocation="%s"', 'import namespace="urn:n" schemaLocation="%s"']
)
def test_SEC_1_other_schemas_are_read_below_allowed_paths_only(wrap, tmp_path, tag):
    part = tmp_path / "part.xsd"
    namespace = ' targetNamespace="urn:n"' if tag.startswith("import") else ""
    part.write_text(
        HEAD.replace(">", namespace + ">") + '<xs:element name="p" type="xs:int"/></xs:schema>'
    )
    path = tmp_path / "main.xsd"
    path.write_text(NUMBERS.replace(HEAD, f"{HEAD}<xs:{tag % 'part.xsd'}/>"))
    with pytest.raises(etree.XMLSchemaParseError, match=r"part\.xsd' is refused"):
        XSD("xsd", path)
    wrapper = wrap(XSD("xsd", path, allowed_paths=[tmp_path]))
    wrapper.input = XMLEvent(data=numbers(1))
    assert wrapper.output is not None


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/a.xsd", "/etc/passwd"])
def test_SEC_1_nothing_else_is_read(url, tmp_path):
    schema = NUMBERS.replace(HEAD, f'{HEAD}<xs:include schemaLocation="{url}"/>')
    with pytest.raises(etree.XMLSchemaParseError, match="is refused"):
        XSD("xsd", schema, allowed_paths=tmp_path)


def test_SEC_1_a_document_does_not_choose_its_schema(wrap, tmp_path):
    (tmp_path / "any.xsd").write_text(HEAD + '<xs:element name="a"/></xs:schema>')
    wrapper = wrap(XSD("xsd", NUMBERS))
    wrapper.input = XMLEvent(
        data='<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance"'
        f' i:noNamespaceSchemaLocation="{tmp_path}/any.xsd"/>'
    )
    assert "No matching global declaration" in str(wrapper.error.error)


# ---- the thread pool ----


def test_a_full_destination_holds_events_back(wrap):
    actor = XSD("xsd", NUMBERS)
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(40):
        wrapper.input = XMLEvent(data=numbers(number + 1))
    assert outbox.get(block=True, timeout=5).data == "in the way"
    arrived = {len(outbox.get(block=True, timeout=5).data) for _ in range(40)}
    assert arrived == set(range(1, 41))


def test_a_destination_that_raises_is_not_called_bad_xml(wrap):
    class Broken(Queue):
        def put(self, element, *args, **kwargs):
            raise OSError("disk full")

    actor = XSD("xsd", NUMBERS)
    actor.pool.outbound.add("broken", queue=Broken("broken"))
    wrapper = wrap(actor, output_queues=[])
    wrapper.input = XMLEvent(data=numbers(1))
    assert isinstance(wrapper.error.error, OSError)


def test_a_stop_waits_for_what_is_being_validated():
    director = quiet_director()
    xsd = director.register_actor(XSD, "xsd", NUMBERS)
    end = director.register_actor(Null, "end")
    director.connect_queue(xsd, end)
    inbox = Queue("inbox")
    xsd.register_consumer("inbox", inbox)
    director.start(block=False)
    for wrong in ([], [5]):
        inbox.put(XMLEvent(data=numbers(20_000, wrong)))
    director.stop()
    stats = director.stats()
    assert stats["actors"]["end"]["in"] == 1
    assert (stats["events"]["in_flight"], stats["events"]["failed"]) == (0, 1)


def test_xmlvalidator_is_the_old_name(wrap):
    wrapper = wrap(XMLValidator("xsd", NUMBERS))
    wrapper.input = XMLEvent(data=numbers(1))
    assert wrapper.output is not None


def test_a_number_is_no_descriptor_to_read():
    with tempfile.TemporaryFile() as file:
        file.write(b"<schema/>")
        file.seek(0)
        with pytest.raises(TypeError):
            XSD("xsd", file.fileno())
        assert file.read() == b"<schema/>"
