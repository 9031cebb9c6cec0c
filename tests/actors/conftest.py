"""Fixtures for tests of single actors."""

import pytest

from compysition.testutils.test_actor import TestActorWrapper


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
def log():
    """Make a queue that gets what an actor logs."""
    return lambda actor: actor.pool.logs.add("log")
