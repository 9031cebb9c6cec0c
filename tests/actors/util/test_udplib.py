import os
import random
import socket
import sys
import threading
import time

import pytest

import compysition
from compysition import Queue
from compysition.actors.util import udplib
from compysition.actors.util.udplib import UDP, Peer, UDPInterface
from compysition.logger import Logger
from tests.actors.helpers import logged
from tests.udpnodes import FAST, LOCAL, Foreign, free_port
from tests.waiting import wait_until

LEAST, MOST = "0" * 32, "f" * 32


@pytest.fixture
def port():
    return free_port()


@pytest.fixture
def node(port):
    """Start a node of the group; it is stopped when the test ends. Its lines are in ``lines``."""
    nodes = []

    def start(service="job-test", **options):
        pool = compysition.QueuePool()
        node = UDPInterface(service, Logger("node", pool.logs), **{**FAST, "port": port, **options})
        node.start()
        nodes.append(node)
        start.lines = pool.logs.add("log", queue=Queue("log"))
        return node

    yield start
    for one in nodes:
        one.stop()


def wait(condition):
    wait_until(condition, compysition.sleep)


def pinging(foreign, condition):
    """Whether the condition holds; one more ping is sent before."""
    foreign.send()
    return condition()


def test_constants():
    assert (udplib.PING_PORT_NUMBER, udplib.PING_INTERVAL, udplib.PEER_EXPIRY) == (6999, 1.0, 10)
    assert (udplib.UUID_BYTES, udplib.BURN_IN_PINGS) == (32, 5)
    node = UDPInterface("a")
    assert (node.port, node.interval, node.expiry, node.burn_in_pings) == (6999, 1, 10, 5)
    assert (node.address, node.interface, node.logger) == ("255.255.255.255", None, None)


def test_a_node_alone_is_master_after_the_burn_in(node):
    started = time.monotonic()
    one = node()
    assert one.is_slave()
    assert one.wait_until_master(10)
    assert 0.14 < time.monotonic() - started
    assert one.is_master()
    assert not one.is_slave()
    wait(lambda: node.lines.qsize())
    assert logged(node.lines) == ["Changing from slave to master"]


def test_the_greatest_uuid_is_master(node):
    nodes = [node() for _ in range(3)]
    wait(lambda: sum(one.is_master() for one in nodes) == 1 and len(nodes[0].peers) == 2)
    greatest = max(nodes, key=lambda one: one.uuid)
    wait(greatest.is_master)
    assert set(greatest.peers) == {one.uuid for one in nodes} - {greatest.uuid}
    peer = next(iter(greatest.peers.values()))
    assert isinstance(peer, Peer)
    assert 0 < peer.expires_at - time.time() <= 0.5
    greatest.stop()
    assert greatest.is_slave()
    assert greatest.peers == {}
    others = sorted((one for one in nodes if one is not greatest), key=lambda one: one.uuid)
    wait(lambda: [one.is_master() for one in others] == [False, True])


def test_what_is_on_the_wire_and_in_the_log(node, port):
    with Foreign(port, name=MOST) as foreign:
        one = node()
        assert one.wait_until_master(10)
        assert foreign.hear() == f"job-test{one.uuid}".encode()
        wait(lambda: pinging(foreign, one.is_slave))
        wait(one.is_master)
        wait(lambda: node.lines.qsize() == 5)
        assert [(line.level, line.message) for line in (node.lines.get() for _ in range(5))] == [
            (20, "Changing from slave to master"),
            (20, f"New peer ({MOST}) discovered in 'job-test' peer pool. (Total: 1)"),
            (20, "Changing from master to slave"),
            (20, f"Reaping expired peer ({MOST}) from 'job-test' peer pool. (Total remaining: 0)"),
            (20, "Changing from slave to master"),
        ]


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"job-test",
        b"job-tes" + MOST.encode(),
        b"job-test2" + MOST.encode(),  # UDP-2
        b"job-test" + MOST.encode() + b"0",
        b"job-test" + MOST.encode() * 2,
        b"job-test" + b"Z" * 32,
        b"job-test" + b"\0" * 32,
        b"job-test" + MOST.upper().encode(),
        b"f" * 60000,
    ],
)
def test_other_datagrams_are_not_heard_udp_2(node, port, datagram):
    one = node(burn_in_pings=0)
    assert one.wait_until_master(10)
    with Foreign(port, name=LEAST) as foreign:
        foreign.send(datagram)
        wait(lambda: pinging(foreign, lambda: one.peers))
    assert set(one.peers) == {LEAST}
    assert one.is_master()


