import re

import pytest

from compysition import Event
from compysition.actors import EventFilter, EventJSONFilter
from compysition.event import HttpEvent, JSONEvent

ERROR = "^Error in attempting to apply regex patterns"


class Unspeakable:
    def __str__(self):
        raise ValueError("no words")


# ---- EventFilter ----


@pytest.mark.parametrize(
    ("regexes", "data", "matches"),
    [
        ("b", "abc", True),
        ("^b", "abc", False),
        (["x", "c$"], "abc", True),
        (("x", "y"), "abc", False),
        ([], "abc", False),
        (b"\xc3\xa9", "caf\xe9", True),
        (re.compile("B", re.IGNORECASE), "abc", True),
        ("5", 15, True),
        ("True", True, True),
        ("'a': 1", {"a": 1}, True),
        ("b", b"abc", True),
        ("caf\xe9", "caf\xe9".encode(), True),
        (".*", None, False),
        (".*", "", True),
        ("None", None, False),
    ],
)
def test_the_data(regexes, data, matches):
    assert EventFilter(regexes).matches(Event(data=data)) is matches


def test_the_defaults():
    event_filter = EventFilter()
    assert event_filter.value_regexes == [re.compile(".*")]
    assert (event_filter.outbox_names, event_filter.outboxes) == ([], [])
    assert (event_filter.event_scope, event_filter.next_filter) == (("data",), None)


def test_outbox_names():
    assert EventFilter("a", "x").outbox_names == ["x"]
    assert EventFilter("a", ["x", "y"]).outbox_names == ["x", "y"]
    assert EventFilter("a", ("x",)).outbox_names == ["x"]


def test_filters_share_no_lists_flt_5():
    one, two = EventFilter(), EventFilter()
    one.outbox_names.append("x")
    one.value_regexes.clear()
    one.outboxes.append(1)
    assert (two.outbox_names, two.outboxes, len(two.value_regexes)) == ([], [], 1)
    names = ["x"]
    EventFilter("a", names).outbox_names.append("y")
    assert names == ["x"]


@pytest.mark.parametrize(
    ("scope", "matches"),
    [
        ("service", True),
        (("service",), True),
        (("data", "a", "b"), True),
        (("data", "a", "x"), False),
        (("data", "list", 1), True),
        (("data", "list", 5), False),
        (("environment", "NAME"), True),
        ("nothing", False),
        (("nothing", "at", "all"), False),
    ],
)
def test_the_scope(scope, matches):
    event = HttpEvent(
        service="found",
        data={"a": {"b": "found"}, "list": ["x", "found"]},
        environment={"NAME": "found"},
    )
    assert EventFilter("^found$", event_scope=scope).matches(event) is matches


@pytest.mark.parametrize("scope", [5, None, ["data"]])
def test_a_scope_of_another_type(scope):
    with pytest.raises(TypeError, match="must be either type str or tuple"):
        EventFilter("a", event_scope=scope)


def test_no_regex():
    with pytest.raises(re.error):
        EventFilter("(")
    with pytest.raises(TypeError):
        EventFilter(5)
    with pytest.raises(TypeError):
        EventFilter("a", "b", "c", None, "too many")


def test_a_property_of_an_event_class():
    class Shout(Event):
        data = property(lambda self: "LOUD", lambda self, value: None)

    assert EventFilter("LOUD").matches(Shout(data="quiet"))


def test_looking_does_not_copy_shared_data():
    event = JSONEvent(data={"a": "x"})
    copy = event.clone()
    assert EventFilter("x", event_scope=("data", "a")).matches(copy)
    copy.data["a"] = "y"
    assert event.data == {"a": "x"}


def test_an_event_scope_that_is_not_interned():
    scope = ("".join(["da", "ta"]), "a")
    assert EventFilter("x", event_scope=scope).matches(JSONEvent(data={"a": "x"}))


