import datetime
import functools
import gc
import json
import os
import pickle
import re
import subprocess
import sys
import weakref

import pytest

from compysition import errors, event
from compysition.errors import InvalidEventDataModification
from compysition.event import (
    CompysitionEvent,
    DataFormatInterface,
    Event,
    HttpEvent,
    JSONEvent,
    JSONHttpEvent,
    LogEvent,
    _JSONFormatInterface,
)

CLASSES = [Event, HttpEvent, JSONEvent, JSONHttpEvent]


# ---- names and classes ----


def test_the_star_import_is_what_all_says():
    names = {}
    exec("from compysition.event import *", names)
    names.pop("__builtins__")
    assert set(names) == set(event.__all__)


def test_the_module_has_the_names_that_scripts_import():
    assert event.DEFAULT_EVENT_SERVICE == "default"
    assert isinstance(event.built_classes, list)
    assert JSONHttpEvent in event.built_classes
    assert event.NullLookupValue().get("anything").get("more") is not None
    assert {str, dict, list} <= set(event._JSON_TYPES)
    assert event.MalformedEventData is errors.MalformedEventData
    assert event.DEFAULT is not None


@pytest.mark.parametrize(
    ("cls", "bases"),
    [
        (Event, (object,)),
        (HttpEvent, (Event,)),
        (JSONEvent, (_JSONFormatInterface, Event)),
        (JSONHttpEvent, (JSONEvent, HttpEvent)),
        (LogEvent, (Event,)),
        (_JSONFormatInterface, (DataFormatInterface,)),
        (DataFormatInterface, (object,)),
    ],
)
def test_classes_have_the_bases_of_the_original(cls, bases):
    assert cls.__bases__ == bases
    assert cls.__module__ == "compysition.event"
    assert cls.__doc__


def test_content_types():
    assert not hasattr(Event, "content_type")
    assert Event._content_type == "text/plain"
    assert not hasattr(LogEvent, "content_type")
    assert HttpEvent.content_type == "text/plain"
    assert JSONEvent.content_type == JSONHttpEvent.content_type == "application/json"


def test_class_attributes_can_be_set():
    class Mine(JSONEvent):
        content_type = "application/vnd.mine+json"

    Mine.colour = "red"
    assert Mine().colour == "red"
    assert Mine().content_type == "application/vnd.mine+json"
    HttpEvent.temporary = 1
    try:
        assert JSONHttpEvent().temporary == 1
    finally:
        del HttpEvent.temporary


# ---- construction ----


@pytest.mark.parametrize("cls", CLASSES)
def test_defaults(cls):
    made = cls()
    assert re.fullmatch("[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", made.event_id)
    assert made.meta_id == made.event_id
    assert made.service == "default"
    assert made.error is None
    assert isinstance(made.created, datetime.datetime)
    assert abs(datetime.datetime.now() - made.created) < datetime.timedelta(seconds=30)
    assert made.created.tzinfo is None
    assert made.created is made.created


def test_positional_arguments():
    made = Event("m", "s", "d", "ignored", 5)
    assert (made.meta_id, made.service, made.data) == ("m", "s", "d")


def test_keywords_become_attributes():
    made = Event(data=1, foo=2, bar=[3])
    assert (made.data, made.foo, made.bar) == (1, 2, [3])


def test_an_argument_given_twice_is_refused():
    with pytest.raises(TypeError):
        Event("m", meta_id="n")


def test_EVT_2_error_and_event_id_are_accepted_by_the_constructor():
    error = errors.ForbiddenEvent("no")
    made = Event(error=error, event_id="abc")
    assert made.error is error
    assert made.event_id == made.meta_id == made._event_id == "abc"
    assert set(vars(made)) == {"_event_id", "meta_id", "service", "_data", "_error", "created"}
    assert Event(event_id=None).event_id
    with pytest.raises(TypeError):
        Event(event_id=5)


def test_EVT_2_an_error_given_to_an_http_event_sets_its_status():
    assert HttpEvent(error=errors.ForbiddenEvent("no")).status == (403, "Forbidden")


