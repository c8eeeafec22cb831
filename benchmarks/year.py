"""The year whose events are filled in: its months, and who wrote in how many transactions."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from pgaudit_log.database.partitions.calendar import Period, period_at

MONTHS = 12
USERS = 500
EVENTS_A_TRANSACTION = 3
CHUNK = 250_000
"""How many events one statement fills in."""


def months() -> list[Period]:
    """Return the last twelve months, this one the last."""
    found = [period_at(datetime.now(timezone.utc), "month")]
    while len(found) < MONTHS:
        found.insert(0, period_at(found[0].start - timedelta(days=1), "month"))
    return found


def make_partitions() -> None:
    """Make the partitions of the year that are missing."""
    # Not above: it needs the package's models, and the peers' workers are without them.
    from pgaudit_log.database.partitions.catalogue import Plan, existing

    have = existing("default")
    missing = [month for month in months() if not any(month.overlaps(other) for other in have)]
    Plan(using="default", create=missing).apply()


def finish() -> None:
    """Have an index for each month that is over, as `migrate` and the command `install` do then."""
    from pgaudit_log.database.partitions.catalogue import finish_past

    finish_past()
