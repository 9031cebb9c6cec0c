"""Actors of releases up to 1.1, by the names that scripts import."""

import importlib
import subprocess
import sys

import pytest

from compysition import Event, actors
from compysition.actors import Data, Header, TestEvent, XMLFilter, XMLMatcher
from compysition.errors import MalformedEventData
from compysition.event import HttpEvent, JSONEvent, XMLEvent
from tests.actors.helpers import wait_for_log
from tests.flows import Collect, quiet_director

# ---- Data ----


def test_data(modify):
    assert modify(Data("data", data="Hello"), HttpEvent(data=1)).data == "Hello"
    assert modify(Data("data"), Event(data=1)).data == {}


def test_data_with_a_key(modify):
    assert modify(Data("data", "a/b", 1), JSONEvent(data={"c": 2})).data == {"c": 2, "a/b": 1}


def test_text_as_data_of_a_json_event(modify):
    event = modify(Data("data", data="Hello"), JSONEvent(data={}))
    assert event.data == "Hello"
    assert event.data_string() == '"Hello"'


def test_data_that_a_json_event_refuses(wrap):
    wrapper = wrap(Data("data", data={1, 2}))
    wrapper.input = JSONEvent(data={})
    assert isinstance(wrapper.error.error, MalformedEventData)


# ---- Header ----


def test_header(modify):
    assert modify(Header("auth", header={"a": 1}), Event()).header == {"auth": {"a": 1}}
    assert modify(Header("auth", "k/1", 2), Event(header={"a": 1})).header == {"a": 1, "k/1": 2}


# ---- TestEvent ----


def test_the_first_event_comes_at_once(wrap):
    wrapper = wrap(TestEvent("source", "text", {"extra": 1}, interval=1000))
    event = wrapper.output
    assert (event.data, event.extra, type(event)) == ("text", 1, Event)


def test_defaults(wrap):
    actor = TestEvent("source")
    assert actor.interval["seconds"] == 1
    assert (actor.event_kwargs, actor.producers, actor.delay, actor.max_events) == (
        {"data": "test"},
        1,
        0,
        0,
    )
    assert actor.generate_error is True


def test_header_value_is_the_older_name_of_headers():
    assert TestEvent("source", header_value={"a": 1}).event_kwargs == {"data": "test", "a": 1}


def test_a_copy_goes_to_a_connected_error_queue(wrap):
    wrapper = wrap(TestEvent("source", interval=1000))
    assert wrapper.output.event_id == wrapper.error.event_id


def test_it_stops_after_max_events(wrap, log):
    actor = TestEvent("source", interval=0.01, max_events=3, generate_error=True)
    lines = log(actor)
    wrapper = wrap(actor)
    assert wait_for_log(lines, "Stopped producing events.").level == 20
    assert not actor.scheduler.running
    assert wrapper.output_queues["outbox"].qsize() == 3
    assert wrapper.error_queues["error"].qsize() == 3


def test_errors_are_not_shown_when_no_error_queue_was_connected():
    director = quiet_director()
    source = director.register_actor(TestEvent, "source", interval=0.001)
    collect = director.register_actor(Collect, "collect", director, 5)
    errors = director.register_error_actor(Collect, "errors")
    director.connect_queue(source, collect)
    director.start()
    assert collect.data[:5] == ["test"] * 5
    assert errors.data == []


def test_errors_are_sent_when_the_script_connected_a_queue():
    director = quiet_director()
    source = director.register_actor(TestEvent, "source", interval=0.001)
    null = director.register_actor(actors.Null, "null")
    collect = director.register_actor(Collect, "collect", director, 5)
    director.connect_queue(source, null)
    director.connect_error_queue(source, collect)
    director.start()
    assert collect.data[:5] == ["test"] * 5


def test_pytest_does_not_take_it_for_a_test():
    assert TestEvent.__test__ is False


# ---- XMLMatcher ----


def test_xmlmatcher():
    actor = XMLMatcher("match", 5, "k", 7)
    assert (actor.purge_interval, actor.key, actor.size) == (5, "k", 7)
    assert XMLMatcher("match").key == "match"
    assert XMLMatcher("match", key="k").key == "k"
    assert isinstance(actor, actors.XMLEventJoin)


def test_what_xmlmatcher_keeps():
    module = importlib.import_module("compysition.actors.util.xmlmatcher")
    assert module.MatchedEvent is actors.XMLEventJoin.matched_event_class


# ---- XMLFilter ----


