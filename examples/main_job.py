"""What `make run` shows: two pipelines, and where their pictures are."""

import pathlib
import signal
import subprocess
import sys
import time

EXAMPLES = pathlib.Path(__file__).parent
SECONDS = 4


def show(title, *command, seconds=None):
    """Run an example; after `seconds` stop it as Ctrl-C would."""
    print(f"--- {title}", flush=True)
    with subprocess.Popen([sys.executable, *map(str, command)]) as process:
        if seconds is not None:
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
    if process.returncode != 0:
        sys.exit(f"{command[0]} ended with {process.returncode}")


def main():
    show(f"one_way.py, for {SECONDS} seconds", EXAMPLES / "one_way.py", seconds=SECONDS)
    show("package_activity.py", EXAMPLES / "package_activity.py")
    for picture in sorted(pathlib.Path("build/blockdiag").rglob("*.svg")):
        print(f"picture of the pipeline: {picture}")


if __name__ == "__main__":
    main()
