"""Obstacles: what is in the way of an import."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timezone

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.declaring import former_names
from pgaudit_log.importing.steps import Step
from pgaudit_log.values.past_ids import first_id


def obstacles_of(steps: Sequence[Step], connection: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield what is in the way of some steps in a database, as sentences that say what to do."""
    for step in steps:
        for moment in (step.first, step.last):
            if moment is not None and not _has_id(moment):
                yield (
                    f"{step.source.name} has a record of {moment.astimezone(timezone.utc):%Y-%m-%d}:"
                    " there are ids for events from 1970 to May 2109 only. Correct its time."
                )
    if not steps:
        return
    yield from _overlaps(steps, connection)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT
                pg_has_role(relowner, 'USAGE'),
                has_schema_privilege(current_schema(), 'CREATE'),
                current_user
            FROM pg_class WHERE oid = to_regclass(%s)
            """,
            [EVENT_TABLE],
        )
        is_owner, can_create, role = cursor.fetchone()
    if not (is_owner and can_create):
        yield (
            f"The role {role} does not own the event table, or may not make tables. Run it as the"
            " role that migrates."
        )


def _overlaps(steps: Sequence[Step], connection: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield where another peer's history of the same time has been imported."""
    for step in steps:
        if not step.events:
            continue
        with connection.cursor() as cursor:
            cursor.execute(
                """
                SELECT DISTINCT origin ->> 'peer'
                FROM pgaudit_log_event
                WHERE model = ANY(%s)
                    AND id < 0
                    AND created_at BETWEEN %s AND %s
                    AND origin ->> 'peer' <> %s
                    AND origin ? 'id'
                """,
                [
                    former_names.labels_of(step.source.model, connection.alias),
                    step.first,
                    step.last,
                    step.source.peer,
                ],
            )
            for (peer,) in cursor.fetchall():
                yield (
                    f"What {peer} has recorded of {step.model} at the same time is imported already:"
                    " each change would be there twice. Take that back, or import what one of them has"
                    " of another time, by --since."
                )


def _has_id(moment: datetime) -> bool:
    try:
        first_id(moment)
    except ValueError:
        return False
    return True
