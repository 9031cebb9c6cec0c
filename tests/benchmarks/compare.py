"""The hops beside a bare call, compysition 1.2.54 and peers."""

import json
import subprocess
import sys

from tests.benchmarks.rows import HOSTS, Row

# In 1.2.54 a hop took 57 µs where the bare call of its consume took 0.10.
OLD_HOP = 57 / 0.10


def measure(module, *arguments):
    """The JSON that a module of this package prints, run in a process of its own."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def hop_rows(costs, deep_copy, host):
    """`costs`: microseconds by name, as hops.py prints them."""
    bare, hop = costs["bare call"], costs["Python actor, 3 hops"]
    rows = []

    def add(name, value, *args, **kwargs):
        rows.append(Row(name, value, "µs", *args, host=host, **kwargs))

    for name, cost in costs.items():
        destinations = next((int(word) for word in name.split() if word.isdigit()), 1)
        if name.startswith(("Python actor", "C actor")):
            limit = 2 if name.startswith("Python") else 0.5
            add(f"a hop: {name}", cost, limit, cost / bare, "a bare call")
        elif name.startswith("changed data"):
            extra = (cost - hop) / destinations
            add(f"{name}: extra for each", extra, 0.25, extra / deep_copy, "deepcopy")
        elif name.startswith("untouched data"):
            add(f"{name}: for each", cost / destinations, 0.15)
        else:
            add(name, cost)
    faster = OLD_HOP * bare / hop
    add(
        "a hop in 1.2.54, scaled by the bare call",
        faster * hop,
        250,
        faster,
        "a hop here",
        at_least=True,
    )
    return rows


def peer_rows(peers, hops):
    """`hops`: microseconds of a hop by host."""
    rows = []
    for name, cost in peers.items():
        host = "gevent" if name.startswith("gevent") else "native"
        if name.endswith("deepcopy"):
            rows.append(Row(name, cost, "µs", host=host))
        else:
            ratio = cost / hops[host]
            rows.append(
                Row(f"{name}, and the call", cost, "µs", 1, ratio, "a hop here", True, host)
            )
    return rows


def hops():
    results = {host: measure("hops", *[host] * (host != "native")) for host in HOSTS}
    peers = measure("peers")
    rows = []
    for host, costs in results.items():
        rows += hop_rows(costs, peers["copy.deepcopy"], host)
    return rows + peer_rows(
        peers, {host: costs["Python actor, 3 hops"] for host, costs in results.items()}
    )
