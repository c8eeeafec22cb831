"""The ids of what is older than the log: by time, each once, and each tells its time."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_log.values import past_ids
from pgaudit_log.values.past_ids import first_id, moment_of

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 1),  # noqa: DTZ001
    max_value=datetime(2109, 5, 1),  # noqa: DTZ001
    timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=5, minutes=45))]),
).filter(lambda moment: moment >= EPOCH)

CROWDED = st.integers(0, 4).map(lambda n: EPOCH + timedelta(milliseconds=n, microseconds=n * 7))
"""Moments of five milliseconds, so that many share one."""


class Log:
    """The ids that are in use."""

    def __init__(self) -> None:
        self.ids: set[int] = set()

    def largest(self, first: int, last: int) -> int | None:
        return max((id for id in self.ids if first <= id <= last), default=None)

    def bring_in(self, moments: list[datetime]) -> list[int]:
        found = list(past_ids.past_ids(moments, self.largest))
        assert not self.ids & set(found)
        self.ids |= set(found)
        return found


def millisecond(moment: datetime) -> datetime:
    moment = moment.astimezone(timezone.utc)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@given(moment=MOMENTS)
def test_an_id_tells_its_time(moment: datetime) -> None:
    id = first_id(moment)
    assert -(2**63) <= id < 0
    assert moment_of(id) == millisecond(moment)
    assert moment_of(id + past_ids.IDS_OF_A_MILLISECOND - 1) == millisecond(moment)


@pytest.mark.slow
@pytest.mark.everywhere
@given(sources=st.lists(st.lists(MOMENTS, max_size=8), max_size=4))
def test_ids_are_in_the_order_of_time_over_all_sources(sources: list[list[datetime]]) -> None:
    log = Log()
    found = [
        (id, millisecond(moment))
        for source in sources
        for id, moment in zip(log.bring_in(source), source, strict=True)
    ]
    assert [moment for _, moment in sorted(found)] == sorted(moment for _, moment in found)
    assert all(moment_of(id) == moment for id, moment in found)


@given(sources=st.lists(st.lists(CROWDED, max_size=20), max_size=4))
def test_within_a_millisecond_sources_and_their_own_order_follow(
    sources: list[list[datetime]],
) -> None:
    log = Log()
    by_moment: dict[datetime, list[int]] = {}
    for source in sources:
        for id, moment in zip(log.bring_in(source), source, strict=True):
            by_moment.setdefault(millisecond(moment), []).append(id)
    for moment, ids in by_moment.items():
        assert ids == list(range(first_id(moment), first_id(moment) + len(ids)))


@given(sources=st.lists(st.lists(CROWDED, max_size=12), max_size=4))
def test_what_has_no_room_goes_into_the_next_millisecond(sources: list[list[datetime]]) -> None:
    with patch.object(past_ids, "IDS_OF_A_MILLISECOND", 4):
        log = Log()
        for source in sources:
            ids = log.bring_in(source)
            for id, moment in zip(ids, source, strict=True):
                assert id >= first_id(moment)
            for n in range(5):
                own = [
                    id
                    for id, moment in zip(ids, source, strict=True)
                    if millisecond(moment) == EPOCH + timedelta(milliseconds=n)
                ]
                assert own == sorted(own)
        assert len(log.ids) == sum(map(len, sources))


def test_ids_as_they_are_specified() -> None:
    moment = datetime(2024, 1, 2, 3, 4, 5, 678900, tzinfo=timezone.utc)
    assert first_id(moment) == -(2**63) + 1704164645678 * 2**21
    assert list(past_ids.past_ids([moment, moment], lambda first, last: first + 6)) == [
        first_id(moment) + 7,
        first_id(moment) + 8,
    ]


@pytest.mark.parametrize("year", [1969, 2110])
def test_a_time_without_ids_is_refused(year: int) -> None:
    with pytest.raises(ValueError, match="has no id"):
        first_id(datetime(year, 12, 31, tzinfo=timezone.utc))


@pytest.mark.parametrize("id", [0, 1, 2**63])
def test_a_captured_id_tells_no_time(id: int) -> None:
    with pytest.raises(ValueError, match="tells no time"):
        moment_of(id)


def test_the_last_id_of_all() -> None:
    last = datetime(2109, 5, 15, 7, 35, 11, 103000, tzinfo=timezone.utc)
    assert first_id(last) == -past_ids.IDS_OF_A_MILLISECOND
    with pytest.raises(ValueError, match="no id left"):
        list(past_ids.past_ids([last], lambda first, end: end))
