import logging
import re

import pytest

import compysition
from compysition import Event, Queue
from compysition.actors import (
    EventFilter,
    EventJSONFilter,
    EventRouter,
    HTTPMethodEventRouter,
    Null,
    SimpleRouter,
)
from compysition.errors import EventCommandNotAllowed, SetupError
from compysition.event import HttpEvent, JSONEvent, JSONHttpEvent
from tests.actors.helpers import logged, take, wait_for_log
from tests.corpora import naughty_strings
from tests.flows import Collect, Source, quiet_director


class Broken(EventFilter):
    """Fails for every event."""

    def matches(self, event):
        raise ValueError(f"no idea about {event.data}")


@pytest.fixture
def route(wrap):
    """Send events with these data through a router; the data that each outbox got."""

    def run(router, outboxes, *data):
        wrapper = wrap(router, output_queues=outboxes)
        for value in data:
            wrapper.input = value if isinstance(value, Event) else Event(data=value)
        wrapper.stop()
        return {name: take(queue, queue.qsize()) for name, queue in wrapper.output_queues.items()}

    return run


# ---- where events go ----


def test_every_filter_that_matches_sends(route):
    router = EventRouter(
        "router", [EventFilter("a", "one"), EventFilter("b", ["two", "three"]), EventFilter("c")]
    )
    assert route(router, ["one", "two", "three"], "a", "b", "ab", "c", "ac", "x") == {
        "one": ["a", "ab", "ac"],
        "two": ["b", "ab"],
        "three": ["b", "ab"],
    }


def test_one_filter(route):
    assert route(EventRouter("router", EventFilter("a", "one")), ["one"], "a", "b") == {
        "one": ["a"]
    }


def test_an_outbox_of_two_filters_gets_the_event_twice(route):
    router = EventRouter("router", (EventFilter("a", "one"), EventFilter("b", "one")))
    assert route(router, ["one"], "ab") == {"one": ["ab", "ab"]}


def test_each_outbox_gets_an_event_of_its_own(wrap):
    router = EventRouter("router", [EventFilter(".*", ["one", "two"]), EventFilter(".*", "three")])
    wrapper = wrap(router, output_queues=["one", "two", "three"])
    wrapper.input = JSONEvent(data={"a": 1})
    events = [queue.get(block=True, timeout=5) for queue in wrapper.output_queues.values()]
    events[0].data["a"] = 2
    assert [event.data for event in events] == [{"a": 2}, {"a": 1}, {"a": 1}]
    assert len({id(event) for event in events}) == 3


def test_a_blacklist(route):
    router = EventRouter("router", EventFilter("a", "one"), "blacklist")
    assert route(router, ["one", "two", "three"], "a", "b") == {
        "one": ["a"],
        "two": ["b"],
        "three": ["b"],
    }


def test_default_outboxes_by_name(route):
    router = EventRouter("router", EventFilter("a", "log_a"), "blacklist", ["^log", "x"])
    assert route(router, ["log_a", "log_b", "mail", "fax"], "a", "b") == {
        "log_a": ["a"],
        "log_b": ["b"],
        "mail": [],
        "fax": ["b"],
    }


def test_a_blacklist_without_filters(route):
    assert route(EventRouter("router", type="blacklist"), ["one"], "a") == {"one": ["a"]}


def test_the_type_is_compared_by_value_rt_1(route):
    router = EventRouter("router", EventFilter("a", "one"), "".join(["white", "list"]))
    assert router.whitelist is True
    assert route(router, ["one", "two"], "b") == {"one": [], "two": []}


@pytest.mark.parametrize("kind", ["greylist", "", None, 5])
def test_another_type_rt_1(kind):
    with pytest.raises(ValueError, match="whitelist"):
        EventRouter("router", type=kind)


def test_one_default_regex_rt_2(route):
    router = EventRouter("router", type="blacklist", default_outbox_regexes="mail")
    assert router.default_outbox_regexes == ["mail"]
    assert route(router, ["mail", "m", "a"], "x") == {"mail": ["x"], "m": [], "a": []}


