"""Small JSON events over loopback, each acknowledged: TCPOut and TCPIn beside bare libzmq; two processes, two processors."""

import tempfile

from tests.benchmarks.rows import Row
from tests.benchmarks.two_processes import actors_rate, bare_rate, build_bare, medians

# On a machine where bare libzmq takes 1.2 million messages a second.
WANTED = 300_000 / 1_200_000


def throughput():
    with tempfile.TemporaryDirectory() as folder:
        program = build_bare(folder)
        ours, bare = medians(
            lambda: actors_rate("TCPOut", "TCPIn", 500_000),
            lambda: bare_rate(program, 1_000_000),
        )
    name = "TCP, out to in"
    return [
        Row(f"{name}: JSON events", ours, "1/s", WANTED, ours / bare, "libzmq", True),
        Row(f"{name}: bare libzmq", bare, "1/s"),
    ]