def test_ids_are_unique_and_not_repeated_by_a_forked_child():
    Event()
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(sender, " ".join(Event().event_id for _ in range(50)).encode())
        os._exit(0)
    os.close(sender)
    mine = {Event().event_id for _ in range(1000)}
    with os.fdopen(receiver, "rb") as pipe:
        theirs = set(pipe.read().decode().split())
    os.waitpid(child, 0)
    assert len(mine) == 1000
    assert len(theirs) == 50
    assert not mine & theirs


# ---- attributes ----


def test_the_event_id_cannot_be_set_again():
    made = Event()
    with pytest.raises(
        InvalidEventDataModification, match="Cannot alter event_id once it has been set"
    ):
        made.event_id = "x"


def test_plain_attributes_take_anything():
    made = Event()
    made.meta_id = made.service = made.created = None
    assert (made.meta_id, made.service, made.created) == (None, None, None)
    made.service = "other"
    made.anything = {"a": 1}
    assert (made.service, made.anything) == ("other", {"a": 1})
    del made.anything
    assert not hasattr(made, "anything")


def test_storage_names_can_be_read_and_written():
    made = JSONHttpEvent(data={"a": 1})
    made._event_id = "id"
    made._data = "not JSON"
    made._error = "oops"
    made._status = "anything"
    assert (made.event_id, made.data, made.error, made.status) == (
        "id",
        "not JSON",
        "oops",
        "anything",
    )


def test_the_meta_id_that_was_read_does_not_follow_a_new_id():
    made = Event()
    before = made.meta_id
    made._event_id = "new"
    assert made.meta_id == before


@pytest.mark.parametrize(
    "name",
    ["event_id", "_event_id", "meta_id", "service", "data", "_data", "error", "_error", "created"],
)
def test_fields_cannot_be_deleted(name):
    with pytest.raises((AttributeError, InvalidEventDataModification)):
        delattr(Event(data=1), name)


def test_get():
    made = Event(foo=None)
    assert made.get("service") == "default"
    assert made.get("foo") is None
    assert made.get("bar", 5) == 5
    assert made.get("bar", default=None) is None
    with pytest.raises(AttributeError, match="Event property 'bar' does not exist"):
        made.get("bar")
    with pytest.raises(AttributeError):
        made.get("bar", event.DEFAULT)


def test_set():
    made = JSONEvent()
    assert made.set("foo", 1) is True
    assert made.foo == 1
    assert made.set("data", object()) is False
    assert made.set(key="data", value="{}") is True
    assert made.set("event_id", "x") is False


def test_set_lets_through_what_is_no_exception_of_the_setter():
    class Interrupted(Event):
        @property
        def foo(self):
            return 1

        @foo.setter
        def foo(self, value):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Interrupted().set("foo", 1)


def test_get_properties_has_storage_names_and_no_data():
    made = Event(data=1, foo=2)
    assert made.get_properties() == {
        "_event_id": made.event_id,
        "meta_id": made.meta_id,
        "service": "default",
        "_error": None,
        "created": made.created,
        "foo": 2,
    }


def test_vars_has_the_data_too():
    made = Event(data=[1], foo=2)
    assert vars(made) == {**made.get_properties(), "_data": [1]}
    assert vars(made)["_data"] is made.data
    assert "foo" in dir(made)
    assert json.dumps(vars(Event(event_id="x", created="y"))).startswith('{"_event_id": "x", ')


def test_what_is_changed_in_vars_is_changed_in_the_event():
    made = JSONHttpEvent(data={}, foo=2)
    attributes = vars(made)
    attributes["foo"] = 3
    attributes.update({"bar": 4, "_data": "raw", "_status": "odd"}, service="other")
    attributes |= {"baz": 5}
    assert (made.foo, made.bar, made.baz, made.service) == (3, 4, 5, "other")
    assert (made.data, made.status) == ("raw", "odd")  # as they are, without a conversion
    assert attributes == vars(made)
    assert attributes.pop("foo") == 3 and attributes.setdefault("bar", 0) == 4
    assert attributes.setdefault("new", 6) == made.new == 6
    assert not hasattr(made, "foo")
    with pytest.raises(KeyError):
        del attributes["foo"]
    with pytest.raises(AttributeError):
        del attributes["_data"]
    with pytest.raises(TypeError):
        attributes[1] = 2
    copied = attributes.copy()
    copied["bar"] = pickle.loads(pickle.dumps(attributes))["bar"] + 1
    assert made.bar == 4


