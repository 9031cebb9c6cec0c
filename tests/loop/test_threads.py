"""Rule 7 of the process model: other threads may put to a queue."""

import threading

import pytest

import compysition
from compysition import Actor, Event
from tests.flows import Collect, Forward, quiet_director

THREADS, EACH = 4, 50


def fed_by_threads(director, actor, collect):
    """Start threads that put events on the actor's inbox, and a director that ends when all have arrived."""

    def put(thread):
        for number in range(EACH):
            inbox.put(Event(data=(thread, number)))

    inbox = actor.pool.inbound["source_inbox"]
    collect.director, collect.stop_at = director, THREADS * EACH
    threads = [threading.Thread(target=put, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    director.start()
    for thread in threads:
        thread.join()


class Yielding(Forward):
    def consume(self, event, *args, **kwargs):
        compysition.sleep(0.0001)
        super().consume(event)


@pytest.mark.parametrize("actor_class", [Forward, Yielding])
@pytest.mark.parametrize("size", [1, 3, 0])
def test_RULE_7_threads_wait_at_a_full_queue_and_go_on(actor_class, size):
    """The loop sleeps meanwhile: only uv_async_send wakes it, and nothing else of libuv may be touched."""
    director = quiet_director(size=size, concurrency=1)
    source = director.register_actor(Forward, "source")
    actor = director.register_actor(actor_class, "actor")
    collect = director.register_actor(Collect, "collect")
    director.connect_queue((source, "outbox"), (actor, "source_inbox"))
    director.connect_queue(actor, collect)
    fed_by_threads(director, actor, collect)
    assert sorted(collect.data) == [(t, n) for t in range(THREADS) for n in range(EACH)]
    for thread in range(THREADS):
        assert [n for t, n in collect.data if t == thread] == list(range(EACH))
    highest = [queue["highest"] for queue in director.stats()["queues"].values()]
    assert size == 0 or max(highest) <= size


def test_RULE_7_a_thread_wakes_a_loop_that_sleeps():
    class Last(Actor):
        def consume(self, event, *args, **kwargs):
            director.stop()

    director = quiet_director()
    first, last = director.register_actor(Forward, "first"), director.register_actor(Last, "last")
    director.connect_queue(first, last)
    director.start(block=False)
    for _ in range(5):
        compysition.sleep(0)  # nothing is left to do but to wait for the thread
    timer = threading.Timer(0.02, last.pool.inbound["first"].put, [Event(data=1)])
    timer.start()
    director.block()
    timer.join()
    assert director.stats()["actors"]["last"]["in"] == 1


def test_RULE_7_first_waits_of_threads_under_gevent(run_gevent_script):
    """gevent makes a hub for a thread that waits: what is put while it does so must not be missed."""
    result = run_gevent_script(
        """
        import gevent

        def feed(queue):
            for number in range(20):
                queue.put(number, timeout=20)

        def fetch(queue, found):
            found += [queue.get(block=True, timeout=20) for _ in range(20)]

        for size in [0, 1] * 20:
            queue, found = Queue("queue", size), []
            getter = threading.Thread(target=fetch, args=(queue, found))
            putter = threading.Thread(target=feed, args=(queue,))
            getter.start()
            if size:
                putter.start()
                putter.join()
            else:
                feed(queue)
            getter.join()
            assert found == list(range(20))
        say("all")
        """
    )
    assert result == (0, ["all"])


def test_RULE_7_a_thread_that_waited_under_gevent_leaves_nothing_open(run_gevent_script):
    """Its runtime goes with the thread; gevent's own hub is ended by who made the thread."""
    result = run_gevent_script(
        """
        import gc, gevent

        def wait():
            compysition.sleep(0.001)
            gevent.get_hub().destroy(destroy_loop=True)

        def opened():
            for _ in range(10):
                thread = threading.Thread(target=wait)
                thread.start()
                thread.join()
            gc.collect()
            return len(os.listdir("/proc/self/fd"))

        opened()
        say(opened() - opened())
        """
    )
    assert result == (0, ["0"])
