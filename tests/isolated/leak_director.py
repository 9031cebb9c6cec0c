import compysition
from compysition import Event
from tests.flows import Collect, Fail, Forward, Source, quiet_director


def leak_start_and_stop():
    director = quiet_director()
    source = director.register_actor(Source, "source", 5)
    collect = director.register_actor(Collect, "collect")
    director.connect_queue((source, "x"), [collect, director.register_actor(Fail, "fail")])
    director.start(block=False)
    director.stop()
    assert collect.data == list(range(5))


def leak_a_cycle_of_actors():
    director = quiet_director()
    a, b = director.register_actor(Forward, "a"), director.register_actor(Forward, "b")
    director.connect_queue(a, b)
    director.connect_queue(b, a)
    director.start(block=False)
    director.stop()


def leak_a_director_that_never_starts():
    director = quiet_director()
    a, b = director.register_actor(Forward, "a"), director.register_actor(Collect, "b")
    director.connect_queue(a, b)
    a.send_event(Event(data="lost"))
    director.stats()


def leak_a_start_that_fails():
    class Refuse(Forward):
        def pre_hook(self):
            raise LookupError

    director = quiet_director()
    director.register_actor(Refuse, "a")
    try:
        director.start()
    except LookupError:
        pass


def leak_overridden_methods():
    class Own(Forward):
        def send_event(self, event, *args, **kwargs):
            super().send_event(event, *args, **kwargs)

        def send_error(self, event, *args, **kwargs):
            raise OSError("no way")

        def register_consumer(self, queue_name, queue):
            super().register_consumer(queue_name, queue)

        def consume(self, event, *args, **kwargs):
            raise ValueError("text")

    director = quiet_director()
    source, own = director.register_actor(Source, "source", 5), director.register_actor(Own, "own")
    director.connect_queue(source, own)
    director.start(block=False)
    director.stop()


def leak_tasks():
    actor = Forward("a")
    assert actor.threads.map(str, [1, 2]) == ["1", "2"]
    task = actor.threads.spawn(compysition.sleep, 3600)
    task.rawlink(print)
    task.unlink(print)
    task.kill()
    actor.threads.join(timeout=5)
    actor.threads.kill(block=True)