def test_the_dict_of_an_event_can_be_replaced():
    made = Event(data=1, foo=2)
    made.__dict__ = {"_data": 3, "bar": 4}
    assert (made.data, made.bar, hasattr(made, "foo")) == (3, 4, False)
    made.__dict__ = vars(made)
    assert (made.data, made.bar) == (3, 4)
    for wrong in (None, [], {1: 2}):
        with pytest.raises(TypeError):
            made.__dict__ = wrong


def test_subclasses_keep_attributes_in_their_dict():
    class Keeping(JSONEvent):
        def __init__(self, **attributes):
            super().__init__()
            self.__dict__.update(attributes)

        @property
        def hidden(self):
            return self.__dict__["hidden"]

        @hidden.setter
        def hidden(self, value):
            self.__dict__["hidden"] = value * 2

        @functools.cached_property
        def once(self):
            return object()

    made = Keeping(foo=1)
    made.hidden = 2
    assert (made.foo, made.hidden) == (1, 4)
    assert made.once is made.once


def test_str_is_that_of_the_pickled_state():
    made = JSONEvent(data={"a": 1}, foo="x")
    assert str(made) == str(made.__getstate__())
    assert "'_data': '{\"a\": 1}'" in str(made)
    assert "'foo': 'x'" in str(made)


def test_equality_is_identity():
    made = Event(data=1)
    assert made == made
    assert made != made.clone()
    assert len({made, made.clone()}) == 2


# ---- lookup ----


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (["data", "a", "b"], [1, 2]),
        ("service", "default"),
        (["data", "x", "y"], None),
        ("data/a", None),
        ("nothing", None),
        (["nothing", "more"], None),
        (["data", "a", ["unhashable"]], None),
        (["data", "a", "b", "upper"], None),
    ],
)
def test_lookup(path, found):
    assert JSONEvent(data={"a": {"b": [1, 2]}}).lookup(path) == found


def test_lookup_takes_its_path_by_keyword_too():
    assert Event().lookup(path="service") == "default"


def test_lookup_without_steps_finds_the_event():
    made = Event()
    assert made.lookup([]) is made


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (("data", "a", "b"), [1, 2]),
        (["data", "a", "b", 1], 2),
        (["data", "a", "b", "0"], 1),
        (("data", "a", "b", 2), None),
        (["data", "a", "b", -1], 2),
        (["data", "a", "b", -3], None),
        (["data", "a", "b", 10**30], None),
        (["data", "a", "b", "9" * 5000], None),
        (["data", "c", 0, "d"], 5),
        (["data", 0], None),
        (["service", 0], None),
    ],
)
def test_EVT_10_lookup_enters_lists(path, found):
    assert JSONEvent(data={"a": {"b": [1, 2]}, "c": [{"d": 5}]}).lookup(path) == found


@pytest.mark.parametrize("path", [None, 5, {"a": 1}])
def test_lookup_refuses_what_is_no_path(path):
    with pytest.raises(TypeError):
        Event().lookup(path)


# ---- plain data ----


@pytest.mark.parametrize("cls", [Event, HttpEvent])
@pytest.mark.parametrize(
    "value", [None, "text", b"bytes", 1, 1.5, True, (1,), {"a": 1}, [1], {1}, object()]
)
def test_plain_events_keep_any_data_as_it_is(cls, value):
    assert cls(data=value).data is value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ("é", "é"),
        ({"a": 1}, "{'a': 1}"),
        ("é".encode(), "é"),
        (b"\xff", "\ufffd"),
        (5, "5"),
    ],
)
def test_data_string_of_plain_events(value, text):
    assert Event(data=value).data_string() == text


def test_data_is_the_live_object():
    made = Event(data={"a": [1]})
    made.data["a"].append(2)
    made.data["b"] = 3
    assert made.data == {"a": [1, 2], "b": 3}


# ---- conversions of user classes ----


