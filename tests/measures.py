"""What a process uses: memory, objects, threads, descriptors, time on the CPU."""

import ctypes
import gc
import os
import resource
import sys

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


def resident(pid="self"):
    with open(f"/proc/{pid}/statm") as statm:
        return int(statm.read().split()[1]) * PAGE


def private():
    """Bytes of memory that no other process shares (the unique set size)."""
    with open("/proc/self/smaps_rollup") as rollup:
        fields = dict(line.split()[:2] for line in rollup.readlines()[1:])
    return sum(int(fields[name]) for name in ("Private_Clean:", "Private_Dirty:")) * 1024


def sleeps():
    """How often the threads of this process went to sleep, which is how often they woke up."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw


def preemptions():
    """How often another process got a CPU that this one was using."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


# Per measure: how to take it.
COUNTS = {
    "blocks of Python": sys.getallocatedblocks,
    "objects": lambda: len(gc.get_objects()),
    "bytes of malloc": lambda: mallinfo().uordblks,
    "resident bytes": resident,
    "descriptors": lambda: len(os.listdir("/proc/self/fd")),
    "threads": lambda: len(os.listdir("/proc/self/task")),
}
if hasattr(sys, "gettotalrefcount"):
    COUNTS["references"] = sys.gettotalrefcount