def test_values_that_cannot_be_told():
    with pytest.raises(Exception, match=ERROR + ": no words") as caught:
        EventFilter().matches(Event(data=Unspeakable()))
    assert type(caught.value) is Exception
    assert isinstance(caught.value.__cause__, ValueError)


def test_an_interrupt_stays_one():
    class Interrupt:
        def __str__(self):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        EventFilter().matches(Event(data=Interrupt()))


# ---- the next filter ----


def test_the_next_filter_of_the_constructor_flt_1():
    chain = EventFilter("a", next_filter=EventFilter("b"))
    assert [chain.matches(Event(data=text)) for text in ("ab", "a", "b")] == [True, False, False]


def test_set_next_filter():
    chain, last = EventFilter("a"), EventFilter("b")
    chain.set_next_filter(last)
    assert chain.next_filter is last
    assert not chain.matches(Event(data="a"))
    chain.set_next_filter(None)
    assert chain.matches(Event(data="a"))
    with pytest.raises(TypeError, match="not a valid EventFilter"):
        chain.set_next_filter("b")


def test_a_chain_that_bites_its_tail():
    chain = EventFilter("a")
    chain.set_next_filter(chain)
    with pytest.raises(RecursionError):
        chain.matches(Event(data="a"))


def test_an_error_of_the_next_filter_is_told_once():
    chain = EventFilter("a", next_filter=EventFilter(event_scope="bad"))
    with pytest.raises(Exception, match=ERROR + ": no words$"):
        chain.matches(Event(data="a", bad=Unspeakable()))


# ---- subclasses ----


def test_matches_of_a_subclass():
    class Even(EventFilter):
        def matches(self, event):
            return event.data % 2 == 0

    chain = EventFilter(next_filter=Even())
    assert [chain.matches(Event(data=number)) for number in (1, 2)] == [False, True]


def test_a_subclass_without_the_constructor():
    class Bare(EventFilter):
        def __init__(self):
            pass

    bare = Bare()
    assert (bare.outbox_names, bare.next_filter) == ([], None)
    assert not bare.matches(Event(data="a"))


def test_get_value_of_a_subclass():
    class Words(EventFilter):
        def _get_value(self, event, event_scope):
            for value in super()._get_value(event, event_scope):
                yield from value.split()

    words = Words("^b$", event_scope="text")
    assert words.matches(Event(text="a b c"))
    assert not words.matches(Event(text="abc"))
    with pytest.raises(Exception, match=ERROR):
        words.matches(Event(text=5))


def test_get_value_can_be_called():
    assert list(EventFilter()._get_value(Event(data=1), ("data",))) == [1]
    assert list(EventFilter()._get_value(Event(data=1), event_scope="service")) == ["default"]
    with pytest.raises(TypeError):
        EventFilter()._get_value(Event())


def test_what_get_value_hands_out_is_the_events_own():
    event = JSONEvent(data={"a": []})
    copy = event.clone()
    (data,) = EventFilter()._get_value(copy, ("data",))
    data["a"].append(1)
    assert copy.data == {"a": [1]}
    assert event.data == {"a": []}


def test_parse_value_regexes_of_a_subclass():
    class Loose(EventFilter):
        def parse_value_regexes(self, value_regexes):
            assert isinstance(value_regexes, list)
            return [re.compile(regex, re.IGNORECASE) for regex in value_regexes]

    class Stored(EventFilter):
        def parse_value_regexes(self, value_regexes):
            super().parse_value_regexes(value_regexes)
            self.value_regexes.append(re.compile("more"))

    assert Loose("ABC").matches(Event(data="abc"))
    assert Stored("abc").matches(Event(data="more"))


def test_parse_value_regexes_can_be_called():
    event_filter = EventFilter("a")
    assert event_filter.parse_value_regexes(["b", "c"]) == [re.compile("b"), re.compile("c")]
    assert event_filter.matches(Event(data="c"))


