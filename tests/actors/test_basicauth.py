import base64
import gc
import weakref

import pytest

import compysition
from compysition import Event, Queue
from compysition.actors.basicauth import BasicAuth
from compysition.errors import MalformedEventData, UnauthorizedEvent
from compysition.event import HttpEvent, JSONHttpEvent, XMLHttpEvent
from tests.actors.helpers import fill_outbox, logged, take
from tests.flows import Collect, quiet_director

CHALLENGE = 'Basic realm="Compysition Authentication"'
NO_HEADER = "No auth headers present in submitted request"


class Auth(BasicAuth):
    """Knows one user; ``asked`` has the credentials it was asked about."""

    def __init__(self, *args, **kwargs):
        self.asked = []
        super().__init__(*args, **kwargs)

    def _authenticate(self, user, password):
        self.asked.append((user, password))
        return self.compare_digest(password, "sesame") and user == "ali"


class Raising(BasicAuth):
    """Raises the exception of that name's attribute."""

    def _authenticate(self, user, password):
        raise self.reason


def header(user="ali", password="sesame", encoding="utf-8"):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode(encoding)).decode()


def request(authorization=None, cls=HttpEvent, **kwargs):
    environment = {"REQUEST_METHOD": "GET"}
    if authorization is not None:
        environment["HTTP_AUTHORIZATION"] = authorization
    return cls(environment=environment, **kwargs)


@pytest.fixture
def refused(wrap, log):
    """The event that an actor refuses, and the actor's warnings."""

    def run(event, actor=None):
        actor = actor or Auth("auth")
        lines = log(actor)
        wrapper = wrap(actor)
        wrapper.input = event
        failed = wrapper.error
        assert wrapper.output_queues["outbox"].empty()
        return failed, logged(lines, 30)

    return run


def test_what_is_accepted_goes_on(wrap, log):
    actor = Auth("auth")
    lines = log(actor)
    wrapper = wrap(actor)
    event = request(header(), JSONHttpEvent, data={"a": 1}, extra=2)
    wrapper.input = event
    sent = wrapper.output
    assert (type(sent), sent.event_id, sent.data) == (JSONHttpEvent, event.event_id, {"a": 1})
    assert (sent.extra, sent.status, sent.headers, sent.error) == (2, (200, "OK"), {}, None)
    assert actor.asked == [("ali", "sesame")]
    assert logged(lines, 20) == ["Authorization successful"]
    assert wrapper.error_queues["error"].empty()


def test_what_is_not_accepted_auth_1(refused):
    failed, warnings = refused(request(header(password="open")))
    assert type(failed.error) is UnauthorizedEvent
    assert failed.error.message == ["Authorization Failed for user ali"]
    assert failed.status == (401, "Unauthorized")
    assert failed.headers == {"WWW-Authenticate": CHALLENGE}
    assert warnings == ["Authorization Failed: Authorization Failed for user ali"]


def test_a_refusal_is_logged_at_info_too(wrap, log):
    actor = Auth("auth")
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = request(header(user="baba"))
    assert wrapper.error is not None
    assert logged(lines, 20) == ["Authorization Failed for user baba"]


@pytest.mark.parametrize("cls", [HttpEvent, JSONHttpEvent, XMLHttpEvent])
def test_a_refused_event_keeps_class_and_data_auth_1(refused, cls):
    event = request(cls=cls)
    failed, _ = refused(event)
    assert (type(failed), failed.event_id) == (cls, event.event_id)
    assert failed.data_string() == event.data_string()
    assert NO_HEADER in failed.error_string()


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic YWxpOnNlc2FtZQ",  # no padding
        "Basic " + base64.b64encode(b"ali").decode(),  # no colon
        "Basic " + base64.b64encode(b"ali\n:sesame").decode(),
        "Basic \xe4\xf6",
        "Bearer YWxpOnNlc2FtZQ==",
        "BasicYWxpOnNlc2FtZQ==",
        "YWxpOnNlc2FtZQ==",
        b"Basic \xff",
        5,
    ],
)
def test_no_readable_header_auth_2(refused, authorization):
    actor = Auth("auth")
    failed, warnings = refused(request(authorization), actor)
    assert failed.error.message == [NO_HEADER]
    assert failed.status == (401, "Unauthorized")
    assert warnings == [f"Authorization Failed: {NO_HEADER}"]
    assert actor.asked == []


@pytest.mark.parametrize("environment", [None, {}, [], "HTTP_AUTHORIZATION"])
def test_an_event_that_came_otherwise(refused, environment):
    failed, _ = refused(Event(data=1, environment=environment))
    assert failed.error.message == [NO_HEADER]
    assert (failed.data, hasattr(failed, "headers")) == (1, False)
    failed, _ = refused(Event())
    assert failed.error.message == [NO_HEADER]


