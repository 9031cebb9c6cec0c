import gc
import threading
import time
import weakref

import pytest

import compysition
from compysition import Actor, Event, Logger, Queue, QueuePool
from compysition.actor import RestartPool
from compysition.errors import QueueEmpty, QueueFull
from tests.flows import Collect


class Passing(Actor):
    def consume(self, event, *args, **kwargs):
        self.send_event(event)


def in_thread(function, *args):
    results = []

    def run():
        try:
            results.append(function(*args))
        except BaseException as exc:
            results.append(exc)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, results


def spawned(function):
    pool = Passing("spawner").threads
    return pool.spawn(function, restart=False)


def test_name_and_maxsize():
    queue = Queue("q", 3)
    assert (queue.name, queue.maxsize) == ("q", 3)
    assert Queue("q", maxsize=None).maxsize == 0
    assert Queue("q").maxsize == 0
    assert Queue(name="other", maxsize=2).name == "other"


def test_name_is_needed():
    with pytest.raises(TypeError):
        Queue()


def test_fifo_order():
    queue = Queue("q")
    for number in range(1000):
        queue.put(number)
    assert [queue.get() for _ in range(1000)] == list(range(1000))


def test_get_does_not_block_by_default():
    with pytest.raises(QueueEmpty, match=r"Queue q has no waiting events"):
        Queue("q").get()


def test_get_ignores_timeout_unless_blocking():
    start = time.monotonic()
    with pytest.raises(QueueEmpty):
        Queue("q").get(block=False, timeout=30)
    assert time.monotonic() - start < 5


def test_get_timeout():
    start = time.monotonic()
    with pytest.raises(QueueEmpty, match="Queue q has no waiting events"):
        Queue("q").get(block=True, timeout=0.1)
    assert 0.09 <= time.monotonic() - start < 5


def test_put_without_room():
    queue = Queue("q", 1)
    queue.put(1)
    with pytest.raises(QueueFull, match="Queue q is full"):
        queue.put(2, block=False)
    with pytest.raises(QueueFull):
        queue.put_nowait(2)
    start = time.monotonic()
    with pytest.raises(QueueFull, match="Queue q is full"):
        queue.put(2, timeout=0.1)
    assert time.monotonic() - start >= 0.09
    assert [queue.get(), len(queue)] == [1, 0]


@pytest.mark.parametrize(("timeout", "error"), [(float("nan"), ValueError), ("x", TypeError)])
def test_wrong_timeouts(timeout, error):
    queue = Queue("q", 1)
    with pytest.raises(error):
        queue.get(block=True, timeout=timeout)
    queue.put(1)
    with pytest.raises(error):
        queue.put(2, timeout=timeout)
    assert len(queue) == 1


def test_endless_timeouts():
    queue = Queue("q")
    task = spawned(lambda: (queue.peek(timeout=float("inf")), queue.get(block=True, timeout=1e30)))
    spawned(lambda: None).join(5)
    queue.put("x")
    assert task.get(5) == ("x", "x")


def test_nowait_methods():
    queue = Queue("q")
    queue.put_nowait("a")
    assert queue.get_nowait() == "a"
    with pytest.raises(QueueEmpty):
        queue.get_nowait()


def test_sizes():
    queue = Queue("q", 2)
    assert (queue.qsize(), len(queue), queue.empty(), queue.full()) == (0, 0, True, False)
    queue.put(1)
    assert (queue.qsize(), len(queue), queue.empty(), queue.full()) == (1, 1, False, False)
    queue.put(2)
    assert (queue.qsize(), len(queue), queue.empty(), queue.full()) == (2, 2, False, True)


def test_unlimited_is_never_full():
    queue = Queue("q", 0)
    for number in range(10000):
        queue.put(number, block=False)
    assert not queue.full()


def test_is_true_while_empty():
    assert bool(Queue("q")) is True


def test_peek_keeps_the_element():
    queue = Queue("q")
    queue.put(1)
    queue.put(2)
    assert (queue.peek(), queue.peek(block=False), len(queue)) == (1, 1, 2)


def test_peek_empty():
    with pytest.raises(QueueEmpty):
        Queue("q").peek(block=False)
    with pytest.raises(QueueEmpty):
        Queue("q").peek(block=True, timeout=0.05)


def test_iterating_raises_queue_empty():
    queue = Queue("q")
    queue.put(1)
    queue.put(2)
    seen = []
    with pytest.raises(QueueEmpty):
        for element in queue:
            seen.append(element)
    assert seen == [1, 2]


