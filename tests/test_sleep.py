import pytest


def test_sleeping_consumes_run_at_the_same_time(run_script):
    pytest.importorskip("gevent")
    result = run_script(
        """
        import gevent

        class Sleeper(Actor):
            def consume(self, event, *args, **kwargs):
                gevent.sleep(0.2)
                self.send_event(event)

        actor, inbox, outbox = Sleeper("s"), Queue("inbox"), Queue("outbox")
        actor.register_consumer("inbox", inbox)
        actor.pool.outbound.add("outbox", queue=outbox)
        actor.start()
        start = time.monotonic()
        for number in range(100):
            inbox.put(Event(data=number))
        data = sorted(outbox.get(block=True, timeout=10).data for _ in range(100))
        print(0.19 <= time.monotonic() - start < 1, data == list(range(100)))
        actor.stop()
        """
    )
    assert result == (0, ["True True"])


def test_blocking_consume_sleeps_one_after_the_other(run_script):
    pytest.importorskip("gevent")
    result = run_script(
        """
        import gevent

        class Sleeper(Actor):
            def consume(self, event, *args, **kwargs):
                gevent.sleep(0.05)
                self.send_event(event)

        actor, inbox, outbox = Sleeper("s", blocking_consume=True), Queue("inbox"), Queue("outbox")
        actor.register_consumer("inbox", inbox)
        actor.pool.outbound.add("outbox", queue=outbox)
        actor.start()
        start = time.monotonic()
        for number in range(6):
            inbox.put(Event(data=number))
        data = [outbox.get(block=True, timeout=10).data for _ in range(6)]
        print(time.monotonic() - start >= 0.29, data == list(range(6)))
        actor.stop()
        """
    )
    assert result == (0, ["True True"])


def test_gevent_spawn_and_queue_in_consume(run_script):
    pytest.importorskip("gevent")
    result = run_script(
        """
        import gevent
        import gevent.queue

        class Spawner(Actor):
            def consume(self, event, *args, **kwargs):
                box = gevent.queue.Queue()
                gevent.spawn(lambda: (gevent.sleep(0.01), box.put(event.data * 2)))
                event.data = box.get(timeout=5)
                self.send_event(event)

        actor, inbox, outbox = Spawner("s"), Queue("inbox"), Queue("outbox")
        actor.register_consumer("inbox", inbox)
        actor.pool.outbound.add("outbox", queue=outbox)
        actor.start()
        for number in range(10):
            inbox.put(Event(data=number))
        print(sorted(outbox.get(block=True, timeout=10).data for _ in range(10)) == list(range(0, 20, 2)))
        actor.stop()
        """
    )
    assert result == (0, ["True"])


def test_gevent_greenlets_put_and_get(run_script):
    pytest.importorskip("gevent")
    result = run_script(
        """
        import gevent

        queue = Queue("q", 2)
        getter = gevent.spawn(lambda: [queue.get(block=True, timeout=5) for _ in range(20)])
        putter = gevent.spawn(lambda: [queue.put(n) for n in range(20)])
        gevent.joinall([getter, putter], timeout=10)
        print(getter.value == list(range(20)))
        """
    )
    assert result == (0, ["True"])


def test_waiting_consumes_without_gevent_run_at_the_same_time(run_script):
    result = run_script(
        """
        from compysition.errors import QueueEmpty

        class Waiter(Actor):
            def consume(self, event, *args, **kwargs):
                try:
                    Queue("never").get(block=True, timeout=0.2)
                except QueueEmpty:
                    self.send_event(event)

        actor, inbox, outbox = Waiter("w"), Queue("inbox"), Queue("outbox")
        actor.register_consumer("inbox", inbox)
        actor.pool.outbound.add("outbox", queue=outbox)
        actor.start()
        start = time.monotonic()
        for number in range(100):
            inbox.put(Event(data=number))
        data = sorted(outbox.get(block=True, timeout=10).data for _ in range(100))
        print(0.19 <= time.monotonic() - start < 1, data == list(range(100)), "gevent" in sys.modules)
        actor.stop()
        """
    )
    assert result == (0, ["True True False"])


def test_a_sleeper_whose_time_is_over_goes_first(run_script):
    result = run_script(
        """

        class Waiting(Actor):
            def pre_hook(self):
                self.threads.spawn(self.take, restart=False)
                self.threads.spawn(self.rest, restart=False)

            def take(self):
                started.append("take")
                inbox.get(block=True)
                print("woken")

            def rest(self):
                started.append("rest")
                compysition.sleep(0.001)
                print("slept")

            def consume(self, event, *args, **kwargs):
                pass

        started, inbox, waiting = [], Queue("inbox"), Waiting("waiting")
        waiting.start()
        while len(started) < 2:
            compysition.sleep(0)
        time.sleep(0.01)  # blocks all: meanwhile the time is over
        inbox.put(1)
        compysition.sleep(0)
        waiting.stop()
        """
    )
    assert result == (0, ["slept", "woken"])
