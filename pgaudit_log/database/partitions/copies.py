"""Copies: tables that are filled beside partitions, to take their place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import connections, transaction

from pgaudit_log import sql
from pgaudit_log.constants import DEFAULT_PARTITION, EVENT_TABLE
from pgaudit_log.database.event_table import schema_of
from pgaudit_log.database.partitions.calendar import FIRST, LAST, Period
from pgaudit_log.database.partitions.leaves import NEW, OLD, STAY, Leaf, suffix_of
from pgaudit_log.exceptions import StalePlanError
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.sql_text import Sql
from pgaudit_log.values.utc import utc

BATCH = 5_000
"""How many events are copied in one transaction."""

NOTE = "pgaudit_log:"
"""What the comment of a copy begins with; JSON follows."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Which events stay: those of other models, and those that the table ``STAY`` lists."""

    labels: tuple[str, ...]
    """The models of which not all stay."""

    def test(self, schema: str, event: str) -> str:
        labels = ", ".join(map(quote_literal, self.labels))
        return (
            f"({event}.model <> ALL (ARRAY[{labels}]) OR EXISTS"
            f" (SELECT FROM {schema}.{STAY} AS stay WHERE stay.id = {event}.id))"
        )


@dataclass(frozen=True, kw_only=True)
class Changed:
    """What events are otherwise in the copies than in the partitions."""

    columns: tuple[str, ...]
    """The columns that may differ."""
    source: Sql
    """A query of one row, with these columns, for each ``event``."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far the copies have been filled, as the comment of the first of them says."""

    fingerprint: str
    """What they are for, so that other ones are not taken for them."""
    late: int
    """The id up to which all transactions had ended when the copying began; later events all stay."""
    snapshot: str
    """Which transactions had ended then, as PostgreSQL writes it."""
    old: int = 0
    """Which of the partitions is being read."""
    after: int | None = None
    """Its last event that has been looked at; ``None`` at its beginning."""

    def text(self) -> str:
        return NOTE + json.dumps(self.__dict__, sort_keys=True)

    @classmethod
    def read(cls, note: str) -> Progress | None:
        try:
            return cls(**json.loads(note.removeprefix(NOTE)))
        except (ValueError, TypeError):
            return None


