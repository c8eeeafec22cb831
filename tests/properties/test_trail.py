"""A replay refuses a trail that is not what happened, so that the machine can fail."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from tests.properties.trail import BrokenTrailError, Event, replay

pytestmark = pytest.mark.slow


def event(id: int, operation: str, before: str | None, after: str | None) -> Event:
    return Event(
        id=id,
        model="shop.Sheet",
        operation=operation,
        tag="t",
        before=before,
        after=after,
        fault=None,
        context_id=None,
        context=None,
        created_at=datetime(2024, 1, 1, tzinfo=timezone.utc),
        txid=1,
    )


INSERT = event(1, "I", None, '{"amount": 1.0}')
UPDATE = event(2, "U", '{"amount": 1.0}', '{"amount": 1.00}')
UPDATE_AGAIN = event(3, "U", '{"amount": 1.00}', '{"amount": 2}')
DELETE = event(4, "D", '{"amount": 2}', None)
TRUNCATE = event(5, "T", None, None)


@pytest.mark.parametrize(
    ("trail", "left"),
    [
        ([INSERT, UPDATE, UPDATE_AGAIN], {'{"amount": 2}': 3}),
        ([INSERT, UPDATE, UPDATE_AGAIN, DELETE], {}),
        ([INSERT, TRUNCATE, INSERT], {'{"amount": 1.0}': 1}),
    ],
)
def test_a_whole_trail_is_replayed(trail: list[Event], left: dict[str, int]) -> None:
    assert replay(trail) == {"shop.Sheet": left}


@pytest.mark.parametrize(
    "trail",
    [
        pytest.param([UPDATE], id="the insert is missing"),
        pytest.param([INSERT, UPDATE_AGAIN], id="an update is missing"),
        pytest.param([INSERT, INSERT], id="the insert is there twice"),
        pytest.param([INSERT, UPDATE, DELETE], id="another row is deleted"),
        pytest.param([INSERT, TRUNCATE, UPDATE], id="a truncated row is updated"),
        pytest.param([UPDATE, INSERT, UPDATE_AGAIN], id="the order is wrong"),
        pytest.param([INSERT, UPDATE._replace(fault="it pairs two rows")], id="an event is wrong"),
    ],
)
def test_a_broken_trail_is_refused(trail: list[Event]) -> None:
    with pytest.raises(BrokenTrailError):
        replay(trail)
