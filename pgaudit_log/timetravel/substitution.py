"""Substitution: in queries of a past moment, the rows that a tracked table had in place of the table."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable, Join

from pgaudit_log.exceptions import QueryError, ReadOnlyError
from pgaudit_log.reading import moments
from pgaudit_log.reading.moments import Moment, moment_of
from pgaudit_log.readonly import reader
from pgaudit_log.timetravel import recorded_past

WRITING = ("SQLInsertCompiler", "SQLUpdateCompiler", "SQLDeleteCompiler")


def install() -> None:
    """Have each query ask for its moment, and each FROM item for that of its query."""
    if BaseTable.__dict__.get("as_postgresql") is _from_item_sql:
        return
    Query.get_compiler = _asking_for_moment(Query.get_compiler)  # type: ignore[method-assign]
    Query.combine = _of_one_moment(Query.combine)  # type: ignore[method-assign]
    # Django compiles a FROM item by its method for the vendor, if it has one.
    BaseTable.as_postgresql = _from_item_sql  # type: ignore[attr-defined]
    Join.as_postgresql = _from_item_sql  # type: ignore[attr-defined]


def _asking_for_moment(get_compiler: Any) -> Any:
    """Return ``Query.get_compiler`` that keeps the query's moment for the queries inside it."""

    @functools.wraps(get_compiler)
    def wrapper(query: Any, using: Any = None, *args: Any, **kwargs: Any) -> Any:
        compiler = get_compiler(query, using, *args, **kwargs)
        own = query.__dict__.get("pgh_moment") or moment_of(using)
        moment = own or moments.current()
        if moment is None:
            return compiler
        if query.compiler in WRITING:
            if own or reader.get() or recorded_past.is_tracked(query.model):
                _refuse_write(query.model, moment)
            return compiler
        # Rows of a subquery depend on no key, whatever Django knows of their table.
        compiler.collapse_group_by = lambda expressions, having: expressions
        if own:
            compiler.as_sql = _at(own, compiler.as_sql)
        return compiler

    return wrapper


def _of_one_moment(combine: Any) -> Any:
    """Return ``Query.combine``, of ``&``, ``|`` and ``^``, that gives up no moment: the first one's
    would be that of all conditions."""

    @functools.wraps(combine)
    def wrapper(query: Any, other: Any, connector: str) -> None:
        own, others = (q.__dict__.get("pgh_moment") for q in (query, other))
        if others is not None and others != own:
            raise QueryError(
                f"{other.model._meta.label} as of {others} cannot be combined with {connector} into a"
                f" queryset {f'as of {own}' if own else 'of today'}: a query has one moment. Take"
                " union(), or filter(pk__in=…)."
            )
        combine(query, other, connector)

    return wrapper


def _refuse_write(model: type[models.Model], moment: Moment) -> None:
    raise ReadOnlyError(
        f"{model._meta.label} cannot be written as of {moment}: the past can only be read. Leave"
        " the block, or fetch the objects as they are today."
    )


def _at(moment: Moment, as_sql: Any) -> Any:
    @functools.wraps(as_sql)
    def at_moment(*args: Any, **kwargs: Any) -> Any:
        with moments.at(moment):
            return as_sql(*args, **kwargs)

    return at_moment


def _from_item_sql(item: Any, compiler: Any, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
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
    table = connection.ops.quote_name(item.table_name)
    join = f"{item.join_type} " if item.join_type else ""
    rest = sql.removeprefix(join + table)
    if item.table_alias == item.table_name:
        rest = f" {table}{rest}"
    state, values = _state(query, item.table_alias, history, moment, connection)
    return f"{join}{state}{rest}", [*values, *params]


def _state(
    query: Any,
    alias: str,
    history: recorded_past.History,
    moment: Moment,
    connection: BaseDatabaseWrapper,
) -> tuple[str, list[Any]]:
    """Return the rows that a table had, without those that ``query`` leaves out in the end."""
    keys = keys_asked_for(query, alias, history.model)
    if keys is not None and len(keys) == 1:
        return history.state_of_key_sql(connection), [
            keys[0],
            moment.at,
            moment.after,
            moment.txid,
            moment.turn,
        ]
    restriction, values = _restriction(query, alias, history, keys, connection.alias)
    state = history.state_sql(connection)
    first, *later = recorded_past.parameters(state, moment)
    return state.format(past=moment.sql, restriction=restriction), [first, *values, *later]


def _refuse_what_reads_today(query: Any, moment: Moment) -> None:
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


def _restriction(
    query: Any, alias: str, history: recorded_past.History, keys: list[str] | None, using: str
) -> tuple[str, list[Any]]:
    """Return what leaves out keys that the filters of ``query`` leave out in the end, with parameters."""
    if keys is not None:
        return history.by_key_sql, [keys]
    for lookup in _conjunction(query.where, alias):
        target = getattr(lookup.lhs, "target", None)
        references = target and history.references(target, _values(lookup), using)
        if references:
            return history.by_reference_sql(using), [references]
    return "", []


def keys_asked_for(query: Any, alias: str | None, model: type[models.Model]) -> list[str] | None:
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