@dataclass(frozen=True, kw_only=True)
class Copies:
    """The tables that take the place of partitions: which is filled out of which."""

    using: str
    olds: tuple[Leaf, ...]
    """The partitions that are read, the oldest first."""
    news: tuple[Period | None, ...]
    """The periods of the tables; ``None`` is the DEFAULT partition's. Of none where nothing stays."""
    kept: Kept | None = None
    """Which events stay; ``None`` for all."""
    changed: Changed | None = None
    """What they are otherwise; ``None`` where each stays as it is."""
    schema: str = field(init=False)
    columns: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "schema", schema_of(self.using))
        object.__setattr__(self, "columns", columns_of(self.using))

    def table(self, period: Period | None) -> str:
        """Return the name, in SQL, of the table that is filled for a period."""
        return f"{self.schema}.{quote_name(self.name(period))}"

    @staticmethod
    def name(period: Period | None) -> str:
        """Return the name of the table that is filled for a period."""
        return NEW + ("default" if period is None else suffix_of(period))

    def of(self, leaf: Leaf) -> str:
        """Return the name of a partition in SQL."""
        return f"{self.schema}.{quote_name(leaf.name)}"

    @property
    def _lead(self) -> str:
        return self.table(self.news[0])

    def found(self, fingerprint: str) -> Progress | None:
        """Return how far those copies are that an interrupted run has left; ``None`` without any."""
        if not self.news:
            return None
        with connections[self.using].cursor() as cursor:
            cursor.execute(
                "SELECT obj_description(to_regclass(%s), 'pg_class'),"
                " (SELECT bool_and(to_regclass(name) IS NOT NULL)"
                " FROM pg_catalog.unnest(%s::text[]) AS name)",
                [self._lead, [self.table(period) for period in self.news]],
            )
            note, are_there = cursor.fetchone()
        progress = Progress.read(note or "") if are_there else None
        return progress if progress is not None and progress.fingerprint == fingerprint else None

    def make(self, progress: Progress) -> None:
        """Make the tables, empty, with all that the partitions have; drop what has their names."""
        with transaction.atomic(using=self.using), connections[self.using].cursor() as cursor:
            for period in self.news:
                cursor.execute(f"DROP TABLE IF EXISTS {self.table(period)}")
                like = self.olds[0]
                cursor.execute(
                    sql.read("partition_copy.sql").format(
                        schema=self.schema,
                        table=self.table(period),
                        like=quote_literal(self.of(like)),
                        literal=quote_literal(self.table(period)),
                        has_own_indexes=str(len(self.olds) == len(self.news) == 1).lower(),
                    )
                )
                if period is not None:
                    cursor.execute(
                        f"ALTER TABLE {self.table(period)} ADD CONSTRAINT {bounds_of(period)}"
                        f" CHECK ({within(period)})"
                    )
            self._note(cursor, progress)

    def _note(self, cursor: Any, progress: Progress) -> None:
        if not self.news:
            return
        cursor.execute(f"COMMENT ON TABLE {self._lead} IS {quote_literal(progress.text())}")

    def fill(self, progress: Progress) -> Progress:
        """Copy all events up to ``progress.late`` that stay, a batch a transaction."""
        while self.news and progress.old < len(self.olds):
            with transaction.atomic(using=self.using), connections[self.using].cursor() as cursor:
                progress = self._batch(cursor, progress)
                self._note(cursor, progress)
        return progress

    def _batch(self, cursor: Any, progress: Progress) -> Progress:
        old = self.of(self.olds[progress.old])
        test = f"event.id <= {progress.late}"
        if progress.after is not None:
            test += f" AND event.id > {progress.after}"
        if self.kept is not None:
            test += f" AND {self.kept.test(self.schema, 'event')}"
        cursor.execute(
            "SELECT max(id), GREATEST(min(created_at), %s) AT TIME ZONE 'UTC',"
            " LEAST(max(created_at), %s) AT TIME ZONE 'UTC' FROM (SELECT id, created_at"
            f" FROM {old} AS event WHERE {test} ORDER BY id LIMIT {BATCH}) AS batch",
            [FIRST, LAST],
        )
        last, *at = cursor.fetchone()
        if last is None:
            return replace(progress, old=progress.old + 1, after=None)
        first_at, last_at = map(utc, at)
        batch = f"{test} AND event.id <= {last}"
        for period in self.news:
            if period is None or (first_at < period.end and last_at >= period.start):
                self._insert(cursor, old, batch, period)
        return replace(progress, after=last)

    def _insert(self, cursor: Any, old: str, test: str, period: Period | None) -> int:
        place = self._rest() if period is None else within(period, "event.")
        read, source = self.columns, Sql.plain(f"{old} AS event")
        if self.changed is not None:
            read = ", ".join(
                f"{'changed' if name in self.changed.columns else 'event'}.{quote_name(name)}"
                for name in column_names(self.using)
            )
            source += " CROSS JOIN LATERAL (" + self.changed.source + ") AS changed"
        insert = (
            Sql.plain(f"INSERT INTO {self.table(period)} ({self.columns}) SELECT {read} FROM ")
            + source
            + f" WHERE {test} AND {place} ORDER BY event.id"
        )
        cursor.execute(insert.text, insert.params)
        return int(cursor.rowcount)

    def _rest(self) -> str:
        others = [f"NOT ({within(p, 'event.')})" for p in self.news if p is not None]
        return " AND ".join(others) or "TRUE"

    def copy_late(self, cursor: Any, since: int, up_to: int | None = None) -> int:
        """Copy the events with ids behind ``since``, all of them; return how many there were.

        Raises:
            StalePlanError: when there are some, and no table for them.
        """
        test = f"event.id > {since}" + ("" if up_to is None else f" AND event.id <= {up_to}")
        for old in () if self.news else self.olds:
            cursor.execute(f"SELECT EXISTS (SELECT FROM {self.of(old)} AS event WHERE {test})")
            if cursor.fetchone()[0]:
                raise StalePlanError(f"Events came into {old.name}, of which none was to stay.")
        return sum(
            self._insert(cursor, self.of(old), test, period)
            for old in self.olds
            for period in self.news
        )

    def copy_settled(self, progress: Progress, up_to: int) -> tuple[Progress, int]:
        """Copy the events that have come since, up to an id; return how many there were."""
        with transaction.atomic(using=self.using), connections[self.using].cursor() as cursor:
            count = self.copy_late(cursor, progress.late, up_to)
            progress = replace(progress, late=up_to)
            self._note(cursor, progress)
        return progress, count

    def finish(self) -> None:
        """Let the planner know the tables, and sum up what the BRIN indexes have."""
        with connections[self.using].cursor() as cursor:
            for period in self.news:
                cursor.execute(f"VACUUM (FREEZE, ANALYZE) {self.table(period)}")
                cursor.execute(
                    "SELECT brin_summarize_new_values(indexrelid) FROM pg_index"
                    " JOIN pg_class ON pg_class.oid = indexrelid"
                    " JOIN pg_am ON pg_am.oid = relam AND amname = 'brin'"
                    " WHERE indrelid = to_regclass(%s)",
                    [self.table(period)],
                )

    def swap(self, cursor: Any, progress: Progress) -> None:
        """Put the tables in the place of the partitions, in the transaction that has them locked."""
        for old in self.olds:
            put_aside = OLD + old.suffix
            cursor.execute(
                f"ALTER TABLE {self.schema}.{EVENT_TABLE} DETACH PARTITION {self.of(old)}"
            )
            cursor.execute(f"ALTER TABLE {self.of(old)} RENAME TO {quote_name(put_aside)}")
        comment = _comment(cursor, f"{self.schema}.{quote_name(OLD + self.olds[0].suffix)}")
        for old in self.olds:
            note = replace(progress, fingerprint="all" if self.kept is None else "kept")
            cursor.execute(
                f"COMMENT ON TABLE {self.schema}.{quote_name(OLD + old.suffix)}"
                f" IS {quote_literal(note.text())}"
            )
        # The DEFAULT one at the end: it must not have what another one has room for.
        for period in sorted(self.news, key=lambda period: period is None):
            self._attach(cursor, period, comment)

    def _attach(self, cursor: Any, period: Period | None, comment: str | None) -> None:
        name = DEFAULT_PARTITION if period is None else period.table
        table = f"{self.schema}.{quote_name(name)}"
        cursor.execute(f"ALTER TABLE {self.table(period)} RENAME TO {quote_name(name)}")
        bounds = (
            "DEFAULT"
            if period is None
            else f"FOR VALUES FROM ('{period.start.isoformat()}') TO ('{period.end.isoformat()}')"
        )
        cursor.execute(f"ALTER TABLE {self.schema}.{EVENT_TABLE} ATTACH PARTITION {table} {bounds}")
        cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER pgaudit_log_refuse_change")
        if period is not None:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {bounds_of(period)}")
        told = "NULL" if comment is None else quote_literal(comment)
        cursor.execute(f"COMMENT ON TABLE {table} IS {told}")