def test_services_that_begin_alike_udp_2(node):
    nodes = [node("a"), node("ab"), node("a" + MOST)]
    wait(lambda: all(one.is_master() for one in nodes))
    assert all(one.peers == {} for one in nodes)


def test_random_datagrams_do_no_harm(node, port):
    chance = random.Random(1)
    one = node("ä", burn_in_pings=0, key=b"secret")
    with Foreign(port, "ä", LEAST, b"secret") as foreign:
        for _ in range(300):
            data = bytearray(foreign.datagram())
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            foreign.send(bytes(data[: chance.randrange(len(data) + 1)]))
            foreign.send(bytes(data))
        wait(lambda: pinging(foreign, lambda: one.peers))
    assert set(one.peers) == {LEAST}


def test_many_invented_peers_are_bounded_and_the_greatest_decides(node, port):
    one = node(expiry=1000)
    with Foreign(port) as foreign:
        for number in range(3000):
            foreign.send(f"job-test{number:032x}".encode())
            if number % 100 == 0:
                compysition.sleep(0)
        wait(lambda: len(one.peers) == 1024)
        foreign.uuid = MOST
        wait(lambda: pinging(foreign, lambda: MOST in one.peers))
    assert len(one.peers) == 1024
    assert one.is_slave()
    assert len([text for text in logged(node.lines) if text.startswith("New peer")]) < 1500


def test_a_send_that_fails_is_logged_and_tried_again_udp_1(node):
    try:
        one = node(address="2001:db8::1", interface="lo")
    except OSError as problem:
        pytest.skip(f"no IPv6 here: {problem}")
    assert one.wait_until_master(10)
    wait(lambda: node.lines.qsize() == 2)
    failed = node.lines.get()
    assert failed.message.startswith(f"Unable to send a ping to 2001:db8::1:{one.port}: ")
    assert failed.level == 30


def test_the_port_is_bound_at_the_start_and_free_after_the_stop_udp_3(port):
    def bind():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("", port))

    node = UDPInterface("a", port=port, address=LOCAL)
    bind()
    node.start()
    node.start()
    with pytest.raises(OSError, match="in use"):
        bind()
    node.stop()
    node.stop()
    bind()
    node.start()
    del node
    bind()


def test_a_port_that_is_taken(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("", port))
        with pytest.raises(
            OSError, match=f"{LOCAL} port {port}: bind the port: address already in use"
        ):
            UDPInterface("a", port=port, address=LOCAL).start()


def test_only_signed_pings_count_udp_4(node, port):
    one = node(key="secret")
    assert one.wait_until_master(10)
    with (
        Foreign(port, name=MOST) as plain,
        Foreign(port, name=MOST, key=b"guess") as forger,
        Foreign(port, name=LEAST, key=b"secret") as member,
    ):
        compysition.sleep(0.1)
        assert len(member.hear()) == len("job-test") + 32 + 16 + 64
        plain.send()
        forger.send()
        wait(lambda: pinging(member, lambda: one.peers))
        assert set(one.peers) == {LEAST}
        assert one.is_master()
        member.uuid = MOST
        wait(lambda: pinging(member, one.is_slave))
    wait(lambda: any(" not signed with the key, 0 replayed" in text for text in logged(node.lines)))


def test_pings_cannot_be_replayed_udp_4(node, port):
    one = node(key=b"secret")
    with Foreign(port, name=MOST, key=b"secret") as foreign:
        recorded = foreign.datagram()
        foreign.send(foreign.datagram(clock=-31))
        foreign.send(foreign.datagram(clock=+31))
        foreign.send(recorded)
        wait(lambda: one.peers)
        foreign.send(recorded)
        wait(lambda: not one.peers)  # it expired
        foreign.send(recorded)
        assert one.wait_until_master(10)
        wait(lambda: any("0 not signed with the key, " in text for text in logged(node.lines)))
        assert one.peers == {}
        foreign.send()
        wait(one.is_slave)


