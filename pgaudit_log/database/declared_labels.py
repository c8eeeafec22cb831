"""Declared labels: which manual events a database takes of roles that may not write events themselves."""

from __future__ import annotations

from django.db import connections, router, transaction

from pgaudit_log.database.event_table import schema_of
from pgaudit_log.database.own_events import ACCESS, ACCESS_LABELS
from pgaudit_log.declaring import declarations, former_names
from pgaudit_log.values.quoting import quote_literal


def missing(using: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the labels that a database should know and does not, and those that it should not know.

    Each is a pair of what events call the model, and the label.
    """
    former_names.forget()
    wanted = {(ACCESS, label) for label in ACCESS_LABELS}
    for declaration in declarations.declarations():
        if router.allow_migrate_model(using, declaration.tracked_model):
            model = former_names.called(declaration.label, using)
            wanted |= {(model, label) for label in declaration.tracker_labels}
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT model, label FROM {schema_of(using)}.pgaudit_log_declared_label")
        known = set(cursor.fetchall())
    return sorted(wanted - known), sorted(known - wanted)


def writing(schema: str, model: str, label: str) -> str:
    """Return the statement that writes a label down."""
    return (
        f"INSERT INTO {schema}.pgaudit_log_declared_label (model, label)"
        f" VALUES ({quote_literal(model)}, {quote_literal(label)}) ON CONFLICT DO NOTHING"
    )


def forgetting(schema: str, model: str, label: str) -> str:
    """Return the statement that takes a label out."""
    return (
        f"DELETE FROM {schema}.pgaudit_log_declared_label"
        f" WHERE (model, label) = ({quote_literal(model)}, {quote_literal(label)})"
    )


def statements(using: str) -> list[str]:
    """Return what makes a database know the labels that are declared, and no others."""
    new, gone = missing(using)
    schema = schema_of(using)
    return [
        *(forgetting(schema, *pair) for pair in gone),
        *(writing(schema, *pair) for pair in new),
    ]


def install(using: str) -> None:
    """Write down the labels that are declared, and no others."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        # At once: there are some for each model.
        if wanted := statements(using):
            cursor.execute(";\n".join(wanted))
