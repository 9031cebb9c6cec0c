"""Rule 10 of the process model: a fork after the start consumes nothing twice."""

import pytest

LOG = """
parent = os.getpid()

class Note(Actor):
    "Writes who consumed what, after a while."

    def consume(self, event, *args, **kwargs):
        compysition.sleep(0.002)
        os.write(log, b"parent\\n" if os.getpid() == parent else b"child\\n")

def consumers():
    "How many events were consumed by parent and child."
    os.lseek(log, 0, os.SEEK_SET)
    lines = os.read(log, 100000).split()
    return lines.count(b"parent"), lines.count(b"child")

log = os.memfd_create("log", os.MFD_CLOEXEC)
director, note = numbers_to(Note, count=50, concurrency=2)

def fork(function):
    child = os.fork()
    if child == 0:
        try:
            function()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
"""

HOSTS = pytest.mark.parametrize("before", ["", "import gevent\n"], ids=["native", "gevent"])


@HOSTS
@pytest.mark.parametrize("naps", [0, 3])
def test_RULE_10_a_child_consumes_nothing_of_the_parent(run_script, before, naps):
    """The child has copies of all queues and parked workers, and shares the loop's descriptors."""
    result = run_script(
        f"""
        director.start(block=False)
        for _ in range({naps}):
            compysition.sleep(0.003)  # woken in the middle of a turn, which goes on in the child
        def child():
            own = quiet_director()
            own.start(block=False)
            compysition.sleep(0.05)
            own.stop()
        fork(child)
        director.stop()
        say(consumers())
        """,
        before=before,
        after=LOG,
    )
    assert result == (0, ["(50, 0)"])


@HOSTS
def test_RULE_10_a_child_starts_a_director_of_its_own(run_script, before):
    result = run_script(
        """
        director.start(block=False)
        compysition.sleep(0.003)

        def child():
            own, collect = numbers_to(Collect)
            collect.director, collect.stop_at = own, 10
            own.start()
            say(director.is_running(), collect.data == list(range(10)))

        fork(child)
        director.stop()
        say(consumers())
        """,
        before=before,
        after=LOG,
    )
    assert result == (0, ["False True", "(50, 0)"])


@HOSTS
def test_RULE_10_a_director_that_ran_at_the_fork_refuses_to_start_in_the_child(run_script, before):
    """Its queues hold copies of the parent's events, and its actors are in the middle of others."""
    result = run_script(
        """
        director.start(block=False)
        compysition.sleep(0.003)

        def child():
            try:
                director.start()
            except RuntimeError as error:
                say("forked" in str(error))
            director.stop()
            director.block()
            say(director.is_running())

        fork(child)
        director.stop()
        say(consumers())
        """,
        before=before,
        after=LOG,
    )
    assert result == (0, ["True", "False", "(50, 0)"])


@HOSTS
def test_RULE_10_a_director_made_before_the_fork_starts_in_the_child(run_script, before):
    """Fork first, then start: the way to have several processes."""
    result = run_script(
        """
        def run():
            director.start(block=False)
            director.stop()

        fork(run)
        run()
        say(consumers())
        """,
        before=before,
        after=LOG,
    )
    assert result == (0, ["(50, 50)"])


@HOSTS
def test_RULE_10_a_fork_inside_a_consume(run_script, before):
    """The child goes on in a worker of the parent's runtime."""
    result = run_script(
        """
        class Fork(Actor):
            def consume(self, event, *args, **kwargs):
                compysition.sleep(0.001)
                fork(self.child)
                self.send_event(event)

            def child(self):
                own, collect = numbers_to(Collect)
                own.start(block=False)
                own.stop()
                say(own.is_running(), collect.data == list(range(10)))

        parent_director, forks = numbers_to(Fork, count=2)
        last = parent_director.register_actor(Collect, "last", parent_director, 2)
        parent_director.connect_queue(forks, last)
        parent_director.start()
        say(len(last.data))
        """,
        before=before,
        after=LOG,
    )
    assert result == (0, ["False True", "False True", "2"])


@HOSTS
@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (
            "return",
            "RuntimeError('a forked child has no running pipeline: end it with os._exit()')",
        ),
        ("sys.exit(3)", "SystemExit(3)"),
    ],
)
def test_RULE_10_a_child_that_comes_back_from_a_consume(run_script, before, end, expected):
    """Its start() would otherwise wait for events that only the parent has."""
    result = run_script(
        f"""
        class Fork(Collect):
            def consume(self, event, *args, **kwargs):
                child = os.fork()
                if child == 0:
                    {end}
                os.waitpid(child, 0)
                super().consume(event)

        director, fork = numbers_to(Fork, count=1)
        fork.director, fork.stop_at = director, 1
        try:
            director.start()
            say("parent", fork.data)
        except BaseException as error:
            say(repr(error))
        """,
        before=before,
    )
    assert result == (0, [expected, "parent [0]"])


MULTIPROCESSING = """
import multiprocessing
from compysition import Actor
from tests.flows import Collect, numbers_to

def work(number):
    "Runs a pipeline of its own in the other process."
    director, collect = numbers_to(Collect, count=number)
    director.start(block=False)
    director.stop()
    return len(collect.data)

class Compute(Actor):
    def consume(self, event, *args, **kwargs):
        with multiprocessing.get_context(self.method).Pool(1) as pool:
            event.data = pool.apply(work, (event.data,))
        self.send_event(event)

def main():
    director, compute = numbers_to(Compute, count=3)
    compute.method = METHOD
    collect = director.register_actor(Collect, "collect", director, 3)
    director.connect_queue(compute, collect)
    director.start()
    print(sorted(collect.data), flush=True)

if __name__ == "__main__":
    main()
"""


@HOSTS
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_RULE_10_multiprocessing_inside_a_consume(run_script, tmp_path, before, method):
    file = tmp_path / "pool.py"
    file.write_text(before + MULTIPROCESSING.replace("METHOD", repr(method)))
    result = run_script(f"import runpy; runpy.run_path({str(file)!r}, run_name='__main__')")
    assert result == (0, ["[0, 1, 2]"])
