"""The clock: whether the time by which events are removed can be the right one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

from django.db import connections

from pgaudit_log.database.partitions import leaves

APART = timedelta(days=1)
"""How far the clocks of the database and of this machine may be apart, or an event in the future."""

SILENT = timedelta(days=100)
"""For how long nothing may have been written, before the clock is rather thought to have jumped."""


def now_of(using: str) -> datetime:
    """Return the time by the clock of the database."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        return datetime.fromtimestamp(cursor.fetchone()[0], tz=timezone.utc)


def doubts(using: str, now: datetime, *, is_trusted: bool) -> Iterator[str]:
    """Yield what speaks against the database's clock, by which events would be removed.

    With ``is_trusted``, that nothing was written for long does not.
    """
    here = datetime.now(timezone.utc)
    if abs(now - here) > APART:
        yield (
            f"By the clock of the database it is {now.isoformat(timespec='seconds')}, and here"
            f" {here.isoformat(timespec='seconds')}. Nothing is removed by a clock that may be wrong:"
            " set it."
        )
    newest = leaves.newest_event_at(using)
    if newest is None:
        return
    if newest - now > APART:
        yield (
            f"The newest event is of {newest.isoformat(timespec='seconds')}, which the clock of the"
            f" database ({now.isoformat(timespec='seconds')}) has not reached: it was put back, or had"
            " jumped. Nothing is removed by a clock that may be wrong."
        )
    if now - newest > SILENT and not is_trusted:
        yield (
            f"The newest event is of {newest.isoformat(timespec='seconds')}, {(now - newest).days} days"
            f" ago by the clock of the database ({now.isoformat(timespec='seconds')}). Where that is"
            " right and nothing was written for so long, say so: --trust-clock."
        )
