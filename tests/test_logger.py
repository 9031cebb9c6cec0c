import pytest

from compysition import Actor, Event, Logger, QLogger, Queue, QueuePool
from compysition.event import LogEvent
from compysition.queue import _InternalQueuePool


@pytest.fixture
def pool():
    return _InternalQueuePool()


def test_pool_must_be_a_pool():
    for wrong in ({}, None, Queue("q")):
        with pytest.raises(
            TypeError, match=r"^Logger queue_pool must be of type '_InternalQueuePool'$"
        ):
            Logger("a", wrong)


@pytest.mark.parametrize(
    ("method", "level"),
    [("critical", 50), ("error", 40), ("warn", 30), ("warning", 30), ("info", 20), ("debug", 10)],
)
def test_levels(pool, method, level):
    queue = pool.add("q")
    assert getattr(Logger("origin", pool), method)("text") is None
    record = queue.get()
    assert type(record) is LogEvent
    assert (record.level, record.origin_actor, record.message) == (level, "origin", "text")
    assert queue.empty()


@pytest.mark.parametrize("level", [5, 10, 25, 40, 99])
def test_log_takes_any_level_unless_below_its_own(pool, level):
    logger, queue = Logger("a", pool), pool.add("q")
    logger.level = 0
    logger.log(level, "text")
    assert queue.get().level == level


def test_id_is_the_meta_id_of_the_event(pool):
    queue, event = pool.add("q"), Event(meta_id="meta")
    Logger("a", pool).info("text", event=event)
    assert queue.get().id == "meta"


def test_id_given_wins(pool):
    queue = pool.add("q")
    Logger("a", pool).info("text", event=Event(meta_id="meta"), log_entry_id="entry")
    Logger("a", pool).info("text", log_entry_id="entry")
    record = queue.get()
    assert (record.id, record.meta_id) == ("entry", "entry")
    assert queue.get().id == "entry"


def test_no_id(pool):
    queue = pool.add("q")
    Logger("a", pool).info("text")
    record = queue.get()
    assert record.id is None
    assert record.meta_id == record.event_id


def test_positional_arguments(pool):
    queue = pool.add("q")
    Logger("a", pool).log(20, "text", Event(meta_id="meta"))
    Logger("a", pool).error("text", None, "entry")
    assert [queue.get().id, queue.get().id] == ["meta", "entry"]


def test_each_queue_gets_its_own_record(pool):
    one, two = pool.add("one"), pool.add("two")
    Logger("a", pool).info("text")
    first, second = one.get(), two.get()
    assert first is not second
    assert first.message == second.message == "text"


def test_message_is_not_copied(pool):
    queue, message = pool.add("q"), ["any", "object"]
    Logger("a", pool).info(message)
    assert queue.get().message is message


def test_placeholder_keeps_records_until_a_queue_is_added():
    pool = _InternalQueuePool("placeholder")
    logger = Logger("a", pool)
    logger.info("early")
    queue = pool.add("q")
    logger.info("late")
    assert [queue.get().message, queue.get().message] == ["early", "late"]


def test_records_use_an_overridden_put(pool):
    seen = []

    class Listening(Queue):
        def put(self, element, *args, **kwargs):
            seen.append(element.message)

    pool.add("q", queue=Listening("q"))
    Logger("a", pool).info("text")
    assert seen == ["text"]


def test_actor_has_a_logger_of_its_name():
    class Idle(Actor):
        def consume(self, event, *args, **kwargs):
            pass

    actor = Idle("named")
    actor.logger.info("text")
    assert actor.pool.logs.add("q").get().origin_actor == "named"


class LoggingLogActor(Actor):
    input = LogEvent

    def __init__(self, name, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.seen = Queue("seen")

    def consume(self, event, *args, **kwargs):
        self.logger.info("about: " + event.message)
        self.seen.put(event.message)


def test_LOG_1_log_actor_does_not_feed_itself():
    source, log = LoggingLogActor("source"), LoggingLogActor("log")
    source.connect_log_queue(destination=log)
    log.connect_log_queue(destination=log, source_queue_name="own", destination_queue_name="own")
    log.start()
    try:
        source.logger.info("one")
        source.logger.info("two")
        messages = [log.seen.get(block=True, timeout=5)]
        while "two" not in messages:
            messages.append(log.seen.get(block=True, timeout=5))
    finally:
        log.stop()
    while log.seen.qsize():
        messages.append(log.seen.get())
    assert "one" in messages
    assert not [message for message in messages if message.startswith("about: ")]


def test_LOG_1_log_consumes_that_overlap():
    gate = Queue("gate")

    class Waiting(LoggingLogActor):
        def consume(self, event, *args, **kwargs):
            if event.message == "one":
                gate.get(block=True, timeout=5)
            super().consume(event, *args, **kwargs)

    log = Waiting("log")
    log.register_consumer("log_inbox", log.pool.logs.add("own"))
    log.start()
    try:
        log.logger.info("one")
        log.logger.info("two")
        messages = [log.seen.get(block=True, timeout=5)]
        while "two" not in messages:
            messages.append(log.seen.get(block=True, timeout=5))
        gate.put(1)
        while "one" not in messages:
            messages.append(log.seen.get(block=True, timeout=5))
    finally:
        log.stop()
    while log.seen.qsize():
        messages.append(log.seen.get())
    assert not [message for message in messages if message.startswith("about: ")]


def test_LOG_1_other_log_actors_hear_it():
    source, log, other = LoggingLogActor("source"), LoggingLogActor("log"), Queue("other")
    source.connect_log_queue(destination=log)
    log.pool.logs.add("other", queue=other)
    log.start()
    try:
        source.logger.info("one")
        messages = []
        while "about: one" not in messages:
            messages.append(other.get(block=True, timeout=5).message)
    finally:
        log.stop()
    assert messages.count("about: one") == 1


@pytest.mark.parametrize(
    ("text", "level"), [("warning", 30), ("ERROR", 40), ("15", 15), ("loud", 10), ("", 10)]
)
def test_level_of_the_environment_by_name_or_number(monkeypatch, text, level):
    monkeypatch.setenv("COMPYSITION_LOG_LEVEL", text)
    assert Logger("a", QueuePool().logs).level == level


def test_an_object_that_is_no_event_has_no_id(pool):
    logger = Logger("me", pool)
    queue = pool.add("log")
    logger.info("text", event="no event")
    assert queue.get().id is None


# --- QLogger, of releases up to 1.1


def test_qlogger_writes_to_a_queue():
    from compysition.qlogger import QLogger as FromModule

    assert FromModule is QLogger
    queue = Queue("log")
    logger = QLogger("me", queue)
    logger.warn("text", event=Event("id"))
    record = queue.get()
    assert (record.level, record.origin_actor, record.message, record.id) == (
        30,
        "me",
        "text",
        "id",
    )
    assert isinstance(logger, Logger)


def test_qlogger_makes_a_queue():
    logger = QLogger("me")
    logger.info("text")
    (queue,) = logger.pool.values()
    assert (queue.get().message, queue.maxsize) == ("text", 0)


def test_qlogger_takes_a_pool(pool):
    assert QLogger("me", queue=pool).pool is pool


def test_qlogger_refuses_the_rest():
    with pytest.raises(TypeError):
        QLogger("me", [])
