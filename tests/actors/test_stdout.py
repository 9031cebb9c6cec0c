import datetime
import io
import re
import subprocess
import sys

import pytest

from compysition import Event
from compysition.actors import STDOUT
from compysition.event import JSONEvent
from tests.actors.helpers import Mute, fill_outbox, take


class Recorder(io.StringIO):
    """Knows each call."""

    def __init__(self):
        super().__init__()
        self.calls = []

    def write(self, text):
        self.calls.append(text)
        return len(text)

    def flush(self):
        self.calls.append("flush")


def printed(wrap, capsys, event, *args, **kwargs):
    wrapper = wrap(STDOUT("stdout", *args, **kwargs))
    wrapper.input = event
    wrapper.output  # noqa: B018 - waits for it
    return capsys.readouterr().out


def test_one_line_with_the_data(wrap, capsys):
    assert printed(wrap, capsys, Event(data="test")) == "test\n"
    assert printed(wrap, capsys, JSONEvent(data={"a": 1})) == '{"a": 1}\n'


def test_prefix(wrap, capsys):
    assert printed(wrap, capsys, Event(data="test"), prefix="I am: ") == "I am: test\n"


def test_complete(wrap, capsys):
    event = Event(data="test", extra=1)
    assert printed(wrap, capsys, event, True, "p ") == f"p {event}\n"


def test_timestamp(wrap, capsys):
    before = datetime.datetime.now().replace(microsecond=0)
    line = printed(wrap, capsys, Event(data="test"), False, "I am: ", True)
    stamp, text = re.fullmatch(r"\[(.*?)\] (.*)\n", line).groups()
    assert text == "I am: test"
    assert before <= datetime.datetime.fromisoformat(stamp) <= datetime.datetime.now()


def test_one_write_and_one_flush_per_line(wrap, monkeypatch):
    wrapper = wrap(STDOUT("stdout", prefix="p "))
    recorder = Recorder()
    monkeypatch.setattr(sys, "stdout", recorder)
    wrapper.input = Event(data=1)
    wrapper.input = Event(data=2)
    for _ in range(2):
        wrapper.output  # noqa: B018
    assert recorder.calls == ["p 1\n", "flush", "p 2\n", "flush"]


def test_no_standard_output_at_all(wrap, monkeypatch):
    wrapper = wrap(STDOUT("stdout"))
    monkeypatch.setattr(sys, "stdout", None)
    wrapper.input = Event(data=1)
    assert wrapper.output.data == 1


def test_a_closed_stdout_is_the_events_error(wrap, monkeypatch):
    wrapper = wrap(STDOUT("stdout"))
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    wrapper.input = Event(data=1)
    assert isinstance(wrapper.error.error, ValueError)
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    wrapper.input = Event(data=2)
    assert wrapper.output.data == 2


def test_a_broken_pipe_does_not_end_the_process():
    script = """
import os, sys
from compysition import Event
from compysition.actors import STDOUT
from compysition.testutils.test_actor import TestActorWrapper
read, write = os.pipe()
os.close(read)
sys.stdout = os.fdopen(write, "w")
wrapper = TestActorWrapper(STDOUT("stdout"))
wrapper.input = Event(data="x")
print(type(wrapper.error.error).__name__, file=sys.stderr)
wrapper.stop()
os._exit(0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "BrokenPipeError\n")


def test_data_that_cannot_be_told_is_an_error(wrap):
    wrapper = wrap(STDOUT("stdout"))
    wrapper.input = Mute(data=1)
    assert str(wrapper.error.error) == "no words"


def test_a_full_destination(wrap, capsys):
    actor = STDOUT("stdout")
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(3):
        wrapper.input = Event(data=number)
    assert take(outbox, 4) == ["in the way", 0, 1, 2]
    assert capsys.readouterr().out == "0\n1\n2\n"


def test_a_stop_prints_what_waits(wrap, capsys):
    wrapper = wrap(STDOUT("stdout"), output_queues=[])
    for number in range(100):
        wrapper.input = Event(data=number)
    wrapper.stop()
    assert capsys.readouterr().out == "".join(f"{number}\n" for number in range(100))


def test_settings_are_attributes(wrap, capsys):
    actor = STDOUT("stdout", prefix="a")
    assert (actor.complete, actor.prefix, actor.timestamp) == (False, "a", False)
    actor.prefix = "b"
    wrapper = wrap(actor)
    wrapper.input = Event(data=1)
    assert wrapper.output.data == 1
    del actor.prefix
    wrapper.input = Event(data=1)
    assert wrapper.output.data == 1
    assert capsys.readouterr().out == "b1\nNone1\n"


def test_subclasses(wrap, capsys):
    class Loud(STDOUT):
        def consume(self, event, *args, **kwargs):
            event.data = event.data.upper()
            super().consume(event, *args, **kwargs)

    wrapper = wrap(Loud("stdout"))
    wrapper.input = Event(data="test")
    assert wrapper.output.data == "TEST"
    assert capsys.readouterr().out == "TEST\n"


def test_arguments():
    with pytest.raises(TypeError, match="name"):
        STDOUT()
    with pytest.raises(TypeError, match="multiple values for argument 'prefix'"):
        STDOUT("stdout", False, "a", prefix="b")
    actor = STDOUT("stdout", False, "", False, 7, unknown=1)  # what is left goes to Actor
    assert actor.size == 7
