import pytest

from compysition import Actor, Queue, QueuePool
from compysition.queue import _InternalQueuePool


class Idle(Actor):
    def consume(self, event, *args, **kwargs):
        pass


def test_pool_is_a_dict():
    pool = _InternalQueuePool()
    assert isinstance(pool, dict)
    assert (len(pool), pool.placeholder, pool.get("a")) == (0, None, None)


def test_add_makes_a_queue_of_the_size_of_the_pool():
    pool = _InternalQueuePool(size=7)
    queue = pool.add("a")
    assert (queue.name, queue.maxsize) == ("a", 7)
    assert pool["a"] is queue


def test_add_stores_a_given_queue():
    pool, queue = _InternalQueuePool(), Queue("other")
    assert pool.add("a", queue=queue) is queue
    assert pool["a"] is queue and queue.name == "other"


def test_add_replaces_an_older_queue():
    pool = _InternalQueuePool()
    first = pool.add("a")
    second = pool.add("a")
    assert pool["a"] is second and first is not second


def test_add_refuses_other_objects():
    with pytest.raises(TypeError):
        _InternalQueuePool().add("a", queue=[])


def test_further_arguments_are_ignored():
    assert _InternalQueuePool("p", 3, "more", option=1).placeholder == "p"


def test_placeholder_collects_for_the_first_added_queue():
    pool = _InternalQueuePool(placeholder="wait", size=1)
    assert list(pool) == ["wait"]
    for number in (1, 2, 3):
        pool["wait"].put(number, block=False)
    first = pool.add("first", queue=Queue("first"))
    second = pool.add("second")
    assert list(pool) == ["first", "second"]
    assert [first.get() for _ in range(3)] == [1, 2, 3]
    assert second.empty()


def test_placeholder_content_goes_to_a_new_queue():
    pool = _InternalQueuePool("wait")
    pool["wait"].put(1)
    assert pool.add("a").get() == 1


def test_connection_order():
    pool = _InternalQueuePool()
    names = ["z", "b", "a", "m"]
    queues = [pool.add(name) for name in names]
    assert list(pool) == names
    assert list(pool.values()) == queues


def test_queue_pool_parts():
    pool = QueuePool(4)
    assert [part.placeholder for part in (pool.inbound, pool.outbound, pool.error)] == [None] * 3
    assert len(pool.inbound) == len(pool.outbound) == len(pool.error) == 0
    (name,) = pool.logs
    assert name == pool.logs.placeholder
    assert len(name) == 32 and int(name, 16) >= 0
    assert pool.outbound.add("a").maxsize == 4


def test_placeholder_names_differ():
    assert QueuePool().logs.placeholder != QueuePool().logs.placeholder


def test_list_all_queues_in_order():
    pool = QueuePool()
    log = pool.logs.add("log")
    error = pool.error.add("error")
    out = pool.outbound.add("out")
    inbox = pool.inbound.add("in")
    assert pool.list_all_queues() == [inbox, out, error, log]


def test_old_names_of_the_parts():
    pool = QueuePool()
    assert pool.inbound_queues is pool.inbound
    assert pool.outbound_queues is pool.outbound
    assert pool.error_queues is pool.error
    assert pool.default_outbound_queues is pool.logs


def test_join_of_empty_queues_returns():
    task = Idle("a").threads.spawn(QueuePool().join, restart=False)
    task.join(5)
    assert task.successful()


def test_Q_1_join_waits_until_all_are_empty():
    pool = QueuePool()
    queues = [
        pool.inbound.add("in"),
        pool.outbound.add("out"),
        pool.error.add("err"),
        pool.logs.add("log"),
    ]
    for queue in queues:
        queue.put(1)
    threads = Idle("a").threads
    task = threads.spawn(pool.join, restart=False)
    for queue in queues:
        threads.spawn(lambda: None, restart=False).join(5)
        assert not task.dead
        queue.get()
    task.join(5)
    assert task.successful()


def test_actor_has_a_pool_of_its_size():
    actor = Idle("a", size=3)
    assert isinstance(actor.pool, QueuePool)
    assert actor.pool.outbound.add("x").maxsize == 3
