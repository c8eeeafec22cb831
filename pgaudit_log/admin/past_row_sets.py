"""Past row sets: the rows that belonged to an object, as tables of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import models

from pgaudit_log.admin.past_entries import PastEntries, value_of
from pgaudit_log.admin.past_relations import RelatedRows
from pgaudit_log.admin.past_sections import is_plain_key, not_tracked
from pgaudit_log.presentation.shown import Shown
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.keys import key_fields, key_text
from pgaudit_log.values.tables import Field, column_of


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row that belonged to the object."""

    text: str
    url: str
    """Where it is shown at the same moment; empty where the person may not see it."""
    cells: Sequence[Shown]


@dataclass(frozen=True, kw_only=True)
class RowSet:
    """The rows of a relation."""

    label: str
    rows: Sequence[Row]
    has_more: bool
    is_unknown: bool


def row_set(own: RelatedRows, entries: PastEntries) -> RowSet:
    """Return the rows of a relation, whose names are loaded."""
    columns = _columns(own, entries)
    model = own.relation.model
    untracked = {field.name for field in recorded_past.untracked_fields(model)}
    return RowSet(
        label=own.relation.label,
        rows=[_row(row, model, columns, untracked, entries) for row in own.rows],
        has_more=own.has_more,
        is_unknown=own.is_unknown,
    )


def _columns(own: RelatedRows, entries: PastEntries) -> list[Field]:
    """Return the fields that a table of rows shows: those that say more than whose they are."""
    relation = own.relation
    pointing = {field.name for field in relation.fields}
    hidden = entries.access.hidden_fields(relation.model)
    return [
        field
        for field in relation.model._meta.concrete_fields
        if field.column is not None
        and field.name not in pointing
        and field.name not in hidden
        and field.attname != relation.content_type
        and not is_plain_key(field)
    ]


def _row(
    row: models.Model,
    model: type[models.Model],
    columns: list[Field],
    untracked: set[str],
    entries: PastEntries,
) -> Row:
    key = key_text(row.pk, key_fields(model))
    return Row(
        text=entries.text_of(row, key),
        url=entries.url_of(model, key),
        cells=[
            Shown(
                name=field.name,
                label=str(field.verbose_name),
                column=column_of(field),
                html=not_tracked()
                if field.name in untracked
                else entries.show(field, value_of(row, field)),
            )
            for field in columns
        ],
    )
