"""Run a single actor without a director: put events in, look at what comes out."""

from collections.abc import Iterable
from typing import Any

from compysition.actor import Actor
from compysition.event import Event
from compysition.queue import Queue

__all__ = ["FunneledQueue", "Queue", "TestActorWrapper"]


class FunneledQueue(Queue):
    """A queue that puts every element on another queue first.

    funnel_queue: Queue, or None (default) for a plain queue.
    """

    def __init__(
        self, name: str, funnel_queue: Queue | None = None, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(name, *args, **kwargs)
        self.funnel_queue = funnel_queue

    def put(self, element: object, *args: Any, **kwargs: Any) -> None:
        """Put element on funnel_queue, then here; arguments as for Queue.put."""
        if self.funnel_queue is not None:
            self.funnel_queue.put(element, *args, **kwargs)
        super().put(element, *args, **kwargs)


def _names(names: str | Iterable[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


class TestActorWrapper:
    """Gives an actor queues of its own and starts it.

    input_queues, output_queues, error_queues: list of names, or one name; as attributes, dicts name -> Queue.
    output_timeout: seconds that output and error wait for an event before they raise QueueEmpty.
    """

    __test__ = False  # the name looks like a test to pytest

    def __init__(
        self,
        actor: Actor,
        input_queues: str | Iterable[str] = ("inbox",),
        output_queues: str | Iterable[str] = ("outbox",),
        error_queues: str | Iterable[str] = ("error",),
        output_timeout: float | None = 5,
    ) -> None:
        self.actor = actor
        self.output_timeout = output_timeout
        self._input: Event | None = None
        self._outputs = Queue("output_funnel")
        self._errors = Queue("error_funnel")
        self.input_queues = {name: Queue(name) for name in _names(input_queues)}
        for name, queue in self.input_queues.items():
            actor.register_consumer(name, queue)
        self.output_queues = {
            name: FunneledQueue(name, self._outputs) for name in _names(output_queues)
        }
        for name, queue in self.output_queues.items():
            actor.pool.outbound.add(name, queue=queue)
        self.error_queues = {
            name: FunneledQueue(name, self._errors) for name in _names(error_queues)
        }
        for name, queue in self.error_queues.items():
            actor.pool.error.add(name, queue=queue)
        actor.start()

    @property
    def input(self) -> Event | None:
        """The last event that was set; setting it sends the event to every input queue, of whatever type it is."""
        return self._input

    @input.setter
    def input(self, event: Event) -> None:
        self._input = event
        self.actor.send_event(event, queues=self.input_queues.values(), check_output=False)

    @property
    def output(self) -> Any:
        """The next event from any output queue."""
        return self._outputs.get(block=True, timeout=self.output_timeout)

    @property
    def error(self) -> Any:
        """The next event from any error queue."""
        return self._errors.get(block=True, timeout=self.output_timeout)

    def stop(self) -> None:
        """Stop the actor."""
        self.actor.stop()
