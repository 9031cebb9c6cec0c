"""Rule 6 of the process model: the scheduler inside gevent's hub. On each of gevent's loops."""

import pytest

NAPS = """
class Nap(Actor):
    inside = most = 0

    def consume(self, event, *args, **kwargs):
        import gevent
        self.inside += 1
        self.most = max(self.most, self.inside)
        gevent.sleep(0.05)
        self.inside -= 1
        self.send_event(event)

def naps(count):
    "How many of so many events slept at once, and how many arrived."
    director, nap = numbers_to(Nap, count=count)
    collect = director.register_actor(Collect, "collect", director, count)
    director.connect_queue(nap, collect)
    director.start()
    return nap.most, len(collect.data)
"""


@pytest.mark.parametrize("before", ["import gevent\n", ""])
def test_RULE_6_the_order_of_imports(run_gevent_script, before):
    result = run_gevent_script("import gevent\nsay(naps(20))", before=before, after=NAPS)
    assert result == (0, ["(20, 20)"])


def test_RULE_6_gevent_is_imported_between_two_runs(run_gevent_script):
    """The first run is driven by our own hub; the runtime is made anew once it is unused."""
    result = run_gevent_script(
        """
        director, collect = numbers_to(Collect)
        collect.director, collect.stop_at = director, 10
        director.start(block=False)
        while director.is_running():
            compysition.sleep(0.001)  # no call of ours sees the end and closes the runtime
        say(len(collect.data), "gevent" in sys.modules)
        import gevent
        say(naps(20))
        """,
        after=NAPS,
    )
    assert result == (0, ["10 False", "(20, 20)"])


def test_RULE_6_gevent_is_imported_while_a_consume_runs(run_gevent_script):
    """Our own hub drives that run to its end: what sleeps in gevent then blocks the others, no more."""
    result = run_gevent_script(
        """
        say("gevent" in sys.modules, naps(3)[1])
        say(naps(20))
        """,
        after=NAPS,
    )
    assert result == (0, ["False 3", "(20, 20)"])


def test_RULE_6_gevent_wait_returns(run_gevent_script):
    """Our watchers keep gevent's loop alive only while somebody blocks in start() or another of our calls."""
    result = run_gevent_script(
        """
        import gevent
        director, collect = numbers_to(Collect)
        director.start(block=False)
        gevent.spawn(gevent.sleep, 0.01)
        say(gevent.wait())
        collect.send_event(Event(data=1))
        say(gevent.wait(timeout=20), director.is_running())
        director.stop()
        say(gevent.wait(), len(collect.data), director.is_running())
        """
    )
    assert result == (0, ["True", "True True", "True 10 False"])


def test_RULE_6_start_blocks_although_nothing_else_keeps_the_loop_alive(run_gevent_script):
    """Without a reference gevent would raise LoopExit: this would block forever."""
    result = run_gevent_script(
        """
        import gevent
        def stop():
            while not director.is_running():
                time.sleep(0.01)
            time.sleep(0.1)
            director.stop()

        director = quiet_director()
        threading.Thread(target=stop).start()
        director.start()
        say(director.is_running())
        """
    )
    assert result == (0, ["False"])


def test_RULE_6_gevents_timers_and_sockets_are_not_starved(run_gevent_script):
    """Between two turns gevent's loop goes round, however hot our pipeline is."""
    result = run_gevent_script(
        """
        import gevent, gevent.server, gevent.socket
        director = quiet_director(stop_timeout=0)
        source = director.register_actor(Zeros, "source", 4)
        one, two = (director.register_actor(Forward, name) for name in ("one", "two"))
        director.connect_queue(source, one)
        director.connect_queue(one, two)
        director.connect_queue(two, one)
        server = gevent.server.StreamServer(("127.0.0.1", 0), lambda sock, peer: sock.sendall(sock.recv(10)))
        server.start()

        def tick():
            for _ in range(20):
                gevent.sleep(0.001)
                with gevent.socket.create_connection(server.address) as sock:
                    sock.sendall(b"ping")
                    assert sock.recv(10) == b"ping"
                seen.append(director.stats()["actors"]["one"]["in"])
            director.stop()

        seen = []
        gevent.spawn(tick)
        director.start()
        server.stop()
        say(len(seen), sorted(set(seen)) == seen)
        """
    )
    assert result == (0, ["20 True"])


def test_RULE_6_our_own_timers_fire_in_gevents_hub(run_gevent_script):
    result = run_gevent_script(
        """
        import gevent
        director, slow = numbers_to(Slow, 0.01, concurrency=1)
        director.start(block=False)
        while len(slow.data) < 10:
            gevent.sleep(0.005)
        say(slow.data == list(range(10)))
        """
    )
    assert result == (0, ["True"])


def test_RULE_6_a_tick_after_shutdown_does_nothing(run_gevent_script):
    """gevent may have taken our event from its poll already when we detach."""
    result = run_gevent_script(
        """
        import gc, gevent
        director, collect = numbers_to(Collect)
        director.start(block=False)
        [tick] = [f for f in gc.get_objects() if getattr(f, "__name__", "") == "compysition_tick"]
        director.stop()
        say(tick(), len(collect.data))
        """
    )
    assert result == (0, ["None 10"])


def test_RULE_6_a_worker_that_gevent_resumed_does_not_go_on_draining(run_gevent_script):
    """What it picked up then would not be given to another worker when it blocks."""
    result = run_gevent_script(
        """
        import gevent, gevent.event
        woken, all_in = gevent.event.Event(), gevent.event.Event()

        class First(Actor):
            def consume(self, event, *args, **kwargs):
                woken.wait()
                for _ in range(10):
                    self.send_event(event)

        class Last(Collect):
            inside = 0

            def consume(self, event, *args, **kwargs):
                self.inside += 1
                if self.inside == 10:
                    all_in.set()
                assert all_in.wait(20)
                super().consume(event)

        director, first = numbers_to(First, count=1)
        last = director.register_actor(Last, "last", director, 10)
        director.connect_queue(first, last)
        gevent.spawn_later(0.01, woken.set)
        director.start()
        say(last.data)
        """
    )
    assert result == (0, [str([0] * 10)])


def test_RULE_6_what_ends_the_program_comes_out_of_start(run_gevent_script):
    result = run_gevent_script(
        """
        import gevent

        class Leave(Actor):
            def consume(self, event, *args, **kwargs):
                gevent.sleep(0.01)
                raise KeyboardInterrupt("bye")

        director, _ = numbers_to(Leave, count=1)
        try:
            director.start()
        except KeyboardInterrupt as error:
            say(error)
        director.stop()
        say(director.is_running())
        """
    )
    assert result == (0, ["bye", "False"])
