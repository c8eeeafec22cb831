"""The SQL of an import: the lines of what it will write, and the events of a range of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.capture_v1.columns import Column
from pgaudit_log.capture_v1.diff import diff_sql
from pgaudit_log.capture_v1.references import refs_sql
from pgaudit_log.capture_v1.snapshot import snapshot_source
from pgaudit_log.conf import settings
from pgaudit_log.constants import DELETE, LOWEST_ID, OLD, UPDATE
from pgaudit_log.declaring import declarations, former_names
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.declaring.trackers import RowEvent
from pgaudit_log.importing.labels import kind_for
from pgaudit_log.importing.sources import Source
from pgaudit_log.reading import typed_events
from pgaudit_log.reading.snapshot_sql import any_of_sql, belongs_sql, text_array_sql, today_sql
from pgaudit_log.triggers.captured_columns import (
    captured,
    current_shape_sql,
    outside_capture,
    shown,
    stored_columns,
)
from pgaudit_log.triggers.references import references
from pgaudit_log.values.column_json import read_sql, sql_type
from pgaudit_log.values.key_sql import key_sql, row_key_sql
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.past_ids import IDS_OF_A_MILLISECOND
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.sql_text import Sql, Template, template
from pgaudit_log.values.tables import Field, column_of, table_of

LINES = "pgaudit_log_import"
"""The table of the lines while an import runs."""

SKEW = "10 seconds"
"""How far the clocks of an application and its database may be apart."""

_NONE_USED = "        SELECT NULL::bigint AS millisecond, NULL::bigint AS largest WHERE FALSE"

_TXID = f"'{LOWEST_ID}'::bigint + (extract(epoch FROM line.created_at) * 1000000)::bigint"
"""The number of the transaction of a line: one for all that has the same time."""

_ROW_ID = quote_name("pgaudit_log id")
_UNKNOWN = quote_name("pgaudit_log unknown")


@dataclass(frozen=True, kw_only=True)
class Here:
    """What the log has of a table already, which decides what has to be looked for."""

    has_own: bool
    """Whether there are events of this package's own about it."""
    has_imported: bool
    """Whether some of the source's records were imported before."""
    past: tuple[int, int] | None
    """The first and the last id that the source could need, if ids below 0 are in use in between."""


