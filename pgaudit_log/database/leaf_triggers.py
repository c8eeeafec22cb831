"""Leaf triggers: those of partitions of tracked tables, which repeat those of their table."""

from __future__ import annotations

from django.db import connections, transaction

from pgaudit_log import sql
from pgaudit_log.database import installed_captures
from pgaudit_log.database.event_table import insert_into
from pgaudit_log.values.quoting import quote_literal, quote_name, shorten

LEAF_PREFIX = "audit_leaf_"
"""What the triggers on partitions of tracked tables are called, before the trigger they repeat.

Not like django-pgtrigger's, which would take them for triggers that are no longer declared.
"""


def leaves_without_triggers(using: str) -> list[tuple[str, str, str, str, str]]:
    """Return the partitions of tracked tables that lack a statement-level capture trigger.

    Each with the trigger of its table that it should repeat, its function, the operation, and the
    REFERENCING clause. A statement that names a partition fires only the triggers of that
    partition; row-level triggers are copied to partitions by PostgreSQL.
    """
    names = [
        trigger.get_pgid(model)
        for model, trigger in installed_captures.declared()
        if trigger.is_statement_level
    ]
    with connections[using].cursor() as cursor:
        cursor.execute(
            sql.read("leaves_without_triggers.sql"), {"names": names, "into": insert_into(using)}
        )
        return list(cursor.fetchall())


def install_leaf_triggers(using: str) -> list[str]:
    """Repeat the statement-level triggers of partitioned tracked tables on their partitions."""
    missing = leaves_without_triggers(using)
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        for leaf, pgid, function, event, referencing in missing:
            name = quote_name(shorten(pgid.replace("pgtrigger_", LEAF_PREFIX, 1)))
            cursor.execute(f"DROP TRIGGER IF EXISTS {name} ON {leaf}")
            cursor.execute(
                f"CREATE TRIGGER {name} AFTER {event} ON {leaf} {referencing}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {function}({quote_literal(pgid)})"
            )
    return sorted({leaf for leaf, *_ in missing})
