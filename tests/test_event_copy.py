import collections
import copy
import gc
import math
import sys
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compysition import errors
from compysition.event import Event, HttpEvent, JSONEvent, JSONHttpEvent, LogEvent

CLASSES = pytest.mark.parametrize("cls", [Event, HttpEvent, JSONEvent, JSONHttpEvent])
DUPLICATES = pytest.mark.parametrize("duplicate", [Event.clone, copy.deepcopy])

leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
trees = st.recursive(
    leaves,
    lambda children: (
        st.lists(children)
        | st.tuples(children, children)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.text(), st.none()), children)
        | children.map(lambda child: [child, child])
        | children.map(lambda child: {"once": child, "again": (child,)})
    ),
    max_leaves=20,
)


def shape(value, seen=None):
    """The value as a text that also tells which of its mutable parts are the same object."""
    seen = {} if seen is None else seen
    if not isinstance(value, (dict, list, tuple)):
        return repr(value)
    if isinstance(value, (dict, list)):
        if id(value) in seen:
            return f"<{seen[id(value)]}>"
        seen[id(value)] = len(seen)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {shape(item, seen)}" for key, item in value.items()) + "}"
    return "[("[isinstance(value, tuple)] + ", ".join(shape(item, seen) for item in value) + ")"


def containers(value):
    """The dicts and lists in a value."""
    if isinstance(value, dict):
        yield value
        for item in value.values():
            yield from containers(item)
    elif isinstance(value, (list, tuple)):
        if isinstance(value, list):
            yield value
        for item in value:
            yield from containers(item)


# ---- what a copy is ----


@CLASSES
@DUPLICATES
def test_a_copy_is_the_same_event(cls, duplicate):
    made = cls(data={"a": [1]}, service="s", foo={"b": 1})
    made.error = errors.ForbiddenEvent("no", code=1)
    copied = duplicate(made)
    assert type(copied) is cls
    assert copied is not made
    assert str(copied) == str(made)
    assert copied.foo is not made.foo
    assert copied.data is not made.data
    assert copied.error.message == ["no"]


@CLASSES
@DUPLICATES
def test_a_copy_without_an_id_read_has_the_same_id(cls, duplicate):
    made = cls()
    copied = duplicate(made)
    assert (copied.event_id, copied.meta_id) == (made.event_id, made.meta_id)


def test_an_exception_is_shared_and_keeps_its_type():
    class Custom(Exception):
        def __init__(self, one, two):
            super().__init__(f"{one}{two}")

    made = Event(error=Custom(1, 2))
    assert made.clone().error is copy.deepcopy(made).error is made.error


def test_another_error_is_copied():
    made = Event(error=["a"])
    assert made.clone().error == ["a"]
    assert made.clone().error is not made.error


def test_attributes_of_mutable_types_are_copied():
    made = Event(service=["s"], meta_id={"m": 1})
    copied = made.clone()
    made.service.append("t")
    made.meta_id["n"] = 2
    assert (copied.service, copied.meta_id) == (["s"], {"m": 1})


# ---- sharing data ----


@CLASSES
def test_changes_do_not_reach_other_copies(cls):
    made = cls(data={"a": {"b": [1]}})
    first, second = made.clone(), made.clone()
    third = second.clone()
    made.data["a"]["b"].append(2)
    second.data["x"] = 1
    assert first.data == {"a": {"b": [1]}}
    assert made.data == {"a": {"b": [1, 2]}}
    assert second.data == {"a": {"b": [1]}, "x": 1}
    assert third.data == {"a": {"b": [1]}}


@CLASSES
@pytest.mark.parametrize(
    "hold",
    [
        lambda data: data,
        lambda data: data["a"],
        lambda data: data["a"]["b"],
        lambda data: data.values(),
        lambda data: iter(data["a"]["b"]),
        lambda data: data["a"]["b"].append,
    ],
)
def test_data_that_python_code_still_holds_is_not_shared(cls, hold):
    made = cls(data={"a": {"b": [1]}})
    held = hold(made.data)
    copied = made.clone()
    made.data["a"]["b"].append(2)
    assert copied.data == {"a": {"b": [1]}}
    del held


