"""Scripts that tests run in processes of their own."""

import os
import subprocess
import sys
import textwrap
import time

PRELUDE = """
import os, signal, sys, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job has it ignored
import compysition
from compysition import Actor, Event, Queue
from compysition._core import Null
from tests.flows import *

def say(*words):
    print(*words, flush=True)

class Ready(Source):
    def produce(self):
        super().produce()
        say("ready")

"""


def environment_of_tools():
    """Return the environment without the sanitizers' preload, which is for Python only."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


def wait_for_line(path):
    """Wait until a line is in the file."""
    deadline = time.monotonic() + 20
    while "\n" not in path.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def run(script, *signals, out, pause=0.1, before="", after="", **variables):
    """Run a script and send it signals: the first after a line of output, each after a pause in seconds.

    before, after: lines that come before and after PRELUDE; the script follows. out: path of a file for
    the output. variables: more of the environment. Returns (exit status, lines).
    """
    path = os.pathsep.join(p for p in sys.path if p)
    with open(out, "w") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", before + PRELUDE + after + textwrap.dedent(script)],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": path, **variables},
        )
    try:
        if signals:
            wait_for_line(out)
        for number in signals:
            time.sleep(pause)
            process.send_signal(number)
        process.wait(40)
    finally:
        process.kill()
        process.wait()
    return process.returncode, out.read_text().splitlines()