def test_set_next_filter_of_a_subclass():
    class Noted(EventFilter):
        def set_next_filter(self, filter):
            self.noted = filter
            super().set_next_filter(filter)

    noted = Noted("a", next_filter=EventFilter("b"))
    assert noted.noted is noted.next_filter


def test_methods_set_on_the_instance():
    one, two = EventFilter("a"), EventFilter("a")
    one.matches = lambda event: "yes"
    two._get_value = lambda event, event_scope: ["a"]
    assert EventFilter(next_filter=one).matches(Event(data="b"))
    assert EventFilter(next_filter=two).matches(Event(data="b"))


def test_free_attributes_change_nothing():
    event_filter = EventFilter("a")
    event_filter.note = {}
    assert event_filter.matches(Event(data="a"))
    assert vars(event_filter) == {"note": {}}


def test_attributes_that_make_no_sense():
    event_filter = EventFilter("a")
    event_filter.value_regexes = "a"
    with pytest.raises(Exception, match="value_regexes must be a list"):
        event_filter.matches(Event(data="a"))
    del event_filter.value_regexes
    with pytest.raises(Exception, match="value_regexes must be a list"):
        event_filter.matches(Event(data="a"))


# ---- EventJSONFilter ----


@pytest.mark.parametrize(
    ("scope", "data", "matches"),
    [
        (("a", "b"), {"a": {"b": "x"}}, True),
        (("a", "b"), {"a": {"c": "x"}}, False),
        (("a", "b"), {"a": "x"}, False),
        (("a",), {"a": None}, False),
        (None, {"a": "x"}, True),
        (None, ["y", "x"], True),
        ("a", {"a": "x"}, True),  # FLT-4
        ("ab", {"a": {"b": "x"}}, False),  # FLT-4
        (("a", 1), {"a": ["y", "x"]}, True),  # FLT-4
        (("a", "1"), {"a": ["y", "x"]}, True),
        (("a", -1), {"a": ["y", "x"]}, True),
        (("a", 7), {"a": ["y", "x"]}, False),
        (["a", "b"], {"a": {"b": "x"}}, True),
        (("a",), [{"a": "y"}, {"b": 1}, {"a": "x"}], True),
        (("a",), [{"a": "y"}, {"b": 1}, 5, None, []], False),
        (("a",), [], False),
        (("append",), {"a": []}, False),
        (("a", "upper"), {"a": "x"}, False),
    ],
)
def test_the_json_scope(scope, data, matches):
    assert EventJSONFilter(scope, "x").matches(JSONEvent(data=data)) is matches


@pytest.mark.parametrize("text", ['{"a": "x"}', b'{"a": "x"}', '[{"a": "x"}]'])
def test_json_text(text):
    json_filter = EventJSONFilter(("a",), "x", event_scope="text")
    assert json_filter.matches(Event(text=text))


def test_malformed_json_text():
    with pytest.raises(Exception, match=ERROR + ": Expecting value"):
        EventJSONFilter(("a",), "x").matches(Event(data="no JSON"))


def test_no_data():
    assert not EventJSONFilter(("a",)).matches(Event())
    assert not EventJSONFilter().matches(Event())


@pytest.mark.parametrize("scope", [5, {"a": 1}])
def test_a_json_scope_of_another_type(scope):
    with pytest.raises(TypeError, match="json_scope"):
        EventJSONFilter(scope)


def test_the_positional_order():
    last = EventFilter("y")
    json_filter = EventJSONFilter("a", "x", "out", "text", last)
    assert (json_filter.json_scope, json_filter.outbox_names) == (("a",), ["out"])
    assert (json_filter.event_scope, json_filter.next_filter) == (("text",), last)


def test_a_subclass_of_the_json_filter():
    class Lower(EventJSONFilter):
        def _get_value(self, event, event_scope):
            return [value.lower() for value in super()._get_value(event, event_scope)]

    assert Lower("a", "x").matches(JSONEvent(data=[{"a": "Y"}, {"a": "X"}]))