def test_a_node_that_was_held_up_is_no_master_and_begins_again(node):
    one = node()
    assert one.wait_until_master(10)
    time.sleep(0.6)  # blocks the loop: the others would have taken over
    assert one.is_slave()
    wait(lambda: any(text.startswith("No ping was sent for 0.") for text in logged(node.lines)))
    assert one.wait_until_master(10)


def test_two_nodes_with_multicast(node):
    try:
        nodes = [node(address="239.255.7.7", interface="lo") for _ in range(2)]
    except OSError as problem:
        pytest.skip(f"no multicast here: {problem}")
    wait(lambda: sum(one.is_master() for one in nodes) == 1 and nodes[0].peers)
    assert set(nodes[0].peers) == {nodes[1].uuid}


def test_two_nodes_with_ipv6(node):
    try:
        nodes = [node(address="ff02::7:7", interface="lo") for _ in range(2)]
    except OSError as problem:
        pytest.skip(f"no IPv6 here: {problem}")
    compysition.sleep(0.02)
    if any(text.startswith("Unable to send") for text in logged(node.lines)):
        pytest.skip("lo has no route for IPv6 multicast here")
    wait(lambda: sum(one.is_master() for one in nodes) == 1 and nodes[0].peers)


def test_block_and_waits_end_with_a_stop(node):
    one = node(burn_in_pings=1000)
    timer = threading.Timer(0.1, one.stop)  # another thread than that of the loop
    timer.start()
    assert one.wait_until_master() is False
    one.block()
    timer.join()
    assert one.wait_until_master() is False
    two = node(burn_in_pings=1000)
    assert two.wait_until_master(0.01) is False


def test_without_a_logger_lines_are_printed(port, capsys):
    node = UDPInterface("a", port=port, **FAST)
    node.start()
    assert node.wait_until_master(10)
    compysition.sleep(0.01)
    node.stop()
    assert capsys.readouterr().out == "Changing from slave to master\n"


def test_a_logger_that_raises(port, monkeypatch):
    problems = []
    monkeypatch.setattr(sys, "unraisablehook", problems.append)

    class Broken:
        def info(self, message):
            raise ValueError(message)

    node = UDPInterface("a", Broken(), port=port, **FAST)
    node.start()
    assert node.wait_until_master(10)
    wait(lambda: problems)
    assert node.is_master()
    node.stop()
    assert [str(problem.exc_value) for problem in problems] == ["Changing from slave to master"]


def test_a_fork_has_another_uuid(port):
    node = UDPInterface("a", port=port, **FAST)
    own = node.uuid
    child = os.fork()
    if child == 0:
        node.start()
        os._exit(0 if node.uuid != own and len(node.uuid) == 32 else 1)
    assert os.waitpid(child, 0)[1] == 0
    node.start()
    assert node.uuid == own
    node.stop()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"service": 1}, TypeError),
        ({"service": "a" * 1025}, ValueError),
        ({"service": "a\0"}, ValueError),
        ({"service": "\ud800"}, ValueError),
        ({"address": "example.com"}, ValueError),
        ({"address": 1}, TypeError),
        ({"interface": ""}, ValueError),
        ({"interface": "x" * 16}, ValueError),
        ({"interval": 0}, ValueError),
        ({"interval": "1"}, TypeError),
        ({"interval": float("nan")}, ValueError),
        ({"expiry": 1}, ValueError),
        ({"burn_in_pings": -1}, ValueError),
        ({"port": 0}, ValueError),
        ({"port": 65536}, ValueError),
        ({"key": b""}, ValueError),
        ({"key": 5}, TypeError),
        ({"unknown": 5}, TypeError),
    ],
)
def test_wrong_arguments(options, error):
    with pytest.raises(error):
        UDPInterface(**{"service": "a", **options})


def test_an_interface_that_does_not_exist(port):
    with pytest.raises(OSError, match="use the interface"):
        UDPInterface("a", port=port, interface="nothere").start()


def test_a_plain_udp_socket(port):
    first, second = UDP(port, broadcast=LOCAL), UDP(port, broadcast=LOCAL)
    first.send("ab" + MOST)
    assert second.recv(1, 32) == ("ab", MOST)
    first.close()
    second.close()
    second.close()
