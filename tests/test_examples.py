"""The scripts in examples/ run as they are."""

import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import smtplib
import socket
import subprocess
import sys
from datetime import datetime

import pytest

from tests.mailclients import receiving
from tests.waiting import wait_until

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"


@pytest.fixture
def start(tmp_path):
    """Start an example in an empty folder; what it prints is read from its stdout."""
    processes = []

    def run(name, *args):
        path = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
        process = subprocess.Popen(
            [sys.executable, EXAMPLES / name, *args],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def lines_matching(process, pattern, count):
    """The next lines of its output that match."""
    found = []
    while len(found) < count:
        line = process.stdout.readline()
        assert line, "the example ended"
        found += filter(None, [re.fullmatch(pattern, line.rstrip("\n"))])
    return found


def free_ports(count):
    """The first of so many that follow each other and nobody has now."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            try:
                for port in range(first + 1, first + count):
                    stack.enter_context(socket.create_server(("127.0.0.1", port)))
            except (OSError, OverflowError):
                continue
            return first


@pytest.mark.slow
def test_the_one_way_script_of_the_1_2_54_readme(start):
    """As printed there: a pair of lines at once, and another each second, with the time in front."""
    process = start("one_way.py")
    lines = lines_matching(process, r"\[(.{26})\] I am number (one|two): test", 6)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    times = [datetime.fromisoformat(line[1]) for line in lines]
    assert [sorted(line[2] for line in lines[i : i + 2]) for i in (0, 2, 4)] == [["one", "two"]] * 3
    assert (times[2] - times[0]).total_seconds() > 0.5
    assert "Traceback" not in process.stdout.read()


@pytest.mark.slow
def test_a_script_of_release_1_0(start):
    process = start("old_names.py")
    hello = r"\[.{26}\] Hello, this has been a test"
    lines_matching(process, hello, 3)
    lines_matching(process, r"log: .*Stopped producing events.*", 1)
    lines_matching(process, hello, 1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def test_package_activity(start, tmp_path):
    log = tmp_path / "dpkg.log"
    log.write_text(
        "2026-01-01 10:00:00 install foo:amd64 <none> 1.0\n"
        "2026-01-02 10:00:01 status installed foo:amd64 1.0\n"
        "bad line\n"
    )
    process = start("package_activity.py", str(log))
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert f"{log}: 2 lines, 1 not understood" in output
    assert re.search(r"^install +1$", output, re.MULTILINE)
    assert re.search(r"^2026-01-02 +1$", output, re.MULTILINE)


def test_orders(start, tmp_path):
    """Each order ends in the folder where it belongs, and what is wrong with those that fail is told."""
    process = start("orders.py")
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    folders = {
        folder: sorted(path.name for path in (tmp_path / "build/orders" / folder).iterdir())
        for folder in ("domestic", "foreign", "rejected")
    }
    assert folders == {
        "domestic": ["1001.xml"],
        "foreign": ["1002.xml", "1007.xml"],
        "rejected": ["1003.xml", "1004.xml", "1005.xml", "1006.xml"],
    }
    assert re.search(r"1001.xml  Café Rosengarten +179.12 EUR", output)
    assert re.search(r"1002.xml  Teehaus Zürichberg AG +471.18 EUR", output)
    for reason in (
        "'a few' is not a valid value of the atomic type 'xs:positiveInteger'. (line 14)",
        "xmlParseEntityRef: no name, line 11, column 31",
        "no exchange rate for ISK",
        "The value '-3.32' is less than the minimum value allowed ('0')",
    ):
        assert reason in output
    invoice = (tmp_path / "build/orders/foreign/1007.xml").read_text(encoding="utf-8")
    assert '\n  <euros rate="1.1385">158.10</euros>\n</invoice>\n' in invoice
    assert "7 events drained, 0 not" in (tmp_path / "build/orders/orders.log").read_text()


def test_orders_of_other_files(start, tmp_path):
    process = start("orders.py", str(EXAMPLES / "data/orders/1002.xml"), "missing.xml")
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    assert "No such file or directory: 'missing.xml'" in output
    assert "1002.xml  Teehaus" in output


def test_measurements(start, tmp_path):
    """The table has what three branches computed, and each line that the schema refuses is told."""
    process = start("measurements.py")
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0, output
    battery = json.loads(re.search(r"^for maintenance: ({.*})$", output, re.MULTILINE)[1])
    assert battery == {
        "station": "Zugspitze",
        "time": "2026-01-14T06:05Z",
        "kind": "battery",
        "volts": 11.3,
        "priority": "high",
    }
    rows = re.findall(r"^(2026-\S+) (\w+) +(\S+) +(\S+) +(\S+) +(\S+)$", output, re.MULTILINE)
    assert len(rows) == 7
    assert rows[0] == ("2026-01-14T06:00Z", "Feldberg", "-6.1", "-17.1", "-6.5", "1019.9")
    assert re.findall(r"^line (\d+): ", output, re.MULTILINE) == ["7", "7", "8", "10", "10"]
    assert "line 7: humidity 104 is greater than the maximum of 100" in output


def test_email_pipeline(start):
    """Mail is sorted by its recipient and its subject; what cannot be delivered is logged."""
    process = start("email_pipeline.py", "--port", "0")
    (serving,) = lines_matching(process, r"Taking mail at 127\.0\.0\.1:(\d+)", 1)
    got = lines_matching(process, r"(?:(\w+)@shop\.example got: |log: not delivered: )(.*)", 4)
    assert sorted(line[0] for line in got if line[1]) == [
        "duty@shop.example got: [urgent] URGENT: tea",
        "sales@shop.example got: [orders] Tea",
        "sales@shop.example got: [orders] URGENT: tea",
    ]
    assert sum("550 5.1.1 No such mailbox" in line[2] for line in got) == 1
    with smtplib.SMTP("127.0.0.1", int(serving[1]), timeout=30) as client:
        client.sendmail("a@b.example", "orders@shop.example", "Subject: Grüße\n\nx".encode())
    assert lines_matching(process, r"sales@shop\.example got: (.*)", 1)[0][1] == "[orders] Grüße"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert "Traceback" not in process.stdout.read()


def test_email_pipeline_with_a_relay(start):
    with receiving() as relay:
        process = start("email_pipeline.py", "--port", "0", "127.0.0.1", str(relay.mail.ports[0]))
        (serving,) = lines_matching(process, r"Taking mail at 127\.0\.0\.1:(\d+)", 1)
        with smtplib.SMTP("127.0.0.1", int(serving[1]), timeout=30) as client:
            client.sendmail("a@b.example", "info@shop.example", "Subject: hello\n\nworld")
        wait_until(lambda: relay.events)
        (event,) = relay.events
        assert event.recipients == ["office@shop.example"]
        assert event.data.findtext("Reply-To") == "a@b.example"
        assert event.data.findtext("payload") == "world\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


LOOPBACK_UP = """
import fcntl, os, socket, struct, sys
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
with socket.socket() as any_socket:
    fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


class OwnNetwork:
    """Scripts with ports of their own choice, in a network where nothing but they is."""

    def __init__(self, tmp_path):
        self.processes = []
        self.place = tmp_path

    def start(self, script):
        python = [sys.executable, EXAMPLES / "majordomo" / script]
        if not self.processes:
            command = ["unshare", "--net", sys.executable, "-c", LOOPBACK_UP, python[1]]
        else:
            command = [*self.enter, *python]
        path = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
        process = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            cwd=self.place,
            env={**os.environ, "PYTHONPATH": path},
        )
        self.processes.append(process)
        wait_until(lambda: self.network_of(self.processes[0].pid) != self.network_of("self"))
        return process

    @staticmethod
    def network_of(process):
        return os.readlink(f"/proc/{process}/ns/net")

    @property
    def enter(self):
        return ["nsenter", f"--net=/proc/{self.processes[0].pid}/ns/net"]

    def get(self, url):
        """What curl prints, or None."""
        done = subprocess.run(
            [*self.enter, "curl", "-s", "--max-time", "5", url],
            capture_output=True,
            text=True,
            check=False,
            env={name: text for name, text in os.environ.items() if name != "LD_PRELOAD"},
        )  # curl hangs with the sanitizers
        return done.stdout if done.returncode == 0 else None


