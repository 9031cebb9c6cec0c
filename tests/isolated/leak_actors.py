"""Built-in actors: made, run and forgotten."""

import tempfile

from compysition import Event
from compysition.actors import (
    EventAttributeModifier,
    EventGenerator,
    EventLogger,
    FileLogger,
    RedactedFileLogger,
    TestEvent,
)
from compysition.errors import MalformedEventData
from compysition.event import JSONEvent, LogEvent
from compysition.testutils.test_actor import TestActorWrapper

FOLDER = tempfile.TemporaryDirectory()


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
