import datetime
import time

import pytest

from compysition import Event
from compysition.actors import CronEventGenerator
from compysition.event import JSONEvent

DEFAULTS = {
    "year": "*",
    "month": "*",
    "day": "*",
    "week": "*",
    "day_of_week": "*",
    "hour": "*",
    "minute": "*",
    "second": "*/12",
}


@pytest.fixture
def next_run(wrap):
    """When a generator with that interval fires next."""

    def start(interval, **kwargs):
        actor = CronEventGenerator("source", interval=interval, **kwargs)
        wrap(actor)
        return actor.scheduler.get_jobs()[0].next_run_time

    return start


def test_it_fires_when_a_second_begins(wrap):
    wrapper = wrap(CronEventGenerator("source", JSONEvent, {"data": {}}, interval={"second": "*"}))
    assert type(wrapper.output) is JSONEvent
    assert time.time() % 1 < 0.5


def test_the_interval_is_merged_over_the_defaults_gen_1():
    given = {"hour": 3, "minute": 0}
    actor = CronEventGenerator("source", interval=given)
    assert actor.interval == {**DEFAULTS, "hour": 3, "minute": 0}
    assert given == {"hour": 3, "minute": 0}
    assert CronEventGenerator.DEFAULT_INTERVAL == DEFAULTS
    assert CronEventGenerator("other").interval == DEFAULTS


def test_seconds_keep_their_default(next_run):
    now = datetime.datetime.now(datetime.UTC)
    fire = next_run({"minute": (now.minute + 30) % 60})
    assert (fire.minute, fire.second) == ((now.minute + 30) % 60, 0)
    assert next_run({}).second % 12 == 0


@pytest.mark.parametrize(
    ("interval", "matches"),
    [
        ({"day": "last"}, lambda t: (t + datetime.timedelta(days=1)).day == 1),
        ({"day": "1st mon"}, lambda t: t.weekday() == 0 and t.day <= 7),
        ({"day_of_week": "sat,sun"}, lambda t: t.weekday() in (5, 6)),
        ({"day_of_week": "mon-fri", "hour": "9-17/4"}, lambda t: t.hour in (9, 13, 17)),
        ({"month": "jan-mar"}, lambda t: t.month <= 3),
        ({"week": 10}, lambda t: t.isocalendar().week == 10),
        ({"minute": "*/7", "second": "5,10"}, lambda t: t.minute % 7 == 0 and t.second in (5, 10)),
    ],
)
def test_fields(next_run, interval, matches):
    zone = {"timezone": "UTC"}
    assert matches(next_run({**interval, **zone}).astimezone(datetime.UTC))


def test_a_timezone_with_daylight_saving_time(next_run):
    """3 o'clock there, however long that day is."""
    fire = next_run({"hour": 3, "minute": 0, "second": 0, "timezone": "Europe/Berlin"})
    zone = pytest.importorskip("zoneinfo").ZoneInfo("Europe/Berlin")
    assert fire.astimezone(zone).strftime("%H:%M:%S") == "03:00:00"


def test_a_delay(next_run):
    fire = next_run({"second": "*"}, delay=3600)
    assert fire - datetime.datetime.now(datetime.UTC) > datetime.timedelta(seconds=3590)


def test_times_in_the_past_never_fire(next_run):
    assert next_run({"year": 2000}) is None


def test_what_arrives_makes_one_event_at_once(wrap):
    wrapper = wrap(CronEventGenerator("source", event_kwargs={"data": 1}, interval={"year": 2000}))
    wrapper.input = Event()
    assert wrapper.output.data == 1


@pytest.mark.parametrize("interval", [10, 1.5, "5", [1]])
def test_an_interval_that_is_no_dict_gen_6(interval):
    with pytest.raises(ValueError, match="dict"):
        CronEventGenerator("source", interval=interval)


def test_the_untouched_default_is_accepted_gen_6():
    assert CronEventGenerator("source", interval=5).interval == DEFAULTS


def test_fields_that_cannot_be_read():
    with pytest.raises(ValueError, match="99"):
        CronEventGenerator("source", interval={"hour": "99"})
    with pytest.raises(TypeError):
        CronEventGenerator("source", interval={"fortnight": 1})


def test_consume_of_a_subclass(wrap):
    class Never(CronEventGenerator):
        def consume(self, event, *args, **kwargs):
            self.send_event(Event(data="mine"))

    wrapper = wrap(Never("source", interval={"year": 2000}))
    wrapper.input = Event()
    assert wrapper.output.data == "mine"
