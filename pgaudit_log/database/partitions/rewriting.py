"""Rewriting: puts tables in the place of partitions, while others read and write the event table.

The tables are filled beside the partitions, a batch a transaction; then one short lock swaps them,
once nobody is in the way. It can be interrupted at any point and run again: tables that were being
filled are gone on with, and a partition that was put aside is dropped only once all that was to stay
of it is elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any

from django.db import connections

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database.event_table import schema_of
from pgaudit_log.database.partitions import copies, sweeping
from pgaudit_log.database.partitions.copies import Copies, Progress
from pgaudit_log.database.partitions.leaves import (
    NEW,
    OLD,
    STAY,
    Leaf,
    leaves,
    leftovers,
)
from pgaudit_log.database.partitions.locking import Patience, wait_for_writers, whole_table
from pgaudit_log.exceptions import PlanError, StalePlanError
from pgaudit_log.values.quoting import quote_name

MOST_LATE = 2_000
"""How many events are copied under the lock at most: a few milliseconds."""

_ROUNDS = 20


class _TooLateError(Exception):
    """More events came than are copied while everybody waits."""


def fingerprint(olds: Collection[Leaf], news: Collection[Any], purpose: object = None) -> str:
    """Return what tells a rewrite from others, also in another run."""
    names = [(leaf.oid, leaf.name) for leaf in olds], [str(period) for period in news]
    text = json.dumps([names, purpose], default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def rewrite(
    made: Copies,
    patience: Patience,
    *,
    purpose: object = None,
    settled: Progress | None = None,
    in_lock: Callable[[Any], object] = lambda cursor: None,
) -> None:
    """Put the copies in the place of their partitions.

    Args:
        made: the copies.
        patience: how long locks are waited for.
        purpose: what the copies are for, beside which partitions become which: told apart by it.
        settled: up to where all transactions have ended, if that is known.
        in_lock: is called in the transaction of the swap, and may stop it by raising.

    Raises:
        PlanError: when somebody has the event table for longer than is waited, or something is in
            the way. What has been copied stays for the next time.
        StalePlanError: when the partitions are not as they were.
    """
    own = fingerprint(made.olds, made.news, purpose)
    tables = [made.of(leaf) for leaf in made.olds]
    progress = made.found(own)
    if progress is None:
        progress = settled or settle(made.using, made.olds, patience)
        progress = replace(progress, fingerprint=own)
        made.make(progress)
    progress = made.fill(progress)
    made.finish()
    for _ in range(_ROUNDS):
        up_to = settle(made.using, made.olds, patience).late
        progress, count = made.copy_settled(progress, up_to)
        if count > MOST_LATE:
            continue
        try:
            with whole_table(made.using, [*tables, *_default(made)], patience) as cursor:
                _refuse_stale(made)
                if made.copy_late(cursor, progress.late) > MOST_LATE:
                    raise _TooLateError
                made.swap(cursor, progress)
                in_lock(cursor)
        except _TooLateError:
            continue
        break
    else:
        raise PlanError(
            f"{', '.join(leaf.name for leaf in made.olds)}: events come faster than they are copied."
            " Nothing was changed; run this again when less is written."
        )
    for leaf in made.olds:
        name = OLD + leaf.suffix
        sweeping.sweep(made.using, name, _progress_of(made.using, name))


def settle(using: str, olds: Collection[Leaf], patience: Patience) -> Progress:
    """Wait for those who may have written to partitions; return up to which id all is there then."""
    with connections[using].cursor() as cursor:
        schema = schema_of(using)
        cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [f"{schema}.{EVENT_TABLE}"])
        [sequence] = cursor.fetchone()
        cursor.execute(f"SELECT last_value FROM {sequence}")
        [last] = cursor.fetchone()
    # Who has taken such an id has had a lock since before.
    wait_for_writers(using, [f"{schema}.{quote_name(leaf.name)}" for leaf in olds], patience)
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT pg_current_snapshot()::text")
        [snapshot] = cursor.fetchone()
    return Progress(fingerprint="", late=last, snapshot=snapshot)


def _default(made: Copies) -> list[str]:
    found = [leaf for leaf in leaves(made.using) if leaf.period is None]
    return [made.of(leaf) for leaf in found if leaf not in made.olds]


def _refuse_stale(made: Copies) -> None:
    now = {(leaf.oid, leaf.name, leaf.period) for leaf in leaves(made.using)}
    gone = [leaf.name for leaf in made.olds if (leaf.oid, leaf.name, leaf.period) not in now]
    if gone:
        raise StalePlanError(
            f"{', '.join(gone)}: no longer the partitions that they were. Make the plan anew."
        )


def _progress_of(using: str, name: str) -> Progress | None:
    note = next((own.note for own in leftovers(using) if own.name == name), "")
    return Progress.read(note)


def finish_interrupted(using: str) -> int:
    """Bring what an interrupted swap has put aside to its end; return how many events came back."""
    count = 0
    for own in leftovers(using):
        if own.was_partition:
            count += sweeping.sweep(using, own.name, Progress.read(own.note))
    return count


def drop_unwanted(using: str, wanted: Collection[str] = (), *, keep_stay: bool = False) -> None:
    """Drop the tables that an interrupted run was filling, those aside that are gone on with."""
    copies.drop(
        using,
        [
            own.name
            for own in leftovers(using)
            if own.name not in wanted
            and (own.name.startswith(NEW) or (own.name == STAY and not keep_stay))
        ],
    )