def test_an_outbox_that_matches_two_default_regexes_rt_3(route):
    router = EventRouter("router", type="blacklist", default_outbox_regexes=["m", "a"])
    assert route(router, ["mail"], "x") == {"mail": ["x"]}
    assert len(router.default_outboxes) == 1


def test_a_filter_of_two_routers_rt_4(route):
    shared = EventFilter("a", "one")
    routers = [EventRouter("router", shared) for _ in range(2)]
    assert route(routers[0], ["one"], "a") == {"one": ["a"]}
    assert route(routers[1], ["one"], "a") == {"one": ["a"]}
    assert shared.outboxes == [routers[1].pool.outbound["one"]]


def test_events_of_other_classes_pass_unchanged(wrap):
    wrapper = wrap(EventRouter("router", EventJSONFilter("a", "1", "outbox")))
    wrapper.input = JSONHttpEvent(data={"a": 1}, status=(201, "Created"))
    event = wrapper.output
    assert (type(event), event.data, event.status) == (JSONHttpEvent, {"a": 1}, (201, "Created"))


def test_what_is_no_event(wrap):
    wrapper = wrap(EventRouter("router", EventFilter(".*", "outbox")))
    wrapper.input_queues["inbox"].put("text")
    wrapper.input = Event(data=1)
    assert wrapper.output.data == 1
    with pytest.raises(TypeError):
        wrapper.actor.consume("text")
    with pytest.raises(TypeError):
        wrapper.actor.process_no_match("text")


def test_naughty_strings_pass_unchanged(route):
    strings = naughty_strings()
    router = EventRouter("router", [EventFilter(".*", "all"), EventFilter(r"\d", "digits")])
    found = route(router, ["all", "digits"], *strings)
    assert found["all"] == strings
    assert found["digits"] == [text for text in strings if re.search(r"\d", text)]


# ---- the log ----


@pytest.mark.parametrize(
    ("filters", "kind", "outboxes", "level", "message"),
    [
        (
            [EventFilter("x", "one")],
            "whitelist",
            ["one"],
            logging.DEBUG,
            "No EventFilters matched for event. Event has been discarded",
        ),
        (
            [],
            "blacklist",
            ["one"],
            logging.DEBUG,
            "No EventFilters matched for event. Event forwarded to default outbox(s)",
        ),
        (
            [],
            "blacklist",
            [],
            logging.INFO,
            "No EventFilters matched for event and no default queues are connected. "
            "Event has been discarded",
        ),
        (
            [EventFilter("a", ["one", "two"])],
            "whitelist",
            ["one", "two"],
            logging.DEBUG,
            "EventFilter matched for outbound queues (one, two). Event successfully forwarded",
        ),
        (
            [EventFilter("a")],
            "whitelist",
            ["one"],
            logging.INFO,
            "EventFilter matched, but no outbound queues were defined for filter. "
            "Event has been discarded.",
        ),
    ],
)
def test_what_is_logged(wrap, log, filters, kind, outboxes, level, message):
    router = EventRouter("router", filters, kind)
    lines = log(router)
    wrapper = wrap(router, output_queues=outboxes)
    event = Event(data="a")
    wrapper.input = event
    record = wait_for_log(lines, message[:25])
    assert (record.message, record.level, record.id) == (message, level, event.event_id)


# ---- events that end here ----


@pytest.mark.parametrize(
    "router",
    [
        lambda: EventRouter("router", EventFilter("x", "null")),
        lambda: EventRouter("router", EventFilter(".*")),
        lambda: EventRouter("router", EventFilter("x", "null"), "blacklist", "nothing"),
    ],
)
def test_a_discarded_event_is_settled_as_dropped(router):
    director = quiet_director()
    source = director.register_actor(Source, "source", 10)
    director.connect_queue(source, director.register_actor(router()))
    director.connect_queue(director.get_actor("router"), director.register_actor(Null, "null"))
    director.start(block=False)
    director.stop()
    stats = director.stats()
    assert stats["actors"]["router"]["dropped"] == 10
    assert stats["events"]["dropped"] == stats["events"]["created"] == 10


