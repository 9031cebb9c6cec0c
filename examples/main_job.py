"""What `make run` shows: three pipelines, and where their pictures are.

SERVE=1 in the environment leaves the HTTP pipeline serving.
"""

import base64
import http.client
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

EXAMPLES = pathlib.Path(__file__).parent
SECONDS = 4
LOAD_SECONDS = 2
CLIENTS = 8


def title(text):
    print(f"--- {text}", flush=True)


def show(name, *command, seconds=None):
    """Run an example; after `seconds` stop it as Ctrl-C would."""
    title(name)
    with subprocess.Popen([sys.executable, *map(str, command)]) as process:
        if seconds is not None:
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}")


def post(client, body, user=None):
    """Post an order; return the response's status and body."""
    headers = {"Content-Type": "application/xml"}
    if user is not None:
        headers["Authorization"] = "Basic " + base64.b64encode(user.encode()).decode()
    client.request("POST", "/orders", body, headers)
    response = client.getresponse()
    return response.status, response.read().decode()


def show_answers(port, order):
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for what, body, user in (
        ("an order", order, "alice:wonderland"),
        ("the same without a user", order, None),
        ("broken XML", b"<order>", "alice:wonderland"),
        ("something else", b"<invoice/>", "bob:builder"),
    ):
        status, answer = post(client, body, user)
        print(f"{what}: {status}\n    {' '.join(answer.split())}")
    client.close()


def show_rate(port, order):
    """Post orders from several clients for a while."""
    counts = []
    end = time.monotonic() + LOAD_SECONDS

    def load():
        client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        count = 0
        while time.monotonic() < end:
            status, _ = post(client, order, "alice:wonderland")
            count += status == 200
        client.close()
        counts.append(count)

    threads = [threading.Thread(target=load) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = sum(counts) / LOAD_SECONDS
    print(f"{CLIENTS} clients in Python, on the same processors: {rate:,.0f} orders a second")


def full_circle(serve):
    title("full_circle.py: HTTP -> BasicAuth -> XSLT -> Python -> XSLT -> HTTP")
    order = (EXAMPLES / "data/orders/1001.xml").read_bytes()
    command = [sys.executable, str(EXAMPLES / "full_circle.py"), "8080" if serve else "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        print(line, end="", flush=True)
        # What it logs of refused orders is left out here; but somebody has to read it.
        threading.Thread(target=process.stdout.read).start()
        try:
            port = int(line.rpartition(":")[2].partition("/")[0])
            show_answers(port, order)
            show_rate(port, order)
            if serve:
                print("Ctrl-C stops it", flush=True)
                process.wait()
        except KeyboardInterrupt:
            pass
        finally:
            process.send_signal(signal.SIGINT)
    if process.returncode != 0:
        sys.exit(f"full_circle.py ended with {process.returncode}")


def main():
    serve = os.environ.get("SERVE", "") not in ("", "0")
    if not serve:
        show(f"one_way.py, for {SECONDS} seconds", EXAMPLES / "one_way.py", seconds=SECONDS)
        show("package_activity.py", EXAMPLES / "package_activity.py")
    full_circle(serve)
    for picture in sorted(pathlib.Path("build/blockdiag").rglob("*.svg")):
        print(f"picture of the pipeline: {picture}")


if __name__ == "__main__":
    main()