def test_data_that_nobody_holds_changes_hands_without_a_copy():
    made = JSONEvent(data={"a": [1]})
    made.data["b"] = 2
    address = id(made.data)
    copied = made.clone()
    del made
    assert id(copied.data) == address
    assert copied.data == {"a": [1], "b": 2}


def test_data_given_to_a_plain_event_stays_the_callers():
    data = {"a": [1]}
    made = Event(data=data)
    copied = made.clone()
    data["a"].append(2)
    assert made.data == {"a": [1, 2]}
    assert copied.data == {"a": [1]}


def test_immutable_data_is_shared():
    text = "x" * 1000
    value = (1, "a", (None,))
    assert Event(data=text).clone().data is text
    assert Event(data=value).clone().data is value


def test_json_data_is_copied_as_a_round_trip():
    made = JSONEvent(data={})
    made.data["a"] = (1, 2)
    made.data[3] = math.inf
    assert made.clone().data == {"a": [1, 2], "3": math.inf}
    assert made.data["a"] == (1, 2)


def test_json_data_that_json_cannot_express_is_not_copied():
    made = JSONEvent(data={"a": 1})
    made.data["a"] = object()
    with pytest.raises(TypeError):
        made.clone()
    with pytest.raises(TypeError):
        copy.deepcopy(made)


def test_data_that_cannot_be_copied():
    made = Event(data=[1, (i for i in ())])
    with pytest.raises(TypeError):
        made.clone()


# ---- deep copies of values ----


@given(trees)
def test_copies_are_those_of_copy_deepcopy(tree):
    held = Event(data=tree, extra=tree)
    copied = held.clone()
    assert shape(copied.data) == shape(copy.deepcopy(tree))
    assert shape(copied.extra) == shape(tree)
    originals = {id(part) for part in containers(tree)}
    assert not originals & {id(part) for part in containers(copied.data)}
    assert not originals & {id(part) for part in containers(copied.extra)}


def test_values_that_refer_to_themselves():
    tree = {"list": []}
    tree["list"].append(tree)
    copied = Event(data=tree).clone().data
    assert copied["list"][0] is copied
    assert copied is not tree


def test_a_tuple_that_refers_to_itself():
    inner = []
    pair = (inner, [inner])
    inner.append(pair)
    copied = Event(data=pair).clone().data
    assert copied[0][0] is copied
    assert copied[1][0] is copied[0]
    assert copied is not pair
    alone = ([],)
    alone[0].append(alone)
    copied = Event(data=alone).clone().data
    assert copied[0][0] is copied


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_deeply_nested_values(depth):
    tree = []
    for _ in range(depth):
        tree = {"a": (tree,)} if depth == 100 else [tree]
    made = Event(data=tree)
    try:
        copied = made.clone()
    except RecursionError:
        assert depth == 100_000
        return
    assert depth < 100_000
    one, other = copied.data, tree
    for _ in range(depth):
        (one,), (other,) = (one["a"], other["a"]) if depth == 100 else (one, other)
        assert one is not other


@pytest.mark.parametrize(
    "value",
    [
        {1, 2},
        collections.OrderedDict(b=[1]),
        collections.defaultdict(list, a=[1]),
        collections.deque([[1]]),
        bytearray(b"x"),
        [{"a": {1, 2}}],
    ],
)
def test_other_types_are_copied_by_their_own_means(value):
    made = Event(data=[value])
    copied = made.clone().data[0]
    assert copied == value
    assert type(copied) is type(value)
    assert copied is not value


def test_user_objects_are_copied_by_their_own_means():
    class Counted:
        copies = 0

        def __deepcopy__(self, memo):
            Counted.copies += 1
            return self

    value = Counted()
    made = Event(data={"a": value, "b": [value]})
    assert made.clone().data["a"] is value
    assert Counted.copies > 0


# ---- cycles through the event ----


@DUPLICATES
def test_an_event_that_refers_to_itself(duplicate):
    made = Event(data="x")
    made.me = made
    made.friends = [made, {"me": made}]
    copied = duplicate(made)
    assert copied is not made
    assert copied.me is copied
    assert copied.friends[0] is copied.friends[1]["me"] is copied


@DUPLICATES
def test_data_that_refers_to_its_event(duplicate):
    made = HttpEvent(environment={})
    made.data = {"event": made}
    made.environment["event"] = made
    copied = duplicate(made)
    assert copied.data["event"] is copied
    assert copied.environment["event"] is copied