@pytest.fixture
def network(tmp_path):
    if subprocess.run(
        ["unshare", "--net", "true"], check=False, stderr=subprocess.DEVNULL
    ).returncode:
        pytest.skip("a network of one's own needs root")
    network = OwnNetwork(tmp_path)
    yield network
    for process in network.processes:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_the_majordomo_script_of_the_1_2_54_readme(network):
    process = network.start("one_process.py")
    url = "http://127.0.0.1:7000/test_service"
    wait_until(lambda: network.get(url) == "Hello, this has been a test")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


@pytest.mark.slow
def test_majordomo_in_four_processes(network):
    """Started in an order that is no help; a worker that dies is replaced."""
    for script in ("client.py", "worker.py", "broker.py", "registrar.py"):
        network.start(script)
    first = network.processes[1]
    url = "http://127.0.0.1:7000/test_service"
    wait_until(lambda: f"Hello, this has been process {first.pid} on" in (network.get(url) or ""))
    first.kill()
    second = network.start("worker.py")
    wait_until(lambda: f"process {second.pid} on" in (network.get(url) or ""))
    network.processes[-2].kill()  # the registrar is not needed any more
    assert f"process {second.pid} on" in network.get(url)


def test_across_processes(start):
    """Both workers answer, also with an error; a journal that comes last misses nothing."""
    port = free_ports(4)
    front, *workers = (
        start("across_processes.py", role, "--port", str(port))
        for role in ("front", "worker", "worker")
    )

    def ask(article):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            body = json.dumps({"article": article, "quantity": 3})
            connection.request("POST", "/price", body, {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()

    wait_until(lambda: ask("rum") == {"errors": [{"message": "'rum'"}]})
    answers = []

    def both_have_answered():
        answers.append(ask("tea")["data"])
        return len({answer["by"] for answer in answers}) == 2

    wait_until(both_have_answered)
    assert {answer["price"] for answer in answers} == {12}
    assert {answer["by"] for answer in answers} == {worker.pid for worker in workers}
    journal = start("across_processes.py", "journal", "--port", str(port))
    lines = lines_matching(journal, r"[0-9a-f]{8} (.*)", len(answers))
    assert sorted(line[1] for line in lines) == sorted(map(json.dumps, answers))
    for process in (front, *workers, journal):
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_gevent_inside_an_actor(start):
    pytest.importorskip("gevent")
    process = start("with_gevent.py")
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 0
    assert "100 answers" in output
