"""Director: construction, registration, connections."""

import logging
import threading

import pytest

from compysition import Director, Event
from compysition._core import STDOUT, EventLogger, FlowController, Null
from compysition.errors import QueueConnected, SetupError
from tests.flows import Collect, Forward, Source, quiet_director


@pytest.fixture
def director():
    return quiet_director()


@pytest.fixture
def abc(director):
    """Registered actors a, b and c."""
    return [director.register_actor(FlowController, name) for name in "abc"]


def logged(director, capsys):
    """Start and stop the director; the records that its log actor printed, as text."""
    director.start(block=False)
    director.stop()
    return capsys.readouterr().out


# ---- construction ----


def test_defaults():
    director = Director()
    assert (director.name, director.size) == ("default", 500)
    assert (director.generate_blockdiag, director.blockdiag_dir) == (True, "./build/blockdiag")
    assert director.blockdiag_out == "diagram admin {\n"
    assert director.actors == {}
    assert director.stop_timeout == 10.0
    assert type(director.log_actor) is STDOUT
    assert director.log_actor.name == "default_stdout"
    assert type(director.error_actor) is EventLogger
    assert director.error_actor.name == "default_error_logger"
    assert director.log_actor.size == director.error_actor.size == 500
    assert director.is_running() is False


def test_positional_arguments():
    director = Director(7, "flow", False, "elsewhere")
    assert (director.size, director.name, director.blockdiag_dir) == (7, "flow", "elsewhere")
    assert not hasattr(director, "blockdiag_out")


def test_no_limit_of_queues():
    for size in (0, None):
        director = Director(size)
        assert director.size == director.register_actor(Forward, "a").size == 0
    with pytest.raises(TypeError):
        Director("5")


def test_flags_take_anything_true_or_false():
    director = Director()
    director.generate_blockdiag = 0
    assert director.generate_blockdiag is False


def test_keywords_of_release_1_1_are_ignored():
    assert Director(size=3, frequency=1, generate_metrics=True).size == 3


def test_an_unknown_keyword_is_refused():
    with pytest.raises(TypeError):
        Director(colour="red")


@pytest.mark.parametrize(
    ("level", "expected"),
    [(None, 10), (0, 0), (35, 35), ("INFO", 20), ("warning", 30), ("50", 50)],
)
def test_log_level(level, expected):
    director = Director(generate_blockdiag=False, log_level=level)
    actor = director.register_actor(Null, "a")
    assert actor.logger.level == expected
    assert director.log_actor.logger.level == director.error_actor.logger.level == expected


def test_log_level_from_the_environment(monkeypatch):
    monkeypatch.setenv("COMPYSITION_LOG_LEVEL", "error")
    assert Director().log_actor.logger.level == 40
    assert Director(log_level=10).log_actor.logger.level == 10
    monkeypatch.setenv("COMPYSITION_LOG_LEVEL", "loud")
    with pytest.raises(ValueError, match="COMPYSITION_LOG_LEVEL"):
        Director()


@pytest.mark.parametrize("level", ["loud", -1, "-1", ""])
def test_a_wrong_log_level_is_refused(level):
    with pytest.raises(ValueError, match="log"):
        Director(log_level=level)


@pytest.mark.parametrize(
    ("setting", "base"), [(True, "compysition"), ("mine", "mine"), ("a.b", "a.b")]
)
def test_records_also_go_to_logging(setting, base, caplog):
    director = quiet_director(log_level=20, python_logging=setting)
    actor = director.register_actor(Null, "one")
    with caplog.at_level(logging.INFO, logger=base):
        actor.logger.info("hello")
    assert [(r.name, r.levelno, r.message) for r in caplog.records if r.message == "hello"] == [
        (f"{base}.one", 20, "hello")
    ]


@pytest.mark.parametrize("setting", [None, False])
def test_records_stay_inside_without_python_logging(setting, caplog):
    director = quiet_director(log_level=20, python_logging=setting)
    director.register_actor(Null, "one").logger.info("hello")
    assert caplog.records == []


