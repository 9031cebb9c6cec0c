"""Two hosts, which are network namespaces with a link between them that can be cut; for those who may make them."""

import contextlib
import os
import shutil
import subprocess

import pytest


class Hosts:
    """``names`` of both; their ``addresses``."""

    def __init__(self, tag):
        self.names = [f"cps{tag}a", f"cps{tag}b"]
        self.addresses = ["10.9.8.1", "10.9.8.2"]

    def enter(self, number):
        """Words in front of a command that is to run there."""
        return ["ip", "netns", "exec", self.names[number]]

    def ip(self, *words):
        return subprocess.run(
            ["ip", *words], capture_output=True, text=True, check=False
        ).returncode

    def address(self, number):
        here, link = ("-n", self.names[number]), ("brd", "10.9.8.255", "dev", "cps0")
        self.ip(*here, "addr", "add", f"{self.addresses[number]}/24", *link)

    def make(self):
        """Returns whether that was possible."""
        ends = [("netns", name) for name in self.names]
        if any(self.ip("netns", "add", name) for name in self.names) or self.ip(
            "link", "add", "cps0", *ends[0], "type", "veth", "peer", "name", "cps0", *ends[1]
        ):
            return False
        for number, name in enumerate(self.names):
            self.address(number)
            self.ip("-n", name, "link", "set", "lo", "up")
            if self.ip("-n", name, "link", "set", "cps0", "up"):
                return False
        return True

    def cut(self):
        self.ip("-n", self.names[0], "link", "set", "cps0", "down")

    def mend(self):
        self.ip("-n", self.names[0], "link", "set", "cps0", "up")
        self.address(0)


@contextlib.contextmanager
def two_hosts(tag):
    """The hosts, whose names have ``tag`` in them; skips the test where there can be none."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip("network namespaces need root and ip")
    hosts = Hosts(tag)
    try:
        if not hosts.make():
            pytest.skip("no network namespaces with veth here")
        yield hosts
    finally:
        for name in hosts.names:
            hosts.ip("netns", "del", name)