def test_a_deep_copy_of_several_events_keeps_them_apart():
    one = Event(data=[1])
    copies = copy.deepcopy([one, one, Event(data=[2])])
    assert copies[0] is copies[1]
    assert copies[0].event_id == one.event_id
    assert copies[2].data == [2]


# ---- classes with a copying of their own ----


def test_an_overridden_deepcopy_is_called():
    class Mine(Event):
        def __deepcopy__(self, memo):
            copied = Mine(data="special")
            copied._event_id = self.event_id
            return copied

    made = Mine(data="x")
    assert made.clone().data == copy.deepcopy(made).data == "special"
    assert made.clone().event_id == made.event_id


def test_overridden_states_are_used():
    class Mine(JSONHttpEvent):
        def __getstate__(self):
            return {**super().__getstate__(), "note": "saved"}

        def __setstate__(self, state):
            super().__setstate__(state)
            self.restored = True

    made = Mine(data={"a": [1]}, error=errors.ForbiddenEvent("no"))
    for copied in (made.clone(), copy.deepcopy(made), copy.copy(made)):
        assert type(copied) is Mine
        assert (copied.note, copied.restored, copied.data) == ("saved", True, {"a": [1]})
        assert copied.event_id == made.event_id
        assert copied.status == (403, "Forbidden")
    assert made.clone().error is made.error


@pytest.mark.parametrize("name", ["__reduce__", "__reduce_ex__"])
def test_an_overridden_reduce_is_used(name):
    class Mine(Event):
        pass

    setattr(Mine, name, lambda self, *protocol: (Mine, (), {"_data": "reduced"}))
    assert Mine(data="x").clone().data == "reduced"
    assert copy.copy(Mine(data="x")).data == "reduced"


def test_a_copying_that_is_added_later_is_noticed():
    class Base(Event):
        pass

    class Mine(Base):
        pass

    assert Mine(data="x").clone().data == "x"
    Base.__deepcopy__ = lambda self, memo: "changed"
    assert Mine(data="x").clone() == "changed"
    del Base.__deepcopy__
    assert Mine(data="x").clone().data == "x"


def test_slots_are_copied():
    class Mine(JSONEvent):
        __slots__ = ("__private", "one", "two")

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.__private = [1]

        def private(self):
            return self.__private

    made = Mine(one=[2])
    for copied in (made.clone(), copy.deepcopy(made)):
        assert copied.one == [2]
        assert copied.private() == [1]
        assert copied.private() is not made.private()
        assert not hasattr(copied, "two")


def test_a_memo_that_is_none_is_refused():
    with pytest.raises(TypeError):
        Event().__deepcopy__(None)


# ---- shallow copies ----


def test_a_shallow_copy_shares_what_it_can():
    made = HttpEvent(headers={"a": 1}, data=[1], foo=[2])
    copied = copy.copy(made)
    assert copied.event_id == made.event_id
    assert copied.data is made.data
    assert copied.foo is made.foo
    assert copied.headers is made.headers
    copied.bar = 1
    assert not hasattr(made, "bar")


# ---- references ----


@CLASSES
def test_copies_release_what_they_hold(cls):
    made = cls(data={"a": [1]}, foo=[object()], service="".join(["a", "service"]))
    gc.collect()
    before = sys.getrefcount(made.service), sys.getrefcount(cls)
    for _ in range(100):
        made.clone().clone()
        assert made.clone().data
        copy.deepcopy(made)
        copy.copy(made)
        made.convert(cls)
        str(made)
        vars(made)
    gc.collect()
    after = sys.getrefcount(made.service), sys.getrefcount(cls)
    assert after == before


def test_payloads_are_released():
    class Value:
        pass

    value = Value()
    reference = weakref.ref(value)
    made = Event(data=[value])
    copies = [made.clone() for _ in range(3)]
    del value, made
    gc.collect()
    assert reference() is None
    assert len(copies) == 3


def test_log_records_are_copied():
    record = LogEvent(20, "a", "m")
    copied = copy.deepcopy(record)
    copied.message = "n"
    assert (record.message, copied.message, copied.event_id) == ("m", "n", record.event_id)
