"""Transaction times: when one began, by which its events are found without a search through all others.

Where a transaction has many of all events, the planner would look for the newest few in the order of
ids, through all partitions.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.values.moment_parser import moment_of


def of_transaction(events: Any, txid: int, *, began: str = "") -> Any:
    """Return those of ``events`` that are of a transaction, all of which are of the time at which it began.

    What an address says of that time is as good as any; where it is wrong, it is looked for.
    """
    if txid >= 2**63:
        return events.none()
    found = _began(txid, str(events.db), began)
    return events.in_transaction(txid).filter(pgh_created_at=found) if found else events.none()


def _began(txid: int, using: str, said: str) -> datetime | None:
    trail: Any = Events.objects
    times = trail.using(using).in_transaction(txid).order_by()
    times = times.values_list("pgh_created_at", flat=True)
    try:
        found = list(times.filter(pgh_created_at=moment_of(said))[:1]) if said else []
    except QueryError:
        found = []
    # Not in order, so that the first that is found will do.
    found = found or list(times[:1])
    return found[0] if found else None