def test_a_discard_settles_at_once():
    director = quiet_director()
    router = director.register_actor(EventRouter("router", EventFilter("x")))
    inbox = Queue("inbox")
    router.register_consumer("inbox", inbox)
    director.start(block=False)
    inbox.put(Event(data="x"))
    inbox.wait_until_empty()
    for _ in range(100):
        compysition.sleep(0.01)
        if director.stats()["events"]["dropped"] == 1:
            break
    assert director.stats()["events"] == {
        "created": 1,
        "dropped": 1,
        "in_flight": 0,
        "kept": 0,
        "consumed": 0,
        "failed": 0,
        "reported": 0,
        "answered": 0,
    }
    director.stop()


def test_events_that_are_forwarded_are_not_dropped():
    director = quiet_director()
    source = director.register_actor(Source, "source", 10)
    router = director.register_actor(EventRouter("router", EventFilter("[0-4]", "null")))
    director.connect_queue(source, router)
    director.connect_queue(router, director.register_actor(Null, "null"))
    director.start(block=False)
    director.stop()
    events = director.stats()["events"]
    assert (events["consumed"], events["dropped"]) == (5, 5)


# ---- what goes wrong ----


def test_a_filter_that_fails(wrap):
    wrapper = wrap(EventRouter("router", Broken(outbox_names="outbox")))
    wrapper.input = Event(data="a")
    failed = wrapper.error
    assert isinstance(failed.error, ValueError)
    assert wrapper.output_queues["outbox"].empty()


def test_a_filter_that_fails_after_others_matched(wrap):
    filters = [EventFilter("a", "one"), Broken(), EventFilter("a", "two")]
    wrapper = wrap(EventRouter("router", filters), output_queues=["one", "two"])
    wrapper.input = Event(data="a")
    assert isinstance(wrapper.error.error, ValueError)
    event = wrapper.output_queues["one"].get(block=True, timeout=5)
    assert (event.data, event.error) == ("a", None)
    assert wrapper.output_queues["two"].empty()


def test_malformed_data(wrap):
    wrapper = wrap(EventRouter("router", EventJSONFilter("a", "1", "outbox")))
    wrapper.input = Event(data="no JSON")
    assert str(wrapper.error.error).startswith("Error in attempting to apply regex patterns")
    wrapper.input = Event(data='{"a": 1}')
    assert wrapper.output.data == '{"a": 1}'


def test_whitelist_without_filters(wrap):
    with pytest.raises(SetupError, match="No filters were connected to this router"):
        wrap(EventRouter("router"))


def test_an_outbox_that_is_not_connected(wrap):
    with pytest.raises(
        Exception, match=r"^Queue two was referenced in a filter, but is not"
    ) as caught:
        wrap(EventRouter("router", EventFilter("a", "two")), output_queues=["one", "three"])
    assert str(caught.value) == (
        "Queue two was referenced in a filter, but is not connected as a valid outbox for router. "
        "Connected queues are: one, three"
    )


def test_an_outbox_that_is_gone(wrap):
    router = EventRouter("router", EventFilter("a", "outbox"))
    wrapper = wrap(router)
    del router.pool.outbound["outbox"]
    wrapper.input = Event(data="a")
    assert str(wrapper.error.error).startswith("Queue outbox was referenced")


@pytest.mark.parametrize("filters", ["text", ["text"], [EventFilter(), 5]])
def test_what_is_no_filter(filters):
    with pytest.raises(TypeError, match="The provided filter is not a valid EventFilter type"):
        EventRouter("router", filters)


