"""Director: start, stop, drain, signals."""

import ast
import gc
import signal
import threading
import time
import weakref

import pytest

import compysition
from compysition import Actor, Event
from compysition._core import STDOUT, Null
from tests.flows import Collect, Fail, Forward, Slow, Source, numbers_to, quiet_director

pytestmark = pytest.mark.filterwarnings("error")


def messages(capsys, level=None):
    """The messages of printed log records, of one level or of all."""
    records = [
        ast.literal_eval(line) for line in capsys.readouterr().out.splitlines() if line[:1] == "{"
    ]
    return [r["message"] for r in records if level in (None, r["level"])]


def sums(director):
    """The ledger's counters, after a check that they add up."""
    events = director.stats()["events"]
    assert events["created"] == sum(events.values()) - events["created"], events
    return events


# ---- start ----


def test_is_running():
    director = quiet_director()
    seen = []

    class Look(Null):
        def pre_hook(self):
            seen.append(director.is_running())

        def post_hook(self):
            seen.append(director.is_running())

    director.register_actor(Look, "look")
    assert not director.is_running()
    director.start(block=False)
    assert director.is_running()
    director.stop()
    assert seen == [True, True]
    assert not director.is_running()


def test_actors_start_in_order_then_log_then_error():
    started = []

    class Note(Null):
        def pre_hook(self):
            started.append(self.name)

    director = quiet_director()
    director.register_error_actor(Note, "errors")
    director.register_log_actor(Note, "log")
    for name in "cab":
        director.register_actor(Note, name)
    director.start(block=False)
    director.stop()
    assert started == ["c", "a", "b", "log", "errors"]


def test_default_connections():
    director = quiet_director()
    a, b = director.register_actor(Null, "a"), director.register_actor(Null, "b")
    director.connect_error_queue(b, a)
    director.connect_log_queue(a, b)
    director.start(block=False)
    log, error = director.log_actor, director.error_actor
    queue = log.pool.inbound["log_inbox"]
    assert queue.name == "logs"
    assert all(x.pool.logs["logs"] is queue for x in (a, b, log, error))
    assert list(a.pool.logs) == ["b", "logs"]
    assert a.pool.error["default_error_logger"] is error.pool.inbound["error_a"]
    assert list(b.pool.error) == ["a"]
    assert not log.pool.error and not error.pool.error
    director.stop()


def test_a_failing_default_error_connection_is_printed(capsys):
    class Stubborn(Null):
        def connect_error_queue(self, *args, **kwargs):
            raise RuntimeError("not me")

    director = quiet_director()
    director.register_actor(Stubborn, "stubborn")
    director.start(block=False)
    assert director.is_running()
    director.stop()
    assert "stubborn" in (out := capsys.readouterr().out) and "not me" in out


def test_records_from_before_the_start_are_printed(capsys):
    director = quiet_director(log_level=20)
    director.register_actor(Null, "a").logger.info("early")
    director.start(block=False)
    director.stop()
    assert "early" in messages(capsys)


def test_DIR_4_starting_twice_is_harmless(capsys):
    director, collect = numbers_to(Collect, log_level=30)
    director.start(block=False)
    director.start(block=False)
    director.stop()
    assert collect.data == list(range(10))
    assert any("runs already" in m for m in messages(capsys, 30))


def test_DIR_4_a_second_start_waits_like_block():
    director = quiet_director()
    source = director.register_actor(Source, "source", 3)
    collect = director.register_actor(Collect, "collect", director, 3)
    director.connect_queue(source, collect)
    director.start(block=False)
    director.start()
    assert collect.data == [0, 1, 2]
    assert not director.is_running()


def test_DIR_4_an_actor_that_takes_its_time_does_not_hold_up_those_before_it():
    class Late(Null):
        def pre_hook(self):
            compysition.sleep(0.05)
            self.seen = list(collect.data)

    director, collect = numbers_to(Collect)
    late = director.register_actor(Late, "late")
    director.start(block=False)
    director.stop()
    assert late.seen == list(range(10))


@pytest.mark.parametrize("size", [1, 500])
def test_DIR_5_much_is_logged_before_and_after_the_start(capsys, size):
    class Chatty(Null):
        def pre_hook(self):
            for _ in range(2000):
                self.logger.info("line")

    director = quiet_director(log_level=20, size=size)
    director.register_actor(Chatty, "chatty")
    director.start(block=False)
    director.stop()
    assert "line" in messages(capsys)


