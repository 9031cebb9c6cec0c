import datetime
import email.utils
import http.cookies
import logging

import pytest

from compysition import Event, actors
from compysition.actors.cookie import SetCookie
from compysition.actors.cookietest import CookieTest
from compysition.event import HttpEvent, JSONHttpEvent
from tests.actors.helpers import fill_outbox, take, wait_for_log
from tests.corpora import naughty_strings


@pytest.fixture
def cookies(wrap):
    """The header that an event gets from SetCookie with these arguments."""

    def run(*args, event=None, **kwargs):
        wrapper = wrap(SetCookie("cookie", *args, **kwargs))
        wrapper.input = HttpEvent() if event is None else event
        return wrapper.output.headers["Set-Cookie"]

    return run


def morsel(header, key="session"):
    return http.cookies.SimpleCookie(header)[key]


def expires(header):
    return email.utils.parsedate_to_datetime(morsel(header)["expires"])


def test_the_defaults_cook_1(cookies):
    header = cookies()
    assert header.startswith("session=session_value; expires=")
    assert header.endswith("; Path=/")
    now = datetime.datetime.now(datetime.UTC)
    assert abs((expires(header) - now).total_seconds() - 6000) < 120


@pytest.mark.parametrize("expiry", [0, 1.5, 10**8])
def test_the_date_is_one_of_http_cook_3(cookies, expiry):
    date = morsel(cookies(expiry=expiry))["expires"]
    assert date == email.utils.format_datetime(
        datetime.datetime.strptime(date, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=datetime.UTC),
        usegmt=True,
    )


def test_all_arguments(cookies):
    header = cookies("key", "value", "static", 60, "/a/b")
    assert header.startswith("key=value; ")
    assert morsel(header, "key")["path"] == "/a/b"


def test_a_new_value_for_each_event(wrap):
    wrapper = wrap(SetCookie("cookie", value_mode="uuid"))
    found = set()
    for _ in range(3):
        wrapper.input = HttpEvent()
        found.add(morsel(wrapper.output.headers["Set-Cookie"]).value)
    assert len(found) == 3
    assert all(len(value) == 32 and int(value, 16) for value in found)


def test_the_log_names_the_cookie_cook_2(wrap, log):
    actor = SetCookie("cookie", "key", "value")
    lines = log(actor)
    wrap(actor).input = HttpEvent()
    record = wait_for_log(lines, "Assigned")
    assert record.message == "Assigned incoming HttpEvent cookie 'key' value of 'value'"
    assert record.level == logging.DEBUG


def test_a_second_cookie_is_added_cook_3(cookies):
    one = cookies("a", "1")
    two = cookies("b", "2", event=HttpEvent(headers={"Set-Cookie": one}))
    assert [header[:3] for header in two] == ["a=1", "b=2"]
    three = cookies("c", "3", event=HttpEvent(headers={"Set-Cookie": tuple(two)}))
    assert [header[:3] for header in three] == ["a=1", "b=2", "c=3"]


@pytest.mark.parametrize("value", ["two words", 'say "hi"', "a;b,c", "back\\slash", "a/b=c", "", 5])
def test_values_are_written_as_by_http_cookies(cookies, value):
    expected = http.cookies.SimpleCookie()
    expected["session"] = value
    header = cookies(cookie_value=value)
    assert header.split("; expires")[0] == expected["session"].OutputString()
    assert morsel(header).value == str(value)


def test_line_breaks_do_not_reach_the_header(cookies):
    header = cookies(cookie_value="line\r\nbreak")
    assert header.startswith('session="line\\015\\012break"; ')


def test_other_letters_do_not_reach_the_header(cookies):
    header = cookies(cookie_value="caf\xe9")
    assert header.startswith('session="caf\\303\\251"; ')


@pytest.mark.parametrize(
    "arguments",
    [{"cookie_key": "a b"}, {"cookie_key": ""}, {"path": "/;x"}, {"path": "/\n"}, {"expiry": 1e20}],
)
def test_what_cannot_become_a_cookie(arguments):
    with pytest.raises(ValueError, match="cookie"):
        SetCookie("cookie", **arguments)


def test_an_expiry_that_is_no_number():
    with pytest.raises(TypeError):
        SetCookie("cookie", expiry="soon")


