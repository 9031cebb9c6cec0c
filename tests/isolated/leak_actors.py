"""Built-in actors: made, run and forgotten."""

import tempfile

from compysition import Event, Queue
from compysition.actors import (
    EventAttributeModifier,
    EventDataAggregator,
    EventDataXMLAggregator,
    EventFilter,
    EventGenerator,
    EventJoin,
    EventJSONFilter,
    EventLogger,
    EventRouter,
    EventXMLFilter,
    EventXMLXpathsFilter,
    FileLogger,
    HTTPMethodEventRouter,
    JSONEventAttributeModifier,
    JSONEventJoin,
    JSONValidator,
    RedactedFileLogger,
    SimpleRouter,
    TestEvent,
    UDPCronEventGenerator,
    UDPEventGenerator,
    XMLEventJoin,
    XpathEventAttributeModifer,
)
from compysition.actors.cookie import SetCookie
from compysition.actors.eventattributemodifier import EventDataEventAttributeModifier
from compysition.errors import (
    ActorInitFailure,
    ActorTimeout,
    EventAttributeError,
    EventCommandNotAllowed,
    MalformedEventData,
    ServiceUnavailable,
)
from compysition.event import HttpEvent, JSONEvent, LogEvent, XMLEvent
from compysition.testutils.test_actor import TestActorWrapper
from tests.udpnodes import free_port

FOLDER = tempfile.TemporaryDirectory()
PORT = free_port()


def leak_generator_that_runs():
    actor = EventGenerator("source", interval=0.001, event_kwargs={"data": {}}, generate_error=True)
    wrapper = TestActorWrapper(actor)
    wrapper.output  # noqa: B018 - waits for it
    actor.scheduler.get_jobs()[0].next_run_time  # noqa: B018
    wrapper.stop()


def leak_generators_that_never_start():
    EventGenerator("source", JSONEvent, interval={"hours": 1})
    TestEvent("source", headers={"a": 1})
    try:
        EventGenerator("source", interval=-1)
    except ValueError:
        pass


def leak_modifier():
    actor = EventAttributeModifier("modifier", "data/a/b", {"c": []})
    actor.consume(JSONEvent())
    actor.key = "data/a/b/c/d"
    try:
        actor.consume(JSONEvent(data={"a": {"b": 1}}))
    except MalformedEventData:
        pass


def leak_json_modifier():
    actor = JSONEventAttributeModifier("modifier", key="found", value="a/0/b")
    actor.consume(JSONEvent(data={"a": [{"b": [1]}]}))
    actor.consume(JSONEvent(data=[{}, {"a": [{"b": {}}]}, "x"]))


def leak_xpath_modifier():
    actor = XpathEventAttributeModifer("modifier", "found", "b | @c | p:d")
    actor.consume(XMLEvent(data="<a xmlns:p='u' c='1'><b>2<x/></b><p:d/></a>"))
    try:
        actor.consume(XMLEvent(data="<a/>"))
    except MalformedEventData:
        pass
    actor.value = "count(b)"
    actor.consume(XMLEvent(data="<a/>"))


def leak_data_modifier():
    actor = EventDataEventAttributeModifier("modifier", "a/b")
    actor.consume(Event(a={"b": [1]}))
    try:
        actor.consume(Event(a=1))
    except EventAttributeError:
        pass


def leak_aggregators():
    EventDataAggregator("all").consume(Event(data={"a": "x", "b": None, "c": 1.5}))
    EventDataXMLAggregator("all").consume(Event(data={"a": "<a>1</a>", "b": "no xml", "c": "<c/>"}))


def leak_joins():
    for cls, data in ((EventJoin, [1]), (JSONEventJoin, {"a": [1]}), (XMLEventJoin, "<a/>")):
        wrapper = TestActorWrapper(cls("join"), input_queues=["a", "b"])
        wrapper.input = wrapper.actor.input[0](data=data)
        wrapper.output  # noqa: B018 - waits for it
        wrapper.input_queues["a"].put(wrapper.actor.input[0](data=data))
        wrapper.stop()
        assert isinstance(wrapper.error.error, ServiceUnavailable)


def leak_purge():
    wrapper = TestActorWrapper(EventJoin("join", 0.0001), input_queues=["a", "b"])
    wrapper.input_queues["a"].put(Event(data={}))
    assert isinstance(wrapper.error.error, ActorTimeout)
    wrapper.stop()


def leak_join_that_fails():
    actor = JSONEventJoin("join")
    actor.register_consumer("a", Queue("a"))
    actor.register_consumer("b", Queue("b"))
    event = JSONEvent(data={"a": []})
    a, b = actor.pool.inbound.values()
    actor.consume(event, origin_queue=a)
    actor.consume(event, origin_queue=a)
    actor.events[event.event_id].inboxes_reported[b]
    actor.consume(JSONEvent(event_id=event.event_id, data=[]), origin_queue=b)
    actor.consume(event, origin_queue=b)  # it is forgotten with the actor