def test_a_director_without_actors_starts_and_stops():
    director = quiet_director()
    director.start(block=False)
    director.stop()


def test_stop_without_start_and_stop_twice():
    director = quiet_director()
    director.stop()
    director.start(block=False)
    director.stop()
    director.stop()
    director.block()
    assert not director.is_running()


# ---- a start that fails ----


class Refuse(Null):
    def pre_hook(self):
        raise LookupError("no such host")


def test_an_exception_in_pre_hook_names_the_actor(capsys):
    events = []

    class Note(Null):
        def pre_hook(self):
            events.append(f"start {self.name}")

        def post_hook(self):
            events.append(f"stop {self.name}")

    director = quiet_director(log_level=40)
    director.register_actor(Note, "first")
    director.register_actor(Refuse, "culprit")
    director.register_actor(Note, "never")
    with pytest.raises(LookupError, match="no such host") as caught:
        director.start()
    assert any("culprit" in note for note in caught.value.__notes__)
    assert events == ["start first", "stop first"]
    assert not director.is_running()
    [line] = messages(capsys, 40)
    assert "culprit" in line and "no such host" in line


def test_a_start_that_failed_can_be_tried_again():
    class Second(Null):
        tries = 0

        def pre_hook(self):
            self.tries += 1
            if self.tries == 1:
                raise OSError("busy")

    director, collect = numbers_to(Collect)
    second = director.register_actor(Second, "second")
    with pytest.raises(OSError, match="busy"):
        director.start()
    del collect.data[:]
    director.start(block=False)
    director.stop()
    assert second.tries == 2
    assert collect.data == list(range(10))


def test_a_start_that_failed_does_not_wait_for_actors_that_never_ran():
    director, _ = numbers_to(Refuse)
    began = time.monotonic()
    with pytest.raises(LookupError):
        director.start()
    assert time.monotonic() - began < 1
    assert sums(director)["in_flight"] == 0


@pytest.mark.parametrize("register", ["register_log_actor", "register_error_actor"])
def test_a_default_actor_that_refuses(register):
    director = quiet_director()
    getattr(director, register)(Refuse, "culprit")
    with pytest.raises(LookupError):
        director.start()
    assert not director.is_running()


def test_an_interrupt_in_pre_hook():
    class Interrupt(Null):
        def pre_hook(self):
            raise KeyboardInterrupt

    director = quiet_director()
    director.register_actor(Interrupt, "a")
    with pytest.raises(KeyboardInterrupt):
        director.start()
    assert not director.is_running()


# ---- stop ----


def test_DIR_6_the_error_actor_is_stopped():
    stopped = []

    class Note(Null):
        def post_hook(self):
            stopped.append(self.name)

    director = quiet_director()
    director.register_error_actor(Note, "errors")
    director.register_log_actor(Note, "log")
    director.register_actor(Note, "a")
    director.start(block=False)
    director.stop()
    assert stopped == ["a", "errors", "log"]


def test_DIR_7_what_is_queued_is_consumed_before_start_returns():
    director, slow = numbers_to(Slow, 0.002, count=100)
    director.start(block=False)
    director.stop()
    assert sorted(slow.data) == list(range(100))
    assert sums(director)["consumed"] == 100


def test_DIR_7_a_whole_chain_is_drained():
    director, actor = numbers_to(Slow, 0.001, count=50, size=5)
    for i in range(10):
        following = director.register_actor(Forward, f"forward{i}")
        director.connect_queue(actor, following)
        actor = following
    collect = director.register_actor(Collect, "collect")
    director.connect_queue(actor, collect)
    director.start(block=False)
    compysition.sleep(0.002)
    director.stop()
    assert sorted(collect.data) == list(range(50))


def test_ACT_8_post_hooks_run_after_the_drain():
    class Count(Slow):
        def post_hook(self):
            self.at_end = len(self.data)

    director, count = numbers_to(Count, 0.002, count=20)
    director.start(block=False)
    director.stop()
    assert count.at_end == 20


def test_ACT_8_a_blocking_actor_drains_one_after_the_other():
    class One(Slow):
        at_once = most = 0

        def consume(self, event, *args, **kwargs):
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            super().consume(event)
            self.at_once -= 1

    director = quiet_director()
    source = director.register_actor(Source, "source", 20)
    one = director.register_actor(One, "one", 0.001, blocking_consume=True)
    director.connect_queue(source, one)
    director.start(block=False)
    director.stop()
    assert one.data == list(range(20))
    assert one.most == 1


