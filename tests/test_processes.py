"""Director(processes=N): several processes serve one port."""

import contextlib
import http.client
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from compysition import Director
from tests.waiting import wait_until

PRELUDE = """
import os, sys
from compysition import Actor, Director
from compysition.actors import HTTPServer
from tests.flows import quiet_director

class Tell(Actor):
    def consume(self, event, *args, **kwargs):
        event.data = {"pid": os.getpid()}
        self.send_event(event)

def build(actor=Tell, **settings):
    director = quiet_director(**settings)
    http = director.register_actor(HTTPServer, "http", "127.0.0.1", 0)
    tell = director.register_actor(actor, "tell")
    director.connect_queue(http, tell)
    director.connect_queue(tell, http)
    return director, http
"""

SERVE = """
director, http = build(processes=2)
director.start(block=False)
print(http.port, flush=True)
director.block()
print("ended", flush=True)
"""


@contextlib.contextmanager
def script(text):
    """Run a script; the process, whose output is read as text."""
    path = os.pathsep.join(part for part in sys.path if part)
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(text)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def pid_of(port):
    """Ask a server over a new connection which process it is."""
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        client.request("POST", "/tell", "{}")
        response = client.getresponse()
        assert response.status == 200
        return int(re.search(rb'"pid": (\d+)', response.read())[1])
    finally:
        client.close()


def all_pids(port, wanted):
    """Ask until as many different processes have answered."""
    pids = set()
    deadline = time.monotonic() + 20
    while len(pids) < wanted:
        assert time.monotonic() < deadline
        pids.add(pid_of(port))
    return pids


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_they_share_a_port_and_stop_together(number):
    with script(SERVE) as process:
        port = int(process.stdout.readline())
        pids = all_pids(port, 2)
        assert process.pid not in pids
        process.send_signal(number)
        assert process.stdout.read() == "ended\n"
        assert process.wait(20) == 0
        assert all(gone(pid) for pid in pids)


def test_one_that_is_killed_under_load_is_started_again():
    with script(SERVE) as process:
        port = int(process.stdout.readline())
        before = all_pids(port, 2)
        counts = {"answered": 0, "lost": 0}
        ended = threading.Event()

        def load():
            while not ended.is_set():
                try:
                    pid_of(port)
                    counts["answered"] += 1
                except (OSError, http.client.HTTPException):
                    counts["lost"] += 1

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        victim = min(before)
        os.kill(victim, signal.SIGKILL)
        line = process.stdout.readline()
        after = all_pids(port, 2)
        ended.set()
        for thread in threads:
            thread.join()
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert f"({victim}) was killed by signal 9 and is started again" in line
    assert victim not in after
    assert len(after & before) == 1
    assert counts["lost"] <= 8  # what the dead one had taken; each thread has one request at a time
    assert counts["answered"] > counts["lost"]


def test_they_end_when_who_watches_is_killed():
    with script(SERVE) as process:
        port = int(process.stdout.readline())
        pids = all_pids(port, 2)
        process.kill()
        wait_until(lambda: all(gone(pid) for pid in pids))


def test_stop_from_another_thread():
    with script("""
        import threading
        director, http = build(processes=2)
        threading.Timer(0.2, director.stop).start()
        director.start()
        print(director.is_running(), flush=True)
    """) as process:
        assert process.stdout.read() == "False\n"
        assert process.wait(20) == 0


def test_stop_without_block():
    with script("""
        director, http = build(processes=3)
        director.start(block=False)
        print(director.is_running(), flush=True)
        director.stop()
        print(director.is_running(), flush=True)
        director.start(block=False)
        director.stop()
        print("again", flush=True)
    """) as process:
        assert process.stdout.read().split() == ["True", "False", "again"]
        assert process.wait(20) == 0


def test_a_start_that_fails_says_why():
    with script("""
        class Broken(Tell):
            def pre_hook(self):
                raise OSError("no disk")

        director, http = build(Broken, processes=2)
        try:
            director.start()
        except RuntimeError as error:
            print(error, flush=True)
    """) as process:
        line = process.stdout.read()
    assert "process 1 of Director 'default' could not start: OSError: no disk" in line


def test_what_is_in_flight_is_answered_first():
    with script("""
        import compysition

        class Slow(Tell):
            def consume(self, event, *args, **kwargs):
                compysition.sleep(0.5)
                super().consume(event)

        director, http = build(Slow, processes=2)
        director.start(block=False)
        print(http.port, flush=True)
        director.block()
    """) as process:
        port = int(process.stdout.readline())
        answers = []
        thread = threading.Thread(target=lambda: answers.append(pid_of(port)))
        thread.start()
        time.sleep(0.2)  # paces a child process
        process.send_signal(signal.SIGTERM)
        thread.join()
        assert process.wait(20) == 0
    assert len(answers) == 1


def test_fewer_than_one_make_no_sense():
    with pytest.raises(ValueError, match="processes must be 1 or more, not 0"):
        Director(processes=0)