def leak_json_validator():
    actor = JSONValidator("validator", {"items": {"type": "integer"}})
    actor.consume(JSONEvent(data=[1, 2]))
    try:
        actor.consume(JSONEvent(data=["x", 1, {"y": 2}]))
    except MalformedEventData:
        pass
    try:
        JSONValidator("validator", {"type": 5})
    except ActorInitFailure:
        pass


def leak_event_logger():
    actor = EventLogger("logger", logged_tags=["data", "error", "x"], log_full_event=False)
    actor.pool.logs.add("log")
    actor.consume(Event(data="x"))


def leak_file_logger():
    wrapper = TestActorWrapper(FileLogger("file", "log", directory=FOLDER.name, maxBytes=200))
    wrapper.input = LogEvent(20, "x", "text")
    wrapper.input = Event(data="x")
    wrapper.stop()


def leak_redaction():
    actor = RedactedFileLogger("file", ["(a)(b)?", "c"], directory="/dev", default_filename="null")
    actor.consume(LogEvent(20, "x", "xaxbxabxc"))
    try:
        RedactedFileLogger("file", [5])
    except TypeError:
        pass


class Words(EventFilter):
    def _get_value(self, event, event_scope):
        return super()._get_value(event, event_scope)

    def parse_value_regexes(self, value_regexes):
        super().parse_value_regexes(value_regexes)


def leak_filters():
    chain = EventFilter("a", "x", next_filter=Words(["b", "c"]))
    chain.note = chain
    chain.matches(Event(data="ac"))
    json_filter = EventJSONFilter(("a", 0), "x", event_scope="text")
    json_filter.matches(Event(text='[{"a": ["y"]}, {"a": ["x"]}]'))
    for fail in (
        lambda: json_filter.matches(Event(text="no JSON")),
        lambda: EventFilter(event_scope=5),
        lambda: EventFilter(["a", "("]),
    ):
        try:
            fail()
        except Exception:
            pass


def leak_router():
    router = EventRouter(
        "router", [EventFilter("a", ["one", "two"]), EventFilter("b")], "blacklist"
    )
    router.pool.logs.add("log")
    wrapper = TestActorWrapper(router, output_queues=["one", "two", "three"])
    for text in ("a", "b", "c"):
        router.consume(Event(data=text))
    wrapper.stop()
    try:
        TestActorWrapper(EventRouter("router", EventFilter("a", "nowhere")))
    except Exception:
        pass


def leak_named_routers():
    router = SimpleRouter("router", scope=("data",))
    wrapper = TestActorWrapper(router, output_queues=["red", "default"])
    router.consume(Event(data="red"))
    wrapper.stop()
    router = HTTPMethodEventRouter("router")
    wrapper = TestActorWrapper(router, output_queues=["GET", "x"])
    try:
        router.consume(HttpEvent())
    except EventCommandNotAllowed:
        pass
    wrapper.stop()


def leak_xml_filters():
    for data in ("<a><b k='1'>x</b><b>y</b></a>", "<a xmlns='urn:1' xmlns:p='urn:2'><b>x</b></a>"):
        event = XMLEvent(data=data)
        for xpath in ("//b[@k = '1']", "//b[position() > 1]", "count(//b)", "//[", "//q:b"):
            EventXMLFilter(xpath, None, "y").matches(event)
        EventXMLXpathsFilter("//b", "//b").matches(event)
        list(EventXMLFilter("//b | //@k | //text()")._get_value(event, "data"))
    EventXMLFilter("//b").matches(Event(data="no XML"))
    stylesheet = (
        '<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform"><x:template '
        'match="/a"><b><x:value-of select="."/></b></x:template></x:stylesheet>'
    )
    for xpath in ("/b", "string(/b)"):
        EventXMLFilter(xpath, stylesheet, "x").matches(XMLEvent(data="<a>x</a>"))
    for arguments in ((5,), ("//a", None, 5), ("//a", None, "(")):
        try:
            EventXMLFilter(*arguments)
        except Exception:
            pass


def leak_cookie():
    actor = SetCookie("cookie", "a", "b c", path="/x")
    actor.pool.logs.add("log")
    event = HttpEvent()
    for _ in range(3):
        actor.consume(event)
    actor.consume(Event())
    try:
        SetCookie("cookie", "a b")
    except ValueError:
        pass


def leak_udp_generators():
    for cls in (UDPEventGenerator, UDPCronEventGenerator):
        actor = cls("source", address="127.255.255.255", port=PORT, burn_in_pings=0, key="secret")
        wrapper = TestActorWrapper(actor)
        assert actor.peers_interface.wait_until_master()
        assert actor.peers_interface.peers == {}
        actor.consume(Event())
        assert wrapper.output is not None
        wrapper.stop()
        actor.peers_interface.start()
