"""Work for the thread pool: none of it waits for ever behind another piece, and all of it is finished."""

import contextlib

import pytest

from compysition import Event, Queue
from compysition.actors import XSLT, Null
from compysition.event import XMLEvent
from tests.flows import Forward, quiet_director
from tests.xml.stylesheets import ENDLESS, sheet

DEEP = "<a>" * 200 + "</a>" * 200
COUNT = sheet('<r n="{count(//a)}"/>')
POOL = 3  # libuv's threads but one, which others may need


@contextlib.contextmanager
def endless_work(count):
    """So many transformations without an end are under way; and, until it gets an event, a cycle of actors is idle."""
    director = quiet_director(stop_timeout=0.1)
    xslt, end = director.register_actor(XSLT, "xslt", ENDLESS["expressions"]), Null("end")
    director.connect_queue(xslt, director.register_actor(end))
    first = director.register_actor(Forward, "first")
    second = director.register_actor(Forward, "second")
    director.connect_queue(first, second)
    director.connect_queue(second, first)
    inbox, start = Queue("inbox"), Queue("start")
    xslt.register_consumer("inbox", inbox)
    first.register_consumer("start", start)
    director.start(block=False)
    for _ in range(count):
        inbox.put(XMLEvent(data=DEEP))
    inbox.wait_until_empty()
    try:
        yield start
    finally:
        director.stop()


@pytest.mark.parametrize("busy", [False, True])
def test_work_does_not_wait_behind_work_without_an_end(wrap, busy):
    """With a loop that sleeps, and with one that always has something to do."""
    with endless_work(POOL - 1) as start:
        if busy:
            start.put(Event(data="goes round for ever"))
        wrapper = wrap(XSLT("count", COUNT), output_timeout=60)
        for _ in range(3):
            wrapper.input = XMLEvent(data=DEEP)
            assert wrapper.output.data.get("n") == "200"


def test_many_short_pieces(wrap):
    """In whatever thread they are done."""
    actor, results = XSLT("count", COUNT), Queue("results")
    actor.pool.outbound.add("results", queue=results)
    wrapper = wrap(actor, output_queues=[])
    texts = ["<b>" + "<a/>" * number + "</b>" for number in range(2000)]
    for text in texts:
        wrapper.input_queues["inbox"].put(Event(data=text))
    counted = {int(results.get(block=True, timeout=60).data.get("n")) for _ in texts}
    assert counted == set(range(2000))
