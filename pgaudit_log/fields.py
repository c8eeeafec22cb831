"""The foreign key from a typed event to its object, which the index on the event table serves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import models
from django.db.models.expressions import Col
from django.db.models.fields.related_lookups import RelatedExact, RelatedIn
from django.db.models.sql.where import WhereNode

from pgaudit_log.columns import key_sql, sql_type
from pgaudit_log.identifiers import column_of, key_text

KEY_COLUMN = "pgh_obj_key"
"""The view's column that is ``obj_pk`` itself, and so the one that has the index."""


class EventForeignKey(models.ForeignKey[Any, Any]):
    """``pgh_obj``: typed like the object's key, looked up by the key's text.

    The view's ``pgh_obj_id`` has the type of the object's key, so that joins, values and
    comparisons read as usual. The index is on the text, ``(model, obj_pk, id)``; so
    ``exact`` and ``in`` compare the text, and a join from the tracked table adds the
    comparison of the text to its own.
    """

    def get_extra_restriction(self, alias: str | None, related_alias: str) -> WhereNode | None:
        """Return ``event.pgh_obj_key = object.pk::text``; the planner picks the side with the index."""
        if alias is None:
            return None
        return WhereNode([_SameKey(self, alias, related_alias)])  # type: ignore[list-item]


def quote(compiler: Any, name: str) -> str:
    """Return ``name``, a table, alias or column, quoted; the compiler's method has two names."""
    method = getattr(compiler, "quote_name", None) or compiler.quote_name_unless_alias
    quoted: str = method(name)
    return quoted


class _SameKey:
    """The condition that an event's key text is that of the object's primary key."""

    conditional = True
    contains_aggregate = False
    contains_over_clause = False

    def __init__(self, field: EventForeignKey, obj_alias: str, event_alias: str) -> None:
        self.field = field
        self.obj_alias = obj_alias
        self.event_alias = event_alias

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Sequence[Any]]:
        target = self.field.target_field
        obj_key = f"{quote(compiler, self.obj_alias)}.{quote(compiler, column_of(target))}"
        text = key_sql(obj_key, sql_type(target, connection))
        return f"{_key_column(compiler, self.event_alias)} = ({text})", ()

    def relabeled_clone(self, change_map: dict[str, str]) -> _SameKey:
        return _SameKey(
            self.field,
            change_map.get(self.obj_alias, self.obj_alias),
            change_map.get(self.event_alias, self.event_alias),
        )


def _key_column(compiler: Any, event_alias: Any) -> str:
    return f"{quote(compiler, event_alias)}.{quote(compiler, KEY_COLUMN)}"


class _ByKeyText:
    """Compares the key's text on both sides of a lookup."""

    lhs: Any
    rhs: Any

    def _key_column(self, compiler: Any) -> str | None:
        """Return the event's key column, or ``None`` where the left side is no column of a view."""
        if not isinstance(self.lhs, Col) or self.lhs.alias is None:
            return None
        return _key_column(compiler, self.lhs.alias)

    def _text(self, value: Any) -> str:
        return key_text(value, [self.lhs.output_field.target_field])


@EventForeignKey.register_lookup
class _ExactKey(_ByKeyText, RelatedExact):
    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column = self._key_column(compiler)
        if column is None:
            return super().as_sql(compiler, connection)
        if self.rhs_is_direct_value():
            return f"{column} = %s", [self._text(self.rhs)]
        rhs, params = self.process_rhs(compiler, connection)
        target = self.lhs.output_field.target_field
        return f"{column} = ({key_sql(rhs, sql_type(target, connection))})", params


@EventForeignKey.register_lookup
class _InKeys(_ByKeyText, RelatedIn):
    def as_sql(self, compiler: Any, connection: Any) -> Any:
        column = self._key_column(compiler)
        if column is None:
            return super().as_sql(compiler, connection)
        if self.rhs_is_direct_value():
            keys = [self._text(value) for value in self.rhs if value is not None]
            if not keys:
                raise EmptyResultSet
            return f"{column} = ANY (%s)", [keys]
        rhs, params = self.process_rhs(compiler, connection)
        target = self.lhs.output_field.target_field
        text = key_sql("keys.key", sql_type(target, connection))
        return f"{column} IN (SELECT {text} FROM {rhs} AS keys (key))", params
