"""Run fuzz targets under libFuzzer: ``python -m tests.fuzz DRIVER SECONDS [name ...]``.

``make fuzz`` builds the driver and calls this. A name selects the targets that contain it. Inputs
that are found stay in ``build/fuzz/corpus/NAME``, for the next run; those that fail in
``build/fuzz/failed``. A failed input belongs into ``tests/fuzz/corpus/NAME`` once it is understood.
"""

import os
import pathlib
import subprocess
import sys

from tests.fuzz import load

OUTPUT = pathlib.Path("build/fuzz")
OPTIONS = [
    "-timeout=30",
    "-rss_limit_mb=4096",
    "-print_final_stats=1",
    f"-artifact_prefix={OUTPUT}/failed/",
]


def fuzz(driver, name, target, seconds):
    """Run one target; return whether it found nothing."""
    corpus = OUTPUT / "corpus" / name
    seeds = OUTPUT / "seeds" / name
    for folder in (corpus, seeds, OUTPUT / "failed"):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (seeds / str(number)).write_bytes(seed)
    print(f"--- {name}, for {seconds} seconds", flush=True)
    command = [driver, f"-max_total_time={seconds}", *OPTIONS, corpus, seeds]
    environment = os.environ | {
        "FUZZ_TARGET": name,
        "FUZZ_PYTHON": sys.executable,
        "PYTHONPATH": str((OUTPUT / "site").absolute()),
    }
    log = OUTPUT / f"{name}.log"
    with open(log, "wb") as file:
        done = subprocess.run(
            command, env=environment, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    lines = log.read_text(errors="replace").splitlines()
    for line in lines[-60:] if done.returncode else lines:
        if done.returncode or "number_of_executed_units" in line or "new_units_added" in line:
            print(line)
    return done.returncode == 0


def main(driver, seconds, *wanted):
    targets = {
        name: target
        for name, target in load().items()
        if not wanted or any(word in name for word in wanted)
    }
    failed = [name for name in targets if not fuzz(driver, name, targets[name], seconds)]
    print(f"fuzz targets: {len(targets) - len(failed)} passed, {len(failed)} failed {failed or ''}")
    return 1 if failed or not targets else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
