"""Preparing a worker's database and connection: tables, customers, a user, fresh connections."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection

from benchmarks import variants
from benchmarks.shop.models import Customer, Order

CUSTOMERS = 100

_EMPTY_TRIGGER = """
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER nothing_insert AFTER INSERT ON shop_order
    FOR EACH STATEMENT EXECUTE FUNCTION nothing();
CREATE TRIGGER nothing_update AFTER UPDATE ON shop_order
    FOR EACH STATEMENT EXECUTE FUNCTION nothing();
CREATE TRIGGER nothing_delete AFTER DELETE ON shop_order
    FOR EACH STATEMENT EXECUTE FUNCTION nothing();
"""


def prepare() -> None:
    """Make the tables and what the rows point at."""
    if settings.VARIANT is variants.SIMPLE_HISTORY:
        # Its tables point at users, and tables without migrations are made first.
        call_command("migrate", verbosity=0)
    call_command("migrate", run_syncdb=True, verbosity=0)
    if settings.VARIANT is variants.EMPTY_TRIGGER:
        with connection.cursor() as cursor:
            cursor.execute(_EMPTY_TRIGGER)
    Customer.objects.bulk_create(Customer(name=f"Customer {n}") for n in range(CUSTOMERS))
    get_user_model().objects.create(username="ana", email="ana@example.com")
    fresh_connection()


def connect() -> None:
    """Open the connection."""
    connection.ensure_connection()
    flush_commits(wait=False)


def fresh_connection() -> None:
    """Leave the connection and open another: no plan is kept, no catalogue cached."""
    connection.close()
    connect()


def flush_commits(wait: bool) -> None:
    """Let commits wait for the disk, or not."""
    execute(f"SET synchronous_commit = {'on' if wait else 'off'}")


def vacuum(tables: list[str] | None = None) -> None:
    """Vacuum and analyze the written table, or others."""
    for table in tables or [Order._meta.db_table]:
        execute(f"VACUUM ANALYZE {table}")


def flush_pending_references() -> int:
    """Move what waits in the pending lists of GIN indexes into them; return how many pages.

    A backend does it at each 4 MB, or autovacuum does. Here it is done, and measured, by itself,
    so that it does not fall on whichever task comes by.
    """
    return sum(
        int(execute("SELECT gin_clean_pending_list(%s::regclass)", [index]))
        for index in execute(
            "SELECT array_agg(pg_class.oid::regclass::text) FROM pg_class"
            " JOIN pg_am ON pg_am.oid = relam WHERE amname = 'gin' AND relkind = 'i'"
        )
        or []
    )


def execute(sql: str, parameters: Any = None) -> Any:
    """Run a statement and return the first value of its result, if it has one."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0] if cursor.description else None


TASKS = (prepare, connect, fresh_connection, flush_commits, vacuum)