def test_users_may_override_conversion_methods():
    class Upper(Event):
        conversion_methods = {str: str.upper}

    assert Upper(data="abc").data == "ABC"
    with pytest.raises(InvalidEventDataModification, match="was not valid for event type"):
        Upper(data=5)


def test_conversion_methods_added_to_a_class_are_used():
    class Numbers(JSONEvent):
        conversion_methods = {
            **JSONEvent.conversion_methods,
            int: lambda number: {"number": number},
        }

    assert Numbers(data=5).data == {"number": 5}
    assert Numbers(data="[1]").data == [1]
    with pytest.raises(InvalidEventDataModification):
        JSONEvent(data=5)


def test_a_default_of_conversion_methods_is_used():
    import collections

    class Texts(Event):
        conversion_methods = collections.defaultdict(lambda: str)

    assert Texts(data=5).data == "5"
    assert Event.conversion_methods[bytes]("same") == "same"
    assert Event(data=b"same").data == b"same"
    Event.conversion_methods.clear()


def test_EVT_3_conversion_methods_are_found_by_isinstance():
    import collections.abc

    class Text(str):
        __slots__ = ()

    class Mine(Event):
        conversion_methods = {collections.abc.Mapping: dict, str: str.upper}

    import types

    assert Mine(data=Text("a")).data == "A"
    assert Mine(data=types.MappingProxyType({"a": 1})).data == {"a": 1}


@pytest.mark.parametrize(
    ("raised", "text"),
    [
        (ValueError("no good"), "Malformed data: no good"),
        (KeyError("k"), "Unknown error occurred on modification: 'k'"),
        (RecursionError("deep"), "Unknown error occurred on modification: deep"),
    ],
)
def test_errors_of_conversions(raised, text):
    def convert(data):
        raise raised

    class Failing(Event):
        conversion_methods = {str: convert}

    with pytest.raises(InvalidEventDataModification) as caught:
        Failing(data="x")
    assert caught.value.message == [text]
    assert caught.value.__cause__ is raised


def test_an_interrupt_in_a_conversion_is_no_data_error():
    def convert(data):
        raise KeyboardInterrupt

    class Interrupted(Event):
        conversion_methods = {str: convert}

    with pytest.raises(KeyboardInterrupt):
        Interrupted(data="x")


def test_EVT_4_no_traceback_in_the_message():
    with pytest.raises(InvalidEventDataModification) as caught:
        JSONEvent(data=5)
    (message,) = caught.value.message
    assert message == (f"Data of type '{int}' was not valid for event type {JSONEvent}")
    assert "Traceback" not in message


# ---- subclasses ----


def test_formats_and_transports_mix():
    class Mine(JSONEvent, HttpEvent):
        pass

    made = Mine({"h": 1}, (404, "x"), {"REQUEST_METHOD": "PUT"}, "m", "s", "[1]", extra=2)
    assert made.headers == {"h": 1}
    assert (made.status, made.method, made.meta_id, made.service) == ((404, "x"), "PUT", "m", "s")
    assert (made.data, made.extra, made.content_type) == ([1], 2, "application/json")


def test_user_mix_ins():
    class Tagged:
        def __init__(self, *args, tag=None, **kwargs):
            super().__init__(*args, **kwargs)
            self.tag = tag

    class Marked(DataFormatInterface):
        pass

    class Mine(Marked, Tagged, JSONHttpEvent):
        __slots__ = ("slot",)

    made = Mine(tag=1, data={"a": 1}, slot=5)
    assert (made.tag, made.data, made.slot) == (1, {"a": 1}, 5)
    assert isinstance(made, DataFormatInterface)
    assert made.get_properties()["slot"] == 5


def test_a_format_of_its_own_with_the_json_interface():
    class Mine(_JSONFormatInterface, HttpEvent):
        pass

    assert Mine(data="[1]").data_string() == "[1]"


def test_the_json_interface_alone_is_no_event():
    with pytest.raises(TypeError):
        _JSONFormatInterface().data_string()
    with pytest.raises(AttributeError):
        _JSONFormatInterface().error_string()