def test_any_object_can_be_put():
    queue = Queue("q")
    for element in (None, 0, "", [], Event()):
        queue.put(element)
        assert queue.get() is element


def test_raising_maxsize_lets_a_waiting_put_in():
    queue = Queue("q", 1)
    queue.put(1)
    task = spawned(lambda: queue.put(2))
    spawned(lambda: None).join(5)
    assert len(queue) == 1
    queue.maxsize = 2
    task.join(5)
    assert task.dead and queue.qsize() == 2


def test_dump_moves_everything_in_order():
    source, target = Queue("source"), Queue("target")
    target.put(0)
    for number in (1, 2, 3):
        source.put(number)
    source.dump(target)
    assert source.empty()
    assert [target.get() for _ in range(4)] == [0, 1, 2, 3]


def test_dump_to_itself_ends():
    queue = Queue("q")
    queue.put(1)
    queue.put(2)
    queue.dump(queue)
    assert [queue.get(), queue.get(), queue.empty()] == [1, 2, True]


def test_dump_to_something_else():
    with pytest.raises(TypeError):
        Queue("q").dump([])


def test_dump_feeds_a_waiting_get():
    source, target = Queue("source"), Queue("target")
    source.put("x")
    task = spawned(lambda: target.get(block=True, timeout=5))
    spawned(lambda: None).join(5)
    source.dump(target)
    assert task.get(5) == "x"


def test_put_wakes_a_blocking_get():
    queue = Queue("q")
    task = spawned(lambda: queue.get(block=True, timeout=5))
    spawned(lambda: None).join(5)
    queue.put("late")
    assert task.get(5) == "late"


def test_waiting_gets_are_served_in_order():
    queue, seen = Queue("q"), []
    tasks = [
        spawned(lambda n=n: seen.append((n, queue.get(block=True, timeout=5)))) for n in range(5)
    ]
    spawned(lambda: None).join(5)
    for number in range(5):
        queue.put(number)
    for task in tasks:
        task.join(5)
    assert seen == [(n, n) for n in range(5)]


def test_get_lets_waiting_puts_in_in_order():
    queue = Queue("q", 1)
    queue.put(0)
    tasks = [spawned(lambda n=n: queue.put(n)) for n in (1, 2, 3)]
    spawned(lambda: None).join(5)
    assert len(queue) == 1
    assert [queue.get(block=True, timeout=5) for _ in range(4)] == [0, 1, 2, 3]
    for task in tasks:
        task.join(5)
        assert task.successful()


def test_Q_1_wait_until_empty_returns_at_once_on_an_empty_queue():
    task = spawned(Queue("q").wait_until_empty)
    task.join(5)
    assert task.successful()


def test_Q_1_wait_until_empty_waits_for_the_last_get():
    queue = Queue("q")
    queue.put(1)
    queue.put(2)
    task = spawned(queue.wait_until_empty)
    spawned(lambda: None).join(5)
    queue.get()
    spawned(lambda: None).join(5)
    assert not task.dead
    queue.get()
    task.join(5)
    assert task.dead


def test_Q_2_wait_until_content_waits_again_after_the_last_get():
    queue = Queue("q")
    queue.put(1)
    queue.wait_until_content()
    queue.get()
    task = spawned(queue.wait_until_content)
    spawned(lambda: None).join(5)
    assert not task.dead
    queue.put(2)
    task.join(5)
    assert task.dead and len(queue) == 1


def test_Q_3_wait_until_free():
    queue = Queue("q", 1)
    queue.wait_until_free()
    queue.put(1)
    task = spawned(queue.wait_until_free)
    spawned(lambda: None).join(5)
    assert not task.dead
    queue.get()
    task.join(5)
    assert task.dead


def test_Q_3_queue_full_names_its_queue():
    queue = Queue("q", 1)
    queue.put(1)
    for arguments in ({"block": False}, {"timeout": 0.01}):
        with pytest.raises(QueueFull) as info:
            queue.put(2, **arguments)
        assert info.value.queue is queue


def test_thread_puts_while_the_main_thread_gets():
    queue = Queue("q")
    thread, _ = in_thread(lambda: [queue.put(n) for n in range(500)])
    assert [queue.get(block=True, timeout=10) for _ in range(500)] == list(range(500))
    thread.join(10)
    assert not thread.is_alive()


def test_thread_gets_what_the_main_thread_puts():
    queue = Queue("q")
    thread, results = in_thread(lambda: [queue.get(block=True, timeout=10) for _ in range(500)])
    for number in range(500):
        queue.put(number)
    thread.join(10)
    assert results == [list(range(500))]


