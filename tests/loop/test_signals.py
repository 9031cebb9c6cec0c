"""Rule 8 of the process model: Python's signal handlers run although the loop blocks."""

import pytest

HOSTS = pytest.mark.parametrize("before", ["", "import gevent\n"], ids=["native", "gevent"])

KILL = """
import subprocess

class Kill(Source):
    "From another process: a thread of this one would wake the interpreter up as well."

    def produce(self):
        command = f"import os, time; time.sleep(0.1); os.kill({os.getpid()}, {int(signal.SIGUSR1)})"
        self.process = subprocess.Popen([sys.executable, "-c", command])
"""


@HOSTS
def test_RULE_8_a_handler_runs_while_the_loop_blocks(run_script, before):
    """Nothing else wakes it up: the signal comes through the wakeup descriptor."""
    result = run_script(
        """
        def mine(number, frame):
            say("mine")
            director.stop()

        director = quiet_director()
        director.register_actor(Kill, "kill")
        signal.signal(signal.SIGUSR1, mine)
        director.start()
        say("stopped", signal.getsignal(signal.SIGUSR1) is mine)
        """,
        before=before,
        after=KILL,
    )
    assert result == (0, ["mine", "stopped True"])


@HOSTS
def test_RULE_8_what_a_handler_raises_comes_out_of_start(run_script, before):
    status, lines = run_script(
        """
        class Odd(Exception):
            pass

        def mine(number, frame):
            raise Odd("no more")

        director = quiet_director()
        director.register_actor(Kill, "kill")
        signal.signal(signal.SIGUSR1, mine)
        try:
            director.start()
        except Odd as error:
            say(error, director.is_running())
        director.stop()
        say(director.is_running())
        """,
        before=before,
        after=KILL,
    )
    assert status == 0
    assert lines[-2:] == ["no more True", "False"]  # gevent may print it as well


@HOSTS
def test_RULE_8_the_old_wakeup_descriptor_is_put_back(run_script, before):
    result = run_script(
        """
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        inside = []

        class Look(Collect):
            def consume(self, event, *args, **kwargs):
                inside.append(signal.set_wakeup_fd(-1))
                signal.set_wakeup_fd(inside[-1])
                super().consume(event)

        for _ in range(2):
            director, look = numbers_to(Look, count=1)
            director.start(block=False)
            director.stop()
            say(look.data, signal.set_wakeup_fd(writer) == writer)
        say(writer in inside, -1 in inside)
        """,
        before=before,
    )
    assert result == (0, ["[0] True", "[0] True", "False False"])


@HOSTS
def test_RULE_8_a_descriptor_that_was_set_meanwhile_stays(run_script, before):
    result = run_script(
        """
        reader, writer = os.pipe()
        os.set_blocking(writer, False)

        class Take(Collect):
            def consume(self, event, *args, **kwargs):
                signal.set_wakeup_fd(writer)

        director, _ = numbers_to(Take, count=1)
        director.start(block=False)
        director.stop()
        say(signal.set_wakeup_fd(-1) == writer)
        """,
        before=before,
    )
    assert result == (0, ["True"])


def test_RULE_8_a_director_outside_the_main_thread_leaves_signals_alone(run_script):
    result = run_script(
        """
        def run():
            director, collect = numbers_to(Collect)
            director.start(block=False)
            director.stop()
            say(len(collect.data))

        mine = lambda number, frame: None
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGTERM, mine)
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        say(signal.set_wakeup_fd(-1) == writer, signal.getsignal(signal.SIGTERM) is mine)
        """
    )
    assert result == (0, ["10", "True True"])