def test_what_a_post_hook_sends_is_drained():
    class Gather(Collect):
        def post_hook(self):
            self.send_event(Event(data=sum(self.data)))

    director, gather = numbers_to(Gather)
    collect = director.register_actor(Collect, "collect")
    director.connect_queue(gather, collect)
    director.start(block=False)
    director.stop()
    assert collect.data == [45]


def test_loop_is_false_for_all_when_the_drain_begins():
    class Poll(Source):
        def produce(self):
            self.rounds = 0
            while self.loop():
                self.rounds += 1
                compysition.sleep(0.001)
            self.ended = True

    director = quiet_director()
    poll = director.register_actor(Poll, "poll")
    director.start(block=False)
    compysition.sleep(0.01)
    director.stop()
    assert poll.ended and poll.rounds > 1


def test_greenlets_that_do_not_end_are_ended():
    class Forever(Source):
        def produce(self):
            try:
                while True:
                    compysition.sleep(60)
            finally:
                self.cleaned = True

    director = quiet_director(stop_timeout=0.05)
    forever = director.register_actor(Forever, "forever")
    director.start(block=False)
    compysition.sleep(0.01)
    director.stop()
    assert forever.cleaned


def test_a_post_hook_that_raises_does_not_keep_others_from_stopping(capsys):
    stopped = []

    class Note(Null):
        def post_hook(self):
            stopped.append(self.name)

    class Raise(Null):
        def post_hook(self):
            raise ValueError("torn")

    director = quiet_director(log_level=40)
    director.register_actor(Raise, "bad")
    director.register_actor(Note, "good")
    director.start(block=False)
    director.stop()
    assert stopped == ["good"]
    [line] = messages(capsys, 40)
    assert "bad" in line and "torn" in line


def test_the_report_of_a_complete_drain(capsys):
    director, _ = numbers_to(Slow, 0.001, log_level=20)
    director.start(block=False)
    compysition.sleep(0)
    director.stop()
    [line] = [m for m in messages(capsys, 20) if m.startswith("Stopped")]
    assert line == "Stopped: 10 events drained, 0 not"


class Stuck(Actor):
    """Never ends a consume by itself."""

    ended = 0

    def consume(self, event, *args, **kwargs):
        try:
            compysition.sleep(60)
        finally:
            self.ended += 1


def test_the_deadline(capsys):
    director = quiet_director(log_level=30, stop_timeout=0.1)
    source = director.register_actor(Source, "source", 10)
    stuck = director.register_actor(Stuck, "stuck", concurrency=3)
    director.connect_queue(source, stuck)
    director.start(block=False)
    compysition.sleep(0.01)
    began = time.monotonic()
    director.stop()
    assert 0.1 <= time.monotonic() - began < 1
    assert stuck.ended == 3
    [line] = messages(capsys, 30)
    assert line.startswith("Stopped: 0 events drained, 10 not")
    assert "stuck.source (7)" in line
    events = sums(director)
    assert (events["reported"], events["in_flight"]) == (10, 0)


def to_a_stop(director, seconds=0.01):
    """Start, let it run a little, and stop; the ledger's counters."""
    director.start(block=False)
    compysition.sleep(seconds)
    director.stop()
    return sums(director)


def test_what_was_put_past_all_actors_is_reported_as_well():
    director = quiet_director(stop_timeout=0)
    stuck = director.register_actor(Stuck, "stuck", concurrency=1)
    stuck.register_consumer("in", queue := compysition.Queue("in"))
    for number in range(3):
        queue.put(Event(data=number))
    events = to_a_stop(director)
    assert (events["created"], events["reported"], events["in_flight"]) == (3, 3, 0)


def test_a_post_hook_that_blocks_is_broken_off_at_the_deadline(capsys):
    class Hang(Null):
        def post_hook(self):
            compysition.sleep(60)

    director = quiet_director(log_level=40, stop_timeout=0.1)
    director.register_actor(Hang, "hang")
    began = time.monotonic()
    to_a_stop(director)
    assert time.monotonic() - began < 20
    [line] = messages(capsys, 40)
    assert line == "Actor 'hang' was still blocked in its stop() at the deadline"


