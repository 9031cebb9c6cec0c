"""Fixtures for tests of single actors."""

import pytest


@pytest.fixture
def log():
    """Make a queue that gets what an actor logs."""
    return lambda actor: actor.pool.logs.add("log")
