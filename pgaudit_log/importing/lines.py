"""Lines: what an import will write, an event a line, each with its id; and how many of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.capture_v1.snapshot import snapshot_source
from pgaudit_log.conf import settings
from pgaudit_log.constants import LOWEST_ID
from pgaudit_log.importing.source_events import LINES, SourceEvents, read, rounded_sql, without
from pgaudit_log.importing.sources import Source
from pgaudit_log.values.key_sql import key_sql
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.past_ids import IDS_OF_A_MILLISECOND
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.sql_text import Sql

SKEW = "10 seconds"
"""How far the clocks of an application and its database may be apart."""

_NONE_USED = "        SELECT NULL::bigint AS millisecond, NULL::bigint AS largest WHERE FALSE"


@dataclass(frozen=True, kw_only=True)
class Here:
    """What the log has of a table already, which decides what has to be looked for."""

    has_own: bool
    """Whether there are events of this package's own about it."""
    has_imported: bool
    """Whether some of the source's records were imported before."""
    past: tuple[int, int] | None
    """The first and the last id that the source could need, if ids below 0 are in use in between."""


class Lines(SourceEvents):
    """The statements of the lines of one source.

    ``is_made`` says whether the source's table is there if it is one that is made for the import.
    """

    def __init__(
        self, source: Source, connection: BaseDatabaseWrapper, *, is_made: bool = True
    ) -> None:
        super().__init__(source, connection)
        self._is_made = is_made
        self._key_names = [f"key_{n}" for n in range(len(source.key))]

    def lines(self, here: Here, since: datetime | None, *, is_compared: bool = False) -> Sql:
        """Return the SELECT of the lines of what is not here yet.

        Or, with ``is_compared``, of what is of a time of which this package's own events tell.
        """
        return read("lines").sql(
            wanted="is_compared" if is_compared else "NOT is_imported AND NOT is_compared",
            found=self._found(here, since),
            placed=placed(here.past),
        )

    def counts(self, here: Here, since: datetime | None) -> Sql:
        """Return the SELECT of how many records of each kind there are."""
        return read("counts").sql(found=self._found(here, since))

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
            joins.append(read("first_own").sql(labels=self.labels_sql))
        if here.has_imported:
            name = quote_literal(source.name)
            joins.append(read("imported").sql(labels=self.labels_sql, table=name))
        return read("found").sql(
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
            runs=read("runs").sql(life=life, key_names=", ".join(self._key_names))
            if source.tells_twice
            else "",
            told="told_of_runs" if source.tells_twice else "chained",
            next_at="NULL::timestamptz" if source.tells_twice else "next_at",
            obj_pk=key_sql(self._key_names, key_fields(source.model), self._connection),
            becomes=read("becomes").sql(is_known="FALSE" if source.keeps_both else "next_has_old"),
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
        if source.filled and not self._is_made:
            return read("may_be_compared").sql(skew=SKEW)
        if is_one_clock or not source.columns:
            return Sql.plain("COALESCE(created_at >= began_at, FALSE)")
        return read("is_compared").sql(
            skew=SKEW,
            table=table,
            id=source.id,
            row=", ".join(f"{sql} AS {quote_name(name)}" for name, sql in source.columns.items()),
            snapshot=self._stored(snapshot_source("new", self._captured())),
            known=without(source.unknown) + without(rounded_sql(source)),
        )


def spans(starts: Sequence[datetime], ids: Sequence[int]) -> Sql:
    """Return the SELECT of how the lines lie in the periods that begin at ``starts``, with ``ids``."""
    return read("spans").sql(lines=LINES, ids=Sql.param(list(ids)), starts=Sql.param(list(starts)))


def placed(past: tuple[int, int] | None) -> Sql:
    """Return the queries, behind one of what is wanted, that give each line of it its id."""
    return read("placed").sql(
        used=_used_ids(past),
        lowest=quote_literal(str(LOWEST_ID)),
        ids_of_a_millisecond=str(IDS_OF_A_MILLISECOND),
    )


def _used_ids(past: tuple[int, int] | None) -> Sql:
    """Return the SELECT of the largest id of each millisecond that is in use below 0."""
    if past is None:
        return Sql.plain(_NONE_USED)
    first, last = past
    return read("used_ids").sql(
        lowest=quote_literal(str(LOWEST_ID)),
        ids_of_a_millisecond=str(IDS_OF_A_MILLISECOND),
        first=quote_literal(str(first)),
        last=quote_literal(str(last)),
    )
