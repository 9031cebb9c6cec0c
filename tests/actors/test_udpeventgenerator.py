import contextlib
import itertools
import sys
import time

import pytest

from compysition import Event
from compysition.actors import CronEventGenerator, UDPCronEventGenerator, UDPEventGenerator
from compysition.event import JSONEvent
from tests.actors.helpers import fill_outbox
from tests.hosts import two_hosts
from tests.udpnodes import (
    FAST,
    LOCAL,
    Foreign,
    Process,
    free_port,
    producers,
    wait_for_one,
    wait_for_pings,
)
from tests.waiting import wait_until

QUICK = {
    "address": LOCAL,
    "ping_interval": FAST["interval"],
    "expiry": FAST["expiry"],
    "burn_in_pings": FAST["burn_in_pings"],
}
HOUR = {"hours": 1, "seconds": 0}


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def processes(port):
    """Make processes that are killed when the test ends."""
    made = []

    def start(count=1, *prefix, **options):
        made.extend(Process(port, *prefix, **options) for _ in range(count))
        return made

    yield start
    for process in made:
        process.kill()


def overlap(processes, since):
    """Whether two of them made events in turns."""
    turns = sorted(
        (moment, number)
        for number, one in enumerate(processes)
        for moment in one.made
        if moment > since
    )
    order = [number for number, _ in itertools.groupby(number for _, number in turns)]
    return len(order) != len(set(order))


def wait_for_greatest(processes):
    """Wait until the one with the greatest uuid, and no other, makes events; return it."""
    greatest = max(processes, key=lambda process: process.uuid)
    wait_until(lambda: producers(processes) == [greatest])
    return greatest


def test_one_of_three_processes_produces_and_another_takes_over(processes, port):
    group = processes(3)
    wait_for_pings(port, group)
    rest = list(group)
    master = wait_for_greatest(rest)
    since = time.monotonic()
    for _ in range(2):
        master.kill()  # kill -9
        killed = time.monotonic()
        rest.remove(master)
        master = wait_for_greatest(rest)
        assert 0.3 < master.made[-1] - killed < 5
    assert not overlap(group, since)


def test_a_foreign_node_decides_too(processes, port):
    process = processes()[0]
    wait_for_one([process])
    with Foreign(port, name="f" * 32) as foreign:
        assert foreign.hear() == f"job-test{process.uuid}".encode()

        def nobody():
            foreign.send()
            return not producers([process])

        wait_until(nobody)
    wait_for_one([process])
    with Foreign(port, name="0" * 32) as foreign:
        foreign.send()
        foreign.hear()
        assert producers([process], seconds=2)


def test_a_cut_link_has_a_master_on_each_side_and_one_when_it_is_mended(port):
    with two_hosts(port) as hosts, contextlib.ExitStack() as stack:
        pair = [Process(port, *hosts.enter(number), address="10.9.8.255") for number in range(2)]
        for process in pair:
            stack.callback(process.kill)
        master = wait_for_greatest(pair)
        hosts.cut()
        wait_until(lambda: len(producers(pair)) == 2)
        hosts.mend()
        wait_until(lambda: producers(pair) == [master])


def test_events_and_arguments(wrap, port):
    actor = UDPEventGenerator(
        "source", "job", "test", JSONEvent, {"data": {"a": 1}}, 1, 0.05, port=port, key="k", **QUICK
    )
    assert (actor.peers_interface.service, actor.interval["seconds"]) == ("job-test", 0.05)
    assert (actor.peers_interface.address, actor.peers_interface.port) == (LOCAL, port)
    assert actor.peers_interface.logger is actor.logger
    assert UDPEventGenerator("other").peers_interface.service == "default-default"
    wrapper = wrap(actor)
    event = wrapper.output
    assert (type(event), event.data) == (JSONEvent, {"a": 1})


def test_cron(wrap, port):
    actor = UDPCronEventGenerator("source", interval={"second": "*"}, port=port, **QUICK)
    assert isinstance(actor, UDPEventGenerator)
    assert isinstance(actor, CronEventGenerator)
    assert actor.interval == {**CronEventGenerator.DEFAULT_INTERVAL, "second": "*"}
    assert type(wrap(actor).output) is Event
    assert time.time() % 1 < 0.5
    with pytest.raises(ValueError, match="interval"):
        UDPCronEventGenerator("source", interval=3)


def test_a_trigger_makes_an_event_on_the_master_only(wrap, port):
    actor = UDPEventGenerator("source", interval=HOUR, port=port, **QUICK)
    wrapper = wrap(actor)
    wrapper.input = Event(data="too early")
    assert actor.peers_interface.wait_until_master(10)
    assert wrapper.output_queues["outbox"].empty()
    wrapper.input = Event(data="now")
    assert wrapper.output is not None


def test_a_stop_ends_the_election_gen_5(wrap, port):
    actor = UDPEventGenerator("source", interval=0.02, port=port, **QUICK)
    wrapper = wrap(actor)
    assert wrapper.output is not None
    wrapper.stop()
    assert actor.peers_interface.is_slave()
    with Foreign(port) as foreign:
        foreign.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            foreign.hear()


def test_a_full_destination_holds_it_back(wrap, port):
    actor = UDPEventGenerator("source", interval=0.01, port=port, **QUICK)
    outbox = fill_outbox(actor)
    wrap(actor, output_queues=[])
    assert actor.peers_interface.wait_until_master(10)
    assert outbox.get().data == "in the way"
    assert outbox.get(block=True, timeout=5).data is None
    assert outbox.qsize() <= 1


def test_events_that_cannot_be_made(wrap, log, port):
    actor = UDPEventGenerator(
        "source",
        event_class=JSONEvent,
        event_kwargs={"data": "{no JSON"},
        interval=0.01,
        port=port,
        **QUICK,
    )
    lines = log(actor)
    wrap(actor)
    while not lines.get(block=True, timeout=5).message.startswith("Unable to generate an event"):
        pass


def test_a_port_that_is_taken_fails_the_start(run_script):
    script = """
    import socket
    from compysition.actors import UDPEventGenerator
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind(("", 0))
    director = quiet_director()
    director.register_actor(UDPEventGenerator, "source", port=taken.getsockname()[1])
    try:
        director.start()
    except OSError as problem:
        say("refused", "bind the port" in str(problem))
    """
    assert run_script(script) == (0, ["refused True"])


def test_old_import_paths():
    from compysition.actors import eventgenerator, udpeventgenerator

    assert udpeventgenerator.UDPEventGenerator is eventgenerator.UDPEventGenerator
    assert "compysition.actors.util.udplib" in sys.modules or UDPEventGenerator("a")