def test_set_filter(route):
    router = EventRouter("router")
    router.set_filter(EventFilter("a", "one"))
    with pytest.raises(TypeError, match="not a valid EventFilter"):
        router.set_filter("text")
    assert len(router.filters) == 1
    assert route(router, ["one"], "a") == {"one": ["a"]}


def test_filters_that_change_while_it_runs(wrap):
    router = EventRouter("router", EventFilter("a", "one"))
    wrapper = wrap(router, output_queues=["one", "two"])
    router.set_filter(EventFilter("b", "two"))
    wrapper.input = Event(data="b")
    assert wrapper.output_queues["two"].get(block=True, timeout=5).data == "b"
    router.filters[:] = ["text"]
    wrapper.input = Event(data="a")
    assert isinstance(wrapper.error.error, TypeError)
    del router.filters
    wrapper.input = Event(data="a")
    assert isinstance(wrapper.error.error, TypeError)


def test_a_default_regex_that_is_none(wrap):
    with pytest.raises(Exception, match="unterminated"):
        wrap(EventRouter("router", type="blacklist", default_outbox_regexes="("))


# ---- full destinations ----


def test_a_full_destination_holds_events_back(wrap):
    router = EventRouter("router", [EventFilter("a", "full"), EventFilter(".*", "free")])
    full = Queue("full", maxsize=1)
    full.put(Event(data="in the way"))
    router.pool.outbound.add("full", queue=full)
    wrapper = wrap(router, output_queues=["free"])
    for number in range(5):
        wrapper.input = Event(data=f"a{number}")
    assert take(full, 6) == ["in the way", *[f"a{number}" for number in range(5)]]
    assert take(wrapper.output_queues["free"], 5) == [f"a{number}" for number in range(5)]


def test_a_full_queue_stops_only_what_goes_there(wrap):
    router = EventRouter("router", [EventFilter("a", "full"), EventFilter("b", "free")])
    full = Queue("full", maxsize=1)
    router.pool.outbound.add("full", queue=full)
    wrapper = wrap(router, output_queues=["free"])
    wrapper.input = Event(data="a")
    wrapper.input = Event(data="b")
    assert take(wrapper.output_queues["free"], 1) == ["b"]
    assert take(full, 1) == ["a"]


@pytest.mark.parametrize(("policy", "kept"), [("drop_new", [0, 1]), ("drop_old", [8, 9])])
def test_an_outbox_that_drops(policy, kept):
    director = quiet_director()
    router = director.register_actor(EventRouter("router", EventFilter(".*", "slow"), size=2))
    collect = director.register_actor(Collect, "collect")
    director.connect_queue((router, "slow"), collect, on_full=policy)
    for number in range(10):
        router.consume(Event(data=number))
    director.start(block=False)
    director.stop()
    assert collect.data == kept


def test_a_stop_delivers_what_waits():
    director = quiet_director(size=2)
    source = director.register_actor(Source, "source", 200)
    router = director.register_actor(SimpleRouter, "router", "other")
    collects = [director.register_actor(Collect, name) for name in ("7", "other")]
    director.connect_queue(source, router)
    director.connect_queue(router, collects)
    director.start(block=False)
    director.stop()
    sevens = [number for number in range(200) if "7" in str(number)]
    assert collects[0].data == sevens
    assert sorted(collects[0].data + collects[1].data) == list(range(200))


# ---- subclasses ----


def test_process_no_match_of_a_subclass(route):
    class Rest(EventRouter):
        def process_no_match(self, event):
            event.data = f"rest: {event.data}"
            self.send_event(event, queues=[self.pool.outbound["two"]])
            super().process_no_match(event)

    router = Rest("router", EventFilter("a", "one"))
    assert route(router, ["one", "two"], "a", "b") == {"one": ["a"], "two": ["rest: b"]}


def test_process_no_match_that_raises(wrap):
    class Refuse(EventRouter):
        def process_no_match(self, event):
            raise KeyError(event.data)

    wrapper = wrap(Refuse("router", EventFilter("a", "outbox")))
    wrapper.input = Event(data="b")
    assert isinstance(wrapper.error.error, KeyError)