def test_a_post_hook_runs_after_consumes_were_broken_off():
    class Holder(Stuck):
        def post_hook(self):
            self.ended_before = self.ended
            self.send_event(Event())

    director = quiet_director(stop_timeout=0, size=1)
    source = director.register_actor(Source, "source", 5)
    holder = director.register_actor(Holder, "holder", concurrency=2)
    director.connect_queue(source, holder)
    director.connect_queue(holder, director.register_actor(Stuck, "stuck", concurrency=1))
    events = to_a_stop(director)
    assert holder.ended_before == holder.ended == 2
    assert (events["in_flight"], events["kept"]) == (0, 0)


def test_a_finally_block_that_sends_to_a_full_queue_ends():
    class SendsAtLast(Actor):
        def consume(self, event, *args, **kwargs):
            try:
                compysition.sleep(60)
            finally:
                self.send_event(event)

    director = quiet_director(stop_timeout=0, size=1)
    source = director.register_actor(Source, "source", 5)
    last = director.register_actor(SendsAtLast, "last")
    director.connect_queue(source, last)
    stuck = director.register_actor(Stuck, "stuck", concurrency=1)
    director.connect_queue(last, stuck)
    events = to_a_stop(director)
    assert (events["created"], events["reported"], events["in_flight"]) == (5, 5, 0)
    assert director.stats()["actors"]["last"]["running"] == 0
    assert stuck.ended <= 1  # it took no more


def test_a_consume_that_waits_for_room_after_an_error_is_broken_off():
    director = quiet_director(stop_timeout=0, size=1)
    source = director.register_actor(Source, "source", 5)
    fail = director.register_actor(Fail, "fail")
    stuck = director.register_actor(Stuck, "stuck", concurrency=1)
    director.connect_queue(source, fail)
    director.connect_error_queue(fail, stuck)
    events = to_a_stop(director)
    assert (events["created"], events["reported"], events["in_flight"]) == (5, 5, 0)


def test_a_consume_that_waits_after_QueueFull_is_broken_off():
    class Hasty(Actor):
        def consume(self, event, *args, **kwargs):
            self.pool.outbound["stuck"].put_nowait(event)

    director = quiet_director(stop_timeout=0, size=1)
    source = director.register_actor(Source, "source", 5)
    hasty = director.register_actor(Hasty, "hasty")
    director.connect_queue(source, hasty)
    director.connect_queue(hasty, director.register_actor(Stuck, "stuck", concurrency=1))
    events = to_a_stop(director)
    assert (events["created"], events["reported"], events["in_flight"]) == (5, 5, 0)


def test_rescued_events_are_waited_for():
    class Once(Collect):
        tries = 0

        def consume(self, event, *args, **kwargs):
            self.tries += 1
            if self.tries == 1:
                raise ValueError("once")
            super().consume(event)

    director = quiet_director()
    source = director.register_actor(Source, "source", 1)
    once = director.register_actor(Once, "once", rescue=True)
    director.connect_queue(source, once)
    director.start(block=False)
    compysition.sleep(0)
    director.stop()
    assert once.data == [0]


def test_failed_events_reach_the_error_actor_before_it_stops():
    director, _ = numbers_to(Fail)
    errors = director.register_error_actor(Collect, "errors")
    director.start(block=False)
    director.stop()
    assert errors.data == list(range(10))
    assert sums(director)["failed"] == 10


def test_stop_inside_a_consume_returns_at_once():
    class Stop(Collect):
        def consume(self, event, *args, **kwargs):
            self.director.stop()
            self.director.stop()
            self.still_running = self.director.is_running()
            super().consume(event)

    director = quiet_director()
    source = director.register_actor(Source, "source", 5)
    stop = director.register_actor(Stop, "stop", director)
    director.connect_queue(source, stop)
    director.start()
    assert stop.still_running
    assert stop.data == list(range(5))


def test_stop_from_another_thread():
    director, collect = numbers_to(Collect)
    thread = threading.Timer(0.05, director.stop)
    thread.start()
    director.start()
    thread.join()
    assert collect.data == list(range(10))


def test_stop_in_a_pre_hook():
    class Stop(Null):
        def pre_hook(self):
            director.stop()

    director, collect = numbers_to(Collect)
    director.register_actor(Stop, "stop")
    director.start()
    assert not director.is_running()
    assert collect.data == list(range(10))


def test_a_director_in_a_thread_of_its_own():
    done = []

    def run():
        director, collect = numbers_to(Collect)
        collect.director, collect.stop_at = director, 10
        director.start()
        done.append(collect.data)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert done == [list(range(10))]


def test_block_in_another_thread():
    director, _ = numbers_to(Collect)
    director.start(block=False)
    released = threading.Event()
    thread = threading.Thread(target=lambda: (director.block(), released.set()))
    thread.start()
    director.stop()
    assert released.wait(5)
    thread.join()


