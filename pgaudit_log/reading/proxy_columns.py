"""The columns of proxy fields: expressions over the JSON of an event, and the lookups that ask the index."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col
from django.db.models.sql.compiler import SQLCompiler

from pgaudit_log.reading.object_field import JoinCondition, quote
from pgaudit_log.values.column_json import read_sql, sql_type
from pgaudit_log.values.keys import whole_key_text
from pgaudit_log.values.quoting import quote_literal
from pgaudit_log.values.sql_text import Sql

_SAME_AS_TEXT = (models.CharField, models.TextField, models.IntegerField, models.UUIDField)
"""Fields whose equal values are written alike, so that the index on the text can be asked."""

_INDEXED = (["pgh_context", "user"], ["pgh_context", "on_behalf_of"])


class Refers(JoinCondition):
    """The condition that an event's proxy field is the key of the row ``obj_alias``."""

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        col = ProxyCol(self.event_alias, self.field)
        target = (
            f"{quote(compiler, self.obj_alias)}.{quote(compiler, self.field.target_field.column)}"
        )
        test = f"{col.as_sql(compiler, connection)[0]} = {target}"
        if col.has_index:
            test += f' AND {col.text_sql(compiler)} = ({target})::text COLLATE "default"'
        return test, ()


class ProxyCol(Col):
    """A proxy field in a query: the JSON's value as the field's type, NULL where it is not one."""

    target: Any
    alias: Any

    @property
    def _path(self) -> list[str]:
        path: list[str] = self.target.pgh_proxy.split("__")
        return path

    def _json(self, compiler: SQLCompiler) -> str:
        """Return the JSON column."""
        column = self.target.model._meta.get_field(self._path[0]).column
        names = [self.alias, column] if self.alias else [column]
        return ".".join(quote(compiler, name) for name in names)

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        """Return the SQL; it has no parameters, so that it can be grouped by."""
        keys = ", ".join(map(quote_literal, self._path[1:]))
        value = f"({self._json(compiler)} #> ARRAY[{keys}])"
        sql = read_sql(value, sql_type(self.target, connection), connection)
        return Sql.plain(f"({sql})").text, []

    def text_sql(self, compiler: SQLCompiler) -> str:
        """Return the user's text, written as the index on it is."""
        return f"({self._json(compiler)} ->> '{self._path[-1]}')"

    @property
    def has_index(self) -> bool:
        """Whether equal values can be found by an index: that on the user, or on whose behalf."""
        return self._path in _INDEXED and isinstance(self._value_field, _SAME_AS_TEXT)

    @property
    def _value_field(self) -> Any:
        field = self.target
        while isinstance(field, models.ForeignKey):
            field = field.target_field
        return field

    def text_of(self, value: object) -> str:
        """Return how the JSON has ``value``."""
        return whole_key_text(value, [self._value_field])

    def get_lookup(self, lookup: str) -> Any:
        """Return the field's lookup; for equality, one that asks the index where there is one."""
        found: Any = super().get_lookup(lookup)
        if found is not None and self.has_index and lookup in ("exact", "in"):
            return _by_text(found, lookup)
        return found


@functools.cache
def _by_text(lookup_class: Any, name: str) -> Any:
    mixin = {"exact": _ExactText, "in": _InTexts}[name]
    return type(lookup_class.__name__, (mixin, lookup_class), {"plain": lookup_class})


def _restored(plain: Any, name: str, state: dict[str, Any]) -> Any:
    lookup_class = _by_text(plain, name)
    lookup = object.__new__(lookup_class)
    lookup.__dict__.update(state)
    return lookup


class _ByText:
    """A lookup that asks the text; its class is made at run time, so that pickle needs help."""

    plain: type[models.Model]
    lookup_name: str
    lhs: Any
    rhs: Any

    def __reduce__(self) -> Any:
        return _restored, (self.plain, self.lookup_name, self.__dict__)


class _ExactText(_ByText):
    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        text = self.lhs.text_sql(compiler)
        if self.rhs_is_direct_value():  # type: ignore[attr-defined]
            return f"{text} = %s", [self.lhs.text_of(self.rhs)]
        sql, params = super().as_sql(compiler, connection)  # type: ignore[misc]
        rhs, own = self.process_rhs(compiler, connection)  # type: ignore[attr-defined]
        return f'({sql} AND {text} = ({rhs})::text COLLATE "default")', (*params, *own)


class _InTexts(_ByText):
    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        text = self.lhs.text_sql(compiler)
        if self.rhs_is_direct_value():  # type: ignore[attr-defined]
            texts = [self.lhs.text_of(value) for value in self.rhs if value is not None]
            if not texts:
                raise EmptyResultSet
            return f"{text} = ANY (%s)", [texts]
        target = self.lhs.target
        if isinstance(target, models.ForeignKey) and not target.target_field.primary_key:
            return super().as_sql(compiler, connection)  # type: ignore[misc]
        rhs, params = self.process_rhs(compiler, connection)  # type: ignore[attr-defined]
        keys = f'SELECT keys.key::text COLLATE "default" FROM {rhs} AS keys (key)'
        return f"{text} IN ({keys})", params
