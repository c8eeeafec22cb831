"""New views: those of typed events in whose place a database has nothing, made with few statements.

A project's first ``migrate`` makes all of them, and a dozen statements for each of hundreds add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.db import DatabaseError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from pgaudit_log.database.installed_views import marking, options_of, places, qualified
from pgaudit_log.reading.event_views import View
from pgaudit_log.values.quoting import quote_name

_AT_ONCE = 50
"""How many are made in a transaction: PostgreSQL has a lock for each until its end."""


def create(views: Sequence[View], connection: BaseDatabaseWrapper) -> list[str]:
    """Create those of ``views`` in whose place there is nothing, and return their names.

    Where one cannot be made, those that would have been made with it are left for
    :func:`installed_views.replace`, which tells why.
    """
    return [
        name
        for first in range(0, len(views), _AT_ONCE)
        for name in _create(views[first : first + _AT_ONCE], connection)
    ]


def _create(views: Sequence[View], connection: BaseDatabaseWrapper) -> list[str]:
    try:
        # With one cursor: with each new one, and each savepoint, django-tenants sets the path again.
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            path, home, audit = places(cursor)
            taken = set(_taken(views, cursor))
            made = {
                f"{home}.{quote_name(view.name)}": view for view in views if view.name not in taken
            }
            if not made:
                return []
            # PostgreSQL's own path last: it is that under which definitions are shown in full.
            for is_plain in (False, True):
                if is_plain:
                    cursor.execute("SET LOCAL search_path = pg_catalog, pg_temp")
                statements = [
                    f"CREATE VIEW {name}{options_of(view)} AS\n{qualified(view.select, audit)}"
                    for name, view in made.items()
                    if view.is_plain == is_plain
                ]
                if statements:
                    cursor.execute(";\n".join(statements))
            definitions = _definitions(list(made), cursor)
            comments = [marking(view, name, definitions[name]) for name, view in made.items()]
            cursor.execute(";\n".join(comments))
            cursor.execute("SELECT pg_catalog.set_config('search_path', %s, true)", [path])
            _refuse_strangers(list(made), cursor)
            return [view.name for view in made.values()]
    except DatabaseError:
        return []


def _taken(views: Sequence[View], cursor: CursorWrapper) -> Iterator[str]:
    """Yield the names of views that something else, or an earlier one, has already."""
    cursor.execute(
        """
        SELECT relname::text
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relname = ANY (%s) AND nspname = current_schema()
        """,
        [[view.name for view in views]],
    )
    yield from (name for (name,) in cursor.fetchall())


def _definitions(names: list[str], cursor: CursorWrapper) -> dict[str, str]:
    """Return the hashes of what PostgreSQL made of views, by their names in SQL."""
    cursor.execute(
        """
        SELECT name, md5(pg_get_viewdef(to_regclass(name)))
        FROM unnest(%s::text[]) AS name
        """,
        [names],
    )
    return dict(cursor.fetchall())


def _refuse_strangers(names: list[str], cursor: CursorWrapper) -> None:
    """Raise if a view calls what belongs to a stranger."""
    cursor.execute(
        """
        SELECT pgaudit_log_refuse_strangers('pg_rewrite'::regclass::oid, pg_rewrite.oid, name)
        FROM pg_catalog.unnest(%s::text[]) AS name
        JOIN pg_rewrite ON ev_class = to_regclass(name)
        """,
        [names],
    )
