import logging
import os
import re

import pytest

import compysition
from compysition import Event
from compysition.actors import EventLogger, FileLogger, RedactedFileLogger
from compysition.event import HttpEvent, JSONEvent, JSONHttpEvent, LogEvent
from tests.actors.helpers import Mute
from tests.flows import Source, quiet_director


@pytest.fixture
def write(wrap, tmp_path):
    """Send records to a FileLogger, stop it, and read a file."""

    def run(*records, file="compysition.log", cls=FileLogger, patterns=(), **settings):
        actor = cls("file", *patterns, directory=str(tmp_path), **settings)
        wrapper = wrap(actor)
        for record in records:
            wrapper.input = record
        wrapper.stop()
        return (tmp_path / file).read_text(encoding="utf-8")

    return run


def record(message, level=logging.INFO, id=None, **attributes):
    made = LogEvent(level, "wsgi", message, id)
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


# ---- lines ----


def test_with_an_id(write):
    made = record("Received", id="0f3c")
    assert write(made) == f"{made.time} INFO actor=wsgi, id=0f3c :: Received\n"


def test_without_an_id(write):
    made = record("Received", logging.ERROR)
    assert write(made) == f"{made.time} ERROR actor=wsgi :: Received\n"


@pytest.mark.parametrize(
    ("level", "name"),
    [(10, "DEBUG"), (30, "WARNING"), (50, "CRITICAL"), (35, "Level 35")],
)
def test_level_names(write, level, name):
    assert f" {name} actor=wsgi :: x\n" in write(record("x", level), level="debug")


def test_text_of_any_kind(write):
    assert "é \\udc80 \N{SNOWMAN}" in write(record("é \udc80 \N{SNOWMAN}"))
    assert ":: 5\n" in write(record(5))


@pytest.mark.parametrize(
    ("level", "number"),
    [("INFO", 20), ("warning", 30), ("Warn", 30), ("FATAL", 50), ("nonsense", 20), (15, 15)],
)
def test_levels(level, number):
    assert FileLogger("file", level=level).level == number


@pytest.mark.parametrize("cls", [FileLogger, EventLogger])
def test_a_level_out_of_range_is_refused(cls):
    with pytest.raises(OverflowError, match="level is out of range"):
        cls("file", level=1 << 32)


def test_a_record_whose_level_is_out_of_range_counts_as_info(write):
    assert " INFO actor=wsgi :: x\n" in write(record("x", 1 << 32))


def test_records_below_the_level_are_not_written(write):
    text = write(record("low", 20), record("high", 30), level="WARNING")
    assert "low" not in text
    assert "high" in text


@pytest.mark.parametrize(
    "event",
    [
        Event(data="text"),
        JSONEvent(data='"text"'),
        HttpEvent(data="text"),
        JSONHttpEvent(data='"text"'),
    ],
)
def test_other_events_are_written_at_info_log_5(write, event):
    line = write(event)
    assert re.fullmatch(
        rf"\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d,\d{{3}} INFO actor=\w+, id={event.meta_id} :: \"?text\"?\n",
        line,
    )


def test_an_event_whose_text_cannot_be_told_is_an_error(wrap, tmp_path):
    wrapper = wrap(FileLogger("file", directory=str(tmp_path)))
    wrapper.input = Mute(data=1)
    assert str(wrapper.error.error) == "no words"


def test_consume_before_the_start_writes_at_once(tmp_path):
    actor = FileLogger("file", directory=str(tmp_path))
    actor.consume(record("now"))
    assert (tmp_path / "compysition.log").read_text().endswith(":: now\n")


def test_python_logging_hears_nothing(write, caplog):
    write(record("x", 50))
    assert caplog.records == []


# ---- files ----


def test_the_record_names_its_file(write, tmp_path):
    records = record("a"), record("b", logger_filename="deep/er/other.log")
    assert ":: a\n" in write(*records)
    assert (tmp_path / "deep/er/other.log").read_text().endswith(":: b\n")