def test_an_event_whose_constructor_was_not_called_can_be_used():
    class Forgetful(JSONHttpEvent):
        def __init__(self):
            pass

    made = Forgetful()
    assert made.event_id and made.service == "default" and made.data is None
    assert (made.headers, made.status, made.method) == ({}, (200, "OK"), None)
    assert made.clone().event_id == made.event_id
    assert str(made)
    record = LogEvent.__new__(LogEvent)
    assert (record.level, record.message, record.id) == (20, None, None)
    assert record.data["level"] == 20


def test_calling_the_constructor_again_keeps_the_identity():
    made = JSONEvent("m", data={"a": 1})
    before = made.event_id
    made.__init__(data=[2])
    assert (made.event_id, made.meta_id, made.data) == (before, before, [2])


def test_changing_the_class_of_an_event_does_no_harm():
    made = JSONEvent(data=[1])
    made.__class__ = HttpEvent
    assert (made.headers, made.status) == ({}, (200, "OK"))
    made.__class__ = LogEvent
    assert made.level == 20


def test_overridden_set_error_is_called():
    class Noisy(JSONHttpEvent):
        def _set_error(self, exception):
            self.seen = exception
            super()._set_error(exception)

    made = Noisy()
    made.error = error = errors.ForbiddenEvent("no")
    assert made.seen is made.error is error
    assert made.status == (403, "Forbidden")


def test_set_error_may_store_by_itself():
    class Own(Event):
        def _set_error(self, exception):
            self._error = str(exception)

    made = Own(error=ValueError("x"))
    assert made.error == "x"


# ---- life ----


def test_weak_references():
    made = Event()
    reference = weakref.ref(made)
    assert reference() is made
    del made
    assert reference() is None


@pytest.mark.parametrize("attribute", ["me", "data", "error", "service", "meta_id"])
@pytest.mark.parametrize("cls", [Event, HttpEvent])
def test_cycles_are_collected(cls, attribute):
    made = cls()
    setattr(made, attribute, [made] if attribute == "data" else made)
    reference = weakref.ref(made)
    del made
    gc.collect()
    assert reference() is None


def test_cycles_through_http_parts_and_log_records_are_collected():
    made = HttpEvent()
    made.headers["me"] = made
    record = LogEvent(20, "a", "m")
    record.message = record
    references = weakref.ref(made), weakref.ref(record)
    del made, record
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_long_chains_of_events_are_freed():
    for attribute in ("error", "previous", "data"):
        last = None
        for _ in range(100_000):
            made = Event()
            setattr(made, attribute, [last] if attribute == "data" else last)
            last = made
        del made, last


def test_values_are_released():
    value = object()
    before = sys.getrefcount(value)
    for cls in CLASSES:
        made = cls(meta_id=value, service=value, extra=value, error=value)
        made.created = value
        made._data = value
        del made
    LogEvent(value, value, value, value)
    assert sys.getrefcount(value) == before


def test_finalisers_of_subclasses_run_once():
    freed = []

    class Final(JSONEvent):
        def __del__(self):
            freed.append(self.event_id)

    made = Final(data={"a": 1})
    wanted = made.event_id
    del made
    assert freed == [wanted]