def test_a_director_can_be_made_outside_the_main_thread():
    made = []
    thread = threading.Thread(target=lambda: made.append(quiet_director()))
    thread.start()
    thread.join()
    assert made


def test_it_can_be_subclassed_and_has_free_attributes():
    class Mine(Director):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, generate_blockdiag=False, **kwargs)
            self.extra = 1

    director = Mine(size=2)
    director.more = 2
    assert (director.size, director.extra, director.more) == (2, 1, 2)


def test_without_init_nothing_crashes():
    class Forgetful(Director):
        def __init__(self):
            pass

    director = Forgetful()
    assert director.get_actor("a") is None
    assert director.stats()["actors"] == {}
    director.stop()
    with pytest.raises(RuntimeError, match="__init__"):
        director.start()


# ---- registration ----


def test_register_a_class(director):
    actor = director.register_actor(Source, "numbers", 3)
    assert type(actor) is Source
    assert (actor.name, actor.count, actor.size) == ("numbers", 3, 500)
    assert director.actors == {"numbers": actor}


def test_register_passes_everything_on(director):
    actor = director.register_actor(Forward, "f", blocking_consume=True, concurrency=3, size=9)
    assert actor.size == 9
    named = director.register_actor(actor=Forward, name="g")
    assert director.get_actor("g") is named


def test_register_an_instance(director):
    actor = Null("mine", size=1)
    assert director.register_actor(actor, "ignored", 1, 2, x=3) is actor
    assert director.actors == {"mine": actor}
    assert actor.size == 1


@pytest.mark.parametrize("what", [None, 3, "Null", object()])
def test_register_what_is_no_actor(director, what):
    with pytest.raises(SetupError, match="'actor'"):
        director.register_actor(what, "a")


def test_register_a_class_of_something_else(director):
    with pytest.raises(SetupError, match="'actor'"):
        director.register_actor(lambda name, size: [name], "a")


def test_register_log_and_error_actor(director):
    log = director.register_log_actor(STDOUT, "log", prefix="> ")
    error = director.register_error_actor(Null, "errors")
    assert (director.log_actor, director.error_actor) == (log, error)
    assert director.actors == {}
    assert log.size == 500


def test_get_actor(director):
    actor = director.register_actor(Null, "one")
    assert director.get_actor("one") is actor
    assert director.get_actor("default_stdout") is director.log_actor
    assert director.get_actor("default_error_logger") is director.error_actor
    assert director.get_actor("two") is None
    assert director.get_actor(name="one") is director.get_module(name="one") is actor


def test_a_registered_actor_hides_a_default_one_of_its_name(director):
    actor = director.register_actor(Null, "default_stdout")
    assert director.get_actor("default_stdout") is actor


def test_DIR_1_two_actors_of_one_name(capsys):
    director = quiet_director(log_level=30)
    first = director.register_actor(Null, "same")
    second = director.register_actor(Null, "same")
    director.register_actor(second)
    assert director.actors == {"same": second}
    lines = logged(director, capsys).splitlines()
    assert len(lines) == 1
    assert "'level': 30" in lines[0] and "same" in lines[0]
    assert not first.is_running()
    assert second.is_running()


def test_concurrency_is_a_default_for_registered_classes():
    class Chosen(Null):
        def __init__(self, name, *args, **kwargs):
            self.chosen = kwargs.get("concurrency")
            super().__init__(name, *args, **kwargs)

    director = quiet_director(concurrency=2)
    assert director.register_actor(Chosen, "a").chosen == 2
    assert director.register_actor(Chosen, "b", concurrency=5).chosen == 5
    assert quiet_director().register_actor(Chosen, "c").chosen is None


# ---- queue names: the worked examples of the contract ----

