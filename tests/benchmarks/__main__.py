"""Runs all measurements, prints a table and writes build/benchmarks.json."""

import json
import pathlib
import subprocess
import sys


def measure(module, *arguments):
    """The JSON that a module of this package prints, run in a process of its own."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    native = measure("hops")
    hosted = measure("hops", "gevent")
    peers = measure("peers")
    bare = native["bare call"]
    print(f"{'microseconds':<36}{'native':>9}{'x bare':>9}{'gevent':>9}{'x bare':>9}")
    for name, cost in native.items():
        ratio, hosted_ratio = cost / bare, hosted[name] / hosted["bare call"]
        print(f"{name:<36}{cost:>9.3f}{ratio:>9.2f}{hosted[name]:>9.3f}{hosted_ratio:>9.2f}")
    for name, cost in peers.items():
        print(f"{name:<36}{cost:>9.3f}{cost / bare:>9.2f}")
    target = pathlib.Path("build/benchmarks.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({"native": native, "gevent": hosted, "peers": peers}, indent=2))
    print(f"written to {target}")


if __name__ == "__main__":
    main()
