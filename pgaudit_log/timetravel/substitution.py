"""Substitution: in queries of a past moment, the rows that a tracked table had in place of the table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.query import Query

from pgaudit_log.declaring.masks import is_masked
from pgaudit_log.exceptions import QueryError, ReadOnlyError
from pgaudit_log.reading import moments
from pgaudit_log.reading.masked_fields import refuse_filter
from pgaudit_log.reading.moments import Moment
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.timetravel.state_sql import by_key_sql, by_reference_sql, known_sql
from pgaudit_log.values.sql_text import Sql


def from_item_sql(
    item: Any, compiler: SQLCompiler, connection: BaseDatabaseWrapper
) -> tuple[str, Any]:
    """Return a table of a FROM clause: as it is, or in its place the rows that it had."""
    sql, params = item.as_sql(compiler, connection)
    moment = moments.current()
    if moment is None:
        return sql, params
    query = compiler.query
    _refuse_what_reads_today(query, moment)
    history = recorded_past.of_table(item.table_name)
    if history is None:
        return sql, params
    _refuse_masked(query, item)
    table = connection.ops.quote_name(item.table_name)
    join = f"{item.join_type} " if item.join_type else ""
    rest = sql.removeprefix(join + table)
    if item.table_alias == item.table_name:
        rest = f" {table}{rest}"
    state = _state(query, item.table_alias, history, moment, connection)
    return f"{join}{state.text}{rest}", [*state.params, *params]


def _state(
    query: Query,
    alias: str,
    history: recorded_past.History,
    moment: Moment,
    connection: BaseDatabaseWrapper,
) -> Sql:
    """Return the rows that a table had, without those that ``query`` leaves out in the end."""
    keys = keys_asked_for(query, alias, history.model)
    if keys is not None and len(keys) == 1:
        return history.state_of_key(connection).sql(
            key=Sql.param(keys[0]),
            at=Sql.param(moment.at),
            up_to=Sql.param(moment.after),
            up_to_txid=Sql.param(moment.txid),
            up_to_turn=Sql.param(moment.turn),
        )
    restriction = _restriction(query, alias, history, keys, connection.alias)
    return history.state(connection).sql(
        past=moment.sql,
        restriction=restriction,
        known=known_sql(history.table(connection.alias), moment.at, moment.after),
    )


def _refuse_what_reads_today(query: Query, moment: Moment) -> None:
    """Raise for what would read tracked tables past their FROM items, or lock rows of the past."""
    if query.select_for_update:
        raise ReadOnlyError(
            f"select_for_update() was called on rows as of {moment}: the past cannot be locked."
            " Leave it out."
        )
    for table in query.extra_tables:
        if recorded_past.of_table(table.strip('"')) is not None:
            raise QueryError(
                f"extra(tables=[{table!r}]) would read {table} as it is today, not as of {moment}."
                " Use a filter, Subquery or Exists."
            )


def _refuse_masked(query: Query, item: Any) -> None:
    """Raise for a filter by a masked column, or a join along it, which would find nothing."""
    joined = getattr(item, "join_field", None)
    targets = [joined, getattr(joined, "field", None)]
    targets += [column.target for column in _within(query.where) if isinstance(column, Col)]
    for target in targets:
        if isinstance(target, models.Field) and target.column is not None and is_masked(target):
            refuse_filter(target)


def _within(node: Any) -> Iterator[Any]:
    """Yield the expressions in a condition, as deep as they are; what is in a subquery is its own."""
    yield node
    inner = getattr(node, "children", None)
    if inner is None and hasattr(node, "get_source_expressions"):
        inner = node.get_source_expressions()
    for child in inner or ():
        if not isinstance(child, Query):
            yield from _within(child)


def _restriction(
    query: Query, alias: str, history: recorded_past.History, keys: list[str] | None, using: str
) -> Sql:
    """Return what leaves out keys that the filters of ``query`` leave out in the end."""
    if keys is not None:
        return by_key_sql(keys)
    for lookup in _conjunction(query.where, alias):
        target = getattr(lookup.lhs, "target", None)
        references = target and history.references(target, _values(lookup), using)
        if references:
            return by_reference_sql(history.table(using), references)
    return Sql.plain("")


def keys_asked_for(query: Query, alias: str | None, model: type[models.Model]) -> list[str] | None:
    """Return the keys that the filters of ``query`` ask for, as text; ``None`` if they ask for none."""
    for lookup in _conjunction(query.where, alias):
        keys = recorded_past.key_texts(model, lookup.lhs, _values(lookup))
        if keys is not None:
            return keys
    return None


def _conjunction(where: Any, alias: str | None) -> Iterator[Any]:
    """Yield the lookups ``exact`` and ``in`` of values on a table's columns that all rows must pass."""
    if where.negated or where.connector != "AND":
        return
    for child in where.children:
        if hasattr(child, "children"):
            yield from _conjunction(child, alias)
        elif (
            getattr(child, "lookup_name", None) in ("exact", "in")
            and getattr(child.lhs, "alias", None) == alias
            and child.rhs_is_direct_value()
        ):
            yield child


def _values(lookup: Any) -> list[Any]:
    return list(lookup.rhs) if lookup.lookup_name == "in" else [lookup.rhs]
