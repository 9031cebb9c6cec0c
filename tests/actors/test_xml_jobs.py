"""Jobs of the thread pool where a pipeline asks more of an actor: rescue, concurrency, full outboxes, cycles, restarts."""

import pytest

import compysition
from compysition import Actor, Queue
from compysition.actors import XSLT, Null
from compysition.event import XMLEvent
from tests.flows import Collect, quiet_director
from tests.loop.helpers import Held
from tests.waiting import wait_until
from tests.xml.stylesheets import sheet

COUNTING = sheet(
    '<a n="{/a/@n + 1}" work="{/a/@work}">'
    "<xsl:for-each select=\"str:tokenize(str:padding(2 * /a/@work, 'x,'), ',')\">"
    "<xsl:if test=\"count(str:tokenize(str:padding(1200, 'y,'), ',')) = 0\"><b/></xsl:if>"
    "</xsl:for-each></a>"
)
REFUSING = sheet('<xsl:message terminate="yes">no</xsl:message>')


def number(value, work=1):
    """Data that COUNTING adds one to, which takes about a tenth of a millisecond for each `work`."""
    return XMLEvent(data=f'<a n="{value}" work="{work}"/>')


def fed(director, actor):
    """A queue that leads to an actor of the director."""
    inbox = Queue("inbox", maxsize=0)
    actor.register_consumer("inbox", inbox)
    return inbox


def test_what_fails_in_the_pool_is_tried_again_with_rescue(wrap):
    wrapper = wrap(XSLT("xslt", REFUSING, rescue=True, max_rescue=1))
    wrapper.input = number(0)
    event = wrapper.error
    assert event.xslt_rescue_num == 1
    assert [child.tag for child in event.data] == ["transform_error"] * 2


@pytest.mark.parametrize("concurrency", [1, 3])
def test_concurrency_bounds_the_jobs(concurrency):
    director = quiet_director()
    xslt = director.register_actor(XSLT, "xslt", COUNTING, concurrency=concurrency)
    end = director.register_actor(Null, "end")
    director.connect_queue(xslt, end)
    inbox, running = fed(director, xslt), set()
    director.start(block=False)
    for value in range(12):
        inbox.put(number(value, 20))

    def all_done():
        stats = director.stats()["actors"]
        running.add(stats["xslt"]["running"])
        return stats["end"]["in"] == 12

    wait_until(all_done, compysition.sleep)
    director.stop()
    assert max(running) == concurrency


@pytest.mark.parametrize(("policy", "fate"), [("fail", "failed"), ("drop_new", "dropped")])
def test_a_full_outbox_does_what_on_full_says(policy, fate):
    director = quiet_director(size=3)
    xslt = director.register_actor(XSLT, "xslt", COUNTING, concurrency=1)
    held = director.register_actor(Held, "held", concurrency=1)
    errors = director.register_actor(Collect, "errors")
    director.connect_queue(xslt, held, on_full=policy)
    director.connect_error_queue((xslt, "errors"), errors)
    inbox = fed(director, xslt)
    director.start(block=False)
    inbox.put(number(0))
    wait_until(lambda: held.inside == 1, compysition.sleep)
    for value in range(1, 10):
        inbox.put(number(value))
    wait_until(lambda: director.stats()["events"][fate] == 6, compysition.sleep)
    held.release(4)
    director.stop()
    assert [data.get("n") for data in held.data] == ["1", "2", "3", "4"]
    assert len(errors.data) == (6 if policy == "fail" else 0)
    events = director.stats()["events"]
    assert (events["consumed"], events["in_flight"]) == (4, 0)


class Rounds(Actor):
    """Sends an event round again until its number is high enough."""

    input = output = XMLEvent

    def __init__(self, name, most, *args, **kwargs):
        super().__init__(name, *args, **kwargs)
        self.most = most
        self.done = 0

    def consume(self, event, *args, **kwargs):
        if int(event.data.get("n")) < self.most:
            self.send_event(event)
        else:
            self.done += 1


def test_a_cycle_with_small_queues_comes_to_its_end():
    director = quiet_director(size=2)
    first = director.register_actor(XSLT, "first", COUNTING)
    second = director.register_actor(XSLT, "second", COUNTING)
    rounds = director.register_actor(Rounds, "rounds", 8)
    for source, destination in ((first, second), (second, rounds), (rounds, first)):
        director.connect_queue(source, destination)
    inbox = fed(director, first)
    director.start(block=False)
    for _ in range(40):
        inbox.put(number(0))
    wait_until(lambda: rounds.done == 40, compysition.sleep)
    director.stop()
    stats = director.stats()
    assert stats["actors"]["second"]["in"] == 40 * 4
    assert (stats["events"]["consumed"], stats["events"]["in_flight"]) == (40, 0)


def test_a_restart_after_a_stop_that_waited_for_jobs():
    director = quiet_director()
    xslt = director.register_actor(XSLT, "xslt", COUNTING)
    end = director.register_actor(Collect, "end")
    director.connect_queue(xslt, end)
    inbox = fed(director, xslt)
    for start in range(3):
        director.start(block=False)
        for value in range(10 * start, 10 * start + 10):
            inbox.put(number(value, 20))
        director.stop()
        assert {int(data.get("n")) for data in end.data} == set(range(1, 10 * start + 11))


def test_a_restart_while_jobs_of_the_last_run_go_on():
    """They were given up at the stop: what becomes of them is seen by nobody, and the next run has its own."""
    director = quiet_director(stop_timeout=0)
    xslt = director.register_actor(XSLT, "xslt", COUNTING)
    end = director.register_actor(Collect, "end")
    director.connect_queue(xslt, end)
    inbox = fed(director, xslt)
    for run in range(3):
        director.start(block=False)
        for value in range(12):
            inbox.put(number(100 * run + value, 20_000))
        inbox.wait_until_empty()
        director.stop()
    director.stop_timeout = 60
    director.start(block=False)
    inbox.put(number(1000))
    director.stop()
    assert [data.get("n") for data in end.data] == ["1001"]
    events = director.stats()["events"]
    assert (events["consumed"], events["reported"], events["in_flight"]) == (1, 36, 0)
