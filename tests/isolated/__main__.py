"""Run leak scenarios: ``python -m tests.isolated [name ...]``.

A scenario is a function ``leak_*()`` in a module ``tests/isolated/leak_*.py``. Each gets a process
of its own, where it is called again and again; when a measure grows in every batch of calls, it
leaks. So that memory that only settles slowly is not taken for a leak, a scenario that grows gets
more batches before that is said. A name selects the scenarios that contain it.
"""

import gc
import importlib
import itertools
import pkgutil
import subprocess
import sys

import tests.isolated
from tests.measures import COUNTS

WARM_UP = 600  # calls after which the free lists of Python are full
BATCHES = 6
ROUNDS = 5
CALLS = 100
# By how much each measure may grow in a batch of calls. Caches of CPython still gain a block every
# other call; whatever is lost once per call, though, is past each limit (malloc's smallest chunk is
# 32 bytes). Pages come and go in lumps.
ALLOWED = {
    "blocks of Python": 3 * CALLS // 4,
    "objects": 3 * CALLS // 4,
    "references": 3 * CALLS // 4,
    "bytes of malloc": 16 * CALLS,
    "resident bytes": 1 << 17,
    "descriptors": 0,
    "threads": 0,
}


def take(scenario, calls):
    for _ in range(calls):
        scenario()
    gc.collect()
    return [measure() for measure in COUNTS.values()]


def growth_of(scenario):
    """Call a scenario in batches; return, by name, what each measure that grew in all of them grew by."""
    taken = [take(scenario, CALLS) for _ in range(BATCHES)]
    growth = {
        name: [after - before for before, after in itertools.pairwise(values)]
        for name, values in zip(COUNTS, zip(*taken, strict=True), strict=True)
    }
    return {name: steps for name, steps in growth.items() if min(steps) > ALLOWED[name]}


def run_scenario(scenario):
    """Call one scenario; return a line for each measure that grew in every batch of every round."""
    take(scenario, WARM_UP)
    grown = growth_of(scenario)
    for _ in range(ROUNDS - 1):
        if not grown:
            break
        again = growth_of(scenario)
        grown = {name: steps + again[name] for name, steps in grown.items() if name in again}
    return [f"{name} grow by {steps} in batches of {CALLS} calls" for name, steps in grown.items()]


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
