import datetime
import re

import pytest

from compysition.event import Event, JSONEvent, LogEvent


def test_attributes():
    record = LogEvent(20, "actor", "text", "some id")
    assert (record.level, record.origin_actor, record.message, record.id) == (
        20,
        "actor",
        "text",
        "some id",
    )
    assert record.meta_id == "some id"
    assert re.fullmatch("[0-9a-f]{32}", record.event_id)
    assert record.data == {
        "id": "some id",
        "level": 20,
        "time": record.time,
        "origin_actor": "actor",
        "message": "text",
    }
    assert list(record.data) == ["id", "level", "time", "origin_actor", "message"]


def test_without_an_id():
    record = LogEvent(level=10, origin_actor="a", message="m")
    assert record.id is None
    assert record.meta_id == record.event_id
    assert record.data["id"] is None


def test_the_time_is_that_of_the_call():
    before = datetime.datetime.now()
    record = LogEvent(20, "a", "m")
    after = datetime.datetime.now()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}", record.time)
    time = datetime.datetime.strptime(record.time, "%Y-%m-%d %H:%M:%S,%f")
    assert before - datetime.timedelta(milliseconds=2) <= time <= after
    assert record.time == record.clone().time


def test_LOG_2_what_every_event_has_exists():
    record = LogEvent(20, "a", "m")
    assert record.service == "default"
    assert isinstance(record.created, datetime.datetime)
    assert record.error is None


@pytest.mark.parametrize("args", [(), (20,), (20, "a"), (20, "a", "m", None, 5)])
def test_wrong_arguments(args):
    with pytest.raises(TypeError):
        LogEvent(*args)


def test_attributes_can_be_changed():
    record = LogEvent(20, "a", "m")
    record.level, record.message, record.logger_filename = 40, "n", "other.log"
    assert (record.level, record.message, record.logger_filename) == (40, "n", "other.log")
    assert record.data["message"] == "n"
    with pytest.raises(AttributeError):
        del record.message


def test_data_can_be_replaced():
    record = LogEvent(20, "a", "m")
    record.data["extra"] = 1
    assert record.data["extra"] == 1
    record.data = "something else"
    assert record.data == "something else"


def test_calling_the_constructor_again():
    record = LogEvent(20, "a", "m", "id")
    record.__init__(30, "b", "n")
    assert (record.level, record.origin_actor, record.message, record.id) == (30, "b", "n", None)
    assert record.meta_id == record.event_id


def test_copies_have_everything():
    record = LogEvent(20, "a", "m", "id")
    record.logger_filename = "f"
    copied = record.clone()
    assert vars(copied) == vars(record)
    assert copied.data is not record.data


def test_an_event_becomes_a_record():
    made = JSONEvent("meta", data={"a": 1}, logger_filename="f")
    record = made.convert(LogEvent)
    assert (record.level, record.message, record.id, record.meta_id) == (
        20,
        '{"a": 1}',
        "meta",
        "meta",
    )
    assert (record.event_id, record.logger_filename, record.data) == (made.event_id, "f", {"a": 1})
    assert Event(data="text").convert(LogEvent).message == "text"


def test_a_record_becomes_an_event():
    record = LogEvent(20, "a", "m", "id")
    made = record.convert(JSONEvent)
    assert (made.level, made.origin_actor, made.message, made.id) == (20, "a", "m", "id")
    assert made.data == record.data