def test_consume_of_a_subclass(route):
    class Double(EventRouter):
        def consume(self, event, *args, **kwargs):
            event.data *= 2
            super().consume(event, *args, **kwargs)

    router = Double("router", EventFilter("^4", "one"))
    assert route(router, ["one"], 2, 3, 21) == {"one": [4, 42]}


def test_pre_hook_of_a_subclass(route):
    class Own(EventRouter):
        def pre_hook(self):
            for name in self.pool.outbound:
                self.set_filter(EventFilter(name, name))
            super().pre_hook()

    assert route(Own("router"), ["a", "b"], "a", "b") == {"a": ["a"], "b": ["b"]}


def test_send_event_of_a_subclass(route):
    sent = []

    class Noted(EventRouter):
        def send_event(self, event, queues=None, **kwargs):
            sent.append((event.data, [queue.name for queue in queues]))
            super().send_event(event, queues=queues, **kwargs)

    router = Noted("router", EventFilter("a", ["one", "two"]), "blacklist")
    found = route(router, ["one", "two", "rest"], "a", "b")
    assert found == {"one": ["a"], "two": ["a"], "rest": ["b"]}
    routed = [
        (data, names) for data, names in sent if names != ["inbox"]
    ]  # where the test puts them
    assert routed == [("a", ["one", "two"]), ("b", ["rest"])]


def test_set_filter_of_a_subclass():
    class Noted(EventRouter):
        def set_filter(self, filter):
            super().set_filter(filter)
            self.noted = filter

    event_filter = EventFilter()
    assert Noted("router", event_filter).noted is event_filter


def test_a_default_outbox_of_a_subclass(route):
    class Fallback(EventRouter):
        def pre_hook(self):
            super().pre_hook()
            self.default_outboxes = [self.pool.outbound["rest"]]

    router = Fallback("router", EventFilter("a", "one"), "blacklist")
    assert route(router, ["one", "two", "rest"], "a", "b") == {
        "one": ["a"],
        "two": [],
        "rest": ["b"],
    }


def test_a_filter_in_python(route):
    class Even(EventFilter):
        def matches(self, event):
            return event.data % 2 == 0

    router = EventRouter("router", Even(outbox_names="even"), "blacklist")
    assert route(router, ["even", "odd"], 1, 2, 3) == {"even": [2], "odd": [1, 3]}


def test_actor_arguments():
    router = EventRouter("router", EventFilter(), "blacklist", "x", 5, rescue=True, unknown=1)
    assert (router.size, router.rescue) == (5, True)
    assert router.blockdiag_config == {"shape": "flowchart.condition"}
    with pytest.raises(TypeError):
        EventRouter()


# ---- SimpleRouter ----


def test_a_simple_router(route):
    router = SimpleRouter("router")
    assert route(router, ["red", "green", "default"], "red", "darkgreen", "redgreen", "blue") == {
        "red": ["red", "redgreen"],
        "green": ["darkgreen", "redgreen"],
        "default": ["blue"],
    }


def test_a_simple_router_with_another_scope(route):
    router = SimpleRouter("router", "rest", "service")
    events = [Event(service="red", data=1), Event(service="blue", data=2)]
    assert route(router, ["red", "rest"], *events) == {"red": [1], "rest": [2]}


def test_a_simple_router_with_steps_as_scope(route):
    router = SimpleRouter("router", scope=("data", "color"))
    events = [JSONEvent(data={"color": "red"}), JSONEvent(data={"shape": "red"})]
    assert route(router, ["red", "default"], *events) == {
        "red": [{"color": "red"}],
        "default": [{"shape": "red"}],
    }


def test_the_default_queue_gets_the_rest_once_rt_5(route):
    assert route(SimpleRouter("router"), ["red", "default"], "blue") == {
        "red": [],
        "default": ["blue"],
    }


