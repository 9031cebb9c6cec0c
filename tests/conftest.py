"""Fixtures and settings for all tests."""

import os

import pytest
from hypothesis import settings

from compysition.testutils.test_actor import TestActorWrapper

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
