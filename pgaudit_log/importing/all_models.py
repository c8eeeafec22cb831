"""All models in one table: peers that tell by a content type which model a record is of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.importing.labels import declaration_for
from pgaudit_log.importing.peer_tables import is_readable, types_of
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.tables import concrete

_PORTION = 1_000
"""Records that are read at a time."""


def tracked(
    connection: BaseDatabaseWrapper,
    peer: str,
    columns: Sequence[str],
    usual: str,
    tables: Mapping[type[models.Model], Sequence[str]],
) -> Iterator[tuple[str, Declaration, int] | tuple[str, str]]:
    """Yield a table, the declaration and the content type of each model that has records in one.

    Of a model of which nothing can be imported, its label and why.

    Args:
        peer: the name of the package.
        columns: what a table of its records must have.
        usual: its table.
        tables: other tables of its records, by the model that they are read for.
    """
    given = [(name, concrete(model)) for model, names in tables.items() for name in names]
    for name, only in [(usual, None), *given]:
        theirs = types_of(quote_name(name), connection)
        if not theirs and only is None:
            continue
        told = only._meta.label if only is not None else peer
        if not {*columns} <= theirs.keys():
            yield told, f"{quote_name(name)} is no table of {peer}."
        elif not is_readable(quote_name(name), connection):
            yield told, f"The role may not read {quote_name(name)}. Grant it SELECT."
        else:
            yield from _in_table(connection, name, only)


def _in_table(
    connection: BaseDatabaseWrapper, name: str, only: type[models.Model] | None
) -> Iterator[tuple[str, Declaration, int] | tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT content_type_id FROM {quote_name(name)} ORDER BY 1")
        found = [id for (id,) in cursor.fetchall()]
    yield from of_no_model(connection, name, found)
    known = ContentType.objects.db_manager(connection.alias).filter(id__in=found).order_by("id")
    for content_type in known:
        model = content_type.model_class()
        if model is None:
            label = f"{content_type.app_label}.{content_type.model}"
            if only is None:
                yield label, "The project has no such model any more."
            continue
        if only is not None and concrete(model) is not only:
            continue
        declaration = declaration_for(model, ["insert", "update", "delete"])
        if declaration is None:
            label = model._meta.label
            yield label, f"{label} is not tracked here. Decorate it with pgaudit_log.track()."
            continue
        yield name, declaration, content_type.pk


def of_no_model(
    connection: BaseDatabaseWrapper, table: str, content_types: Sequence[int]
) -> Iterator[tuple[str, str]]:
    """Yield the content types that records have and the database has not, and what that means."""
    there = ContentType.objects.db_manager(connection.alias).filter(id__in=content_types)
    for id in sorted({*content_types} - {*there.values_list("id", flat=True)}):
        yield (
            f"content type {id}",
            f"{table} has records of it, and django_content_type has not: of which model, is not known.",
        )


def read(connection: BaseDatabaseWrapper, select: str) -> Iterator[Sequence[Any]]:
    """Yield what a SELECT finds, as it is read from the server, within a transaction."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(select)
        while rows := cursor.fetchmany(_PORTION):
            yield from rows