class Statements:
    """The statements that import one source into one database.

    ``is_made`` says whether the source's table is there if it is one that is made for the import.
    """

    def __init__(
        self, source: Source, connection: BaseDatabaseWrapper, *, is_made: bool = True
    ) -> None:
        self._source = source
        self._is_made = is_made
        self._connection = connection
        self._labels = former_names.labels_of(source.model, connection.alias)
        self._key_names = [f"key_{n}" for n in range(len(source.key))]

    @property
    def _model_sql(self) -> str:
        """What events call the tracked table now, as a literal."""
        label = self._source.model._meta.label
        return quote_literal(former_names.called(label, self._connection.alias))

    @property
    def labels_sql(self) -> str:
        """What events call the tracked table, as literals."""
        return ", ".join(map(quote_literal, self._labels))

    def lines(self, here: Here, since: datetime | None, *, is_compared: bool = False) -> Sql:
        """Return the SELECT of the lines of what is not here yet.

        Or, with ``is_compared``, of what is of a time of which this package's own events tell.
        """
        return _read("lines").sql(
            wanted="is_compared" if is_compared else "NOT is_imported AND NOT is_compared",
            found=self._found(here, since),
            used=self._used(here),
            lowest=quote_literal(str(LOWEST_ID)),
            ids_of_a_millisecond=str(IDS_OF_A_MILLISECOND),
        )

    def counts(self, here: Here, since: datetime | None) -> Sql:
        """Return the SELECT of how many records of each kind there are."""
        return _read("counts").sql(found=self._found(here, since))

    def _found(self, here: Here, since: datetime | None) -> Sql:
        source = self._source
        life = ", ".join(
            [
                *self._key_names,
                *(["operation = 'M'"] if source.has_manual else []),
                *(["has_old"] if source.keeps_both else []),
            ]
        )
        table = Sql.plain(source.table)
        if source.made_by is not None and not self._is_made:
            table = "(\n" + source.made_by + "\n)"
        joins = []
        if here.has_own:
            joins.append(_read("first_own").sql(labels=self.labels_sql))
        if here.has_imported:
            name = quote_literal(source.name)
            joins.append(_read("imported").sql(labels=self.labels_sql, table=name))
        return _read("found").sql(
            table=table,
            id=source.id,
            record_id=f"({source.record_id_sql})::text" if here.has_imported else "NULL::text",
            place=source.order[0]
            if len(source.order) == 1
            else f"row_number() OVER (ORDER BY {', '.join(source.order)})",
            key=", ".join(
                f"{key} AS {name}" for key, name in zip(source.key, self._key_names, strict=True)
            ),
            has_key=" AND ".join(f"{key} IS NOT NULL" for key in source.key),
            created_at=source.created_at,
            kind=source.kind,
            operation=source.operation_sql(),
            has_old=source.is_old_sql(),
            image=f"ROW({', '.join(source.columns.values())})"
            if source.tells_twice
            else "NULL::record",
            life=life,
            runs=_read("runs").sql(life=life, key_names=", ".join(self._key_names))
            if source.tells_twice
            else "",
            told="told_of_runs" if source.tells_twice else "chained",
            obj_pk=key_sql(self._key_names, key_fields(source.model), self._connection),
            becomes=_read("becomes").sql(is_known="FALSE" if source.keeps_both else "next_has_old"),
            writes_old=self._writes_old_sql(),
            seam=Sql.plain("\n").join(joins),
            is_imported="imported.is_there IS NOT NULL" if here.has_imported else "FALSE",
            is_compared=self._is_compared(table) if here.has_own else "FALSE",
            # By whole milliseconds, within which a later slice would stand behind.
            is_wanted="not_before >= date_trunc('milliseconds', "
            + Sql.param(since)
            + "::timestamptz)"
            if since is not None
            else "TRUE",
        )

    def _is_compared(self, table: Sql) -> Sql:
        """Return the test whether a record is of a time of which this package's own events tell."""
        source = self._source
        is_one_clock = not source.is_of_application and settings.CREATED_AT_FUNCTION == "now()"
        if is_one_clock or not source.columns or (source.filled and not self._is_made):
            return Sql.plain("COALESCE(created_at >= began_at, FALSE)")
        return _read("is_compared").sql(
            skew=SKEW,
            table=table,
            id=source.id,
            row=", ".join(f"{sql} AS {quote_name(name)}" for name, sql in source.columns.items()),
            snapshot=self._stored(snapshot_source("new", self._captured())),
            known=_without(source.unknown),
        )

    def _used(self, here: Here) -> Sql:
        if here.past is None:
            return Sql.plain(_NONE_USED)
        first, last = here.past
        return _read("used_ids").sql(
            lowest=quote_literal(str(LOWEST_ID)),
            ids_of_a_millisecond=str(IDS_OF_A_MILLISECOND),
            first=quote_literal(str(first)),
            last=quote_literal(str(last)),
        )

    def _writes_old_sql(self) -> str:
        """Return the test whether the tracker whose label an update gets keeps the row before it."""
        old = old_labels(self._source.declaration)
        kinds = [
            quote_literal(name)
            for name, kind in self._source.kinds.items()
            if kind.operation == UPDATE and kind.label in old
        ]
        return f"kind IN ({', '.join(kinds)})" if kinds else "FALSE"

    @property
    def has_old(self) -> bool:
        """Whether events may have the row as it was before an update."""
        return self._writes_old_sql() != "FALSE" or self._source.is_old_sql() != "FALSE"

    def insert(self, after: int, up_to: int, import_id: int, shape: int, *, is_old: bool) -> Sql:
        """Return the INSERT of the events of the lines behind ``after`` up to ``up_to``."""
        events = self.events(after, up_to, import_id, shape, is_old=is_old)
        return _read("insert_events").sql(events=events)

    def events(self, after: int, up_to: int, import_id: int, shape: int, *, is_old: bool) -> Sql:
        """Return the SELECT of the events of the lines behind ``after`` up to ``up_to``."""
        source = self._source
        columns = self._captured()
        row = [f"{source.id} AS {_ROW_ID}"]
        if source.unknown:
            row.append(f"{source.unknown} AS {_UNKNOWN}")
        row += [f"{sql} AS {quote_name(name)}" for name, sql in source.columns.items()]
        baseline = quote_literal(declarations.baseline_label(source.declaration))
        captured_row, other = ("old", "new") if is_old else ("new", "old")
        return _read("events").sql(
            lines=LINES,
            table=source.table,
            id=source.id.partition(".")[2],
            row=", ".join(row),
            captured_row=self._row_source(captured_row, ", ".join(row), is_old=is_old),
            other=other,
            is_old="TRUE" if is_old else "FALSE",
            snapshot=self._stored(snapshot_source(captured_row, columns), shape),
            known=_without(source.unknown),
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
            txid=_TXID,
            **{"import": str(import_id)},
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

    def _captured(self) -> list[Column]:
        source = self._source
        fields = stored_columns(source.model, source.declaration.columns, self._connection)
        kept = [field for field in fields if column_of(field) in source.columns]
        return list(captured(kept, self._connection, masks_of(source.model)))

    def _stored(self, sql: str, shape: int | None = None) -> str:
        """Return an expression of a capture for here: a hash is of the shape that events get."""
        return outside_capture(sql, f"({self.shape_sql()})" if shape is None else str(shape))

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

    def _refs(self, row: str) -> str:
        source = self._source
        kept = [f for f in source.declaration.columns if column_of(f) in source.columns]
        return refs_sql(
            row,
            references(shown(kept, masks_of(source.model)), self._connection),
            called=lambda name: former_names.called(name, self._connection.alias),
        )

    def comparison(self, shape: int, limit: int) -> Sql:
        """Return the SELECT that compares all lines, as events, with this package's own events.

        It has a row for each of the first ``limit`` differences, or one without any.
        """
        last = 2**62
        events = [self.events(0, last, 0, shape, is_old=False)]
        if self.has_old:
            events.append(self.events(0, last, 0, shape, is_old=True))
        table = typed_events.table(self._source.declaration, self._connection.alias)
        kept = text_array_sql(list(self._source.columns))
        return _read("comparison").sql(
            events=Sql.plain("\nUNION ALL\n").join("(" + event + ")" for event in events),
            belongs=belongs_sql(table, "event."),
            today=today_sql("event", table),
            sent="pgaudit_log_resolved" if table.large else "",
            kept=kept,
            limit=str(limit),
        )

    def gaps(self) -> Sql:
        """Return the SELECT of what the peer has missed before what is known since."""
        declaration = self._source.declaration
        table = typed_events.table(declaration, self._connection.alias)
        old = sorted(old_labels(declaration))
        pairs = "(SELECT jsonb_object_agg(key, value -> 0) FROM jsonb_each(first.diff))"
        before = f"first.snapshot || COALESCE({pairs}, '{{}}')"
        if old:
            before = (
                f"CASE WHEN {any_of_sql('first.label', old)} THEN first.snapshot ELSE {before} END"
            )
        return _read("gaps").sql(
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
        return _read("insert_gaps").sql(
            gaps=gaps,
            used=self._used(Here(has_own=True, has_imported=True, past=(LOWEST_ID, -1))),
            model=self._model_sql,
            shape=str(shape),
            baseline=quote_literal(declarations.baseline_label(source.declaration)),
            delete=quote_literal(deletes.label),
            pointing=", ".join(pointing) or "NULL",
            refs=self._refs("new"),
            peer=quote_literal(source.peer),
            peer_table=quote_literal(source.name),
            **{"import": str(import_id)},
            lowest=quote_literal(str(LOWEST_ID)),
            ids_of_a_millisecond=str(IDS_OF_A_MILLISECOND),
            txid=_TXID,
        )

    def shape_sql(self) -> str:
        """Return the SELECT of the shape that the tracked table has now."""
        return f"SELECT {current_shape_sql(self._source.model)}"


def old_labels(declaration: Declaration) -> set[str]:
    """Return the labels of the trackers that keep the row as it was before an update."""
    return {
        tracker.label
        for tracker in declaration.trackers
        if isinstance(tracker, RowEvent)
        and tracker.row == OLD
        and tracker.operation_name == "UPDATE"
    }


def _without(unknown: str) -> str:
    """Return the end of an expression of JSON that takes the keys out that are not known."""
    return f" - {unknown}" if unknown else ""


def _of_state(field: Field) -> str:
    return f"(line.state -> {quote_literal(column_of(field))})"


def _read(name: str) -> Template:
    return template(__package__, f"{name}.sql")