@pytest.mark.parametrize(
    ("authorization", "asked"),
    [
        (header(password="a:b::c"), ("ali", "a:b::c")),
        (header(password=""), ("ali", "")),
        (header(user=""), ("", "sesame")),
        (header("jürgen", "häßlich", "utf-8"), ("jürgen", "häßlich")),
        (header("jürgen", "häßlich", "latin-1"), ("jürgen", "häßlich")),
        (header().replace("Basic", "bAsIc"), ("ali", "sesame")),
        (header().replace(" ", "   "), ("ali", "sesame")),
        (header().encode(), ("ali", "sesame")),
    ],
)
def test_what_a_header_says_auth_2(wrap, authorization, asked):
    actor = Auth("auth")
    wrapper = wrap(actor)
    wrapper.input = request(authorization)
    wrapper.stop()
    assert actor.asked == [asked]


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (ValueError("no such user"), "no such user"),
        (MalformedEventData("broken"), "broken"),
        (UnauthorizedEvent("locked", code="L"), "locked"),
        (OSError(111, "refused"), "[Errno 111] refused"),
    ],
)
def test_what_authenticate_raises_refuses(refused, reason, message):
    actor = Raising("auth")
    actor.reason = reason
    failed, warnings = refused(request(header()), actor)
    assert type(failed.error) is UnauthorizedEvent
    assert failed.error.message == [message]
    assert failed.error.code == getattr(reason, "code", None)
    assert failed.headers == {"WWW-Authenticate": CHALLENGE}
    assert warnings == [f"Authorization Failed: {message}"]


def test_the_base_accepts_nobody(wrap, log):
    actor = BasicAuth("auth")
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = request(header())
    assert wrapper.error.error.message == ["Non-implemented authenticate module"]
    assert logged(lines, 40) == ["Non-implemented authenticate module"]


def test_the_realm_is_an_attribute(refused):
    actor = Auth("auth")
    actor.realm = 'the "inner" \\ circle'
    failed, _ = refused(request(), actor)
    assert failed.headers["WWW-Authenticate"] == 'Basic realm="the \\"inner\\" \\\\ circle"'


def test_other_events_go_on_while_authenticate_blocks(wrap):
    class Waiting(BasicAuth):
        def _authenticate(self, user, password):
            if user == "late":
                compysition.sleep(0.05)
                gate.get(block=True, timeout=30)
            return True

    gate = Queue("gate")
    actor = Waiting("auth")
    outbox = actor.pool.outbound.add("outbox")
    wrapper = wrap(actor, output_queues=[])
    wrapper.input = request(header("late"), data="late")
    wrapper.input = request(header("early"), data="early")
    assert take(outbox, 1) == ["early"]
    gate.put(Event())
    assert take(outbox, 1) == ["late"]


def test_a_stop_waits_for_authenticate():
    class Waiting(BasicAuth):
        def _authenticate(self, user, password):
            compysition.sleep(0.01)
            return True

    director = quiet_director(size=4)
    actor = director.register_actor(Waiting, "auth")
    keep = director.register_actor(Collect, "keep")
    director.connect_queue(actor, keep)
    inbox = Queue("inbox")
    actor.register_consumer("inbox", inbox)
    for number in range(50):
        inbox.put(request(header(), data=number))
    director.start(block=False)
    director.stop()
    assert sorted(keep.data) == list(range(50))
    assert director.stats()["events"]["in_flight"] == 0


def test_full_destinations_hold_it_up(wrap):
    actor = Auth("auth")
    outbox = fill_outbox(actor)
    errors = actor.pool.error.add("full", queue=Queue("full", maxsize=1))
    wrapper = wrap(actor, output_queues=[], error_queues=[])
    for number in range(3):
        wrapper.input = request(header(), data=number)
    for number in range(3):
        wrapper.input = request(data=number)
    assert take(outbox, 4)[1:] == [0, 1, 2]
    assert take(errors, 3) == [0, 1, 2]


def test_consume_may_be_overridden(wrap):
    class Open(Auth):
        def consume(self, event, *args, **kwargs):
            if event.service == "public":
                self.send_event(event)
            else:
                super().consume(event, *args, **kwargs)

    wrapper = wrap(Open("auth"))
    wrapper.input = request(service="public", data="in")
    assert wrapper.output.data == "in"
    wrapper.input = request(service="private")
    assert wrapper.error.status[0] == 401


def test_old_arguments():
    assert BasicAuth("auth", "wsgi").size == BasicAuth("auth", caller="wsgi").size == 0
    actor = BasicAuth("auth", 7, True)
    assert (actor.size, actor.blocking_consume) == (7, True)
    actor = BasicAuth("auth", "wsgi", 7)
    assert actor.size == 7


@pytest.mark.parametrize(
    ("given", "expected", "equal"),
    [
        ("a", "a", True),
        ("a", b"a", True),
        (bytearray(b"a"), "a", True),
        ("ä", "ä".encode(), True),
        ("\udc80", "\udc80", True),
        ("a", "b", False),
        ("a", "ab", False),
        ("", "a", False),
        ("", "", True),
    ],
)
def test_compare_digest(given, expected, equal):
    assert BasicAuth.compare_digest(given, expected) is equal
    assert Auth("auth").compare_digest(expected, given) is equal


def test_compare_digest_takes_texts():
    for wrong in ((1, 1), ("a", None), (), ("a",), ("a", "b", "c")):
        with pytest.raises(TypeError):
            BasicAuth.compare_digest(*wrong)


def test_a_cycle_is_collected():
    actor = Auth("auth")
    actor.self = actor
    reference = weakref.ref(actor)
    del actor
    gc.collect()
    assert reference() is None
