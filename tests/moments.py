"""Moments for tests: now, and what must be true of a table at one."""

from __future__ import annotations

from typing import Any

from django.db import connection, models

from pgaudit_log.models import Events
from tests.support import execute


def now() -> Events:
    """Return the newest event: the moment just after all that was written."""
    event = Events.objects.order_by("-pgh_id").first()
    assert event is not None
    return event


def keep_copy(model: type[models.Model], name: str) -> None:
    """Copy the table of ``model`` as it is now, to the last bit, to the table ``name``."""
    execute(f'CREATE TABLE {name} AS SELECT * FROM "{model._meta.db_table}"')


def rows_unlike_copy(model: Any, moment: Any, name: str) -> list[Any]:
    """Return the rows of ``model`` as of ``moment`` that are not those of a copy, to the last bit."""
    past = model.objects.as_of(moment).values(*[f.attname for f in model._meta.concrete_fields])
    sql, params = past.query.sql_with_params()
    fields = model._meta.concrete_fields
    columns = ", ".join(f'"{f.column}"' for f in fields)
    # Values of the past have no modifiers, such as varchar's length.
    cast = ", ".join(f'"{f.column}"::{f.rel_db_type(connection)}' for f in fields)
    key = model._meta.pk.column
    return execute(
        f"""
        WITH past ({columns}) AS ({sql})
        SELECT kept::text, past::text
        FROM (SELECT {columns} FROM {name}) AS kept
        FULL JOIN (SELECT {cast} FROM past) AS past ON past."{key}" = kept."{key}"
        WHERE record_image_ne(kept, past)
        """,
        params,
    )