def test_settings_are_attributes(tmp_path):
    actor = FileLogger("file", "my.log", "ERROR", str(tmp_path), 1000, 3)
    assert actor.default_filename == "my.log"
    assert actor.level == 40
    assert actor.directory == str(tmp_path)
    assert (actor.maxBytes, actor.backupCount) == (1000, 3)
    assert actor.loggers == {}
    assert actor.blockdiag_config["shape"] == "note"
    actor.consume(record("x", 50))
    assert actor.loggers["my.log"].path == str(tmp_path / "my.log")


def test_the_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    actor = FileLogger("file")
    assert (actor.maxBytes, actor.backupCount, actor.level) == (20000000, 10, 20)
    actor.consume(record("x"))
    assert (tmp_path / "logs/compysition.log").exists()


def test_rotation(write, tmp_path):
    written = [f"message number {number}" for number in range(100)]
    write(*map(record, written), maxBytes=1000, backupCount=3)
    files = [tmp_path / f"compysition.log{end}" for end in (".3", ".2", ".1", "")]
    assert sorted(tmp_path.iterdir()) == sorted(files)
    assert all(0 < file.stat().st_size < 1000 for file in files)
    text = "".join(file.read_text() for file in files)
    kept = re.findall(r":: (.*)\n", text)
    assert kept == written[-len(kept) :]


@pytest.mark.parametrize("limits", [{"maxBytes": 0}, {"maxBytes": 500, "backupCount": 0}])
def test_no_rotation(write, tmp_path, limits):
    assert write(*[record("x") for _ in range(100)], **limits).count("\n") == 100
    assert len(list(tmp_path.iterdir())) == 1


def test_a_record_that_is_longer_than_a_file_may_be(write, tmp_path):
    write(record("a"), record("b" * 1000), record("c"), maxBytes=100)
    assert (tmp_path / "compysition.log").read_text().endswith(":: c\n")
    assert "b" * 1000 + "\n" in (tmp_path / "compysition.log.1").read_text()
    assert (tmp_path / "compysition.log.2").read_text().endswith(":: a\n")


def test_two_actors_write_one_file_once_each_log_4(wrap, tmp_path):
    wrappers = [wrap(FileLogger(name, directory=str(tmp_path))) for name in ("one", "two")]
    for number in range(50):
        for wrapper in wrappers:
            wrapper.input = record(f"{wrapper.actor.name} {number}")
    for wrapper in wrappers:
        wrapper.stop()
    lines = (tmp_path / "compysition.log").read_text().splitlines()
    for name in ("one", "two"):
        mine = [line.partition(" :: ")[2] for line in lines if f":: {name} " in line]
        assert mine == [f"{name} {number}" for number in range(50)]
    assert len(lines) == 100


def test_what_is_in_a_file_already_stays(write, tmp_path):
    (tmp_path / "compysition.log").write_text("old\n")
    assert write(record("new")).startswith("old\n")


def test_a_file_that_was_moved_away_is_made_anew(wrap, tmp_path):
    actor = FileLogger("file", directory=str(tmp_path))
    file = tmp_path / "compysition.log"
    actor.consume(record("one"))
    file.rename(tmp_path / "moved")
    actor.consume(record("two"))
    assert file.read_text().endswith(":: two\n")
    assert file.read_text().count("\n") == 1


# ---- many records, failures, stops ----


def test_all_lines_in_order_after_a_stop(wrap, tmp_path):
    wrapper = wrap(FileLogger("file", directory=str(tmp_path)))
    for number in range(5000):
        wrapper.input = record(f"{number} " + "x" * 500)  # more than the buffer holds
    wrapper.stop()
    lines = (tmp_path / "compysition.log").read_text().splitlines()
    assert [int(line.split()[5]) for line in lines] == list(range(5000))


