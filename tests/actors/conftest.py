"""Fixtures for tests of single actors."""

import pytest


@pytest.fixture
def log():
    """Make a queue that gets what an actor logs."""
    return lambda actor: actor.pool.logs.add("log")


@pytest.fixture
def modify(wrap):
    """Send an event through an actor; what comes out."""

    def run(actor, event):
        wrapper = wrap(actor)
        wrapper.input = event
        return wrapper.output

    return run