CASES = {
    1: (lambda d, a, b, c: d.connect_queue(a, b), ["a.b b.a b"]),
    2: (lambda d, a, b, c: d.connect_queue((a, "x"), b), ["a.x b.x x"]),
    3: (lambda d, a, b, c: d.connect_queue(a, (b, "in")), ["a.b b.in b"]),
    4: (lambda d, a, b, c: d.connect_queue((a, "x"), (b, "in")), ["a.x b.in x"]),
    5: (lambda d, a, b, c: d.connect_queue(a, [b, c]), ["a.b b.a b", "a.c c.a c"]),
    6: (lambda d, a, b, c: d.connect_queue(a, [(b, "in"), c]), ["a.b b.in b", "a.c c.a c"]),
    7: (lambda d, a, b, c: d.connect_queue((a, ["x", "y"]), b), ["a.x b.x x", "a.y b.y y"]),
    8: (
        lambda d, a, b, c: [d.connect_queue(a, c), d.connect_queue(b, c)],
        ["a.c c.a c", "b.c c.b c"],
    ),
    9: (lambda d, a, b, c: d.connect_error_queue(a, b), ["a.error.b b.error_a b"]),
    10: (lambda d, a, b, c: d.connect_error_queue((a, "x"), b), ["a.error.x b.error_x x"]),
    11: (
        lambda d, a, b, c: d.connect_error_queue((a, "x"), (b, "in")),
        ["a.error.x b.error_in x"],
    ),
    12: (lambda d, a, b, c: d.connect_log_queue(a, b), ["a.logs.b b.log_a b"]),
    13: (
        lambda d, a, b, c: [d.connect_queue(a, b), d.connect_error_queue(a, b)],
        ["a.b b.a b", "a.error.b b.error_a b"],
    ),
    "name None": (lambda d, a, b, c: d.connect_queue((a, None), (b, None)), ["a.b b.a b"]),
    "error list": (
        lambda d, a, b, c: d.connect_error_queue(a, [b, (c, "in")]),
        ["a.error.b b.error_a b", "a.error.c c.error_in c"],
    ),
    "keywords": (
        lambda d, a, b, c: d.connect_queue(source=a, destinations=[b]),
        ["a.b b.a b"],
    ),
    "error keywords": (
        lambda d, a, b, c: d.connect_error_queue(source=a, destination=b),
        ["a.error.b b.error_a b"],
    ),
    "function": (
        lambda d, a, b, c: d.connect_queue(a, b, "connect_error_queue"),
        ["a.error.b b.error_a b"],
    ),
    "error_queue": (
        lambda d, a, b, c: d.connect_queue(a, b, error_queue=True),
        ["a.error.b b.error_a b"],
    ),
    "strings": (lambda d, a, b, c: d.connect("a.out", "b.in"), ["a.out b.in out"]),
    "error strings": (
        lambda d, a, b, c: d.connect_error("a.out", "b.in"),
        ["a.error.out b.error_in out"],
    ),
    "plain names": (lambda d, a, b, c: d.connect("a", "b"), ["a.b b.a b"]),
    "old name": (lambda d, a, b, c: d.connect_queue_error(a, b), ["a.error.b b.error_a b"]),
}


def connections(actors):
    """Lines "source[.kind].outbox destination.inbox name" of all connections between the actors."""
    lines = []
    for source in actors:
        for kind in ("outbound", "error", "logs"):
            for outbox, queue in getattr(source.pool, kind).items():
                for destination in actors:
                    for inbox, inbound in destination.pool.inbound.items():
                        if inbound is queue:
                            start = source.name if kind == "outbound" else f"{source.name}.{kind}"
                            lines.append(
                                f"{start}.{outbox} {destination.name}.{inbox} {queue.name}"
                            )
    return lines


@pytest.mark.parametrize("case", CASES)
def test_queue_names(director, abc, case):
    connect, expected = CASES[case]
    connect(director, *abc)
    assert sorted(connections(abc)) == sorted(expected)


def test_connect_methods_return_none(director, abc):
    a, b, _ = abc
    assert director.connect_queue(a, b) is None
    assert director.connect_error_queue(a, b) is None
    assert director.connect_log_queue(a, b) is None


