"""Event statements: the events of a range of lines, as triggers would have written them."""

from __future__ import annotations

from collections.abc import Sequence

from pgaudit_log.capture_v1.columns import Column
from pgaudit_log.capture_v1.diff import diff_sql
from pgaudit_log.capture_v1.snapshot import snapshot_source
from pgaudit_log.conf import settings
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.declaring import declarations
from pgaudit_log.importing.source_events import (
    LINES,
    TXID,
    SourceEvents,
    read,
    rounded_sql,
    without,
)
from pgaudit_log.reading import declared_tables
from pgaudit_log.reading.snapshot_sql import belongs_sql, text_array_sql, today_sql
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.sql_text import Sql

_ROW_ID = quote_name("pgaudit_log id")
_UNKNOWN = quote_name("pgaudit_log unknown")


class EventStatements(SourceEvents):
    """The statements of the events of one source, whose lines are there."""

    def insert(
        self,
        after: int,
        up_to: int,
        import_id: int,
        shape: int,
        *,
        is_old: bool,
        into: str = EVENT_TABLE,
        wanted: Sql | str = "TRUE",
    ) -> Sql:
        """Return the INSERT of the events of the lines behind ``after`` up to ``up_to``.

        They go ``into`` the event table, or a table that becomes a partition; ``wanted`` is the test
        for a ``line``.
        """
        events = self.events(after, up_to, import_id, shape, is_old=is_old, wanted=wanted)
        return read("insert_events").sql(target=into, events=events)

    def events(
        self,
        after: int,
        up_to: int,
        import_id: int,
        shape: int,
        *,
        is_old: bool,
        wanted: Sql | str = "TRUE",
    ) -> Sql:
        """Return the SELECT of the events of the lines behind ``after`` up to ``up_to``."""
        source = self._source
        columns = self._captured()
        row = [f"{source.id} AS {_ROW_ID}"]
        if source.unknown:
            row.append(f"{source.unknown} AS {_UNKNOWN}")
        row += [f"{sql} AS {quote_name(name)}" for name, sql in source.columns.items()]
        baseline = quote_literal(declarations.baseline_label(source.declaration))
        captured_row, other = ("old", "new") if is_old else ("new", "old")
        return read("events").sql(
            lines=LINES,
            table=source.table,
            id=source.id.partition(".")[2],
            row=", ".join(row),
            captured_row=self._row_source(captured_row, ", ".join(row), is_old=is_old),
            other=other,
            is_old="TRUE" if is_old else "FALSE",
            snapshot=self._stored(snapshot_source(captured_row, columns), shape),
            known=without(source.unknown),
            diff=self._stored(self._diff(columns), shape),
            refs=self._refs(captured_row),
            model=self._model_sql,
            shape=str(shape),
            label=f"CASE line.operation WHEN 'B' THEN {baseline} ELSE {source.label_sql()} END",
            context_id=source.context_id,
            context=self._context(),
            joins=source.joins,
            peer=quote_literal(source.peer),
            peer_table=quote_literal(source.name),
            record_id=source.record_id_sql,
            txid=TXID,
            **{"import": str(import_id)},
            wanted=wanted,
            after=Sql.param(after),
            up_to=Sql.param(up_to),
        )

    def _row_source(self, name: str, row: str, *, is_old: bool) -> str:
        """Return the FROM item of the row that events have, which mostly is that of the record itself."""
        source = self._source
        if not is_old and source.is_old_sql() == "FALSE":
            return f"CROSS JOIN LATERAL (SELECT {row}) AS {name}"
        return (
            f"JOIN (SELECT {row} FROM {source.table} AS source) AS {name}"
            f" ON {name}.{_ROW_ID} = line.{name}_id"
        )

    def _context(self) -> str:
        """Return the context of a record without what is not to be stored of contexts."""
        source = self._source
        paths = [*settings.MASK_CONTEXT, *source.declaration.mask_context]
        if not paths:
            return source.context
        return f"pgaudit_log_masked_context({source.context}, {text_array_sql(paths)})"

    def _diff(self, columns: Sequence[Column]) -> str:
        diff = diff_sql(columns) if columns else "'{}'"
        if not self._source.unknown:
            return diff
        return f"({diff}) - new.{_UNKNOWN} - old.{_UNKNOWN}"

    def comparison(self, shape: int, limit: int) -> Sql:
        """Return the SELECT that compares all lines, as events, with this package's own events.

        It has a row for each of the first ``limit`` differences, or one without any.
        """
        last = 2**62
        events = [self.events(0, last, 0, shape, is_old=False)]
        if self.has_old:
            events.append(self.events(0, last, 0, shape, is_old=True))
        table = declared_tables.table(self._source.declaration, self._connection.alias)
        rounded = self._source.rounded
        kept = text_array_sql([name for name in self._source.columns if name not in rounded])
        return read("comparison").sql(
            events=Sql.plain("\nUNION ALL\n").join("(" + event + ")" for event in events),
            belongs=belongs_sql(table, "event."),
            today=today_sql("event", table),
            sent="pgaudit_log_resolved" if table.large else "",
            kept=kept,
            compared=without(rounded_sql(self._source)),
            tells_changes="TRUE" if self._source.tells_changes else "FALSE",
            limit=str(limit),
        )
