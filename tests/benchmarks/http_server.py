"""HTTPServer beside other servers, all on one processor, with wrk on another."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

from lxml import etree

from tests.benchmarks import httpservers
from tests.benchmarks.rows import Row
from tests.benchmarks.xml_pipeline import SHEET, loop
from tests.benchmarks.xmldata import ORDER

SECONDS = float(os.environ.get("BENCH_HTTP_SECONDS", "3"))
SOAK_REQUESTS = float(os.environ.get("BENCH_HTTP_SOAK", "5e6"))
RUNS = 3
CONNECTIONS = 64
PEERS = {
    "gevent_bottle": "gevent.pywsgi + bottle",
    "uvicorn_asgi": "uvicorn, bare ASGI",
    "fastwsgi_wsgi": "fastwsgi, bare WSGI",
    "bjoern_wsgi": "bjoern, bare WSGI",
    "node_http": "node http",
}
IDLE = 10_000


def cores():
    """The server's and the client's."""
    available = sorted(os.sched_getaffinity(0))
    return available[0], available[-1]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def exchange(port, body, content_type):
    """Post once; the whole response."""
    with socket.create_connection(("127.0.0.1", port), 5) as client:
        client.sendall(
            b"POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: %s\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (content_type, len(body), body)
        )
        parts = []
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


@contextlib.contextmanager
def running(name, body=httpservers.BODY, content_type=b"application/json"):
    """Run a server until it answers; (its port, its process). None where it is not installed."""
    port = free_port()
    process = httpservers.start(name, port, cores()[0])
    try:
        deadline = time.monotonic() + 20
        answer = b""
        while not answer.startswith(b"HTTP/1.1 200") and time.monotonic() < deadline:
            if process.poll() is not None:
                break
            with contextlib.suppress(OSError):
                answer = exchange(port, body, content_type)
            time.sleep(0.05)
        if answer.startswith(b"HTTP/1.1 200"):
            yield port, process
        else:
            yield None
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wrk(
    port,
    body=httpservers.BODY,
    content_type=b"application/json",
    connections=CONNECTIONS,
    delay=0,
    seconds=SECONDS,
):
    """Load a server: (requests per second, p99 in milliseconds)."""
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "body").write_bytes(body)
        script = pathlib.Path(folder, "post.lua")
        script.write_text(
            'wrk.method = "POST"\n'
            f'wrk.headers["Content-Type"] = "{content_type.decode()}"\n'
            f'local file = io.open("{folder}/body", "rb")\nwrk.body = file:read("*a")\n'
            + (f"function delay() return {delay} end\n" if delay else "")
        )
        done = subprocess.run(
            [
                *("taskset", "-c", str(cores()[1]), "wrk", "--latency", "-t1", f"-c{connections}"),
                *(f"-d{seconds:g}s", "-s", str(script), f"http://127.0.0.1:{port}/x"),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    if "Non-2xx" in done or "Socket errors" in done:
        raise RuntimeError(f"not all requests were answered 200:\n{done}")
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", done).groups()
    scale = {"us": 1e-3, "ms": 1, "s": 1e3}[unit]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1]), float(number) * scale


def rate(port, **options):
    """The median of some runs."""
    return statistics.median(wrk(port, **options)[0] for _ in range(RUNS))


def rates(names):
    """Requests per second by name, of those that are installed."""
    result = {}
    for name in names:
        with running(name) as server:
            if server is not None:
                result[name] = rate(server[0])
    return result


def requests():
    """JSON in, JSON out, 64 connections."""
    missing = [tool for tool in ("wrk", "nginx", "taskset") if shutil.which(tool) is None]
    if missing:
        print(f"HTTP is not measured: {', '.join(missing)} not installed", file=sys.stderr)
        return []
    found = rates(["nginx_constant", "python_actor", "c_actors", *PEERS])
    nginx = found["nginx_constant"]
    rows = [Row("HTTP, nginx, a constant", nginx, "1/s")]
    for name, limit in (("python_actor", 0.4), ("c_actors", 0.55)):
        title = f"HTTP, JSON through a{' Python actor' if limit == 0.4 else ' pipeline in C'}"
        rows.append(Row(title, found[name], "1/s", limit, found[name] / nginx, "nginx", True))
    for name, title in PEERS.items():
        if name in found:
            ratio = found["python_actor"] / found[name]
            rows.append(
                Row(f"HTTP, {title}", found[name], "1/s", 1, ratio, "as fast is ours", True)
            )
    return rows


def latency():
    """At half of the saturated rate: wrk waits between the requests of each connection."""
    delay = 2
    with running("python_actor") as (port, _):
        most = rate(port)
        connections = max(1, round(most / 2 * (delay + 0.3) / 1000))
        got = [wrk(port, connections=connections, delay=delay) for _ in range(RUNS)]
    half, p99 = statistics.median(got)
    return [
        Row(f"HTTP, p99 at {half / most:.2f} of the highest rate", p99, "ms", 3),
    ]


def processor_seconds(process):
    """What its threads have had of a processor."""
    tasks = pathlib.Path(f"/proc/{process.pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def rates_of_processor(port, process, **options):
    """The best of some runs: requests per second, and per second of the server's processor time."""
    runs = []
    for _ in range(RUNS):
        before = processor_seconds(process)
        per_second, _ = wrk(port, **options)
        runs.append((per_second, per_second * SECONDS / (processor_seconds(process) - before)))
    return [max(column) for column in zip(*runs, strict=True)]


