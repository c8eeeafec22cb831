"""UTC: times that a query has given ``AT TIME ZONE 'UTC'``.

What a driver makes of ``timestamptz`` itself depends on ``USE_TZ``.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import overload


@overload
def utc(value: datetime) -> datetime: ...
@overload
def utc(value: None) -> None: ...
@overload
def utc(value: datetime | None) -> datetime | None: ...
def utc(value: datetime | None) -> datetime | None:
    """Return the time, aware, that a query has given without a time zone; ``None`` of none."""
    return None if value is None else value.replace(tzinfo=timezone.utc)
