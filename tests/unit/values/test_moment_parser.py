"""Moments as people write them: of the current time zone, each exactly one or refused."""

from __future__ import annotations

from datetime import timezone as fixed
from typing import Any

import pytest
from django.utils import timezone

from pgaudit_log.exceptions import QueryError
from pgaudit_log.values.moment_parser import moment_of


@pytest.fixture(params=[True, False], ids=["USE_TZ", "without USE_TZ"], autouse=True)
def use_tz(request: pytest.FixtureRequest, settings: Any) -> None:
    settings.USE_TZ = request.param
    settings.TIME_ZONE = "Europe/Berlin"


def utc(text: str, **options: Any) -> str:
    return moment_of(text, **options).astimezone(fixed.utc).strftime("%Y-%m-%dT%H:%M")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T18:00", "2026-01-31T17:00"),
        ("2026-07-31 18:00:00", "2026-07-31T16:00"),
        ("2026-01-31T18:00Z", "2026-01-31T18:00"),
        ("2026-01-31T18:00+05:00", "2026-01-31T13:00"),
        ("2026-01-31", "2026-01-30T23:00"),
    ],
)
def test_a_moment_without_an_offset_is_one_of_the_current_time_zone(text: str, moment: str) -> None:
    assert utc(text) == moment


def test_the_time_zone_may_be_activated() -> None:
    with timezone.override("Asia/Tokyo"):
        assert utc("2026-01-31T18:00") == "2026-01-31T09:00"


@pytest.mark.parametrize(
    ("day", "beginning", "end"),
    [
        ("2026-01-31", "2026-01-30T23:00", "2026-01-31T23:00"),
        ("2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
    ],
    ids=["24 hours", "23 hours", "25 hours"],
)
def test_a_date_alone_is_where_the_day_begins_or_ends(day: str, beginning: str, end: str) -> None:
    assert (utc(day), utc(day, is_end=True)) == (beginning, end)


@pytest.mark.parametrize(
    ("zone", "day", "beginning"),
    [
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"),
        ("America/Havana", "2026-11-01", "2026-11-01T04:00"),
    ],
    ids=["no midnight", "two midnights"],
)
def test_a_day_begins_at_once_or_at_the_first_midnight(zone: str, day: str, beginning: str) -> None:
    with timezone.override(zone):
        assert utc(day) == beginning


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2026-03-29T02:30", "is no moment in Europe/Berlin, whose clocks were put forward"),
        ("2026-10-25T02:30", "is two moments in Europe/Berlin, whose clocks were put back"),
    ],
)
def test_what_there_is_twice_or_never_is_refused_with_both_offsets(text: str, told: str) -> None:
    with pytest.raises(QueryError, match=told) as caught:
        moment_of(text)
    assert f"{text}:00+01:00" in str(caught.value) and f"{text}:00+02:00" in str(caught.value)


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-02-30", "2026-01-31T25:00", "18:00", "9999-12-31T23:00-05:00"]
)
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(QueryError, match=r"is no moment\.|is out of range\.") as caught:
        moment_of(text)
    assert "Write one as 2026-01-31T18:00" in str(caught.value)


def test_the_last_day_of_the_calendar_has_no_end() -> None:
    with pytest.raises(QueryError, match="'9999-12-31' is out of range"):
        moment_of("9999-12-31", is_end=True)
