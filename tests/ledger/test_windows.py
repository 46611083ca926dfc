"""When offers can be used, and which of their balances count."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_migrate.catalog.load import all_providers
from llm_migrate.errors import ConfigError
from llm_migrate.ledger.windows import Window, after_activation, buckets, ends_at, fixed, is_open

BEIJING = "Asia/Shanghai"
DST_ZONES = ("America/New_York", "Europe/Berlin", "America/Sao_Paulo", "America/Havana", "Australia/Lord_Howe")
ZONES = (*DST_ZONES, "America/St_Johns", "Pacific/Apia", "Africa/Cairo", "Asia/Kathmandu", BEIJING, "UTC")


def ms(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).timestamp() * 1000)


def local(now_ms: int, zone: str) -> dt.datetime:
    return dt.datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone))


@pytest.fixture(params=["UTC", "America/New_York", "Pacific/Kiritimati"])
def machine(request, monkeypatch) -> Iterator[None]:
    """Set the zone of the machine."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_the_last_day_ends_at_midnight_in_its_zone(machine):
    """Until 31 July in Beijing is until 1 August 00:00 there, exclusive, wherever the machine is (B6)."""
    window = fixed(dt.date(2024, 7, 1), dt.date(2024, 7, 31), BEIJING)

    assert window == Window(ms("2024-07-01T00:00+08:00") // 1000, ms("2024-08-01T00:00+08:00") // 1000, zone=BEIJING)
    assert is_open(window, ms("2024-07-31T23:59:59.999+08:00"))
    assert not is_open(window, ms("2024-08-01T00:00+08:00"))
    assert is_open(window, ms("2024-06-30T16:00:00+00:00"))
    assert not is_open(window, ms("2024-06-30T15:59:59.999+00:00"))
    assert ends_at(window, 0) == ms("2024-08-01T00:00+08:00")


def test_an_instant_is_taken_as_it_is(machine):
    """A time with a zone is that instant, one without is of the window's zone; parts of a second are cut off."""
    clock = dt.datetime(2024, 7, 9, 12, 30, 1, 900_000)
    aware = clock.replace(tzinfo=ZoneInfo("America/New_York"))

    assert fixed(clock, clock, BEIJING).from_s == fixed(clock, clock, BEIJING).until_s == 1720499401
    assert fixed(aware, aware, BEIJING).until_s == 1720499401 + 12 * 3600


def test_a_window_may_lack_its_ends():
    """Without a beginning or an end an offer can be used at any time."""
    window = fixed(None, None, BEIJING)

    assert window == Window(zone=BEIJING)
    assert is_open(window, 0)
    assert is_open(window, 10**15)
    assert ends_at(window, 0) is None
    assert buckets(window, 10**12) == (0, 0, 0)


def test_an_activation_starts_the_days(machine):
    """Thirty days are 30 x 24 hours, over a change of clocks too; without a time of activation there is no window."""
    at = dt.datetime(2024, 10, 20, 9, 15, tzinfo=ZoneInfo("Europe/Berlin"))
    window = after_activation(30, at, "Europe/Berlin")

    assert window is not None
    assert window.until_s == ms("2024-11-19T08:15+01:00") // 1000
    assert is_open(window, ms("2024-10-20T09:15+02:00"))
    assert not is_open(window, ms("2024-11-19T08:15+01:00"))
    assert after_activation(30, None, BEIJING) is None


def test_an_activation_of_this_moment_is_open_at_once():
    """Parts of a second do not keep an offer shut that was just activated."""
    window = after_activation(1, dt.datetime(2024, 7, 9, 0, 0, 0, 999_999, dt.UTC), BEIJING)

    assert window is not None
    assert is_open(window, ms("2024-07-09T00:00:00.999+00:00"))


@pytest.mark.parametrize(
    ("zone", "begins", "hours"),
    [
        (BEIJING, "2024-03-10T00:00+08:00", 24),
        ("America/New_York", "2024-03-10T00:00-05:00", 23),
        ("America/New_York", "2024-11-03T00:00-04:00", 25),
        ("Australia/Lord_Howe", "2024-10-06T00:00+10:30", 23.5),
        ("America/Sao_Paulo", "2018-11-04T01:00-02:00", 23),  # there was no midnight
        ("America/Sao_Paulo", "2018-02-17T00:00-02:00", 25),
        ("America/Havana", "2024-11-03T00:00-04:00", 25),  # there were two
    ],
)
def test_days_are_as_long_as_in_their_zone(zone, begins, hours, machine):
    """A day's balance counts from its first instant to the next day's, and is lost then."""
    window = Window(every="day", zone=zone)
    number = dt.datetime.fromisoformat(begins).toordinal()
    start = ms(begins)
    end = start + round(hours * 3_600_000)

    assert buckets(window, start - 1)[2] == number - 1
    assert buckets(window, start) == buckets(window, end - 1) == (number, number, number)
    assert buckets(window, end)[2] == number + 1
    assert ends_at(window, start - 1) == start
    assert ends_at(window, start) == ends_at(window, end - 1) == end


def test_months_begin_in_their_zone(machine):
    """A month's balance is numbered by year and month, December too, and is lost with the month."""
    window = Window(every="month", zone=BEIJING)

    assert buckets(window, ms("2024-12-31T23:59:59.999+08:00"))[2] == 2024 * 12 + 12
    assert buckets(window, ms("2025-01-01T00:00+08:00")) == (2025 * 12 + 1,) * 3
    assert ends_at(window, ms("2024-12-05T00:00+08:00")) == ms("2025-01-01T00:00+08:00")
    assert ends_at(window, ms("2024-02-05T00:00+08:00")) == ms("2024-03-01T00:00+08:00")


def test_what_ends_first_counts():
    """A daily offer loses its rest at midnight, or earlier if it ends on that day."""
    noon = ms("2024-07-31T12:00+08:00")
    window = Window(until_s=noon // 1000, every="day", zone=BEIJING)

    assert ends_at(window, noon - 1) == noon
    assert ends_at(window, noon - 86_400_000) == ms("2024-07-31T00:00+08:00")


def test_a_rolling_window_has_nothing_to_lose():
    """What is unused of the last hours is there in the next, until the offer as such ends."""
    assert ends_at(Window(rolling_s=18_000), 10**12) is None
    assert ends_at(Window(rolling_s=18_000, until_s=77), 10**12) == 77_000


def test_a_day_once_begun_goes_on():
    """Where clocks were put back from 00:01 into the day before, its balance does not come back."""
    window = Window(every="day", zone="America/St_Johns")
    midnight = ms("2010-11-07T00:00-02:30")
    number = dt.date(2010, 11, 7).toordinal()

    assert local(midnight + 120_000, window.zone).date() == dt.date(2010, 11, 6)
    assert [buckets(window, midnight + shift)[2] for shift in (-1, 0, 120_000)] == [number - 1, number, number]
    assert ends_at(window, midnight + 120_000) == ms("2010-11-08T00:00-03:30")


instants = st.integers(ms("2005-01-01T00:00+00:00"), ms("2035-01-01T00:00+00:00"))


@given(st.sampled_from(ZONES), instants, st.integers(0, 40 * 86_400_000))
def test_balances_never_come_back(zone, now, later):
    """With time the numbers of days and months only rise, and a rest is lost exactly when the number changes."""
    for every in ("day", "month"):
        window = Window(every=every, zone=zone)
        end = ends_at(window, now)

        assert end is not None
        assert end > now
        assert buckets(window, now)[2] == buckets(window, end - 1)[2] < buckets(window, end)[2]
        assert buckets(window, now)[2] <= buckets(window, now + later)[2]
        assert (buckets(window, now + later)[2] > buckets(window, now)[2]) == (now + later >= end)


@given(st.sampled_from([zone for zone in ZONES if zone != "America/St_Johns"]), instants)
def test_a_day_is_that_of_the_calendar_there(zone, now):
    """The numbers are those of the date and month that a clock in the zone shows."""
    date = local(now, zone).date()

    assert buckets(Window(every="day", zone=zone), now)[2] == date.toordinal()
    assert buckets(Window(every="month", zone=zone), now)[2] == date.year * 12 + date.month


@given(
    st.sampled_from([1, 7, 59, 60, 61, 90, 3600, 18_000, 604_800]),
    instants,
    st.lists(st.tuples(st.floats(0, 1.2), st.integers(1, 100)), max_size=20),
    st.integers(0, 5000),
)
def test_a_rolling_window_is_never_shorter_than_the_vendors(rolling_s, now, uses, step_ms):
    """What the vendor still counts is counted, and by a balance's length at most what it does not (brute force)."""
    window = Window(rolling_s=rolling_s)
    entries = [(now - int(age * rolling_s * 1000), amount) for age, amount in uses]
    then = now + step_ms
    size_ms = -(-rolling_s // 60) * 1000
    first, last, _ = buckets(window, then)

    counted = sum(amount for at, amount in entries if first <= buckets(window, at)[2] <= last)

    assert counted >= sum(amount for at, amount in entries if then - at <= rolling_s * 1000)
    assert counted <= sum(amount for at, amount in entries if then - at <= rolling_s * 1000 + size_ms)
    assert last - first <= 60 + -(-2000 // size_ms) + 1


@given(st.sampled_from([1, 60, 18_000]), instants, st.integers(0, 10**7))
def test_rolling_balances_only_go_forward(rolling_s, now, later):
    """With time no number falls, and the one that is charged counts."""
    window = Window(rolling_s=rolling_s)
    before, after = buckets(window, now), buckets(window, now + later)

    assert all(a <= b for a, b in zip(before, after, strict=True))
    assert before[0] < before[2] <= before[1]


@given(instants, st.integers(-2000, 2000))
def test_a_clock_that_is_ahead_hides_nothing(now, skew_ms):
    """What another process wrote with a clock two seconds off counts."""
    window = Window(rolling_s=60)
    first, last, _ = buckets(window, now)

    assert first <= buckets(window, now + skew_ms)[2] <= last


@pytest.mark.parametrize("name", ["Asia/Peking", "", "Asia", "../etc/passwd", "a\0b", "/etc/passwd"])
def test_a_zone_that_nobody_knows_is_said(name):
    """A wrong zone is an error that says what one looks like."""
    with pytest.raises(ConfigError, match="no such time zone"):
        buckets(Window(every="day", zone=name), 0)


def test_every_zone_of_the_catalog_exists():
    """The zones of vendors, offers and prices are of the database."""
    zones = {provider.zone for provider in all_providers() if provider.zone}
    zones |= {offer.window.zone for provider in all_providers() for offer in provider.offers}
    rows = (row for provider in all_providers() for model in provider.models for row in model.prices)
    zones |= {row.hours.zone for row in rows if row.hours}

    assert zones <= available_timezones()
