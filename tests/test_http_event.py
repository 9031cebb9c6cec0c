import collections
import http

import pytest

from compysition import errors
from compysition.event import Event, HttpEvent, JSONEvent, JSONHttpEvent, http_code_map

CLASSES = pytest.mark.parametrize("cls", [HttpEvent, JSONHttpEvent])


@pytest.fixture
def code_map():
    """http_code_map, restored afterwards."""
    before = dict(http_code_map)
    yield http_code_map
    http_code_map.clear()
    http_code_map.update(before)


# ---- construction ----


@CLASSES
def test_defaults(cls):
    made = cls()
    assert (made.headers, made.status, made.environment, made.method) == ({}, (200, "OK"), {}, None)


@CLASSES
def test_positional_arguments(cls):
    made = cls({"a": "b"}, (201, "Created"), {"REQUEST_METHOD": "POST"}, "m", "s", "[1]", "ignored")
    assert (made.headers, made.status, made.method) == ({"a": "b"}, (201, "Created"), "POST")
    assert (made.meta_id, made.service) == ("m", "s")
    assert made.data == ("[1]" if cls is HttpEvent else [1])


def test_keyword_arguments():
    made = HttpEvent(
        data=1, environment={"REQUEST_METHOD": "GET"}, headers={"x": 1}, foo=2, status=(1, "y")
    )
    assert (made.method, made.headers, made.foo, made.status, made.data) == (
        "GET",
        {"x": 1},
        2,
        (1, "y"),
        1,
    )


def test_arguments_are_stored_as_they_are():
    headers, environment = {"a": 1}, {"b": 2}
    made = HttpEvent(headers, environment=environment)
    assert made.headers is headers
    assert made.environment is environment


@CLASSES
def test_EVT_1_each_event_has_its_own_environment(cls):
    one, other = cls(), cls(environment=None)
    one.environment.update(a=1)
    one.headers["x"] = "y"
    assert other.environment == cls().environment == {}
    assert other.headers == cls(headers=None).headers == {}
    assert one.environment == {"a": 1}


def test_an_argument_given_twice_is_refused():
    with pytest.raises(TypeError):
        HttpEvent({}, headers={})


def test_an_environment_without_get_is_refused():
    with pytest.raises(AttributeError):
        HttpEvent(environment=5)


@pytest.mark.parametrize("name", ["headers", "status", "_status", "environment", "method"])
def test_fields_cannot_be_deleted(name):
    with pytest.raises(AttributeError):
        delattr(HttpEvent(), name)


def test_properties_have_storage_names():
    made = HttpEvent(foo=1)
    assert made.get_properties() == {
        "_event_id": made.event_id,
        "meta_id": made.meta_id,
        "service": "default",
        "_error": None,
        "created": made.created,
        "headers": {},
        "method": None,
        "_status": (200, "OK"),
        "environment": {},
        "foo": 1,
    }


# ---- status ----


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ((404, "Not Found"), (404, "Not Found")),
        (("any", "tuple", 5), ("any", "tuple", 5)),
        ("404 Not Found", (404, "Not Found")),
        ("404-Not Found", (404, "Not Found")),
        ("404-Not-Found", (404, "Not-Found")),
        ("200 all-right", (200, "all-right")),
        (b"404 Not Found", (404, "Not Found")),
    ],
)
def test_status_from_tuple_and_text(value, status):
    made = HttpEvent(status=value)
    assert made.status == status
    made = HttpEvent()
    made.status = value
    assert made.status == made._status == status


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("404", (404, "Not Found")),
        (404, (404, "Not Found")),
        ([404, "x"], (404, "x")),
        (http.HTTPStatus.CREATED, (201, "Created")),
        (599, (599, "Unknown")),
    ],
)
def test_EVT_9_status_accepts_int_text_and_list(value, status):
    made = HttpEvent(status=value)
    assert made.status == status
    assert type(made.status[0]) is int
    made.status = (200, "OK")
    made.status = value
    assert made.status == status


@pytest.mark.parametrize(
    "value",
    [
        "x y",
        "four hundred",
        "",
        " 404",
        "-",
        None,
        1.5,
        {},
        [404],
        ["404", "x"],
        [1, 2],
        True,
        5,
        -404,
        10**30,
    ],
)
def test_EVT_9_status_refuses_the_rest(value):
    with pytest.raises(ValueError):
        HttpEvent(status=value)
    made = HttpEvent(status=(418, "x"))
    with pytest.raises(ValueError):
        made.status = value
    assert made.status == (418, "x")


# ---- errors ----


