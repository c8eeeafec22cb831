"""Turns: tables whose statements have to wait for each other, to be captured as they began."""

from __future__ import annotations

from typing import NamedTuple

from django.db import connections, transaction

from pgaudit_log import sql
from pgaudit_log.database.event_table import insert_into, schema_of


class Turns(NamedTuple):
    """A tracked table whose statements may be captured in another order than they began in."""

    table: str
    """Its name in SQL."""
    is_needed: bool
    """Whether its statements have to take turns, because triggers of others may write to it again."""
    is_there: bool
    """Whether they do."""


def turns(using: str) -> list[Turns]:
    """Return the tables whose statements have to take turns, or do; see ``causal_order``."""
    with connections[using].cursor() as cursor:
        taking = f"{schema_of(using)}.pgaudit_log_take_turn()"
        cursor.execute(
            sql.read("tables_with_turns.sql"), {"into": insert_into(using), "taking": taking}
        )
        return [Turns(*row) for row in cursor.fetchall()]


def install_turns(using: str) -> list[str]:
    """Let the statements on tables take turns that have to, and no others; return those that begin."""
    wrong = [found for found in turns(using) if found.is_needed != found.is_there]
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for found in wrong:
            cursor.execute(f"DROP TRIGGER IF EXISTS pgaudit_log_turn ON {found.table}")
            if found.is_needed:
                cursor.execute(
                    f"CREATE TRIGGER pgaudit_log_turn"
                    f" BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {found.table}"
                    f" FOR EACH STATEMENT EXECUTE FUNCTION {schema_of(using)}.pgaudit_log_take_turn()"
                )
    return [found.table for found in wrong if found.is_needed]
