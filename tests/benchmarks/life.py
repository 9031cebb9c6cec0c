"""What it costs to import the package, to start and stop again and again, and to have nothing to do."""

import gc
import itertools
import resource
import statistics
import subprocess
import sys
import time

import compysition
from tests.benchmarks.rows import Row
from tests.flows import quiet_director
from tests.isolated.leak_import import leak_import_start_stop
from tests.measures import COUNTS, sleeps

IMPORTS = 15
BATCHES = 5
STARTS = 200  # per batch
IDLE_SECONDS = 3
# Growth per start that is taken for noise: CPython's own caches and malloc's bookkeeping.
LOST = {
    "blocks of Python": 0.25,
    "objects": 0.25,
    "references": 0.25,
    "bytes of malloc": 16,
    "resident bytes": 256,
    "descriptors": 0,
    "threads": 0,
}


def run_python(code):
    """Seconds on the CPU, which other processes do not change; a start that finds its files in memory waits for nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def import_time():
    pairs = [(run_python("pass"), run_python("import compysition")) for _ in range(IMPORTS)]
    bare, whole = (statistics.median(times) * 1e3 for times in zip(*pairs, strict=True))
    return [
        Row("bare Python", bare, "ms"),
        Row("import compysition, on top of it", whole - bare, "ms", 60),
    ]


def take_counts():
    for _ in range(STARTS):
        leak_import_start_stop()
    gc.collect()
    return [count() for count in COUNTS.values()]


def starts_and_stops():
    """What is lost in every start grows in every batch; caches that grow once do not count."""
    taken = [take_counts() for _ in range(BATCHES)]
    rows = []
    for name, values in zip(COUNTS, zip(*taken, strict=True), strict=True):
        growth = min(after - before for before, after in itertools.pairwise(values)) / STARTS
        rows.append(Row(f"1,000 x import, start, stop: {name}", growth, "each", LOST[name]))
    return rows


def idle():
    director = quiet_director()
    director.start(block=False)
    compysition.sleep(0.1)
    begin, cpu, woken = time.perf_counter(), time.process_time(), sleeps()
    compysition.sleep(IDLE_SECONDS)
    seconds = time.perf_counter() - begin
    cpu, woken = time.process_time() - cpu, sleeps() - woken
    director.stop()
    return [
        Row("idle director, time on the CPU", cpu / seconds * 100, "%", 0.1),
        Row("idle director, wake-ups", woken / seconds, "per s"),
    ]