def test_bounded_queue_between_threads():
    queue = Queue("q", 3)
    thread, results = in_thread(lambda: [queue.put(n, timeout=10) for n in range(300)])
    assert [queue.get(block=True, timeout=10) for _ in range(300)] == list(range(300))
    thread.join(10)
    assert results == [[None] * 300]


def test_timeouts_in_a_thread():
    queue = Queue("q", 1)
    thread, results = in_thread(lambda: queue.get(block=True, timeout=0.05))
    thread.join(10)
    assert isinstance(results[0], QueueEmpty)
    queue.put(1)
    thread, results = in_thread(lambda: queue.put(2, timeout=0.05))
    thread.join(10)
    assert isinstance(results[0], QueueFull)


def test_thread_feeds_an_actor():
    actor, inbox, outbox = Passing("a"), Queue("inbox"), Queue("outbox")
    actor.register_consumer("inbox", inbox)
    actor.pool.outbound.add("outbox", queue=outbox)
    actor.start()
    try:
        thread, _ = in_thread(lambda: [inbox.put(Event(data=n)) for n in range(50)])
        assert sorted(outbox.get(block=True, timeout=10).data for _ in range(50)) == list(range(50))
        thread.join(10)
    finally:
        actor.stop()


def test_send_event_uses_an_overridden_put():
    class Marking(Queue):
        def put(self, element, *args, **kwargs):
            element.marked = True
            super().put(element, *args, **kwargs)

    queue, actor, event = Marking("q"), Passing("a"), Event(data=1)
    actor.pool.outbound.add("q", queue=queue)
    actor.send_event(event)
    assert queue.get().marked is True
    assert not hasattr(event, "marked")


def test_consumer_uses_an_overridden_get():
    class Doubling(Queue):
        def get(self, *args, **kwargs):
            event = super().get(*args, **kwargs)
            event.data *= 2
            return event

    actor, inbox, outbox = Passing("a"), Doubling("inbox"), Queue("outbox")
    actor.register_consumer("inbox", inbox)
    actor.pool.outbound.add("outbox", queue=outbox)
    actor.start()
    try:
        inbox.put(Event(data=21))
        assert outbox.get(block=True, timeout=5).data == 42
    finally:
        actor.stop()


def test_collected_with_its_elements():
    class Element:
        pass

    element, queue = Element(), Queue("q")
    element.queue = queue
    queue.put(element)
    gone = weakref.ref(element)
    del element, queue
    gc.collect()
    assert gone() is None


# --- use as an object of Python


def test_keywords_of_all_methods():
    queue, other = Queue(name="q", maxsize=3), Queue("other")
    queue.put(element=1, block=False, timeout=None)
    queue.put_nowait(element=2)
    assert queue.peek(block=False, timeout=None) == 1
    queue.dump(other_queue=other)
    assert [other.get(block=False, timeout=3), other.get(block=True, timeout=3)] == [1, 2]


@pytest.mark.parametrize("base", [Queue, QueuePool, Logger, RestartPool])
def test_subclasses_use_their_dict(base):
    class Mine(base):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.__dict__.update(kwargs, extra=1)

    arguments = {Queue: ["q"], Logger: ["me", QueuePool().logs]}.get(base, [])
    mine = Mine(*arguments)
    assert (mine.extra, vars(mine)) == (1, {"extra": 1})


# ---- an element that was handed to a greenlet which is killed before it runs ----


def handed_to_a_killed_greenlet(queue, *elements):
    task = spawned(lambda: queue.get(block=True))
    while not task.started:
        compysition.sleep(0)
    for element in elements:
        queue.put(element)
    task.kill()
    return task


def test_it_is_the_first_again():
    queue = Queue("q")
    handed_to_a_killed_greenlet(queue, "a", "b").join()
    assert [queue.get_nowait(), queue.get_nowait()] == ["a", "b"]


def test_it_goes_to_the_next_who_waits():
    queue = Queue("q")
    task = handed_to_a_killed_greenlet(queue, "a")
    assert queue.get(block=True, timeout=5) == "a"
    task.join()


def test_it_goes_to_the_actor_that_consumes():
    queue = Queue("q")
    actor = Collect("collect")
    actor.register_consumer("q", queue)
    actor.start()
    handed_to_a_killed_greenlet(queue, Event(data="a")).join()
    actor.stop()
    assert actor.data == ["a"]
