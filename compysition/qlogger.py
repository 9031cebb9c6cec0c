"""The logger of releases up to 1.1."""

from compysition._core import Logger, Queue, _InternalQueuePool

__all__ = ["QLogger"]


class QLogger(Logger):
    """A Logger that puts its records on one queue.

    name: str, origin_actor of the records. queue: Queue; None (default) for a new one without limit,
    which is in ``pool``. An _InternalQueuePool is taken as it is. Raises TypeError for anything else.
    """

    def __init__(self, name: str, queue: Queue | _InternalQueuePool | None = None) -> None:
        if isinstance(queue, _InternalQueuePool):
            pool = queue
        else:
            pool = _InternalQueuePool()
            pool.add("logs", queue)
        super().__init__(name, pool)
