"""What else gevent's pools and greenlets can do; actor.threads was such a pool up to release 1.2."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from compysition._core import RestartPool, Task


def apply(
    self: RestartPool,
    func: Callable[..., Any],
    args: Sequence[Any] = (),
    kwds: Mapping[str, Any] | None = None,
) -> Any:
    """Call a function in a greenlet of its own, wait, and return its value; raises what it raises."""
    return self.apply_async(func, args, kwds).get()


def apply_async(
    self: RestartPool,
    func: Callable[..., Any],
    args: Sequence[Any] = (),
    kwds: Mapping[str, Any] | None = None,
    callback: Callable[[Any], object] | None = None,
) -> Task:
    """Call a function in a greenlet of its own, and callback with its value; return the Task."""

    def call() -> Any:
        value = func(*args, **(kwds or {}))
        if callback is not None:
            callback(value)
        return value

    return self.spawn(call, restart=False)


def imap(self: RestartPool, func: Callable[..., Any], *iterables: Iterable[Any]) -> Iterator[Any]:
    """Call a function for each item at the same time; iterate over the values in their order."""
    tasks = [self.apply_async(func, args) for args in zip(*iterables, strict=False)]
    return (task.get() for task in tasks)


def map(self: RestartPool, func: Callable[..., Any], iterable: Iterable[Any]) -> list[Any]:
    """As imap, waiting for all: a list of the values."""
    return list(self.imap(func, iterable))


def map_async(
    self: RestartPool,
    func: Callable[..., Any],
    iterable: Iterable[Any],
    callback: Callable[[Any], object] | None = None,
) -> Task:
    """As map, in a greenlet of its own: a Task whose value is the list."""
    return self.apply_async(self.map, (func, iterable), None, callback)


def killone(self: RestartPool, greenlet: Task, *args: Any, **kwargs: Any) -> None:
    """End one greenlet as Task.kill does."""
    greenlet.kill(*args, **kwargs)


def rawlink(self: Task, callback: Callable[[Task], object]) -> None:
    """Call callback(task) when the task has ended: in gevent's hub if there is one, as gevent.joinall needs."""

    def call(task: Task) -> None:
        if "gevent" in sys.modules:
            sys.modules["gevent"].get_hub().loop.run_callback(callback, task)
        else:
            callback(task)

    _watch(self, callback, call)


def link(self: Task, callback: Callable[[Task], object]) -> None:
    """Call callback(task) in a greenlet of its own when the task has ended."""
    _watch(self, callback, callback)


def unlink(self: Task, callback: Callable[[Task], object]) -> None:
    """Take a callback back; nothing happens if there is no such."""
    watcher = vars(self).get("links", {}).pop(callback, None)
    if watcher is not None:
        watcher.kill(block=False)


def _watch(task: Task, callback: Callable[[Task], object], call: Callable[[Task], object]) -> None:
    def watch() -> None:
        task.join()
        vars(task)["links"].pop(callback, None)
        call(task)

    links = vars(task).setdefault("links", {})
    links[callback] = RestartPool().spawn(
        watch, restart=False
    )  # the actor's pool must not wait for it


def install() -> None:
    """Give RestartPool and Task these methods."""
    for method in (apply, apply_async, imap, map, map_async, killone):
        setattr(RestartPool, method.__name__, method)
    RestartPool.imap_unordered = RestartPool.imap  # type: ignore[method-assign]
    for task_method in (rawlink, link, unlink):
        setattr(Task, task_method.__name__, task_method)
