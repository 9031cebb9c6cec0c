"""Nodes of an election for tests: in processes of their own, and foreign ones on plain sockets."""

import hashlib
import hmac
import os
import socket
import subprocess
import sys
import threading
import time
import uuid

from tests.waiting import wait_until

LOCAL = "127.255.255.255"  # everybody on this host
FAST = {"address": LOCAL, "interval": 0.05, "expiry": 10, "burn_in_pings": 3}

SCRIPT = """
import sys, time
from compysition import Actor, Director
from compysition.actors import UDPEventGenerator

class Tell(Actor):
    def consume(self, event, *args, **kwargs):
        print(event.data, time.monotonic(), flush=True)

director = Director(generate_blockdiag=False, log_level=100)
source = director.register_actor(
    UDPEventGenerator, "source", "job", "test", interval=0.02, event_kwargs={"data": "made"}, **eval(sys.argv[1]))
director.connect_queue(source, director.register_actor(Tell, "tell"))
print("uuid", source.peers_interface.uuid, flush=True)
director.start()
"""


def free_port():
    """Return a UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", 0))
        return sock.getsockname()[1]


class Process:
    """A process with a UDPEventGenerator of the group job-test; ``made`` are the times of its events."""

    def __init__(self, port, *prefix, **options):
        options = {**FAST, **options}
        options["ping_interval"] = options.pop("interval")
        path = os.pathsep.join(p for p in sys.path if p)
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-c", SCRIPT, repr({"port": port, **options})],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.uuid = self.process.stdout.readline().split()[1]
        self.made = []
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            self.made.append(float(line.split()[1]))

    def kill(self):
        """End it, as kill -9 does."""
        self.process.kill()
        self.process.wait()
        self.thread.join()
        self.process.stdout.close()


def producers(processes, seconds=0.15):
    """Those that have made events in the last moments."""
    since = time.monotonic() - seconds
    return [process for process in processes if process.made and process.made[-1] > since]


def wait_for_one(processes):
    """Wait until one of them makes events; return it."""
    wait_until(lambda: len(producers(processes)) == 1)
    return producers(processes)[0]


def wait_for_pings(port, processes):
    """Wait until all of them have pinged twice, so that they know each other."""
    with Foreign(port) as foreign:
        for _ in range(2):
            missing = {process.uuid for process in processes}
            while missing:
                missing.discard(foreign.hear()[-32:].decode())


class Foreign:
    """A node written from the description of the protocol."""

    def __init__(self, port, service="job-test", name=None, key=None, address=LOCAL):
        self.uuid = name or uuid.uuid4().hex
        self.service, self.key, self.target = service, key, (address, port)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("", port))
        self.socket.settimeout(10)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.socket.close()

    def datagram(self, clock=0.0):
        """The ping of this moment, or of one so many seconds away."""
        text = (self.service + self.uuid).encode()
        if self.key is None:
            return text
        text += b"%016x" % int((time.time() + clock) * 1e6)
        return text + hmac.new(self.key, text, hashlib.sha256).hexdigest().encode()

    def send(self, datagram=None):
        """Send bytes, or a ping."""
        self.socket.sendto(self.datagram() if datagram is None else datagram, self.target)

    def hear(self):
        """The next ping of another node."""
        while self.uuid.encode() in (data := self.socket.recv(65535)):
            pass
        return data