def test_a_failure_is_told_once_and_ends_nothing(wrap, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    wrapper = wrap(FileLogger("file", directory=str(tmp_path / "file")))
    for _ in range(3):
        wrapper.input = record("lost")
        compysition.sleep(0.01)
    wrapper.stop()
    assert wrapper.error_queues["error"].empty()
    (line,) = capsys.readouterr().err.splitlines()
    assert f"unable to write log file {tmp_path}/file/compysition.log: Not a directory" in line


def test_it_writes_again_when_it_can(wrap, tmp_path, capsys):
    blocked = tmp_path / "dir"
    blocked.write_text("")
    actor = FileLogger("file", directory=str(blocked))
    actor.consume(record("lost"))
    blocked.unlink()
    actor.consume(record("kept"))
    assert (blocked / "compysition.log").read_text().endswith(":: kept\n")
    assert "records lost: 1" in capsys.readouterr().err


@pytest.mark.parametrize("setting", [{"maxBytes": -1}, {"backupCount": -1}])
def test_settings_are_checked(setting):
    with pytest.raises(ValueError, match="negative"):
        FileLogger("file", **setting)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk(capsys):
    FileLogger("file", "full", directory="/dev").consume(record("lost"))
    assert "No space left on device" in capsys.readouterr().err


def test_as_log_actor_it_has_every_line(tmp_path):
    director = quiet_director(log_level=logging.DEBUG)
    director.register_log_actor(FileLogger, "file", directory=str(tmp_path), level="DEBUG")
    source = director.register_actor(Source, "source", 5)
    null = director.register_actor(compysition.actors.EventLogger, "logged")
    director.connect_queue(source, null)
    director.start(block=False)
    director.stop()
    text = (tmp_path / "compysition.log").read_text()
    assert "INFO actor=source :: Connected queue 'logged' to 'logged.source'\n" in text
    assert len(re.findall(r"actor=logged, id=\w{32} :: ", text)) == 5


def test_subclasses(write):
    class Marked(FileLogger):
        def consume(self, event, *args, **kwargs):
            event.message = f"<{event.message}>"
            super().consume(event, *args, **kwargs)

    assert write(record("x"), cls=Marked).endswith(":: <x>\n")


# ---- RedactedFileLogger ----


@pytest.fixture
def redact(write):
    def run(message, *patterns):
        text = write(record(message), cls=RedactedFileLogger, patterns=[list(patterns)])
        return text.partition(" :: ")[2].removesuffix("\n")

    return run


@pytest.mark.parametrize(
    ("patterns", "message", "redacted"),
    [
        (["<n>(.*?)</n>"], "<n>Jo</n> <n>Ann</n>", "<n>REDACTED</n> <n>REDACTED</n>"),
        (["<n>(.*?)</n>"], "<n></n>", "<n></n>"),  # an empty group
        ([r"\d{4}"], "pin 1234", "pin REDACTED"),  # no group
        (["(x)?y(z)"], "yz", "yREDACTED"),  # a group that took no part
        (["(a)-(b)"], "a-b a-b", "REDACTED-REDACTED REDACTED-REDACTED"),  # further groups
        (["(a(b)c)"], "-abc-", "-REDACTED-"),  # one inside the other
        (["(?=.*(k))(a)"], "a..k", "REDACTED..REDACTED"),  # in another order
        (["(a)", "RED(ACTED)"], "a", "REDREDACTED"),  # one pattern after the other
        (["x*"], "abc", "abc"),
        ([], "abc", "abc"),
    ],
)
def test_redaction_log_6(redact, patterns, message, redacted):
    assert redact(message, *patterns) == redacted


def test_patterns_may_be_compiled_or_a_single_one(redact):
    assert redact("Ab", re.compile("B", re.I)) == "AREDACTED"
    assert [p.pattern for p in RedactedFileLogger("file", "abc").patterns] == ["abc"]


def test_the_record_itself_is_not_changed(tmp_path):
    made = record("secret")
    RedactedFileLogger("file", ["secret"], directory=str(tmp_path)).consume(made)
    assert made.message == "secret"


def test_patterns_are_checked():
    with pytest.raises(re.error):
        RedactedFileLogger("file", ["("])
    with pytest.raises(TypeError, match="patterns"):
        RedactedFileLogger("file")


def test_the_rest_of_the_arguments_is_a_file_loggers():
    actor = RedactedFileLogger("file", ["a"], "my.log", "ERROR", "there", 5, 6)
    assert (actor.default_filename, actor.level, actor.directory) == ("my.log", 40, "there")
    assert (actor.maxBytes, actor.backupCount) == (5, 6)
