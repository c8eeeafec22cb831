"""The SQL of a verification: what events did at keys, and which rows no event tells of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.capture_v1.columns import Mask
from pgaudit_log.capture_v1.references import former_key, moved_marker
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.operating.coverage import Coverage
from pgaudit_log.reading.snapshot_sql import (
    ReadColumn,
    Table,
    any_of_sql,
    belongs_sql,
    column_sql,
    text_array_sql,
    today_sql,
)
from pgaudit_log.timetravel.recorded_past import History
from pgaudit_log.triggers.captured_columns import captured, current_shape_sql, outside_capture
from pgaudit_log.values import causal_order
from pgaudit_log.values.column_json import sql_type
from pgaudit_log.values.key_sql import may_be_shortened, read_key_sql, row_key_sql
from pgaudit_log.values.keys import LONGEST_KEY, key_fields
from pgaudit_log.values.quoting import quote_literal, quote_name
from pgaudit_log.values.sql_text import Sql, Template, template
from pgaudit_log.values.tables import column_of


@dataclass(frozen=True, kw_only=True)
class KeyRange:
    """The keys behind ``after`` up to ``up_to``; ``None`` for no bound."""

    after: str | None = None
    up_to: str | None = None

    def sql(self, key: str) -> Sql:
        """Return the test whether the expression ``key`` is within."""
        tests: list[Sql | str] = ["TRUE"]
        if self.after is not None:
            tests.append(f"{key} > " + Sql.param(self.after) + "::text")
        if self.up_to is not None:
            tests.append(f"{key} <= " + Sql.param(self.up_to) + "::text")
        return Sql.plain(" AND ").join(tests)


def boundary_sql(table: Table, last: str | None, limit: int) -> Sql:
    """Return the SELECT of the key at which the next ``limit`` events of a table end.

    It has no row where there are fewer of them.
    """
    keys = KeyRange(after=last).sql("obj_pk")
    return (
        f"SELECT obj_pk FROM {EVENT_TABLE} WHERE {any_of_sql('model', table.labels)}"
        " AND obj_pk IS NOT NULL AND "
        + keys
        + " ORDER BY obj_pk LIMIT 1 OFFSET "
        + Sql.param(limit - 1)
        + "::bigint"
    )


def touches_sql(
    history: History,
    coverage: Coverage,
    keys: KeyRange,
    connection: BaseDatabaseWrapper,
    *,
    until: datetime | None,
    horizon: datetime | None,
) -> Sql:
    """Return the SELECT of ``touches.sql`` of the events of one declaration in a range of keys.

    With ``until``, only events up to then are looked at, and the table is left out. Of the events
    before ``horizon``, of which a retention has left some, those of the last transaction of each key
    say from what it goes on; what was before them is not judged.
    """
    table = history.table(connection.alias)
    markers = text_array_sql([moved_marker(label) for label in table.labels])
    belongs = Sql.plain(
        f"{any_of_sql('event.model', table.labels)}"
        f" AND {any_of_sql('event.label', coverage.labels)} AND event.origin IS NULL"
    )
    if until is not None:
        belongs = belongs + " AND event.created_at <= " + Sql.param(until)
    is_old = bool({*history.old_labels} & {*coverage.labels})
    other = "touch.snapshot || COALESCE(changed.other, '{}')"
    fields = key_fields(history.model)
    read = _whole_keys(history, connection)
    return template("pgaudit_log.operating", "touches.sql").sql(
        belongs=belongs,
        is_move=f"event.refs && {markers}",
        former_keys=text_array_sql([former_key(label, "") for label in table.labels]),
        within=keys.sql("obj_pk"),
        former_within=keys.sql("former.key"),
        own=str(int(not is_old)),
        other=str(int(is_old)),
        before="touch.snapshot" if is_old else other,
        after=other if is_old else "touch.snapshot",
        before_today=today_sql("found", table),
        after_today=today_sql("left_behind", table),
        contradicted_today=today_sql("contradicted", table),
        truncated_before=causal_order.since_sql("truncation", "previous")
        + " AND "
        + causal_order.since_sql("chained", "truncation"),
        truncated_after=causal_order.since_sql("truncation", "chained"),
        is_compared="FALSE" if until is not None else "TRUE",
        standing="placed" if horizon is None else _STANDING.sql(horizon=_moment(horizon)),
        is_judged="TRUE" if horizon is None else f"chained.created_at >= {_moment(horizon)}",
        key=", ".join(f"{key} AS key_{n}" for n, key in enumerate(read))
        + f", octet_length(obj_pk) <= {LONGEST_KEY} AS is_whole",
        is_readable=" AND ".join(
            f"(wanted.is_whole OR wanted.key_{n} IS NOT NULL)" for n in range(len(fields))
        ),
        is_same=" AND ".join(
            f"live.{quote_name(column_of(field))} = wanted.key_{n}"
            for n, field in enumerate(fields)
        ),
        table=quote_name(history.model._meta.db_table),
        values=_todays_values(history, connection),
        sent="pgaudit_log_resolved" if table.large else "",
    )


def _todays_values(history: History, connection: BaseDatabaseWrapper) -> str:
    """Return the tracked columns of a row, as events store them: of masked ones marks, or hashes."""
    masks = masks_of(history.model)
    columns = captured(history.tracked, connection, masks)
    if Mask.HASH in masks.values() and not _may_hash(connection):
        columns = tuple(c._replace(mask=c.mask and Mask.MARK) for c in columns)
    # What a hash is of, the capture function would say.
    listed = ", ".join(f"{c.value_sql('live')} AS {quote_name(c.name)}" for c in columns)
    return outside_capture(listed, f"(SELECT {current_shape_sql(history.model)})")


def _may_hash(connection: BaseDatabaseWrapper) -> bool:
    """Return whether this role may hash values: the owner of the log may."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT has_function_privilege('pgaudit_log_hashed(integer, text, jsonb)', 'EXECUTE')
                AND has_table_privilege('pgaudit_log_mask_key', 'SELECT')
            """
        )
        may: bool = cursor.fetchone()[0]
    return may


_STANDING = Template.of("""(
        SELECT *
        FROM (
            SELECT
                *,
                max(first_id) FILTER (WHERE created_at < @horizon@) OVER (PARTITION BY key) AS last_old
            FROM placed
        ) AS placed
        WHERE created_at >= @horizon@ OR first_id = last_old
    )""")


def _moment(moment: datetime) -> str:
    return f"{quote_literal(moment.isoformat())}::timestamptz"


def untold_sql(
    history: History, last: str | None, limit: int, connection: BaseDatabaseWrapper
) -> Sql:
    """Return the SELECT of ``untold.sql``: up to ``limit`` keys behind ``last``."""
    return template("pgaudit_log.operating", "untold.sql").sql(
        key=row_key_sql("live", history.model, connection),
        table=quote_name(history.model._meta.db_table),
        belongs=belongs_sql(history.table(connection.alias), "event."),
        within=KeyRange(after=last).sql("known.key"),
        limit=Sql.param(limit),
    )


def _whole_keys(history: History, connection: BaseDatabaseWrapper) -> list[str]:
    """Return the expressions of the columns of a key, out of ``obj_pk`` and ``state``."""
    fields = key_fields(history.model)
    is_long = may_be_shortened(fields, connection)
    found = []
    for position, field in enumerate(fields):
        whole = None
        if is_long:
            whole = column_sql("state", ReadColumn("", field), connection, {})
        found.append(
            read_key_sql(
                sql_type(field, connection),
                connection,
                position=position if len(fields) > 1 else None,
                whole=whole,
            )
        )
    return found
