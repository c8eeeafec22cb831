"""Settled time: up to when the past stands still, because no running transaction can add to it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone

from django.db import DEFAULT_DB_ALIAS, connections

from pgaudit_log.exceptions import UnknownPastError
from pgaudit_log.reading import moments
from pgaudit_log.values.sql_text import template

PAUSE = 0.05
"""How many seconds pass before the database is asked again."""

_LEAST = timedelta(microseconds=1)


def settled_until(using: str | None = None) -> datetime:
    """Return the latest moment whose past no running transaction can change any more.

    An event has the time at which its transaction began. So a transaction that began before a
    moment, and commits after it was asked about, changes what ``as_of(moment)`` answers. What
    lies before the oldest running transaction does not change. Within a transaction, its own
    start is such a bound, too. The last second is never settled: a transaction that has just begun
    may not be seen yet.

    Args:
        using: the database; by default the default one.

    Raises:
        UnknownPastError: where that cannot be known: other roles' transactions are hidden,
            a transaction is prepared, or the database is a standby.
    """
    alias = using or DEFAULT_DB_ALIAS
    with connections[alias].cursor() as cursor:
        cursor.execute(template("pgaudit_log.operating", "settled.sql").sql().text)
        oldest, hidden, prepared, is_standby = cursor.fetchone()
    if is_standby:
        raise UnknownPastError(
            f'The database "{alias}" is a standby, which does not know the transactions that run on'
            " its primary. Ask there, and wait until that moment is replayed here."
        )
    if hidden:
        raise UnknownPastError(
            f"It is unknown what transactions of {', '.join(hidden)} run: this role may not see"
            " them. GRANT pg_read_all_stats to it."
        )
    if prepared:
        raise UnknownPastError(
            f"The prepared transactions {', '.join(prepared)} may have begun at any time."
            " Commit them, or roll them back."
        )
    start: datetime = oldest.replace(tzinfo=timezone.utc)
    return start - _LEAST


def wait_until_settled(
    moment: datetime, *, timeout: float | None = None, using: str | None = None
) -> None:
    """Return once no running transaction can change the past of ``moment`` any more.

    Args:
        moment: an aware datetime.
        timeout: after how many seconds to give up; by default never.
        using: the database; by default the default one.

    Raises:
        UnknownPastError: when ``timeout`` is over, when it would wait for its own transaction,
            and where :func:`settled_until` raises it.
        QueryError: for a moment without a time zone.
    """
    moment = moments.aware(moment)
    connection = connections[using or DEFAULT_DB_ALIAS]
    end = None if timeout is None else time.monotonic() + timeout
    while (settled := settled_until(using)) < moment:
        if connection.in_atomic_block:
            raise UnknownPastError(
                f"{moment.isoformat()} is not settled, and cannot be waited for within a transaction,"
                " which may be what it waits for. Wait outside of atomic()."
            )
        if end is not None and time.monotonic() >= end:
            raise UnknownPastError(
                f"{moment.isoformat()} is not settled: a transaction still runs that began after"
                f" {settled.isoformat()}. Wait longer, or ask about that moment."
            )
        time.sleep(PAUSE)
