"""Random graphs that a SIGTERM, or another end, meets at random moments: every event's end is known.

``RANDOM_GRAPHS=500`` in the environment runs so many instead of the few of an ordinary run, half of
them inside gevent's hub.
"""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

COUNT = int(os.environ.get("RANDOM_GRAPHS", "40"))
GRAPHS_PER_PROCESS = 40

QUICK = ["forward", "forward", "forward_to_one", "swallow", "make_another", "put_at_once"]
DEEDS = [
    *QUICK, "forward_twice", "keep", "send_later", "fail", "fail_full", "fail_after_send",
    "report_error", "nap", "nap_natively", "block", "send_finally", "refuse_to_end", "fetch",
]  # fmt: skip


def one_of(*values):
    return st.sampled_from(values)


@st.composite
def nodes(draw):
    """How an actor of the class Node behaves."""
    return {
        "kind": "node",
        "does": draw(st.lists(st.sampled_from(DEEDS), min_size=1, max_size=4)),
        "rescue": draw(one_of(False, False, False, True)),
        "concurrency": draw(one_of(1, 2, 1000, 0)),
        "blocking_consume": draw(one_of(False, False, True)),
        "sources": draw(st.lists(one_of("task", "task", "send", "put"), max_size=2)),
        "count": draw(one_of(1, 5, 20, -20)),
        "pause": draw(one_of(0, 0.2, 1)),
        "sends_at_end": draw(st.booleans()),
    }


@st.composite
def built_in(draw):
    """How one of the built-in actors is set up."""
    return {
        "kind": draw(
            one_of("flow", "flow", "null", "modifier", "generator", "join", "join", "xslt", "xsd")
        ),
        "work": draw(one_of(0, 5, 30)),
        "concurrency": draw(one_of(1, 1000)),
        "count": draw(one_of(0, 5, 50)),
        "interval": draw(one_of(0.0005, 0.003)),
        "producers": draw(one_of(1, 3)),
        "purge_interval": draw(one_of(None, 0, 0.001, 0.01)),
    }


@st.composite
def edges(draw, actors, policies):
    """Connections; those that lead back start at a Node, which lets nothing go around for ever."""
    result = []
    taken = set()
    for number in range(draw(st.integers(0, 14))):
        source = draw(st.integers(0, len(actors) - 1))
        lowest = 0 if actors[source]["kind"] == "node" else source + 1
        if lowest == len(actors) or actors[source]["kind"] == "null":
            continue
        to = draw(
            st.lists(st.integers(lowest, len(actors) - 1), min_size=1, max_size=3, unique=True)
        )
        error = draw(one_of(False, False, False, True))
        outbox = None if error else draw(one_of(None, f"x{number}"))
        keys = {(source, i, error) for i in to}
        if outbox is None and keys & taken:
            continue
        taken |= keys if outbox is None else set()
        on_full = draw(st.sampled_from(policies))
        edge = {"from": source, "to": to, "error": error, "outbox": outbox, "on_full": on_full}
        result.append(edge)
    return result


@st.composite
def ends(draw):
    """What ends a run: a SIGTERM, perhaps a second one, or a stop; at a time, or at a consume."""
    how = draw(one_of("signal", "signal", "signal", "stop", "main"))
    return {
        "how": how,
        "seconds": draw(one_of(0, 0.001, 0.005, 0.02, 0.06)),
        "calls": None if how == "main" else draw(one_of(None, 1, 3, 10, 40)),
        "again": draw(one_of(None, None, 0, 0.003, 0.05)) if how == "signal" else None,
    }


@st.composite
def graphs(draw):
    """A whole graph, as JSON can hold it."""
    visible = draw(st.booleans())
    kinds = nodes() if visible else st.one_of(nodes(), built_in())
    actors = [draw(nodes()), *draw(st.lists(kinds, max_size=11))]
    policies = ["block"] if visible else ["block", "block", "drop_new", "drop_old", "fail"]
    connections = draw(edges(actors, policies))
    for index, actor in enumerate(actors):
        mine = [edge for edge in connections if edge["from"] == index]
        actor["fails_full"] = any(edge["on_full"] == "fail" for edge in mine)
    return {
        "seed": draw(st.integers(0, 10_000)),
        "size": draw(one_of(1, 2, 5, 500, 0)),
        "hops": draw(st.integers(1, 5)),
        "stop_timeout": draw(one_of(0, 0.02, 0.3)),
        "quiet": draw(st.booleans()),
        "visible": visible,
        "actors": actors,
        "edges": connections,
        "open_outboxes": draw(
            st.lists(st.tuples(st.integers(0, len(actors) - 1), one_of("open")), max_size=2)
        ),
        "ends": draw(st.lists(ends(), min_size=1, max_size=2)),
    }


class Player:
    """A child process that plays graphs; a new one after a while, and when one has died."""

    def __init__(self, host):
        self.command = [sys.executable, "-m", "tests.random_graphs", host]
        self.process = None
        self.played = 0

    def play(self, graph):
        if self.process is None or self.played == GRAPHS_PER_PROCESS:
            self.close()
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, text=True)
            self.played = 0
        self.played += 1
        line = json.dumps(graph)
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.process.wait()
            code, self.process = self.process.returncode, None
            problems = [f"the process ended with {code}"]
        else:
            problems = json.loads(answer)
        again = f"echo '{line}' | python {' '.join(self.command[1:])}"
        assert not problems, "\n".join([*problems, "to repeat it:", again])

    def close(self):
        if self.process is not None:
            self.process.stdin.close()
            self.process.stdout.close()
            code = self.process.wait()
            self.process = None
            assert code == 0


@pytest.mark.timeout(60 + 5 * COUNT)
@pytest.mark.parametrize("host", ["native", "gevent"])
def test_every_event_has_a_known_end(host):
    player = Player(host)

    # A failure depends on timing: it is shown as it came, neither shrunk nor explained.
    @settings(
        max_examples=(COUNT + 1) // 2,
        phases=[Phase.generate],
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(graphs())
    def check(graph):
        player.play(graph)

    try:
        check()
    finally:
        player.close()