def xslt():
    """A 20-item order through XSLT, beside lxml's bare loop on the same processor. Its time counts for both, not that of others;
    where nothing else runs a server under load has all of it, and the two rates are one."""
    os.sched_setaffinity(0, {cores()[0]})
    transform = etree.XSLT(etree.fromstring(SHEET))
    bare = 1e6 / loop(lambda: etree.tostring(transform(etree.fromstring(ORDER))), time.process_time)
    os.sched_setaffinity(0, set(cores()))
    body = ORDER if isinstance(ORDER, bytes) else ORDER.encode()
    with running("xslt_actor", body, b"application/xml") as (port, process):
        options = {"body": body, "content_type": b"application/xml"}
        by_clock, ours = rates_of_processor(port, process, **options)
    return [
        Row("HTTP, order through XSLT, in CPU time", ours, "1/s", 0.9, ours / bare, "lxml", True),
        Row("HTTP, order through XSLT: lxml's loop", bare, "1/s"),
        Row("HTTP, order through XSLT, by the clock", by_clock, "1/s"),
    ]


def resident(process):
    """Bytes of RSS of the server below taskset, which has replaced itself."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS")


def idle():
    """Connections that wait: their memory, and what they cost those that work."""
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(IDLE, most - 500)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, count + 400), most))
    with running("python_actor") as (port, process):
        before = rate(port)
        memory = resident(process)
        clients = []
        for number in range(count):
            # A source address each thousand: a port range has some 28,000.
            client = socket.socket()
            client.bind((f"127.0.1.{1 + number // 1000}", 0))
            client.connect(("127.0.0.1", port))
            client.sendall(
                b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
                % (len(httpservers.BODY), httpservers.BODY)
            )
            clients.append(client)
        for client in clients:
            client.recv(4096)
        each = (resident(process) - memory) / count
        after = rate(port)
        for client in clients:
            client.close()
    return [
        Row(f"HTTP, {count:,} idle connections: RSS of each", each / 1024, "KiB", 8),
        Row(
            f"HTTP, rate beside {count:,} idle ones",
            after,
            "1/s",
            0.9,
            after / before,
            "alone",
            True,
        ),
    ]


BROKEN = (
    b'POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"a": ',
    b"POST /x HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n{",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)
RESET = struct.pack("ii", 1, 0)


def misbehave(port, until):
    """Send broken requests and hang up in the middle of others, some thousand a second; how many."""
    good = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
    good %= (len(httpservers.BODY), httpservers.BODY)
    count = 0
    while time.monotonic() < until:
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            if count % 2:
                client.sendall(BROKEN[count // 2 % len(BROKEN)])
            else:
                client.sendall(good[: 1 + count % len(good)])
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        count += 1
        time.sleep(0.0005)
    return count


def soak():
    """Five million requests, and beside them clients that are broken or hang up."""
    with running("python_actor") as (port, process):
        wrk(port, seconds=10)
        memory = resident(process)
        descriptors = len(os.listdir(f"/proc/{process.pid}/fd"))
        most = wrk(port)[0]
        seconds = round(SOAK_REQUESTS / most * 1.3)
        bad = []
        hostile = threading.Thread(
            target=lambda: bad.append(misbehave(port, time.monotonic() + seconds))
        )
        hostile.start()
        good, _ = wrk(port, seconds=seconds)
        hostile.join()
        time.sleep(5)  # clients that have ended their side are waited for
        grown = (resident(process) - memory) / 2**20
        left = len(os.listdir(f"/proc/{process.pid}/fd")) - descriptors
    return [
        Row("HTTP soak: requests, all answered", good * seconds, "", SOAK_REQUESTS, at_least=True),
        Row("HTTP soak: broken or given up beside them", bad[0], ""),
        Row("HTTP soak: RSS grows by", grown, "MiB", 2),
        Row("HTTP soak: descriptors left", left, "", 0),
    ]
