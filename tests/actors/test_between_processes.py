"""Events that go to other processes and come back, or arrive in spite of a cut link: ZMQPush and ZMQPull, TCPOut and TCPIn."""

import contextlib
import http.client
import json
import os
import subprocess
import sys
import threading

import pytest
import zmq

from compysition import Event, wire
from tests.hosts import two_hosts
from tests.waiting import wait_until

PRELUDE = """
import os, sys
from compysition import Actor
from compysition.actors import *
from tests.flows import *

HOME = {"host": "127.0.0.1", "port": 0}

class Answer(Actor):
    def consume(self, event, *args, **kwargs):
        event.data = {"was": event.data, "pid": os.getpid()}
        self.send_event(event)

class Print(Actor):
    def consume(self, event, *args, **kwargs):
        print(event.data, flush=True)

def connect(director, *actors):
    for source, destination in zip(actors, actors[1:]):
        director.connect_queue(source, destination)
"""

WORKER = """
director = quiet_director()
pull = director.register_actor(ZMQPull, "pull", **HOME)
push = director.register_actor(ZMQPush, "push", mode="bind", **HOME)
connect(director, pull, director.register_actor(Answer, "answer"), push)
director.start(block=False)
print(pull.port, push.port, flush=True)
director.block()
"""

FRONT = """
director = quiet_director()
http = director.register_actor(HTTPServer, "http", "127.0.0.1", 0)
push = director.register_actor(ZMQPush, "push", port=int(sys.argv[1]))
pull = director.register_actor(ZMQPull, "pull", mode="connect", port=int(sys.argv[2]))
director.connect_queue((http, "answer"), push)
director.connect_queue(pull, http)
director.start(block=False)
print(http.port, flush=True)
director.block()
"""

PARALLEL = """
director = quiet_director(processes=2)
pull = director.register_actor(ZMQPull, "pull", mode="connect", port=int(sys.argv[1]), high_water_mark=1)
push = director.register_actor(ZMQPush, "push", port=int(sys.argv[2]))
connect(director, pull, director.register_actor(Answer, "answer"), push)
director.start()
"""

RECEIVE = """
actor, settings = sys.argv[1], eval(sys.argv[2])
director = quiet_director()
connect(director, director.register_actor(globals()[actor], "in", **settings), director.register_actor(Print, "print"))
director.start(block=False)
print("ready", flush=True)
director.block()
"""

SEND = """
import compysition
actor, settings = sys.argv[1], eval(sys.argv[2])

class Slowly(Source):
    done = False

    def produce(self):
        for number in range(self.count):
            self.send_event(Event(data=number))
            compysition.sleep(0.001)
        self.done = True

director = quiet_director(stop_timeout=20)
source = director.register_actor(Slowly, "source", 400)
connect(director, source, director.register_actor(globals()[actor], "out", **settings))
director.start(block=False)
while not source.done:
    compysition.sleep(0.01)
director.stop()
print(director.stats()["events"]["reported"], flush=True)
"""


@contextlib.contextmanager
def script(text, *arguments, prefix=()):
    """Run it; the process, whose output is read as text."""
    path = os.pathsep.join(part for part in sys.path if part)
    process = subprocess.Popen(
        [*prefix, sys.executable, "-c", PRELUDE + text, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()


def test_an_http_request_is_answered_by_another_process():
    with script(WORKER) as worker:
        ports = worker.stdout.readline().split()
        with script(FRONT, *ports) as front:
            port = int(front.stdout.readline())
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            for number in range(3):
                connection.request(
                    "POST", "/answer", f'{{"n": {number}}}', {"Content-Type": "application/json"}
                )
                response = connection.getresponse()
                body = response.read().decode()
                assert response.status == 200
                answer = {"was": {"n": number}, "pid": worker.pid}
                assert json.loads(body) == {"data": answer}
            connection.close()


def test_processes_of_a_director_share_the_work(context):
    work, results = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    work.SNDTIMEO = results.RCVTIMEO = 20_000
    ports = [peer.bind_to_random_port("tcp://127.0.0.1") for peer in (work, results)]
    pids, numbers = set(), []
    with script(PARALLEL, *ports):
        while len(pids) < 2 or len(numbers) < 100:
            work.send(wire.dumps(Event(data=len(numbers))))
            data = wire.loads(results.recv()).data
            pids.add(data["pid"])
            numbers.append(data["was"])
    assert sorted(numbers) == list(range(len(numbers)))


PAIRS = {
    "tcp": (
        ("TCPOut", {"answer_timeout": 0.2, "connect_timeout": 0.2, "reconnect_max": 0.1}),
        ("TCPIn", {}),
    ),
    "zmq": (("ZMQPush", {"linger": 20}), ("ZMQPull", {})),
}


@pytest.mark.parametrize("kind", PAIRS)
def test_a_link_that_was_cut_and_mended(kind):
    """All that was sent arrives, in order; with TCPOut perhaps twice."""
    sender, receiver = PAIRS[kind]
    with contextlib.ExitStack() as stack:
        hosts = stack.enter_context(two_hosts(f"{os.getpid() % 10000}{kind}"))
        where = {"host": hosts.addresses[1], "port": 9000}
        into = stack.enter_context(
            script(RECEIVE, receiver[0], {**where, **receiver[1]}, prefix=hosts.enter(1))
        )
        assert into.stdout.readline() == "ready\n"
        came = []

        def read():
            for line in into.stdout:
                came.append(int(line))
                if came[-1] == 399:
                    return

        reader = threading.Thread(target=read)
        reader.start()
        with script(SEND, sender[0], {**where, **sender[1]}, prefix=hosts.enter(0)) as out:
            wait_until(lambda: len(came) > 50)
            hosts.cut()
            threading.Event().wait(0.3)  # so long it is cut
            hosts.mend()
            assert out.stdout.readline() == "0\n"
            reader.join(20)
        firsts = list(dict.fromkeys(came))
        assert firsts == list(range(400))
        assert kind == "tcp" or came == firsts
