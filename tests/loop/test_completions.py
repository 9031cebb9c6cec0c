"""Rule 1 of the process model: completions of libuv reach Python (and tests/c/test_completion.c)."""

import pytest

import compysition
from compysition import Queue
from compysition.actors import FileLogger
from compysition.errors import QueueEmpty
from compysition.event import LogEvent

COUNT = 4000


@pytest.mark.parametrize("timer", [False, True])
def test_RULE_1_what_the_thread_pool_has_done_ends_a_block(wrap, tmp_path, timer):
    """The actor waits for the writer while nothing is ready: only the completion wakes the loop."""
    wrapper = wrap(FileLogger("file", directory=str(tmp_path)))
    if timer:
        wrapper.actor.threads.spawn(compysition.sleep, 1000, restart=False)
    for number in range(COUNT):
        wrapper.input = LogEvent(20, "name", f"{number:1000}")
    wrapper.stop()
    lines = (tmp_path / "compysition.log").read_text().splitlines()
    assert [int(line.rsplit(" ", 1)[1]) for line in lines] == list(range(COUNT))


def test_RULE_1_timers_wake_a_loop_that_polls(wrap):
    """Deadlines are kept by us: one timer of libuv wakes the loop for the earliest, and is set anew."""
    ends = []

    def wait(seconds):
        try:
            Queue("never").get(block=True, timeout=seconds)
        except QueueEmpty:
            ends.append(seconds)

    actor = FileLogger("any")
    tasks = [
        actor.threads.spawn(wait, seconds, restart=False)
        for seconds in (0.03, 0.0001, 0.02, 0, 0.01)
    ]
    for task in tasks:
        task.join()
    assert ends == [0, 0.0001, 0.01, 0.02, 0.03]
