import copy
import pickle

import pytest

from compysition import errors
from compysition.errors import CompysitionException, MalformedEventData, QueueEmpty

NAMES = """
    CompysitionException QueueEmpty QueueFull QueueConnected SetupError ReservedName ActorInitFailure
    InvalidEventConversion InvalidEventDataModification InvalidActorOutput InvalidActorInput
    ResourceNotModified MalformedEventData UnauthorizedEvent ForbiddenEvent ResourceNotFound
    EventCommandNotAllowed ActorTimeout ResourceConflict ResourceGone UnprocessableEventData
    EventRateExceeded ServiceUnavailable EventAttributeError BadGateway GatewayTimeout
""".split()

OLD_NAMES = {
    "ModuleInitFailure": "ActorInitFailure",
    "InvalidInputException": "InvalidActorInput",
    "InvalidEventDataException": "InvalidEventDataModification",
    "InvalidModificationException": "InvalidEventDataModification",
    "QueueOccupied": "QueueConnected",
}


class Custom(MalformedEventData):
    """An error whose constructor nobody else can call."""

    def __init__(self, first, second):
        super().__init__(f"{first} and {second}", code=7)
        self.second = second


@pytest.mark.parametrize("name", NAMES)
def test_each_class_derives_from_the_base_alone(name):
    cls = getattr(errors, name)
    assert cls.__bases__ == (
        (Exception,) if name == "CompysitionException" else (CompysitionException,)
    )
    assert cls.__module__ == "compysition.errors"
    assert cls.__name__ == name
    assert cls.__doc__


@pytest.mark.parametrize(("old", "new"), OLD_NAMES.items())
def test_old_names_are_the_new_classes(old, new):
    assert getattr(errors, old) is getattr(errors, new)


@pytest.mark.parametrize(
    "name", ["NoSuchModule", "NoConnectedQueues", "QueueMissing", "QueueLocked"]
)
def test_old_names_without_an_equivalent_are_errors_of_their_own(name):
    with pytest.raises(CompysitionException):
        raise getattr(errors, name)("gone")


def test_the_star_import_has_them_all():
    names = {}
    exec("from compysition.errors import *", names)
    assert set(NAMES) | set(OLD_NAMES) <= set(names)
    assert sorted(errors.__all__) == errors.__all__


def test_a_message_becomes_a_list():
    error = CompysitionException("text")
    assert error.message == ["text"]
    assert error.args == (["text"],)
    assert str(error) == "['text']"
    assert error.code is None


def test_a_list_of_messages_is_kept():
    messages = ["one", "two"]
    error = CompysitionException(messages)
    assert error.message is messages
    assert str(error) == "['one', 'two']"


@pytest.mark.parametrize("message", [("a", "b"), None, 5, {"a": 1}])
def test_any_other_message_is_wrapped(message):
    assert CompysitionException(message).message == [message]


def test_the_default_message_is_an_empty_text():
    assert CompysitionException().message == [""]


def test_code_and_keywords_are_attributes():
    error = MalformedEventData("bad", "E1", field="f", place=3)
    assert (error.code, error.field, error.place) == ("E1", "f", 3)
    assert vars(error) == {"code": "E1", "field": "f", "place": 3}


def test_the_message_is_no_part_of_the_dict():
    error = CompysitionException(message="m", code=1)
    assert vars(error) == {"code": 1}
    assert error.message == ["m"]


def test_the_message_can_be_set():
    error = CompysitionException("old")
    error.message = "new"
    assert error.message == ["new"]
    assert error.args == (["new"],)
    with pytest.raises(AttributeError):
        del error.message


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling_keeps_everything(protocol):
    error = MalformedEventData(["a", "b"], code="E1", field={"x": [1]})
    copied = pickle.loads(pickle.dumps(error, protocol))
    assert type(copied) is MalformedEventData
    assert copied.message == ["a", "b"]
    assert vars(copied) == {"code": "E1", "field": {"x": [1]}}


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_a_subclass_with_another_signature_is_copied(duplicate):
    copied = duplicate(Custom("one", "two"))
    assert copied.message == ["one and two"]
    assert (copied.code, copied.second) == (7, "two")


def test_a_subclass_that_skips_the_constructor_still_has_messages():
    class Bare(CompysitionException):
        def __init__(self, *args):
            pass

    assert Bare("a", "b").message == ["a", "b"]
    assert Bare().message == []


def test_it_mixes_with_other_exceptions():
    class Both(MalformedEventData, KeyError):
        pass

    with pytest.raises(KeyError):
        raise Both("missing", code=2)
    assert Both("missing", code=2).code == 2


@pytest.mark.parametrize(
    ("args", "kwargs"), [((1, 2, 3), {}), (("a",), {"message": "b"}), (("a", 1), {"code": 2})]
)
def test_wrong_arguments_are_refused(args, kwargs):
    with pytest.raises(TypeError):
        QueueEmpty(*args, **kwargs)