def bounds_of(period: Period) -> str:
    """Return the name of the constraint that spares a table being read as it is attached."""
    return quote_name(f"{NEW}{suffix_of(period)}_bounds")


def within(period: Period, prefix: str = "") -> str:
    """Return the test whether an event is of a period."""
    return (
        f"{prefix}created_at >= '{period.start.isoformat()}'::timestamptz"
        f" AND {prefix}created_at < '{period.end.isoformat()}'::timestamptz"
    )


def columns_of(using: str) -> str:
    """Return the columns that events are copied with, as SQL."""
    return ", ".join(map(quote_name, column_names(using)))


def column_names(using: str) -> list[str]:
    """Return the names of the columns that events are copied with."""
    with connections[using].cursor() as cursor:
        cursor.execute(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(%s)"
            " AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attnum",
            [EVENT_TABLE],
        )
        return [name for (name,) in cursor.fetchall()]


def _comment(cursor: Any, table: str) -> str | None:
    cursor.execute("SELECT obj_description(to_regclass(%s), 'pg_class')", [table])
    note = cursor.fetchone()[0]
    return None if note is None else str(note)


def drop(using: str, names: Sequence[str]) -> None:
    """Drop tables that were filled for nothing, by name."""
    schema = schema_of(using)
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for name in names:
            cursor.execute(f"DROP TABLE IF EXISTS {schema}.{quote_name(name)}")
