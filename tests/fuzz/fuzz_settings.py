"""Settings that are given as text: levels, intervals, patterns, and how queues are connected."""

import contextlib
import datetime
import os
import pathlib
import re
import tempfile

from compysition import Actor, Director, errors
from compysition.actors import CronEventGenerator, FileLogger, Null, RedactedFileLogger
from compysition.event import LogEvent
from compysition.testutils.test_actor import TestActorWrapper
from tests.flows import quiet_director
from tests.fuzz import target
from tests.fuzz.choices import Choices, random_seeds

LEVELS = {
    "CRITICAL": 50,
    "FATAL": 50,
    "ERROR": 40,
    "WARNING": 30,
    "WARN": 30,
    "INFO": 20,
    "DEBUG": 10,
    "NOTSET": 0,
}


@target(lambda: [b"INFO", b"warn", b" 20", b"+5", b"-1", b"99999999999999999999", b"0x10"])
def level(data):
    text = data.partition(b"\0")[0].decode("utf-8", "replace")
    number = LEVELS.get(text.upper() if text.isascii() else text)
    assert FileLogger("file", level=text).level == (20 if number is None else number)
    if re.fullmatch(r"\s*[+-]?\d+", text, re.ASCII) and 0 <= int(text) < 2**31:
        number = int(text)
    try:
        director = Director(log_level=text, generate_blockdiag=False)
    except ValueError:
        assert number is None
    else:
        assert director.log_actor.logger.level == number
    os.environ["COMPYSITION_LOG_LEVEL"] = text
    found = Null("null").logger.level
    del os.environ["COMPYSITION_LOG_LEVEL"]
    assert found == (10 if number is None else number)


@target(
    lambda: [
        b"second=*/5;minute=1-3,5",
        b"day=last;hour=3",
        b"day=1st mon",
        b"day_of_week=mon-fri",
        b"month=jan-mar/2",
        b"year=1970",
        b"week=60",
        b"start_date=2020-01-01;timezone=UTC",
        b"timezone=Nowhere/None",
    ]
)
def cron(data):
    """Fields as ``name=value``, with ``;`` between them."""
    pairs = (field.partition("=") for field in Choices(data[:80]).rest().split(";"))
    interval = {name: value for name, _, value in pairs}
    try:
        actor = CronEventGenerator("source", interval=interval)
    except (ValueError, TypeError, LookupError, OSError):
        return
    assert actor.interval == {**CronEventGenerator.DEFAULT_INTERVAL, **interval}
    if "jitter" in interval:
        return  # only APScheduler's: a number, which text is not
    begin = datetime.datetime.now(datetime.UTC)
    wrapper = TestActorWrapper(actor)
    try:
        times = [job.next_run_time for job in actor.scheduler.get_jobs()]
        assert all(time is None or time > begin for time in times)
    finally:
        wrapper.stop()


def blacken(pattern, message):
    """What RedactedFileLogger says that it does, one character at a time."""
    hidden = [False] * len(message)
    starts = set()
    for match in re.finditer(pattern, message):
        groups = range(1, match.re.groups + 1) if match.re.groups else [0]
        for start, end in sorted(match.span(group) for group in groups):
            if start < end:
                starts.add(start)
                hidden[start:end] = [True] * (end - start)
    kept = "".join("" if hide else letter for letter, hide in zip(message, hidden, strict=True))
    return kept, len(starts)


def redact_seeds():
    pairs = ["(\\d+)-(\\d+)", "card 12-34"], ["a", "banana"], ["((b)c)|x*", "abcx"], ["(?=a)", "aa"]
    return ["\0".join(pair).encode() for pair in pairs]


@target(redact_seeds)
def redact(data):
    """Patterns and a message, with a zero byte between them."""
    *patterns, message = Choices(data[:60]).rest().split("\0")
    loops = sum(pattern.count(letter) for pattern in patterns for letter in "*+{")
    if not 1 <= len(patterns) <= 3 or loops > 2:
        return  # re backtracks, and each pattern can make a message eight times as long
    with tempfile.TemporaryDirectory() as folder:
        try:
            for pattern in patterns:
                re.compile(pattern)
        except (re.error, OverflowError, RecursionError, DeprecationWarning, FutureWarning):
            return
        actor = RedactedFileLogger("file", patterns, directory=folder)
        actor.consume(LogEvent(50, "origin", message, None))
        written = pathlib.Path(folder, "compysition.log").read_bytes()
        text = written.decode().partition(" :: ")[2].removesuffix("\n")
    if len(patterns) == 1 and message.isprintable() and "REDACTED" not in message:
        kept, most = blacken(patterns[0], message)
        assert text.replace("REDACTED", "") == kept
        assert text.count("REDACTED") <= most
        assert ("REDACTED" in text) == (most > 0)


class Forward(Actor):
    def consume(self, event, *args, **kwargs):
        self.send_event(event)


@target(random_seeds)
def connect(data):
    """Calls of the connect methods with ends of all forms, then a start and a stop."""
    choices = Choices(data)
    director = quiet_director(size=choices.number(3), stop_timeout=0)
    names = ["a", "b", "a.b", 'ü\\"\n']
    actors = [director.register_actor(Forward, name) for name in names]
    actors.append(Forward("stranger"))

    def name():
        return choices.pick([*names, None, choices.text(4), choices.text(4), choices.scalar()])

    def end():
        kind = choices.number(8)
        if kind < 3:
            return choices.pick(actors)
        if kind < 5:
            return (choices.pick(actors), name())
        if kind == 5:
            return (choices.pick(actors), [name() for _ in range(choices.number(3))])
        if kind == 6:
            return choices.pick([*names, f"{choices.pick(names)}.{choices.text(4)}"])
        return choices.value(2)

    for _ in range(choices.number(8)):
        method = choices.pick(
            [director.connect_queue, director.connect_error_queue, director.connect_log_queue]
        )
        ends = [end() for _ in range(choices.number(3))] if choices.number(2) else end()
        keywords = {}
        if choices.number(4) == 0:
            keywords["on_full"] = choices.pick(["drop_new", "drop_old", "fail", choices.text(4)])
        if choices.number(4) == 0:
            keywords["check_existing"] = False
        try:
            method(end(), ends, **keywords)
        except (errors.CompysitionException, TypeError, ValueError, AttributeError):
            continue
    director.start(block=False)
    assert director.is_running()
    with contextlib.suppress(ValueError):  # a queue whose name is an int too long for text
        director.stats()
    director.stop()
    assert not director.is_running()