@pytest.fixture
def passed(wrap):
    """The numbers of the events that an XMLFilter sends on, of three."""

    def run(*args, **kwargs):
        wrapper = wrap(XMLFilter("filter", *args, **kwargs), output_queues=["one", "two"])
        for number in range(3):
            wrapper.input = XMLEvent(data=f"<a><n>{number}</n><b{number}/></a>")
        wrapper.stop()
        one, two = (
            [queue.get().data.findtext("n") for _ in range(queue.qsize())]
            for queue in wrapper.output_queues.values()
        )
        assert one == two
        return one

    return run


def test_xml_filter(passed):
    assert passed("//b1") == ["1"]
    assert passed("//n", value="[12]") == ["1", "2"]
    assert passed("//n", whitelist=False, value="[12]") == ["0"]


def test_xml_filter_takes_what_it_took(passed):
    assert passed("//n", None, None, "2", True, "delete", 3) == ["2"]


# ---- names ----


def test_the_star_import_gives_classes_only():
    names = {}
    exec("from compysition.actors import *", names)
    del names["__builtins__"]
    assert set(names) == set(actors.__all__)
    assert all(isinstance(value, type) for value in names.values())


@pytest.mark.parametrize("package", ["compysition.actors", "compysition.module"])
@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("null", ["Null"]),
        ("stdout", ["STDOUT"]),
        ("eventlogger", ["EventLogger"]),
        ("flowcontroller", ["FlowController"]),
        ("eventgenerator", ["EventGenerator", "CronEventGenerator"]),
        (
            "eventattributemodifier",
            [
                "EventAttributeModifier",
                "EventAttributeLookupModifier",
                "EventDataEventAttributeModifier",
                "EventDataStaticAttributeModifier",
                "HTTPJSONAttributeModifier",
                "HTTPStatusModifier",
                "HTTPXpathEventAttributeModifier",
                "JSONEventAttributeModifier",
                "XpathEventAttributeModifer",
                "XpathEventAttributeModifier",
            ],
        ),
        ("eventdataaggregator", ["EventDataAggregator", "EventDataXMLAggregator"]),
        (
            "eventjoin",
            [
                "EventJoin",
                "JSONEventJoin",
                "XMLEventJoin",
                "MatchedEvent",
                "MatchedJSONEvent",
                "MatchedXMLEvent",
            ],
        ),
        ("jsonvalidator", ["JSONValidator"]),
        ("xmlmatcher", ["XMLMatcher"]),
        ("filelogger", ["FileLogger", "RotatingFileHandler"]),
        ("redactedfilelogger", ["RedactedFileLogger"]),
        ("testevent", ["TestEvent"]),
        ("data", ["Data"]),
        ("header", ["Header"]),
        (
            "eventrouter",
            [
                "EventRouter",
                "SimpleRouter",
                "HTTPMethodEventRouter",
                "EventFilter",
                "EventJSONFilter",
                "EventXMLFilter",
                "EventXMLXpathsFilter",
            ],
        ),
        ("xmlfilter", ["XMLFilter"]),
        ("xmlaggregator", ["XMLAggregator"]),
        ("cookie", ["SetCookie"]),
        ("cookietest", ["CookieTest"]),
        ("util", ["XPathLookup"]),
    ],
)
def test_module_paths(package, module, names):
    importlib.import_module(package)
    imported = importlib.import_module(f"{package}.{module}")
    for name in names:
        assert getattr(imported, name) is getattr(actors, name, getattr(imported, name))


def test_the_old_package_has_the_same_classes():
    module = importlib.import_module("compysition.module")
    assert {name: getattr(module, name) for name in actors.__all__} == {
        name: getattr(actors, name) for name in actors.__all__
    }


def test_actors_do_not_import_what_few_scripts_need():
    script = "import sys, compysition.actors; print({'logging', 'apscheduler', 'jsonschema'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout == "set()\n"


def test_the_logging_handler(tmp_path):
    from compysition.actors.filelogger import RotatingFileHandler

    path = tmp_path / "a" / "b.log"
    handler = RotatingFileHandler(str(path), maxBytes=100, backupCount=1)
    handler.make_file(str(tmp_path / "c" / "d.log"))
    handler.close()
    assert path.exists()
    assert (tmp_path / "c" / "d.log").exists()


def test_http_json_event_attribute_modifier():
    assert actors.HTTPJSONEventAttributeModifier is actors.HTTPJSONAttributeModifier


def test_unknown_names_of_the_module_are_refused():
    with pytest.raises(AttributeError, match="nothing"):
        importlib.import_module("compysition.actors.filelogger").nothing  # noqa: B018