def test_an_event_without_headers(wrap, log):
    actor = SetCookie("cookie")
    lines = log(actor)
    wrapper = wrap(actor)
    wrapper.input = Event(data=1)
    failed = wrapper.error
    assert isinstance(failed.error, AttributeError)
    assert wrapper.output_queues["outbox"].empty()
    record = wait_for_log(lines, "Unable to assign cookie: ")
    assert (record.level, record.id) == (logging.ERROR, failed.event_id)


@pytest.mark.parametrize(("name", "value"), [("path", "\n"), ("cookie_key", ";"), ("expiry", None)])
def test_attributes_that_make_no_sense(wrap, name, value):
    actor = SetCookie("cookie")
    setattr(actor, name, value)
    wrapper = wrap(actor)
    wrapper.input = HttpEvent(headers={"A": "b"})
    failed = wrapper.error
    assert isinstance(failed.error, (ValueError, TypeError))
    assert failed.headers == {"A": "b"}


def test_headers_that_are_no_dict(wrap):
    wrapper = wrap(SetCookie("cookie"))
    wrapper.input = HttpEvent(headers=[])
    wrapper.input = HttpEvent()
    assert "Set-Cookie" in wrapper.output.headers


def test_cookie_value_can_be_assigned(wrap):
    actor = SetCookie("cookie")
    actor.cookie_value = "other"
    assert actor.cookie_value == "other"
    wrapper = wrap(actor)
    wrapper.input = HttpEvent()
    assert morsel(wrapper.output.headers["Set-Cookie"]).value == "other"


def test_cookie_value_of_a_subclass(wrap):
    class Counted(SetCookie):
        count = 0

        @property
        def cookie_value(self):
            self.count += 1
            return self.count

    wrapper = wrap(Counted("cookie"))
    for number in (1, 2):
        wrapper.input = JSONHttpEvent(data={"a": 1})
        event = wrapper.output
        assert morsel(event.headers["Set-Cookie"]).value == str(number)
        assert event.data == {"a": 1}


def test_a_full_destination(wrap):
    actor = SetCookie("cookie")
    outbox = fill_outbox(actor)
    wrapper = wrap(actor, output_queues=[])
    for number in range(3):
        wrapper.input = HttpEvent(data=number)
    assert take(outbox, 4) == ["in the way", 0, 1, 2]


def test_a_stop_finishes_what_waits(wrap):
    wrapper = wrap(SetCookie("cookie"))
    for number in range(50):
        wrapper.input = HttpEvent(data=number)
    wrapper.stop()
    assert take(wrapper.output_queues["outbox"], 50) == list(range(50))


def test_it_is_not_in_the_star_import():
    assert not hasattr(actors, "SetCookie")


# ---- CookieTest, of releases up to 1.1 ----


def test_cookie_test(wrap):
    wrapper = wrap(CookieTest("cookie"))
    wrapper.input = HttpEvent()
    assert wrapper.output.headers["Set-Cookie"] == "session=somedata; Path=/"
    wrapper.input = HttpEvent(environment={"HTTP_COOKIE": "session=somedata"})
    header = wrapper.output.headers["Set-Cookie"]
    assert header == "session=somedata; expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"


# ---- naughty strings ----


def test_naughty_strings_come_back_from_a_cookie(wrap):
    """By http.cookies; what is not ASCII is UTF-8, and nothing of a string is a part of the header's own text."""
    strings = [string for string in [*naughty_strings(), "nul\0l"] if string != ""]
    actor = SetCookie("cookie")
    wrapper = wrap(actor)
    for string in strings:
        actor.cookie_value = string
        wrapper.input = HttpEvent()
        header = wrapper.output.headers["Set-Cookie"]
        assert header.isascii()
        assert header.isprintable()
        assert header.count("; expires=") == 1
        assert morsel(header).value.encode("latin-1").decode() == string


def test_naughty_strings_as_names_and_paths():
    """Each becomes a header as it is, or is refused."""
    taken = {"cookie_key": 0, "path": 0}
    for string in [*naughty_strings(), "a\0b"]:
        for argument in taken:
            try:
                SetCookie("cookie", **{argument: string})
            except ValueError as error:
                assert repr(string) in str(error)
            else:
                assert string.isascii() and string.isprintable() and ";" not in string
                taken[argument] += 1
    assert 0 < taken["cookie_key"] < taken["path"]