def test_two_directors():
    first, one = numbers_to(Collect)
    second, two = numbers_to(Collect)
    one.director, one.stop_at = first, 10
    two.director, two.stop_at = second, 10
    first.start(block=False)
    second.start(block=False)
    first.block()
    second.block()
    assert one.data == two.data == list(range(10))


def test_one_director_stops_another():
    class Stopper(Source):
        def produce(self):
            second.stop()
            first.stop()

    first, second = quiet_director(), quiet_director()
    first.register_actor(Stopper, "stopper")
    first.start(block=False)
    second.start(block=False)
    second.block()
    first.block()


def test_started_again_and_again():
    director, collect = numbers_to(Collect)
    for _ in range(3):
        director.start(block=False)
        director.stop()
    assert collect.data == list(range(10)) * 3
    assert sums(director)["created"] == 30


def test_a_connection_made_while_running_is_used():
    director = quiet_director()
    a, b = director.register_actor(Forward, "a"), director.register_actor(Collect, "b")
    director.start(block=False)
    director.connect_queue(a, b)
    a.send_event(Event(data="late"))
    director.stop()
    assert b.data == ["late"]


def test_a_stopped_director_is_freed():
    director, collect = numbers_to(Collect)
    director.start(block=False)
    director.stop()
    references = weakref.ref(director), weakref.ref(collect)
    del director, collect
    gc.collect()
    assert [reference() for reference in references] == [None, None]


def test_an_exception_that_ends_the_main_program_comes_out_of_start():
    class Leave(Actor):
        def consume(self, event, *args, **kwargs):
            raise SystemExit(3)

    director, _ = numbers_to(Leave, count=1)
    with pytest.raises(SystemExit) as caught:
        director.start()
    assert caught.value.code == 3
    director.stop()
    assert not director.is_running()


# ---- signals, in processes of their own ----

DRAIN = """
director = quiet_director({settings})
source = director.register_actor(Ready, "source", 20)
slow = director.register_actor(Slow, "slow", {seconds}, blocking_consume=True)
director.connect_queue(source, slow)
director.start()
say("drained", len(slow.data))
say("handlers", signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_drains(run_script, number):
    status, lines = run_script(DRAIN.format(settings="", seconds=0.02), number)
    assert (status, lines) == (0, ["ready", "drained 20", "handlers True True"])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_does_not(run_script, number):
    status, lines = run_script(DRAIN.format(settings="", seconds=30), number, number)
    assert (status, lines) == (0, ["ready", "drained 0", "handlers True True"])


def test_a_signal_and_the_deadline(run_script):
    status, lines = run_script(
        DRAIN.format(settings="stop_timeout=0.1", seconds=30), signal.SIGTERM
    )
    assert (status, lines) == (0, ["ready", "drained 0", "handlers True True"])


BUSY = """
class Busy(Actor):
    def consume(self, event, *args, **kwargs):
        say("ready")
        try:
            while True:
                pass
        finally:
            say("finally")

