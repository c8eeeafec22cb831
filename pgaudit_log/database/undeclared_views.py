"""Undeclared views: those of typed events that no declaration accounts for any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.db import InternalError, ProgrammingError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.values.quoting import quote_name


class Kept(NamedTuple):
    """A view that could not be dropped."""

    name: str
    reason: str

    def __str__(self) -> str:
        return (
            f"The view {self.name} shows what is no longer tracked, and was not dropped:"
            f" {self.reason}. Drop it by hand."
        )


def find(declared: Sequence[str], connection: BaseDatabaseWrapper) -> list[str]:
    """Return the views of this package in the current schema whose names are none of ``declared``.

    One is ours if its comment says so, and it reads the event table.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT relname
            FROM pg_class
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE relkind = 'v' AND nspname = current_schema() AND relname <> ALL (%s)
                AND obj_description(pg_class.oid, 'pg_class') ~ '(^|\\n)pgaudit_log:\\S*$'
                AND EXISTS (
                    SELECT FROM pg_rewrite
                    JOIN pg_depend ON classid = 'pg_rewrite'::regclass AND objid = pg_rewrite.oid
                    WHERE ev_class = pg_class.oid
                        AND refclassid = 'pg_class'::regclass AND refobjid = to_regclass(%s)
                )
            ORDER BY relname
            """,
            [list(declared), EVENT_TABLE],
        )
        return [name for (name,) in cursor.fetchall()]


def drop(names: Sequence[str], connection: BaseDatabaseWrapper) -> list[Kept]:
    """Drop views, and return those that had to stay: something depends on them, or they are another's."""
    kept = []
    for name in names:
        try:
            with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                cursor.execute("SELECT pg_catalog.quote_ident(current_schema()::text)")
                [schema] = cursor.fetchone()
                cursor.execute(f"DROP VIEW {schema}.{quote_name(name)}")
        except (InternalError, ProgrammingError) as error:
            kept.append(Kept(name=name, reason=_reason(error)))
    return kept


def _reason(error: Exception) -> str:
    """Return what PostgreSQL says, of dependent objects which they are."""
    told = getattr(getattr(error.__cause__, "diag", None), "message_detail", None) or str(error)
    return ", ".join(line.strip() for line in told.strip().splitlines())
