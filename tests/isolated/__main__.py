"""Run leak scenarios: ``python -m tests.isolated [name ...]``.

A scenario is a function ``leak_*()`` in a module ``tests/isolated/leak_*.py``. Each gets a process
of its own, where it is called again and again; when a measure grows in every batch of calls, it
leaks. A name selects the scenarios that contain it.
"""

import ctypes
import gc
import importlib
import itertools
import os
import pkgutil
import subprocess
import sys

import tests.isolated

WARM_UP = 100
BATCHES = 6
CALLS = 100
PAGE = os.sysconf("SC_PAGE_SIZE")


class Mallinfo2(ctypes.Structure):
    """What glibc's malloc has in use: memory of C that Python's own counters do not see."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    ]


def mallinfo():
    function = ctypes.CDLL(None).mallinfo2
    function.restype = Mallinfo2
    return function()


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * PAGE


# Per measure: how to take it, and by how much it may grow in a batch of calls. Caches of CPython
# still gain a block every other call; whatever is lost once per call, though, is past each limit
# (malloc's smallest chunk is 32 bytes). Pages come and go in lumps.
MEASURES = {
    "blocks of Python": (sys.getallocatedblocks, 3 * CALLS // 4),
    "objects": (lambda: len(gc.get_objects()), 3 * CALLS // 4),
    "bytes of malloc": (lambda: mallinfo().uordblks, 16 * CALLS),
    "resident bytes": (resident, 1 << 17),
    "descriptors": (lambda: len(os.listdir("/proc/self/fd")), 0),
    "threads": (lambda: len(os.listdir("/proc/self/task")), 0),
}
if hasattr(sys, "gettotalrefcount"):
    MEASURES["references"] = (sys.gettotalrefcount, 3 * CALLS // 4)


def take(scenario, calls):
    for _ in range(calls):
        scenario()
    gc.collect()
    return [measure() for measure, _ in MEASURES.values()]


def run_scenario(scenario):
    """Call one scenario; return a line for each measure that grew in every batch."""
    take(scenario, WARM_UP)
    taken = [take(scenario, CALLS) for _ in range(BATCHES)]
    grown = []
    for (name, (_, allowed)), values in zip(
        MEASURES.items(), zip(*taken, strict=True), strict=True
    ):
        growth = [after - before for before, after in itertools.pairwise(values)]
        if min(growth) > allowed:
            grown.append(f"{name} grow by {growth} in batches of {CALLS} calls")
    return grown


def all_scenarios():
    for module in pkgutil.iter_modules(tests.isolated.__path__, "tests.isolated."):
        if module.name.startswith("tests.isolated.leak_"):
            members = vars(importlib.import_module(module.name))
            for name in members:
                if name.startswith("leak_"):
                    yield f"{module.name}:{name}"


def run_in_processes(wanted):
    """Run each scenario whose name contains one of the wanted words; return the number that failed."""
    failed = passed = 0
    for name in all_scenarios():
        if wanted and not any(word in name for word in wanted):
            continue
        done = subprocess.run(
            [sys.executable, "-m", "tests.isolated", "--one", name],
            timeout=300,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            passed += 1
            print(f"ok    {name}", flush=True)
        else:
            failed += 1
            print(f"LEAK  {name}\n{done.stdout}{done.stderr}", flush=True)
    print(f"leak scenarios: {passed} passed, {failed} failed")
    return failed


def main():
    if sys.argv[1:2] == ["--one"]:
        module, name = sys.argv[2].split(":")
        grown = run_scenario(getattr(importlib.import_module(module), name))
        print("\n".join(grown))
        return 1 if grown else 0
    return 1 if run_in_processes(sys.argv[1:]) else 0


if __name__ == "__main__":
    sys.exit(main())