REFUSED = {
    14: (
        lambda d, a, b, c: [d.connect_queue(a, b), d.connect_queue(a, b)],
        "Outbound queue b on a is already connected",
    ),
    17: (
        lambda d, a, b, c: d.connect_queue((a, ["x", "y"]), (b, "in")),
        "Inbound queue in on b is already connected",
    ),
    18: (
        lambda d, a, b, c: [d.connect_queue(a, (c, "in")), d.connect_queue(b, (c, "in"))],
        "Inbound queue in on c is already connected",
    ),
    "a second call for one outbox": (
        lambda d, a, b, c: [d.connect_queue((a, "x"), b), d.connect_queue((a, "x"), c)],
        "Outbound queue x on a is already connected",
    ),
    "one inbox twice": (
        lambda d, a, b, c: d.connect_queue((a, "x"), [b, b]),
        "Inbound queue x on b is already connected",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_connected_already(director, abc, case):
    connect, message = REFUSED[case]
    with pytest.raises(QueueConnected) as caught:
        connect(director, *abc)
    assert str(caught.value) == f"['{message}']"


def test_15_one_named_outbox_feeds_several_actors(director):
    source = director.register_actor(Source, "source", 3)
    ends = [director.register_actor(Collect, name) for name in "bcd"]
    director.connect_queue((source, "x"), [ends[0], (ends[1], "in"), ends[2]])
    assert list(source.pool.outbound) == ["x"]
    assert source.pool.outbound["x"].name == "x"
    assert list(ends[1].pool.inbound) == ["in"]
    director.start(block=False)
    director.stop()
    assert [end.data for end in ends] == [[0, 1, 2]] * 3
    events = director.stats()["events"]
    assert (events["created"], events["consumed"] + events["kept"]) == (3, 3)


def test_15_each_actor_gets_a_copy_of_its_own(director):
    class Spoil(Collect):
        def consume(self, event, *args, **kwargs):
            event.data.append(self.name)
            super().consume(event)

    class One(Source):
        def produce(self):
            self.send_event(self.create_event(data=[]))

    source = director.register_actor(One, "source")
    ends = [director.register_actor(Spoil, name) for name in "bcd"]
    director.connect_queue((source, "x"), ends)
    director.start(block=False)
    director.stop()
    assert [end.data for end in ends] == [[["b"]], [["c"]], [["d"]]]


def test_16_several_named_outboxes_feed_several_actors(director):
    class Both(Source):
        def produce(self):
            queues = self.pool.outbound
            self.send_event(self.create_event(data="to x"), queues=[queues["x"]])
            self.send_event(self.create_event(data="to y"), queues=[queues["y"]])

    source = director.register_actor(Both, "source")
    ends = [director.register_actor(Collect, name) for name in "bc"]
    director.connect_queue((source, ["x", "y"]), ends)
    assert [list(end.pool.inbound) for end in ends] == [["x", "y"]] * 2
    director.start(block=False)
    director.stop()
    assert [end.data for end in ends] == [["to x", "to y"]] * 2


def test_error_queues_fan_out_as_well(director):
    from tests.flows import Fail

    source = director.register_actor(Source, "source", 2)
    fail = director.register_actor(Fail, "fail")
    ends = [director.register_actor(Collect, name) for name in "bc"]
    director.connect_queue(source, fail)
    director.connect_error_queue((fail, "failed"), ends)
    assert [list(end.pool.inbound) for end in ends] == [["error_failed"]] * 2
    director.start(block=False)
    director.stop()
    assert [end.data for end in ends] == [[0, 1]] * 2


def test_check_existing_is_passed_on(director, abc):
    a, b, c = abc
    director.connect_queue((a, "x"), (c, "in"))
    director.connect_queue((b, "y"), (c, "in"), check_existing=False)
    assert b.pool.outbound["y"] is a.pool.outbound["x"] is c.pool.inbound["in"]
    director.connect_queue((a, "z"), [b, c], check_existing=False)
    assert a.pool.outbound["z"] is b.pool.inbound["z"] is c.pool.inbound["z"]


def test_DIR_3_both_queues_exist(director, abc):
    a, b, c = abc
    director.connect_queue((a, "x"), (b, "in"))
    director.connect_queue((c, "other"), (b, "more"))
    a.pool.outbound["x"].put(1)
    director.connect_queue((a, "x"), (b, "more"), check_existing=False)
    assert dict(a.pool.outbound) == {"x": b.pool.inbound["more"]}
    assert b.pool.inbound["more"].get() == 1
    director.connect_queue((a, "x"), (b, "more"), check_existing=False)  # nothing left to do
    assert dict(a.pool.outbound) == {"x": b.pool.inbound["more"]}


# ---- arguments ----


@pytest.mark.parametrize("end", [None, 3, ("a",), (None, "x"), ("a", "x", "y"), {"a": 1}])
def test_DIR_2_an_end_that_is_no_actor(director, abc, end):
    a, b, _ = abc
    with pytest.raises(SetupError, match="'source'"):
        director.connect_queue(end, b)
    with pytest.raises(SetupError, match="'destinations'"):
        director.connect_queue(a, end)
    with pytest.raises(SetupError, match="'destinations'"):
        director.connect_error_queue(a, [b, end])
    assert connections(abc) == []


def test_DIR_2_a_name_that_nobody_has(director, abc):
    with pytest.raises(SetupError, match="nobody"):
        director.connect("nobody.out", "b.in")
    with pytest.raises(SetupError, match="nobody"):
        director.connect("a.out", "nobody")


def test_DIR_2_an_actor_that_was_not_registered_is_used(director):
    source = director.register_actor(Source, "source", 2)
    collect = Collect("stray")
    director.connect_queue(source, collect)
    director.start(block=False)
    director.stop()
    assert collect.data == [0, 1]


def test_a_destination_has_no_list_of_names(director, abc):
    a, b, _ = abc
    with pytest.raises(SetupError, match="list of queue names"):
        director.connect_queue(a, (b, ["x", "y"]))


def test_missing_and_unknown_arguments(director, abc):
    a, b, _ = abc
    with pytest.raises(TypeError):
        director.connect_queue(a)
    with pytest.raises(TypeError):
        director.connect_queue()
    with pytest.raises(TypeError):
        director.connect_queue(a, b, nonsense=1)
    with pytest.raises(AttributeError):
        director.connect_queue(a, b, "connect_nothing")


def test_an_overridden_connect_method_is_called(director, abc):
    class Own(Null):
        def connect_queue(self, **kwargs):
            self.asked = kwargs

    own = director.register_actor(Own, "own")
    director.connect_queue((own, "x"), abc[0], extra=1)
    assert own.asked == {
        "source_queue_name": "x",
        "destination": abc[0],
        "destination_queue_name": "x",
        "extra": 1,
    }


def test_each_connection_is_logged(capsys):
    director = quiet_director(log_level=20)
    a = director.register_actor(FlowController, "a")
    b, c = director.register_actor(Null, "b"), director.register_actor(Null, "c")
    director.connect_queue((a, "x"), [b, c])
    lines = logged(director, capsys)
    assert "'origin_actor': 'a', 'message': \"Connected queue 'x' to 'b.x'\"" in lines
    assert "'origin_actor': 'a', 'message': \"Connected queue 'x' to 'c.x'\"" in lines


# ---- on_full ----


@pytest.mark.parametrize(("policy", "expected"), [("drop_new", [0, 1, 2]), ("drop_old", [7, 8, 9])])
def test_on_full_drops(policy, expected):
    director = quiet_director(size=3)
    source = director.register_actor(Source, "source", 10)
    collect = director.register_actor(Collect, "collect")
    director.connect_queue((source, "x"), collect, on_full=policy)
    director.start(block=False)
    director.stop()
    assert collect.data == expected
    stats = director.stats()
    queue = stats["queues"]["source.x -> collect.x"]
    assert (queue["dropped"], queue["in"] - queue["out"]) == (7, 7 if policy == "drop_old" else 0)
    assert stats["events"]["dropped"] == 7


def test_on_full_fail():
    from compysition.errors import QueueFull

    class Careful(Source):
        def produce(self):
            self.refused = 0
            for number in range(self.count):
                try:
                    self.send_event(self.create_event(data=number))
                except QueueFull:
                    self.refused += 1

    director = quiet_director(size=3)
    source = director.register_actor(Careful, "source", 10)
    collect = director.register_actor(Collect, "collect")
    director.connect_queue(source, collect, on_full="fail")
    director.start(block=False)
    director.stop()
    assert (collect.data, source.refused) == ([0, 1, 2], 7)


def test_on_full_block_loses_nothing():
    director = quiet_director(size=1)
    source = director.register_actor(Source, "source", 50)
    collect = director.register_actor(Collect, "collect", director, 50)
    director.connect_queue(source, collect, on_full="block")
    director.start()
    assert collect.data == list(range(50))


@pytest.mark.parametrize("policy", ["wait", None, 1])
def test_on_full_must_be_known(director, abc, policy):
    with pytest.raises(ValueError, match="on_full"):
        director.connect_queue(abc[0], abc[1], on_full=policy)


# ---- names of older releases ----


@pytest.mark.parametrize("method", ["register", "registerModule", "register_module"])
def test_old_names_of_register_actor(director, method):
    actor = getattr(director, method)(Null, "one")
    assert director.modules == {"one": actor} == director.actors
    assert director.get_module("one") is actor


@pytest.mark.parametrize("method", ["registerLogModule", "register_log_module"])
def test_old_names_of_register_log_actor(director, method):
    assert getattr(director, method)(Null, "one") is director.log_actor


@pytest.mark.parametrize(
    "method",
    [
        "registerFailedModule",
        "register_failed_module",
        "register_failed_actor",
        "register_default_error_actor",
    ],
)
def test_old_names_of_register_error_actor(director, method):
    assert getattr(director, method)(Null, "one") is director.error_actor


@pytest.mark.parametrize(
    "method", ["registerMetricModule", "register_metric_module", "register_metric_actor"]
)
def test_metric_actors_are_made_and_nothing_more(director, method):
    assert getattr(director, method)(Null, "metrics").name == "metrics"
    assert director.actors == {}


def test_the_router_of_1_0():
    from compysition.router import Default
    from compysition.router.default import Default as Same

    assert Same is Default
    router = Default(generate_blockdiag=False, log_level=100)
    source = router.register(Source, "source", 2)
    collect = router.register(Collect, "collect", router, 2)
    router.connect("source.outbox", "collect.inbox")
    assert source.pool.outbound["outbox"] is collect.pool.inbound["inbox"]
    router.start()
    assert router.isRunning()
    router.block()
    assert not router.isRunning()
    assert collect.data == [0, 1]


def test_a_blocking_start_and_then_block(director):
    source = director.register_actor(Source, "source", 1)
    collect = director.register_actor(Collect, "collect", director, 1)
    director.connect_queue(source, collect)
    director.start()
    director.block()
    assert collect.data == [0]


def test_the_origin_is_the_name_of_the_queue():
    """KEEP: with connect_queue(a, b) `origin` is "b"; the sender's name is the key in b.pool.inbound."""

    class Origins(Forward):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.seen = []

        def consume(self, event, *args, **kwargs):
            self.seen.append((kwargs["origin"], kwargs["origin_queue"], args))
            super().consume(event, *args, **kwargs)

    director = quiet_director()
    a, b = (director.register_actor(Origins, name) for name in ("a", "b"))
    director.connect_queue(a, b)
    director.start(block=False)
    a.send_event(Event())
    director.stop()
    assert b.seen == [("b", b.pool.inbound["a"], ())]
