"""Measure everything, print a table and write build/benchmarks.json: ``python -m tests.benchmarks [word ...]``.

Each function of MEASURES returns rows and gets a process of its own, once for each host. Words select
those whose name contains one of them. The environment variable BENCH_SOAK_EVENTS shortens the soak.
"""

import dataclasses
import importlib
import json
import os
import pathlib
import platform
import sys

from tests.benchmarks.compare import hops, measure
from tests.benchmarks.rows import HOSTS, Row, header, lines

MEASURES = {
    "sleepers:sleeping_consumes": HOSTS,
    "sleepers:sleeping_peers": HOSTS,
    "latency:late_timer_python": HOSTS,
    "latency:late_timer_c": HOSTS,
    "latency:late_timer_source": HOSTS,
    "latency:put_to_consume": HOSTS,
    "memory:parked_consumes": HOSTS,
    "memory:queued_text": ("native",),
    "memory:queued_json_text": ("native",),
    "memory:queued_json": ("native",),
    "memory:queued_document": ("native",),
    "memory:document_through_actors": ("native",),
    "scale:chain_of_actors": HOSTS,
    "json_pipeline:json_pipeline": HOSTS,
    "life:import_time": ("native",),
    "life:starts_and_stops": HOSTS,
    "life:idle": HOSTS,
    "xmldata:text": ("native",),
    "xmldata:dicts": ("native",),
    "xmldata:crossing": ("native",),
    "xml_router:xpath_router": ("native",),
    "xml_pipeline:one_core": ("native",),
    "xml_pipeline:two_cores": ("native",),
    "http_server:requests": ("native",),
    "http_server:latency": ("native",),
    "http_server:xslt": ("native",),
    "http_server:idle": ("native",),
    "http_server:soak": ("native",),
    "http_client:requests": ("native",),
    "smtp_server:messages": ("native",),
    "smtp_server:sessions": ("native",),
    "zmq_pushpull:throughput": ("native",),
    "tcp:throughput": ("native",),
    "majordomo:requests": ("native",),
    "majordomo:many_workers": ("native",),
    "majordomo:worker_dies": ("native",),
    "majordomo:broker_dies": ("native",),
    "majordomo:registration_dies": ("native",),
    "soak_processes:push_to_pull": ("native",),
    "soak_processes:out_to_in": ("native",),
    "soak:soak": ("native",),
    "soak:transforms": ("native",),
}


def run_here(name, host):
    """Call one function of MEASURES in this process and print its rows as JSON."""
    if host == "gevent":
        importlib.import_module("gevent")  # from here on compysition is hosted by its hub
    module, _, function = name.partition(":")
    rows = getattr(importlib.import_module(f"tests.benchmarks.{module}"), function)()
    json.dump([dataclasses.asdict(row) for row in rows], sys.stdout)


def run(name):
    """The rows of one measurement, each taken in a fresh process."""
    if name == "hops":
        return hops()
    return [
        Row(**row) for host in MEASURES[name] for row in measure("__main__", "--one", name, host)
    ]


def warn_of_load(load):
    if load > 0.5:
        print(
            f"Load average {load:.1f} on {os.cpu_count()} CPUs: what others do makes times longer."
        )


def write(rows, load):
    target = pathlib.Path("build/benchmarks.json")
    target.parent.mkdir(exist_ok=True)
    machine = {
        "python": platform.python_version(),
        "machine": platform.platform(),
        "cpus": os.cpu_count(),
        "load": load,
    }
    results = [{**dataclasses.asdict(row), "met": row.met} for row in rows]
    target.write_text(json.dumps({**machine, "rows": results}, indent=2) + "\n")
    print(f"written to {target}")


def main():
    if sys.argv[1:2] == ["--one"]:
        run_here(*sys.argv[2:])
        return
    wanted = sys.argv[1:]
    everything = []
    load = os.getloadavg()[0]
    warn_of_load(load)
    print(header())
    for name in ("hops", *MEASURES):
        if not wanted or any(word in name for word in wanted):
            rows = run(name)
            everything += rows
            print("\n".join(lines(rows)), flush=True)
    judged = [row.met for row in everything if row.met is not None]
    print(f"targets: {judged.count(True)} met, {judged.count(False)} missed")
    write(everything, load)


if __name__ == "__main__":
    main()
