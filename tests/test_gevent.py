"""What scripts use of gevent inside actors, on each of gevent's loops."""

import functools

import pytest

PROBE = """
import gevent

class Probe(Actor):
    "Calls ``function`` for the data of each event, and counts how many are inside."

    def __init__(self, name, function, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.function = function
        self.inside = self.most = 0

    def consume(self, event, *args, **kwargs):
        self.inside += 1
        self.most = max(self.most, self.inside)
        event.data = self.function(event.data)
        self.inside -= 1
        self.send_event(event)

def probe(function, count, **settings):
    "What comes out for the numbers below ``count``, and how many were inside at once."
    director = quiet_director()
    source = director.register_actor(Source, "source", count)
    actor = director.register_actor(Probe, "probe", function, **settings)
    collect = director.register_actor(Collect, "collect", director, count)
    director.connect_queue(source, actor)
    director.connect_queue(actor, collect)
    director.start()
    return collect.data, actor.most
"""


@pytest.fixture
def run_probe_script(run_gevent_script):
    return functools.partial(run_gevent_script, after=PROBE)


def test_a_hundred_events_sleep_at_the_same_time(run_probe_script):
    result = run_probe_script(
        """
        data, most = probe(lambda number: gevent.sleep(0.2), 100)
        say(len(data), most)
        """
    )
    assert result == (0, ["100 100"])


def test_blocking_consume_sleeps_one_after_the_other(run_probe_script):
    result = run_probe_script(
        """
        def nap(number):
            gevent.sleep(0.01)
            return number

        data, most = probe(nap, 6, blocking_consume=True)
        say(data == list(range(6)), most)
        """
    )
    assert result == (0, ["True 1"])


def test_spawn_queue_and_pool(run_probe_script):
    result = run_probe_script(
        """
        import gevent.pool, gevent.queue

        def work(number):
            box = gevent.queue.Queue()
            job = gevent.spawn(lambda: (gevent.sleep(0.01), box.put(number * 2)))
            doubled = box.get(timeout=20)
            job.join()
            return sum(gevent.pool.Pool(2).map(lambda n: n + doubled, [0, 1, 2]))

        data, most = probe(work, 10)
        say(sorted(data) == [6 * n + 3 for n in range(10)], most)
        """
    )
    assert result == (0, ["True 10"])


def test_event_and_timeout(run_probe_script):
    result = run_probe_script(
        """
        import gevent.event
        all_in = gevent.event.Event()

        def meet(number):
            try:
                with gevent.Timeout(0.01):
                    gevent.sleep(60)
            except gevent.Timeout:
                pass
            if number == 9:
                all_in.set()
            return all_in.wait(20)

        say(probe(meet, 10))
        """
    )
    assert result == (0, [str(([True] * 10, 10))])


def test_greenlet_locals_do_not_leak_into_the_next_event(run_probe_script):
    result = run_probe_script(
        """
        import gevent.local
        mine = gevent.local.local()

        def mark(number):
            found = getattr(mine, "number", None)
            mine.number = number
            gevent.sleep(0)
            return found, mine.number == number

        data, _ = probe(mark, 50, concurrency=3)
        say(set(data))
        """
    )
    assert result == (0, ["{(None, True)}"])


def test_sockets(run_probe_script):
    result = run_probe_script(
        """
        import gevent.event, gevent.server, gevent.socket
        all_in = gevent.event.Event()
        peers = []

        def serve(sock, peer):
            peers.append(peer)
            if len(peers) == 20:
                all_in.set()
            while data := sock.recv(100):
                assert all_in.wait(30)
                sock.sendall(data.upper())

        def ask(number):
            with gevent.socket.create_connection(server.address) as sock:
                sock.sendall(b"number %d" % number)
                return sock.recv(100)

        server = gevent.server.StreamServer(("127.0.0.1", 0), serve, backlog=64)
        server.start()
        data, most = probe(ask, 20)
        say(sorted(data) == sorted(b"NUMBER %d" % n for n in range(20)), most)
        """
    )
    assert result == (0, ["True 20"])


