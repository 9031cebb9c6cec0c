"""Rule 9 of the process model: finally blocks of parked workers run, however the end comes, and before
the post_hook of their actor."""

import signal

import pytest

HOSTS = pytest.mark.parametrize("before", ["", "import gevent\n"], ids=["native", "gevent"])

PARK = """
class Park(Actor):
    "Blocks for ever in each consume, and once more on its way out."

    def consume(self, event, *args, **kwargs):
        try:
            compysition.sleep(60)
        finally:
            compysition.sleep(0)
            say("finally", event.data)

    def post_hook(self):
        say("post_hook")

def parked(**settings):
    "A director in which two consumes are parked."
    director, park = numbers_to(Park, count=2, **settings)
    director.start(block=False)
    while director.stats()["actors"]["actor"]["running"] < 2:
        compysition.sleep(0)
    return director
"""


@HOSTS
def test_RULE_9_at_the_deadline_of_a_stop(run_script, before):
    result = run_script(
        """
        parked(stop_timeout=0.05).stop()
        say("stopped")
        """,
        before=before,
        after=PARK,
    )
    assert result == (0, ["finally 0", "finally 1", "post_hook", "stopped"])


@HOSTS
def test_RULE_9_at_a_second_signal(run_script, before):
    """The first only sets a flag, the second stops at once, long before the deadline."""
    result = run_script(
        """
        director = parked(stop_timeout=1000)
        say("ready")
        director.block()
        say("stopped", signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)
        """,
        signal.SIGTERM,
        signal.SIGTERM,
        before=before,
        after=PARK,
    )
    assert result == (0, ["ready", "finally 0", "finally 1", "post_hook", "stopped True"])


@HOSTS
@pytest.mark.parametrize("end", ["", "sys.exit(0)"])
def test_RULE_9_at_the_exit_of_the_interpreter_without_a_stop(run_script, before, end):
    result = run_script(
        f"""
        parked(stop_timeout=0.05)
        say("end")
        {end}
        """,
        before=before,
        after=PARK,
    )
    assert result == (0, ["end", "finally 0", "finally 1", "post_hook"])


@HOSTS
def test_RULE_9_at_the_exit_when_an_actor_runs_without_a_director(run_script, before):
    result = run_script(
        """
        park, inbox = Park("park"), Queue("inbox")
        park.register_consumer("inbox", inbox)
        park.start()
        inbox.put(Event(data=7))
        compysition.sleep(0.01)
        say("end")
        """,
        before=before,
        after=PARK,
    )
    assert result == (0, ["end", "finally 7"])


@HOSTS
def test_RULE_9_what_sleeps_in_a_spawned_thread_ends_as_well(run_script, before):
    result = run_script(
        """
        class Forever(Source):
            def produce(self):
                try:
                    while True:
                        compysition.sleep(60)
                finally:
                    say("finally")

        director = quiet_director(stop_timeout=0.05)
        director.register_actor(Forever, "forever")
        director.start(block=False)
        compysition.sleep(0.01)
        say("end")
        """,
        before=before,
    )
    assert result == (0, ["end", "finally"])


@HOSTS
def test_RULE_9_the_order_of_start_and_stop(run_script, before):
    """Sources stop first, then who consumes, once all is drained; the error and the log actor are last."""
    result = run_script(
        """
        class Hooks:
            def pre_hook(self):
                say("start", self.name)
                getattr(super(), "pre_hook", int)()

            def post_hook(self):
                say("stop", self.name, len(getattr(self, "data", "")))

        class Endless(Hooks, Source):
            def produce(self):
                while self.loop():
                    self.send_event(Event(data=1))
                    compysition.sleep(0.001)

        class Sink(Hooks, Slow):
            pass

        class Last(Hooks, Null):
            pass

        director = quiet_director()
        director.register_log_actor(Last, "log")
        director.register_error_actor(Last, "errors")
        sink = director.register_actor(Sink, "sink", 0.001, blocking_consume=True)
        source = director.register_actor(Endless, "source")
        director.connect_queue(source, sink)
        director.start(block=False)
        compysition.sleep(0.02)
        director.stop()
        say(len(sink.data) == director.stats()["events"]["created"])
        """,
        before=before,
    )
    status, lines = result
    stops = [line.rsplit(" ", 1)[0] for line in lines if line.startswith("stop")]
    assert status == 0, lines
    assert lines[:4] == ["start sink", "start source", "start log", "start errors"]
    assert stops == ["stop source", "stop sink", "stop errors", "stop log"]
    assert lines[-1] == "True"
