"""Fixtures for tests of single actors."""

import pytest
import zmq


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


@pytest.fixture
def context():
    """A context of pyzmq, for peers."""
    sockets = []  # a peer that is collected before it is closed is worth a warning to pyzmq

    class Context(zmq.Context):
        def socket(self, *args, **kwargs):
            sockets.append(super().socket(*args, **kwargs))
            return sockets[-1]

    context = Context()
    yield context
    context.destroy(linger=0)