@CLASSES
@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("ResourceNotModified", (304, "Not Modified")),
        ("MalformedEventData", (400, "Bad Request")),
        ("InvalidEventDataModification", (400, "Bad Request")),
        ("UnauthorizedEvent", (401, "Unauthorized")),
        ("ForbiddenEvent", (403, "Forbidden")),
        ("ResourceNotFound", (404, "Not Found")),
        ("EventCommandNotAllowed", (405, "Method Not Allowed")),
        ("ActorTimeout", (408, "Request Timeout")),
        ("ResourceConflict", (409, "Conflict")),
        ("ResourceGone", (410, "Gone")),
        ("UnprocessableEventData", (422, "Unprocessable Entity")),
        ("EventRateExceeded", (429, "Too Many Requests")),
        ("CompysitionException", (500, "Internal Server Error")),
        ("BadGateway", (502, "Bad Gateway")),
        ("ServiceUnavailable", (503, "Service Unavailable")),
        ("GatewayTimeout", (504, "Gateway Timeout")),
        ("QueueFull", (500, "Internal Server Error")),
    ],
)
def test_status_of_errors(cls, error, status):
    made = cls()
    made.error = getattr(errors, error)("x")
    assert made.status == status


def test_the_unauthorized_error_asks_for_credentials():
    made = HttpEvent(headers={"X": "y"})
    made.error = errors.UnauthorizedEvent("who?")
    assert made.headers == {"X": "y", "WWW-Authenticate": 'Basic realm="Compysition Server"'}


def test_other_exceptions_mean_an_internal_error():
    made = HttpEvent()
    made.error = ZeroDivisionError("x")
    assert made.status == (500, "Internal Server Error")


@pytest.mark.parametrize("error", [None, "text", 5, ValueError])
def test_what_is_no_exception_changes_no_status(error):
    made = HttpEvent(status=(201, "Created"))
    made.error = error
    assert (made.error, made.status, made.headers) == (error, (201, "Created"), {})


def test_clearing_the_error_keeps_the_status():
    made = HttpEvent(error=errors.ForbiddenEvent("no"))
    made.error = None
    assert (made.error, made.status) == (None, (403, "Forbidden"))


def test_EVT_7_subclasses_get_the_status_of_the_nearest_base(code_map):
    class Expired(errors.UnauthorizedEvent):
        pass

    class Teapot(Expired):
        pass

    made = HttpEvent(error=Expired("old"))
    assert made.status == (401, "Unauthorized")
    assert "WWW-Authenticate" in made.headers
    code_map[Teapot] = {"status": (418, "I'm a Teapot"), "headers": {"X-Tea": "yes"}}
    made = HttpEvent(error=Teapot("short and stout"))
    assert (made.status, made.headers) == ((418, "I'm a Teapot"), {"X-Tea": "yes"})


def test_EVT_7_a_lookup_adds_nothing_to_the_map(code_map):
    class Odd(Exception):
        pass

    before = dict(code_map)
    assert HttpEvent(error=Odd()).status == (500, "Internal Server Error")
    assert code_map == before
    code_map[Exception] = {"status": (599, "Odd")}
    assert HttpEvent(error=Odd()).status == (599, "Odd")


def test_the_default_of_the_map_can_be_changed(code_map):
    factory = code_map.default_factory
    try:
        code_map.default_factory = lambda: {"status": (502, "Bad Gateway")}
        assert HttpEvent(error=KeyError()).status == (502, "Bad Gateway")
        code_map.default_factory = None
        assert HttpEvent(error=KeyError()).status == (500, "Internal Server Error")
    finally:
        code_map.default_factory = factory


def test_the_map_is_a_defaultdict():
    assert type(http_code_map) is collections.defaultdict
    assert http_code_map[type(None)] == {"status": (200, "OK")}
    assert http_code_map.default_factory() == {"status": (500, "Internal Server Error")}


def test_EVT_8_a_copy_has_the_same_status_and_headers():
    made = JSONHttpEvent()
    made.error = errors.UnauthorizedEvent("no")
    made.status = (418, "x")
    del made.headers["WWW-Authenticate"]
    for copied in (made.clone(), made.clone().clone(), made.convert(JSONHttpEvent)):
        assert (copied.status, copied.headers) == ((418, "x"), {})
        assert copied.error.message == ["no"]


# ---- copies ----


def test_headers_and_environment_of_copies_are_their_own():
    made = HttpEvent(headers={"a": ["b"]}, environment={"c": {"d": 1}})
    one, other = made.clone(), made.clone()
    one.headers["a"].append("x")
    one.environment["c"]["d"] = 2
    made.headers["new"] = 1
    assert made.headers == {"a": ["b"], "new": 1}
    assert other.headers == {"a": ["b"]}
    assert (one.environment, other.environment) == ({"c": {"d": 2}}, {"c": {"d": 1}})


def test_an_event_without_http_has_no_http_attributes():
    for cls in (Event, JSONEvent):
        assert not hasattr(cls(), "headers")
        assert cls(headers={"mine": 1}).headers == {"mine": 1}
