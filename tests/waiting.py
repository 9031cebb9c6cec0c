"""Waiting for what others do: another thread or process, or the loop of this thread."""

import time


def wait_until(condition, pause=time.sleep):
    """Ask again and again whether it holds, for 20 seconds. compysition.sleep as ``pause`` lets this thread's loop run."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        pause(0.005)