def test_greenlets_put_and_get(run_probe_script):
    result = run_probe_script(
        """
        import gevent
        queue = Queue("q", 2)
        getter = gevent.spawn(lambda: [queue.get(block=True, timeout=20) for _ in range(20)])
        putter = gevent.spawn(lambda: [queue.put(n) for n in range(20)])
        gevent.joinall([getter, putter], timeout=20)
        say(getter.value == list(range(20)))
        """
    )
    assert result == (0, ["True"])


def test_a_greenlet_starts_and_stops_a_director(run_probe_script):
    result = run_probe_script(
        """
        import gevent
        director, collect = numbers_to(Collect)
        runner = gevent.spawn(director.start)
        while len(collect.data) < 10:
            gevent.sleep(0.001)
        gevent.spawn(director.stop).join()
        runner.join()
        say(len(collect.data), director.is_running(), runner.successful())
        """
    )
    assert result == (0, ["10 False True"])


# ---- monkey patching: before compysition is imported, or after ----

PATCH = "from gevent import monkey; monkey.patch_all()\n"


@pytest.fixture(params=["before", "after"])
def run_patched_script(request, run_gevent_script):
    lines = {"before": "", "after": ""} | {request.param: PATCH}
    return functools.partial(
        run_gevent_script, before=lines["before"], after=lines["after"] + PROBE
    )


SERVER = '''
import subprocess

SERVE = """
import http.server, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        together.wait(30)  # nobody is answered before all have asked
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.path)))
        self.end_headers()
        self.wfile.write(self.path.encode())

    def log_message(self, *args):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64

together = threading.Barrier(20)
server = Server(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
server = subprocess.Popen([sys.executable, "-c", SERVE], stdout=subprocess.PIPE, text=True)
url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
'''

FETCH = {
    "urllib": """
import urllib.request

def fetch(number):
    with urllib.request.urlopen(f"{url}/{number}", timeout=30) as answer:
        return answer.read().decode()
""",
    "requests": """
import requests

def fetch(number):
    return requests.get(f"{url}/{number}", timeout=30).text
""",
}


@pytest.mark.parametrize("library", FETCH)
def test_patched_http_clients_ask_at_the_same_time(run_patched_script, library):
    result = run_patched_script(
        SERVER
        + FETCH[library]
        + """
data, most = probe(fetch, 20)
server.terminate()
say(sorted(data) == sorted(f"/{n}" for n in range(20)), most, server.wait() != 0)
"""
    )
    assert result == (0, ["True 20 True"])


def test_patched_modules(run_patched_script):
    result = run_patched_script(
        """
import concurrent.futures, queue, subprocess

def work(number):
    box, done = queue.Queue(), threading.Event()
    thread = threading.Thread(target=lambda: (time.sleep(0.01), box.put(number), done.set()))
    thread.start()
    thread.join(20)
    with threading.Lock(), concurrent.futures.ThreadPoolExecutor(2) as executor:
        mapped = list(executor.map(str, [box.get(timeout=20), done.wait(20)]))
    output = subprocess.run(["echo", "hello"], capture_output=True, text=True, timeout=20).stdout
    return mapped, output

data, most = probe(work, 5)
say(sorted(data) == [([str(n), "True"], "hello\\n") for n in range(5)], most)
"""
    )
    assert result == (0, ["True 5"])


def test_patched_signal_and_thread(run_patched_script):
    result = run_patched_script(
        """
def mine(number, frame):
    say("mine")
    director.stop()

def send():
    while not director.is_running():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGUSR1)

signal.signal(signal.SIGUSR1, mine)
director = quiet_director()
threading.Thread(target=send).start()
director.start()
say("stopped")
"""
    )
    assert result == (0, ["mine", "stopped"])