director = quiet_director()
busy = director.register_actor(Busy, "busy")
source = director.register_actor(Source, "source", 1)
director.connect_queue(source, busy)
director.start()
say("not reached")
"""


def test_a_second_signal_ends_a_consume_that_never_yields(run_script):
    status, lines = run_script(BUSY, signal.SIGTERM, signal.SIGTERM)
    assert (status, lines) == (128 + signal.SIGTERM, ["ready", "finally"])


def test_a_second_interrupt_ends_a_consume_that_never_yields(run_script):
    status, lines = run_script(BUSY, signal.SIGINT, signal.SIGINT)
    assert status in (-signal.SIGINT, 130)
    assert lines[:2] == ["ready", "finally"]
    assert lines[-1] == "KeyboardInterrupt"


def test_a_second_signal_breaks_off_a_start(run_script):
    status, lines = run_script(
        """
        class Wait(Null):
            def pre_hook(self):
                say("ready")
                compysition.sleep(60)

        director = quiet_director()
        director.register_actor(Wait, "wait")
        try:
            director.start()
        except KeyboardInterrupt as error:
            say(error.__notes__, director.is_running())
        """,
        signal.SIGINT,
        signal.SIGINT,
    )
    assert (status, lines) == (0, ["ready", "[\"while starting actor 'wait'\"] False"])


def test_a_signal_stops_all_directors(run_script):
    status, lines = run_script(
        """
        directors = [quiet_director(), quiet_director()]
        directors[1].register_actor(Ready, "ready")
        for director in directors:
            director.start(block=False)
        for director in directors:
            director.block()
        say("stopped")
        """,
        signal.SIGTERM,
    )
    assert (status, lines) == (0, ["ready", "stopped"])


def test_a_signal_stops_a_director_in_another_thread(run_script):
    status, lines = run_script(
        """
        def run():
            director = quiet_director()
            director.register_actor(Ready, "ready")
            director.start()
            say("stopped")

        here = quiet_director()  # handlers can be installed in the main thread only
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        """,
        signal.SIGTERM,
    )
    assert (status, lines) == (0, ["ready", "stopped"])


def test_before_the_start_signals_do_what_they_did(run_script):
    status, lines = run_script(
        """
        director = quiet_director()
        try:
            say("ready")
            time.sleep(30)
        except KeyboardInterrupt:
            say("interrupted")
        os.kill(os.getpid(), signal.SIGTERM)
        say("not reached")
        """,
        signal.SIGINT,
    )
    assert (status, lines) == (-signal.SIGTERM, ["ready", "interrupted"])


def test_the_handlers_of_a_script(run_script):
    status, lines = run_script(
        """
        def mine(number, frame):
            say("mine")

        signal.signal(signal.SIGTERM, mine)
        director = quiet_director()
        assert signal.getsignal(signal.SIGTERM) is not mine
        os.kill(os.getpid(), signal.SIGTERM)
        director.register_actor(Ready, "ready")
        director.start()
        assert signal.getsignal(signal.SIGTERM) is mine
        os.kill(os.getpid(), signal.SIGTERM)
        """,
        signal.SIGTERM,
        pause=0.3,
    )
    assert (status, lines) == (0, ["mine", "ready", "mine"])


def test_the_handlers_go_with_the_last_director_that_was_never_started(run_script):
    status, lines = run_script(
        """
        import gc

        def installed():
            gc.collect()
            return [signal.getsignal(number) is not old for number, old in before.items()]

        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        one, two = quiet_director(), quiet_director()
        say(*installed())
        del one
        say(*installed())
        two.start(block=False)
        three = quiet_director()
        del three
        say(*installed())
        two.stop()
        say(*installed())
        four = quiet_director()
        say(*installed())
        del four
        say(*installed())
        """
    )
    states = [True, True, True, False, True, False]
    assert (status, lines) == (0, [f"{state} {state}" for state in states])


def test_a_handler_that_a_script_installs_later_stays(run_script):
    status, lines = run_script(
        """
        director = quiet_director()
        signal.signal(signal.SIGTERM, lambda *args: (say("mine"), director.stop()))
        director.register_actor(Ready, "ready")
        director.start()
        say("stopped")
        """,
        signal.SIGTERM,
    )
    assert (status, lines) == (0, ["ready", "mine", "stopped"])


def test_the_end_of_the_script_stops_its_directors(run_script):
    status, lines = run_script(
        """
        class Last(Slow):
            def post_hook(self):
                say("stopped with", len(self.data))

        director = quiet_director()
        source = director.register_actor(Source, "source", 20)
        last = director.register_actor(Last, "last", 0.01)
        director.connect_queue(source, last)
        director.start(block=False)
        say("end")
        """
    )
    assert (status, lines) == (0, ["end", "stopped with 20"])


def test_the_readme_example(run_script, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, lines = run_script(
        """
        from compysition import Director
        from compysition._core import STDOUT

        director = Director(log_level=40)
        source = director.register_actor(Ready, "event_generator", 1)
        one = director.register_actor(STDOUT, "output_one", prefix="I am number one: ")
        two = director.register_actor(STDOUT, "output_two", prefix="I am number two: ")
        director.connect_queue(source, [one, two])
        director.start()
        """,
        signal.SIGTERM,
    )
    assert status == 0
    assert sorted(lines) == ["I am number one: 0", "I am number two: 0", "ready"]
    assert (tmp_path / "build/blockdiag/default.diag").exists()


def test_stdout_as_log_actor_prints_last_lines(capsys):
    class Bye(Null):
        def post_hook(self):
            self.logger.info("bye")

    director = quiet_director(log_level=20)
    director.register_log_actor(STDOUT, "log")
    director.register_actor(Bye, "a")
    director.start(block=False)
    director.stop()
    assert messages(capsys)[-2:] == ["bye", "Stopped: 0 events drained, 0 not"]
