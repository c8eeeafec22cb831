"""Gap statements: what a peer has missed between its last record of an object and what is known since."""

from __future__ import annotations

from django.db import models

from pgaudit_log.capture_v1.snapshot import snapshot_source
from pgaudit_log.constants import DELETE, IMPORT_TABLES, LOWEST_ID
from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.importing.labels import kind_for
from pgaudit_log.importing.lines import placed
from pgaudit_log.importing.source_events import TXID, SourceEvents, old_labels, read
from pgaudit_log.reading import declared_tables
from pgaudit_log.reading.snapshot_sql import any_of_sql, belongs_sql, today_sql
from pgaudit_log.triggers.captured_columns import captured, shown, stored_columns
from pgaudit_log.values.column_json import read_sql, sql_type
from pgaudit_log.values.key_sql import row_key_sql
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.sql_text import Sql
from pgaudit_log.values.tables import Field, column_of, table_of

STATES = f"{IMPORT_TABLES}_states"
"""The temporary table of what a peer has told last of each object."""


class GapStatements(SourceEvents):
    """The statements of what one source has missed."""

    def states(self) -> Sql:
        """Return the SELECT of what the peer has told last of each object."""
        return read("states").sql(belongs=self._belongs())

    def has_unknown(self) -> Sql:
        """Return the SELECT whether there may be a row whose state no event tells."""
        source = self._source
        fields = stored_columns(source.model, source.declaration.columns, self._connection)
        columns = captured(fields, self._connection, masks_of(source.model))
        return read("has_unknown").sql(
            states=STATES,
            belongs=self._belongs(),
            labels=self.labels_sql,
            event_labels=", ".join(
                map(quote_literal, declarations.event_labels(source.declaration))
            ),
            table=table_of(source.model),
            key=row_key_sql("new", source.model, self._connection),
            snapshot=self._stored(snapshot_source("new", columns)),
        )

    def _belongs(self) -> str:
        table = declared_tables.table(self._source.declaration, self._connection.alias)
        return belongs_sql(table)

    def gaps(self) -> Sql:
        """Return the SELECT of what the peer has missed before what is known since."""
        declaration = self._source.declaration
        table = declared_tables.table(declaration, self._connection.alias)
        old = sorted(old_labels(declaration))
        pairs = "(SELECT jsonb_object_agg(key, value -> 0) FROM jsonb_each(first.diff))"
        before = f"first.snapshot || COALESCE({pairs}, '{{}}')"
        if old:
            before = (
                f"CASE WHEN {any_of_sql('first.label', old)} THEN first.snapshot ELSE {before} END"
            )
        return read("gaps").sql(
            states=STATES,
            labels=self.labels_sql,
            belongs=belongs_sql(table),
            table=table_of(self._source.model),
            key=row_key_sql("live", self._source.model, self._connection),
            before=before,
            before_today=today_sql("found", table),
            sent="pgaudit_log_resolved" if table.large else "",
        )

    def insert_gaps(self, gaps: str, import_id: int, shape: int) -> Sql:
        """Return the INSERT of the events of what :meth:`gaps` has found, which is in a table."""
        source = self._source
        kept = shown(
            [f for f in source.declaration.columns if column_of(f) in source.columns],
            masks_of(source.model),
        )
        pointing = [
            f"{read_sql(_of_state(field), sql_type(field, self._connection), self._connection)}"
            f" AS {quote_name(column_of(field))}"
            for field in kept
            if isinstance(field, models.ForeignKey)
        ]
        deletes = kind_for(source.declaration, DELETE, "delete")
        return read("insert_gaps").sql(
            gaps=gaps,
            placed=placed((LOWEST_ID, -1)),
            model=self._model_sql,
            shape=str(shape),
            baseline=quote_literal(declarations.baseline_label(source.declaration)),
            delete=quote_literal(deletes.label),
            pointing=", ".join(pointing) or "NULL",
            refs=self._refs("new"),
            peer=quote_literal(source.peer),
            peer_table=quote_literal(source.name),
            **{"import": str(import_id)},
            txid=TXID,
        )


def _of_state(field: Field) -> str:
    return f"(line.state -> {quote_literal(column_of(field))})"
