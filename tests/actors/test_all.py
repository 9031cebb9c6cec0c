"""What holds for every built-in actor."""

import contextlib

import pytest
from lxml import etree

from compysition import Actor, Event, Queue, actors
from compysition.actors import (
    STDOUT,
    XSD,
    XSLT,
    CronEventGenerator,
    Data,
    DictToXML,
    EventAttributeLookupModifier,
    EventAttributeModifier,
    EventDataAggregator,
    EventDataXMLAggregator,
    EventGenerator,
    EventJoin,
    EventLogger,
    EventRouter,
    EventXMLFilter,
    FileLogger,
    FlowController,
    Header,
    HTTPStatusModifier,
    JSONEventAttributeModifier,
    JSONEventJoin,
    JSONValidator,
    Null,
    PropertiesToXML,
    RedactedFileLogger,
    SimpleRouter,
    SMTPIn,
    TCPIn,
    TestEvent,
    XMLEventJoin,
    XMLToDict,
    XpathEventAttributeModifer,
)
from compysition.actors.eventattributemodifier import (
    EventDataEventAttributeModifier,
    EventDataStaticAttributeModifier,
)
from compysition.errors import InvalidEventDataModification
from compysition.event import HttpEvent, JSONEvent, JSONHttpEvent, XMLEvent
from tests.actors.helpers import Mute, fill_outbox, take, wait_for_log
from tests.corpora import naughty_strings
from tests.flows import Collect, quiet_director

HOUR = {"hours": 1, "seconds": 0}

# actors that send each event on; they set no data but Data and Header, which set what is there already
FORWARDERS = {
    "STDOUT": lambda **kwargs: STDOUT("a", **kwargs),
    "EventLogger": lambda **kwargs: EventLogger("a", **kwargs),
    "FlowController": lambda **kwargs: FlowController("a", **kwargs),
    "EventAttributeModifier": lambda **kwargs: EventAttributeModifier("a", "mark", 1, **kwargs),
    "EventAttributeLookupModifier": lambda **kwargs: EventAttributeLookupModifier(
        "a", "mark", "service", **kwargs
    ),
    "HTTPStatusModifier": lambda **kwargs: HTTPStatusModifier("a", **kwargs),
    "Data": lambda **kwargs: Data("a", "key", "value", **kwargs),
    "Header": lambda **kwargs: Header("a", **kwargs),
    "EventRouter": lambda **kwargs: EventRouter("a", type="blacklist", **kwargs),
}

SHEET = (
    '<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/">'
    '<new><xsl:copy-of select="."/></new></xsl:template></xsl:stylesheet>'
)

ANYTHING = (
    '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a"/></xs:schema>'
)

# actors that send each event on with other data, or only when they accept its data
CONVERTERS = {
    "DictToXML": lambda **kwargs: DictToXML("a", **kwargs),
    "PropertiesToXML": lambda **kwargs: PropertiesToXML("a", **kwargs),
    "XMLToDict": lambda **kwargs: XMLToDict("a", **kwargs),
    "XSLT": lambda **kwargs: XSLT("a", SHEET, **kwargs),
    "XSD": lambda **kwargs: XSD("a", **kwargs),
    "JSONValidator": lambda **kwargs: JSONValidator("a", {"type": "object"}, **kwargs),
    "XpathEventAttributeModifer": lambda **kwargs: XpathEventAttributeModifer(
        "a", key="mark", value="/*", **kwargs
    ),
    "JSONEventAttributeModifier": lambda **kwargs: JSONEventAttributeModifier(
        "a", key="mark", value="key", **kwargs
    ),
    "EventDataEventAttributeModifier": lambda **kwargs: EventDataEventAttributeModifier(
        "a", "service", **kwargs
    ),
    "EventDataStaticAttributeModifier": lambda **kwargs: EventDataStaticAttributeModifier(
        "a", "mark", 1, **kwargs
    ),
    "EventDataAggregator": lambda **kwargs: EventDataAggregator("a", **kwargs),
    "EventDataXMLAggregator": lambda **kwargs: EventDataXMLAggregator("a", **kwargs),
    "EventJoin": lambda **kwargs: EventJoin("a", **kwargs),
    "XMLEventJoin": lambda **kwargs: XMLEventJoin("a", **kwargs),
    "JSONEventJoin": lambda **kwargs: JSONEventJoin("a", **kwargs),
}

# actors that make one event for each that arrives
GENERATORS = {
    "EventGenerator": lambda **kwargs: EventGenerator("a", interval=HOUR, **kwargs),
    "CronEventGenerator": lambda **kwargs: CronEventGenerator(
        "a", interval={"year": 2999}, **kwargs
    ),
    "TestEvent": lambda **kwargs: TestEvent("a", delay=3600, generate_error=False, **kwargs),
}

