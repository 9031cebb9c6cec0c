"""Fixtures and settings for all tests."""

import functools
import os

import pytest
from hypothesis import settings

from compysition.testutils.test_actor import TestActorWrapper
from tests import scripts

# A slow machine must not fail a property; CI must draw the same examples each time.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.fixture
def wrap():
    """Start an actor with queues of its own; it is stopped when the test ends."""
    wrappers = []

    def make(actor, *args, **kwargs):
        wrappers.append(TestActorWrapper(actor, *args, **kwargs))
        return wrappers[-1]

    yield make
    for wrapper in wrappers:
        wrapper.stop()


@pytest.fixture
def run_script(tmp_path):
    """scripts.run with an output file of its own."""
    return functools.partial(scripts.run, out=tmp_path / "out")


@pytest.fixture(params=["libev-cext", "libuv-cffi"])
def run_gevent_script(request, run_script):
    """The same for scripts that use gevent, on each of its loops."""
    return functools.partial(run_script, GEVENT_LOOP=request.param)
