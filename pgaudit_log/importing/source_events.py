"""Source events: what all statements of an import say of the events of one source."""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.capture_v1.columns import Column
from pgaudit_log.capture_v1.references import refs_sql
from pgaudit_log.constants import IMPORT_TABLES, LOWEST_ID, OLD, UPDATE
from pgaudit_log.declaring import former_names
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.declaring.trackers import RowEvent
from pgaudit_log.importing.sources import Source
from pgaudit_log.reading.snapshot_sql import text_array_sql
from pgaudit_log.triggers.captured_columns import (
    captured,
    current_shape_sql,
    outside_capture,
    shown,
    stored_columns,
)
from pgaudit_log.triggers.references import references
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.sql_text import Template, template
from pgaudit_log.values.tables import column_of

LINES = IMPORT_TABLES
"""The table of the lines while an import runs."""

TXID = f"'{LOWEST_ID}'::bigint + (extract(epoch FROM line.created_at) * 1000000)::bigint"
"""The number of the transaction of a line: one for all that has the same time."""


class SourceEvents:
    """What the events of a source have in a database."""

    def __init__(self, source: Source, connection: BaseDatabaseWrapper) -> None:
        self._source = source
        self._connection = connection
        self._labels = former_names.labels_of(source.model, connection.alias)

    @property
    def _model_sql(self) -> str:
        """What events call the tracked table now, as a literal."""
        label = self._source.model._meta.label
        return quote_literal(former_names.called(label, self._connection.alias))

    @property
    def labels_sql(self) -> str:
        """What events call the tracked table, as literals."""
        return ", ".join(map(quote_literal, self._labels))

    def shape_sql(self) -> str:
        """Return the SELECT of the shape that the tracked table has now."""
        return f"SELECT {current_shape_sql(self._source.model)}"

    @property
    def has_old(self) -> bool:
        """Whether events may have the row as it was before an update."""
        return self._writes_old_sql() != "FALSE" or self._source.is_old_sql() != "FALSE"

    def _writes_old_sql(self) -> str:
        """Return the test whether the tracker whose label an update gets keeps the row before it."""
        old = old_labels(self._source.declaration)
        kinds = [
            quote_literal(name)
            for name, kind in self._source.kinds.items()
            if kind.operation == UPDATE and kind.label in old
        ]
        return f"kind IN ({', '.join(kinds)})" if kinds else "FALSE"

    def _captured(self) -> list[Column]:
        source = self._source
        fields = stored_columns(source.model, source.declaration.columns, self._connection)
        kept = [field for field in fields if column_of(field) in source.columns]
        return list(captured(kept, self._connection, masks_of(source.model)))

    def _stored(self, sql: str, shape: int | None = None) -> str:
        """Return an expression of a capture for here: a hash is of the shape that events get."""
        return outside_capture(sql, f"({self.shape_sql()})" if shape is None else str(shape))

    def _refs(self, row: str) -> str:
        source = self._source
        kept = [f for f in source.declaration.columns if column_of(f) in source.columns]
        return refs_sql(
            row,
            references(shown(kept, masks_of(source.model)), self._connection),
            called=lambda name: former_names.called(name, self._connection.alias),
        )


def old_labels(declaration: Declaration) -> set[str]:
    """Return the labels of the trackers that keep the row as it was before an update."""
    return {
        tracker.label
        for tracker in declaration.trackers
        if isinstance(tracker, RowEvent)
        and tracker.row == OLD
        and tracker.operation_name == "UPDATE"
    }


def without(unknown: str) -> str:
    """Return the end of an expression of JSON that takes the keys out that are not known."""
    return f" - {unknown}" if unknown else ""


def rounded_sql(source: Source) -> str:
    """Return the expression of the columns of which two values that differ may be one."""
    return text_array_sql(source.rounded) if source.rounded else ""


def read(name: str) -> Template:
    """Return a template of this room."""
    return template(__package__, f"{name}.sql")