SINKS = {
    "Null": lambda **kwargs: Null("a", **kwargs),
    "FileLogger": lambda **kwargs: FileLogger("a", **kwargs),
    "RedactedFileLogger": lambda **kwargs: RedactedFileLogger("a", ["secret"], **kwargs),
    "TCPIn": lambda **kwargs: TCPIn("a", 0, "127.0.0.1", **kwargs),
    "SMTPIn": lambda **kwargs: SMTPIn("a", "127.0.0.1", 0, **kwargs),
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The loggers make files in the current folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(
    params={**FORWARDERS, **CONVERTERS, **GENERATORS, **SINKS}.items(), ids=lambda item: item[0]
)
def make(request):
    """Make an actor of any type."""
    return request.param[1]


@pytest.fixture(params={**FORWARDERS, **CONVERTERS, **GENERATORS}.items(), ids=lambda item: item[0])
def make_sender(request):
    """Make an actor that sends one event for each that it gets."""
    return request.param[1]


@pytest.fixture(
    params=sorted(
        {*FORWARDERS, *CONVERTERS, *GENERATORS}
        - {
            "EventRouter",
            "EventJoin",
            "XMLEventJoin",
            "JSONEventJoin",
        }  # which must know their queues
    )
)
def make_by_hand(request):
    """Make an actor that sends one event for each, started or not."""
    return {**FORWARDERS, **CONVERTERS, **GENERATORS}[request.param]


@pytest.fixture(params=FORWARDERS.items(), ids=lambda item: item[0])
def make_forwarder(request):
    """Make an actor that sends on what it gets."""
    return request.param[1]


@pytest.fixture(params=CONVERTERS.items(), ids=lambda item: item[0])
def make_converter(request):
    """Make an actor that sends on what it gets as something else."""
    return request.param[1]


@pytest.fixture(params=GENERATORS.items(), ids=lambda item: item[0])
def make_generator(request):
    """Make an actor that sends an event of its own for each that it gets."""
    return request.param[1]


class Strange:
    """Takes any attribute, as an event does."""


class Refusing(Queue):
    """Refuses the first event."""

    refused = False

    def put(self, element, *args, **kwargs):
        if not self.refused:
            self.refused = True
            raise OSError("refused")
        super().put(element, *args, **kwargs)


def test_actor_arguments_are_taken(make):
    actor = make(size=7, blocking_consume=True, rescue=True, max_rescue=2, unknown=1)
    assert (actor.name, actor.size, actor.blocking_consume) == ("a", 7, True)
    assert (actor.rescue, actor.max_rescue) == (True, 2)


def test_consume_may_be_called_by_hand(make_by_hand):
    actor = make_by_hand()
    outbox = actor.pool.outbound.add("outbox")
    actor.consume(actor.input(data={}), "more", origin="inbox", origin_queue=None)
    actor.consume(origin="inbox", event=actor.input(data={}))
    assert outbox.qsize() == 2
    for wrong in ((), ("text",)):
        with pytest.raises(TypeError):
            actor.consume(*wrong)


def test_events_are_sent_on_as_they_are(wrap, make_forwarder):
    wrapper = wrap(make_forwarder())
    event = Event(data={"key": "value"}, extra=[1])
    wrapper.input = event
    sent = wrapper.output
    assert sent.event_id == event.event_id
    assert (sent.data, sent.extra, sent.service) == ({"key": "value"}, [1], "default")


def test_a_converted_event_is_the_same_event(wrap, make_converter):
    actor = make_converter()
    wrapper = wrap(actor)
    for data in ({"key": "value"}, {}):
        event = JSONHttpEvent(data=data, environment={"REQUEST_METHOD": "GET"}, extra=[1])
        wrapper.input = event
        sent = wrapper.output
        assert isinstance(sent, HttpEvent)
        assert isinstance(sent, actor.output)
        assert (sent.event_id, sent.created) == (event.event_id, event.created)
        assert (sent.method, sent.extra, sent.service) == ("GET", [1], "default")
    assert wrapper.error_queues["error"].empty()


@pytest.mark.parametrize(
    "name", [name for name, make in CONVERTERS.items() if make().input is not Event]
)
def test_data_that_cannot_become_the_input_is_the_events_error(wrap, name):
    actor = CONVERTERS[name]()
    wrapper = wrap(actor)
    event = Event(data="<no JSON, no XML")
    wrapper.input = event
    failed = wrapper.error
    assert isinstance(failed.error, InvalidEventDataModification)
    assert (type(failed), failed.data, failed.event_id) == (Event, event.data, event.event_id)
    wrapper.input = type(actor).input(data={"key": "value"})
    assert wrapper.output is not None


def test_each_event_makes_a_new_one(wrap, make_generator):
    wrapper = wrap(make_generator())
    event = Event(data="trigger")
    wrapper.input = event
    sent = wrapper.output
    assert sent.event_id != event.event_id
    assert sent.data != "trigger"
    assert wrapper.output_queues["outbox"].qsize() == 1


def test_what_is_no_event_is_logged_and_harms_nothing(wrap, log, make):
    actor = make()
    lines = log(actor)
    wrapper = wrap(actor)
    for strange in ("text", None, HOUR, Strange()):
        wrapper.input_queues["inbox"].put(strange)
        assert "is not an event" in wait_for_log(lines, "Invalid input detected").message
    wrapper.input = Event(data={})
    wrapper.stop()
    assert wrapper.input_queues["inbox"].empty()
    assert wrapper.error_queues["error"].empty()


@pytest.mark.parametrize("name", ["Null", "FlowController", "Header", *GENERATORS])
def test_data_that_is_not_looked_at_may_be_anything(wrap, name):
    wrapper = wrap({**SINKS, **FORWARDERS, **GENERATORS}[name]())
    wrapper.input = Mute(data=object)
    wrapper.stop()
    assert wrapper.error_queues["error"].empty()
    assert wrapper.output_queues["outbox"].qsize() == (name != "Null")


@pytest.mark.parametrize(
    "actor",
    [
        lambda: STDOUT("a"),
        lambda: EventLogger("a", log_full_event=False),
        lambda: FileLogger("a"),
        lambda: RedactedFileLogger("a", []),
    ],
)
def test_data_that_cannot_be_told_is_the_events_error(wrap, actor):
    wrapper = wrap(actor())
    wrapper.input = Mute(data=1)
    assert str(wrapper.error.error) == "no words"
    wrapper.input = Event(data=2)
    wrapper.stop()
    assert wrapper.error_queues["error"].qsize() == 1  # a queue of its own, besides the funnel


def test_a_full_destination_holds_back_what_follows(wrap, make_forwarder):
    actor = make_forwarder()
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(5):
        wrapper.input = Event(data={"key": "value", "number": number})
    texts = [str(data) for data in take(outbox, 6)]
    assert texts[1:] == [str({"key": "value", "number": number}) for number in range(5)]
    assert wrapper.error_queues["error"].empty()


def test_a_full_destination_holds_back_what_is_converted(wrap, make_converter):
    actor = make_converter()
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    events = [type(actor).input(data={"key": str(number)}) for number in range(5)]
    for event in events:
        wrapper.input = event
    assert take(outbox, 1) == ["in the way"]
    arrived = [outbox.get(block=True, timeout=5) for _ in events]
    assert {event.event_id for event in arrived} == {event.event_id for event in events}
    assert wrapper.error_queues["error"].empty()


def test_a_full_destination_holds_back_a_generator(wrap, make_generator):
    actor = make_generator()
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for _ in range(5):
        wrapper.input = Event(data="trigger")
    assert "trigger" not in take(outbox, 6)
    assert outbox.empty()


def test_a_destination_that_raises_fails_one_event(wrap, make_sender):
    actor = make_sender()
    actor.pool.outbound.add("outbox", queue=Refusing("outbox"))
    wrapper = wrap(actor, output_queues=[])
    first, second = Event(data={"key": 1}), Event(data={"key": 2})
    wrapper.input = first
    failed = wrapper.error
    assert (failed.event_id, str(failed.error)) == (first.event_id, "refused")
    wrapper.input = second
    assert actor.pool.outbound["outbox"].get(block=True, timeout=5) is not None


def test_a_stop_while_busy_loses_nothing(make_sender):
    director = quiet_director(size=2)
    actor = director.register_actor(make_sender(size=2))
    keep = director.register_actor(Collect, "keep", blocking_consume=True)
    director.connect_queue(actor, keep)
    inbox = Queue("inbox")
    actor.register_consumer("inbox", inbox)
    for number in range(50):
        inbox.put(Event(data={"number": number}))
    director.start(block=False)
    director.stop()
    assert len(keep.data) == 50
    events = director.stats()["events"]
    assert events["in_flight"] == events["reported"] == 0


@pytest.mark.parametrize("name", SINKS)
def test_a_stop_while_busy_consumes_everything(name):
    director = quiet_director()
    actor = director.register_actor(SINKS[name]())
    inbox = Queue("inbox")
    actor.register_consumer("inbox", inbox)
    for number in range(50):
        inbox.put(Event(data=number))
    director.start(block=False)
    director.stop()
    assert inbox.empty()
    assert director.stats()["actors"]["a"]["in"] == 50
    assert director.stats()["events"]["in_flight"] == 0


def test_subclasses_extend_all_methods(wrap, make):
    """A subclass calls super() in the constructor, in both hooks and in consume."""
    base = type(make())

    class Extended(base):
        def __init__(self, name, *args, **kwargs):
            self.calls = []
            super().__init__(name, *args, **kwargs)

        def pre_hook(self):
            self.calls.append("pre_hook")
            if hasattr(super(), "pre_hook"):
                super().pre_hook()

        def post_hook(self):
            self.calls.append("post_hook")
            if hasattr(super(), "post_hook"):
                super().post_hook()

        def consume(self, event, *args, **kwargs):
            self.calls.append(kwargs["origin"])
            super().consume(event, *args, **kwargs)

    arguments = {
        RedactedFileLogger: {"patterns": ["secret"]},
        EventAttributeLookupModifier: {"value": "service"},
        TestEvent: {"delay": 3600, "generate_error": False},
        XSLT: {"xslt": SHEET},
        EventRouter: {"type": "blacklist"},
        XpathEventAttributeModifer: {"value": "/*"},
        JSONEventAttributeModifier: {"value": "key"},
    }
    actor = Extended("a", **arguments.get(base, {}))
    assert isinstance(actor, Actor)
    wrapper = wrap(actor)
    wrapper.input = Event(data={})
    wrapper.stop()
    assert actor.calls == ["pre_hook", "inbox", "post_hook"]
    assert wrapper.error_queues["error"].empty()


def test_an_overridden_send_event_is_called(wrap, make_sender):
    class Marking(type(make_sender())):
        def send_event(self, event, *args, **kwargs):
            event.marked = True
            super().send_event(event, *args, **kwargs)

    actor = make_sender()
    actor.__class__ = Marking
    wrapper = wrap(actor)
    wrapper.input = Event(data={})
    assert wrapper.output.marked


BUILT_IN = [
    value for value in vars(actors).values() if isinstance(value, type) and issubclass(value, Actor)
]


@pytest.mark.parametrize("base", [Actor, *BUILT_IN], ids=lambda base: base.__name__)
def test_a_class_that_forgets_the_constructor(base):
    class Forgetful(base):
        def __init__(self):
            pass

        def consume(self, event, *args, **kwargs):
            pass

    actor, event = Forgetful(), XMLEvent(data="<a/>")
    with pytest.raises(RuntimeError, match=r"Forgetful\.__init__ has not called that of Actor"):
        actor.start()
    for use in (
        lambda: actor.send_event(event),
        lambda: actor.send_error(event),
        lambda: actor.connect_queue("out", Null("null"), "in"),
        lambda: Null("null").connect_queue("out", actor, "in"),
        lambda: quiet_director().register_actor(actor),
        lambda: base.consume(actor, event),
        lambda: actor.pre_hook(),
        lambda: actor.transform(event.data),
        lambda: actor.process_error("text", event),
        lambda: actor.process_no_match(event),
        lambda: [getattr(actor, name, None) for name in dir(actor)],
        lambda: actor.stop(),
    ):
        with contextlib.suppress(Exception):  # whatever it says, it must not crash
            use()


# ---- naughty strings ----


def test_naughty_strings_pass_actors_that_forward(wrap, make_forwarder):
    """One by one as text, or, where an actor wants a dict, all of them in one."""
    strings, wrapper = naughty_strings(), wrap(make_forwarder())
    if isinstance(wrapper.actor, Data):
        wrapper.input = JSONEvent(data={"key": "value", "strings": strings})
        assert wrapper.output.data == {"key": "value", "strings": strings}
        return
    for string in strings:
        wrapper.input = Event(data=string)
        assert wrapper.output.data == string


def naughty_element():
    """An element for each string that XML can hold, with it as its text and as an attribute."""
    root = etree.Element("a")
    for string in naughty_strings():
        with contextlib.suppress(ValueError):
            etree.SubElement(root, "s", {"k": string}).text = string
    for element in root.findall("s"):
        if element.get("k") is None:
            root.remove(element)
    return root


def texts_of(root):
    return [(element.get("k"), element.text or "") for element in root.iter("s")]


XML_PASSERS = {
    "XSLT": lambda: XSLT("a", SHEET),
    "XSD": lambda: XSD("a", ANYTHING),
    "EventRouter": lambda: EventRouter("a", EventXMLFilter("//s", outbox_names="outbox")),
    "SimpleRouter": lambda: SimpleRouter("a", "outbox", "service"),
    "XpathEventAttributeModifer": lambda: XpathEventAttributeModifer(
        "a", key="mark", value="//s/@k"
    ),
}


@pytest.mark.parametrize("name", XML_PASSERS)
def test_naughty_strings_pass_actors_for_xml(wrap, name):
    wrapper, given = wrap(XML_PASSERS[name]()), naughty_element()
    expected = texts_of(given)
    assert len(expected) > 400
    for _ in range(2):  # in the pool, and perhaps in the loop's thread
        wrapper.input = XMLEvent(data=given)
        event = wrapper.output
        assert texts_of(event.data) == expected
    if name.startswith("Xpath"):
        assert event.mark == [text for text, _ in expected]
