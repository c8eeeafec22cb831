"""Tables as django-pghistory makes them, filled by hand: for what its own triggers write but seldom."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from pgaudit_log import importing
from pgaudit_log.importing import Imported, Plan
from tests.support import execute

TABLE = "their_thingevent"

START = datetime(2020, 1, 1, tzinfo=timezone.utc)


def at(seconds: float) -> datetime:
    """Return a moment of the time of the peer."""
    return START + timedelta(seconds=seconds)


def make_table(name: str = TABLE) -> None:
    """Make an event table of a model with the columns ``n`` and ``word``."""
    execute(
        f"CREATE TABLE {name} (pgh_id serial PRIMARY KEY, pgh_created_at timestamptz NOT NULL,"
        " pgh_label text NOT NULL, pgh_obj_id integer, pgh_context jsonb, pgh_context_id uuid,"
        " id integer, n integer, word text)"
    )


def record(*records: tuple[str, int, int, Any], name: str = TABLE) -> None:
    """Write records: the label, the key, the value of ``n``, and the second, or the time."""
    for label, key, n, when in records:
        execute(
            f"INSERT INTO {name} (pgh_created_at, pgh_label, pgh_obj_id, id, n, word)"
            " VALUES (%s, %s, %s, %s, %s, 'w')",
            [when if isinstance(when, datetime) else at(when), label, key, key, n],
        )


def plan(model: Any, **options: Any) -> Plan:
    """Return the plan of importing such a table."""
    return importing.plan("pghistory", tables={model: [TABLE]}, models=[model], **options)


def bring_over(model: Any, **options: Any) -> Imported:
    """Import such a table."""
    return plan(model, **options).apply()


def events(
    columns: str = "obj_pk, operation, (snapshot ->> 'n')::int",
) -> Sequence[tuple[Any, ...]]:
    """Return what was imported, in the order of ids; also what says that something was missed."""
    return execute(
        f"SELECT {columns} FROM pgaudit_log_event WHERE id < 0 AND model = 'shop.Thing' ORDER BY id"
    )


def records(columns: str) -> Sequence[tuple[Any, ...]]:
    """Return what was imported of records, in the order of ids."""
    return execute(
        f"SELECT {columns} FROM pgaudit_log_event WHERE id < 0 AND model = 'shop.Thing'"
        " AND origin ? 'id' ORDER BY id"
    )