def test_the_default_queue_whatever_the_default_regexes(route):
    router = SimpleRouter("router", default_outbox_regexes="nothing")
    assert route(router, ["default"], "blue") == {"default": ["blue"]}


def test_a_simple_router_without_its_default_queue(route):
    assert route(SimpleRouter("router"), ["red"], "red", "blue") == {"red": ["red"]}


def test_a_simple_router_with_a_whitelist(route):
    router = SimpleRouter("router", type="whitelist")
    assert route(router, ["red", "default"], "red", "blue") == {"red": ["red"], "default": []}


def test_a_simple_router_with_filters_of_its_own(route):
    router = SimpleRouter("router", routing_filters=EventFilter("blue", "default"))
    assert route(router, ["red", "default"], "redblue", "x") == {
        "red": ["redblue"],
        "default": ["redblue", "x"],
    }


def test_a_second_start_makes_no_second_filters(wrap):
    router = SimpleRouter("router")
    wrapper = wrap(router, output_queues=["red", "default"])
    router.stop()
    router.start()
    wrapper.input = Event(data="red")
    assert take(wrapper.output_queues["red"], 1) == ["red"]
    assert len(router.filters) == 1


# ---- HTTPMethodEventRouter ----


def request(method, **kwargs):
    return HttpEvent(environment={"REQUEST_METHOD": method}, **kwargs)


def test_http_methods(route):
    router = HTTPMethodEventRouter("router")
    events = [request("GET", data=1), request("POST", data=2), request("GET", data=3)]
    assert route(router, ["GET", "POST", "PUT"], *events) == {"GET": [1, 3], "POST": [2], "PUT": []}
    assert router.HTTP_METHODS == ["GET", "POST", "DELETE", "PATCH", "HEAD", "PUT", "OPTIONS"]


def test_a_method_that_is_not_connected(wrap, log):
    router = HTTPMethodEventRouter("router")
    lines = log(router)
    wrapper = wrap(router, output_queues=["GET", "other", "PUT"])
    wrapper.input = request("DELETE")
    failed = wrapper.error
    assert isinstance(failed.error, EventCommandNotAllowed)
    assert failed.error.message == ["Method 'DELETE' not allowed for this endpoint"]
    assert failed.status == (405, "Method Not Allowed")
    assert failed.headers["Allow"] == "GET, PUT"
    record = wait_for_log(lines, "HttpEvent with method 'DELETE' received but not implemented.")
    assert record.level == logging.WARNING
    assert all(queue.empty() for queue in wrapper.output_queues.values())


def test_a_request_without_a_method(wrap):
    wrapper = wrap(HTTPMethodEventRouter("router"), output_queues=["GET"])
    wrapper.input = HttpEvent()
    assert wrapper.error.headers == {"Allow": "GET"}


def test_a_queue_that_is_no_method_is_named_rt_6(wrap, log):
    router = HTTPMethodEventRouter("router")
    lines = log(router)
    wrap(router, output_queues=["GET", "other"])
    assert logged(lines, logging.WARNING) == [
        "Queue other is not a valid HTTP method and was not added as a routing option"
    ]


def test_it_takes_http_events(wrap):
    wrapper = wrap(HTTPMethodEventRouter("router"), output_queues=["GET"])
    wrapper.input = Event(data=1)
    failed = wrapper.error
    assert type(failed) is HttpEvent
    assert failed.status == (405, "Method Not Allowed")


def test_it_is_always_a_blacklist(wrap):
    router = HTTPMethodEventRouter("router", type="whitelist")
    wrap(router, output_queues=[])
    assert router.whitelist is False


def test_methods_of_a_subclass(route):
    class Cache(HTTPMethodEventRouter):
        HTTP_METHODS = (*HTTPMethodEventRouter.HTTP_METHODS, "PURGE")

    assert route(Cache("router"), ["GET", "PURGE"], request("PURGE", data=1)) == {
        "GET": [],
        "PURGE": [1],
    }
