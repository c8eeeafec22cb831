"""Leaves: the partitions that a database has, by name, with what a copy of one has to keep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connections

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database.installed_schema import GUARDS
from pgaudit_log.database.partitions import bounds
from pgaudit_log.database.partitions.calendar import FIRST, LAST, Period
from pgaudit_log.values.utc import utc

NEW = "pgaudit_log_new_"
"""What the name of a table begins with that is filled to become a partition."""

OLD = "pgaudit_log_old_"
"""What the name of a table begins with that was a partition, until what it has is elsewhere."""

STAY = "pgaudit_log_stay"
"""The table of the events that a retention leaves."""


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A partition of the event table."""

    oid: int
    name: str
    """Its name, without a schema and not quoted."""
    period: Period | None
    """``None`` of the DEFAULT partition."""
    size: int
    """How many bytes its rows have."""
    readers: tuple[str, ...] = ()
    """Views and the like that read it by its own name, and so keep it from being dropped."""
    publications: tuple[str, ...] = ()
    """The publications that name it itself."""
    extras: tuple[str, ...] = ()
    """What it alone has, and a table in its place would not: triggers, rules, policies, constraints."""

    @property
    def suffix(self) -> str:
        """What the names of the tables have at the end that it becomes, or that takes its place."""
        return "default" if self.period is None else suffix_of(self.period)


def suffix_of(period: Period) -> str:
    """Return what tells the names of tables of a period."""
    return period.table.removeprefix(f"{EVENT_TABLE}_")


def leaves(using: str) -> list[Leaf]:
    """Return the partitions, the DEFAULT one first, then the oldest.

    Those that have no bound at one end, or one that Python has no time for, are left out: they are
    of somebody's own making.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(
            f"""
            SELECT
                partition.oid::bigint,
                relname::text,
                bound = 'DEFAULT',
                lower(known) AT TIME ZONE 'UTC',
                upper(known) AT TIME ZONE 'UTC',
                pg_relation_size(partition.oid),
                ARRAY(
                    SELECT DISTINCT ev_class::regclass::text
                    FROM pg_depend
                    JOIN pg_rewrite ON pg_rewrite.oid = objid
                    WHERE classid = 'pg_rewrite'::regclass
                        AND refclassid = 'pg_class'::regclass
                        AND refobjid = partition.oid
                        AND ev_class <> partition.oid
                ),
                ARRAY(
                    SELECT pubname::text
                    FROM pg_publication_rel
                    JOIN pg_publication ON pg_publication.oid = prpubid
                    WHERE prrelid = partition.oid
                ),
                ARRAY(
                    SELECT 'trigger ' || tgname
                    FROM pg_trigger
                    WHERE tgrelid = partition.oid
                        AND NOT tgisinternal
                        AND tgparentid = 0
                        AND tgname <> ALL (%s)
                    UNION ALL
                    SELECT 'rule ' || rulename FROM pg_rewrite WHERE ev_class = partition.oid
                    UNION ALL
                    SELECT 'policy ' || polname FROM pg_policy WHERE polrelid = partition.oid
                    UNION ALL
                    SELECT 'constraint ' || conname
                    FROM pg_constraint
                    WHERE (conrelid = partition.oid OR confrelid = partition.oid)
                        AND contype IN ('c', 'f', 'x')
                        AND conparentid = 0
                        AND coninhcount = 0
                    ORDER BY 1
                )
            FROM pg_inherits
            JOIN pg_class AS partition ON partition.oid = inhrelid
            {bounds.KNOWN}
            WHERE inhparent = to_regclass(%s)
            ORDER BY 3 DESC, 4
            """,
            [[*GUARDS], EVENT_TABLE],
        )
        return [
            Leaf(
                oid=oid,
                name=name,
                period=None if is_default else Period(start=utc(start), end=utc(end)),
                size=size,
                readers=tuple(readers),
                publications=tuple(publications),
                extras=tuple(extras),
            )
            for (
                oid, name, is_default, start, end, size, readers, publications, extras,
            ) in cursor.fetchall()
            if is_default or (start is not None and end is not None)
        ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """A table that an interrupted rewrite has left."""

    name: str
    note: str
    """Its comment, which says what it is for."""

    @property
    def was_partition(self) -> bool:
        """Whether it was a partition, so that events may be nowhere else."""
        return self.name.startswith(OLD)


def leftovers(using: str) -> list[Leftover]:
    """Return the tables that an interrupted rewrite has left, in the schema of the event table."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            """
            SELECT relname::text, COALESCE(obj_description(own.oid, 'pg_class'), '')
            FROM pg_class AS own
            WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = to_regclass(%s))
                AND relkind = 'r'
                AND NOT relispartition
                AND (starts_with(relname, %s) OR starts_with(relname, %s) OR relname = %s)
            ORDER BY 1
            """,
            [EVENT_TABLE, NEW, OLD, STAY],
        )
        return [Leftover(name=name, note=note) for name, note in cursor.fetchall()]


def newest_event_at(using: str) -> datetime | None:
    """Return the time of the newest event; ``None`` where there is none."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT LEAST(GREATEST(created_at, %s), %s) AT TIME ZONE 'UTC'"
            f" FROM {EVENT_TABLE} ORDER BY id DESC LIMIT 1",
            [FIRST, LAST],
        )
        row = cursor.fetchone()
        return None if row is None else utc(row[0])