def test_importing_events_does_not_load_what_is_needed_later():
    code = (
        "import sys; before = set(sys.modules); import compysition.event; "
        "print(sorted({'json', 'copy', 'datetime', 'ast', 'http'} & (set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_event_that_dies_after_its_module():
    """At the end of the interpreter, in a cycle."""
    code = (
        "from compysition.event import LogEvent; e = LogEvent(20, 'x', 'y'); e.e = e; del LogEvent"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""


# ---- the interface of 1.1 ----


def test_to_string_and_back():
    made = JSONEvent(data={"a": [1, "é"]}, foo=(1, None), service="s")
    made.error = errors.ForbiddenEvent("no")
    copied = CompysitionEvent.from_string(made.to_string())
    assert made.to_string() == str(made)
    assert (copied.event_id, copied.meta_id, copied.created) == (
        made.event_id,
        made.meta_id,
        made.created,
    )
    assert (copied.data, copied.foo, copied.service) == (made.data_string(), (1, None), "s")
    assert JSONEvent.from_string(made.to_string()).data == made.data
    assert isinstance(copied, CompysitionEvent)


def test_from_string_accepts_the_names_of_1_1():
    made = CompysitionEvent.from_string("{'event_id': 'abc', 'data': [1], 'meta_id': 'm'}")
    assert (made.event_id, made.data, made.meta_id) == ("abc", [1], "m")


def test_from_string_runs_no_code():
    made = CompysitionEvent.from_string("{'event_id': 'a', 'data': __import__('os').getpid()}")
    assert made.data is None


@pytest.mark.parametrize("text", ["", "[1]", "5", "{'a': ", "{**{}}", "exit()"])
def test_from_string_refuses_other_texts(text):
    with pytest.raises((ValueError, SyntaxError)):
        Event.from_string(text)


def test_a_new_event_has_nothing_of_a_dead_one():
    """The memory of events is used again."""
    for number in range(1000):
        event = HttpEvent(
            data={"n": number},
            service=f"s{number}",
            error=ValueError(),
            extra=number,
            status=(404, "No"),
        )
        del event
        fresh = HttpEvent()
        assert (
            fresh.get_properties()
            == HttpEvent(event_id=fresh.event_id, created=fresh.created).get_properties()
        )
        assert not hasattr(fresh, "extra")


# ---- properties that subclasses extend ----


class Extended(JSONHttpEvent):
    """Extends properties in the ways that scripts do."""

    @JSONHttpEvent.data.setter
    def data(self, value):
        JSONHttpEvent.data.fset(self, {"wrapped": value})

    @property
    def status(self):
        return super().status[0]

    @status.setter
    def status(self, value):
        super(Extended, type(self)).status.fset(self, value)

    @HttpEvent.error.getter
    def error(self):
        return HttpEvent.error.fget(self) or "none"

    @Event.event_id.deleter
    def event_id(self):
        raise RuntimeError("kept")


def test_subclasses_extend_properties():
    made = Extended(data=[1])
    assert (made.data, made.status, made.error) == ({"wrapped": [1]}, 200, "none")
    made.status = 404
    assert (made.status, made._status) == (404, (404, "Not Found"))
    made.error = error = errors.ForbiddenEvent("no")
    assert (made.error, made.status) == (error, 403)
    with pytest.raises(RuntimeError):
        del made.event_id
    with pytest.raises(InvalidEventDataModification):
        made.event_id = "other"


def test_copies_of_extended_properties():
    made = Extended(data=[1], status=404)
    for copied in (made.clone(), pickle.loads(pickle.dumps(made))):
        assert (copied.data, copied.status) == ({"wrapped": [1]}, 404)
        assert copied.event_id == made.event_id


def test_properties_look_like_properties():
    assert Event.data.fget(Event(data=1)) == 1
    assert Event.data.fdel is None
    assert (Event.data.__name__, HttpEvent.status.__name__) == ("data", "status")
    assert "live object" in Event.data.__doc__
    for wrong in (LogEvent, 3, None):
        with pytest.raises(TypeError):
            HttpEvent.status.fget(wrong)
    with pytest.raises(TypeError):
        HttpEvent.status.fset(Event(), 200)
    with pytest.raises(AttributeError):
        del Event().data


def test_attributes_of_a_class_hide_no_arguments():
    class Order(HttpEvent):
        service = "orders"
        method = "NONE"
        headers = None

    made = Order({"a": 1}, 404, {"REQUEST_METHOD": "PUT"}, service="other")
    for one in (made, made.clone()):
        assert (one.service, one.method, one.headers) == ("other", "PUT", {"a": 1})
    assert (Order().service, Order().headers) == ("default", {})


def test_setters_of_a_class_are_called_by_the_constructor():
    class Upper(HttpEvent):
        @property
        def service(self):
            return self.__dict__["own"]

        @service.setter
        def service(self, value):
            self.own = value.upper()

        @HttpEvent.status.setter
        def status(self, value):
            HttpEvent.status.fset(self, (value[0], "Mine"))

    made = Upper(service="orders", status=404)
    assert (made.service, made.own, made.status) == ("ORDERS", "ORDERS", (404, "Mine"))
    assert "service" not in vars(made)
    assert made.clone().service == "ORDERS"
