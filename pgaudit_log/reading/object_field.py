"""The references from a typed event to its object, which the index on the event table serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import EmptyResultSet
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Col, ColPairs
from django.db.models.fields.related_lookups import RelatedExact, RelatedIn, get_normalized_value
from django.db.models.sql.compiler import SQLCompiler
from django.db.models.sql.where import WhereNode

from pgaudit_log.values.key_sql import key_sql
from pgaudit_log.values.keys import key_text
from pgaudit_log.values.tables import column_of

KEY_COLUMN = "pgh_obj_key"
"""The view's column that is ``obj_pk`` itself, and so the one that has the index."""


JoinConditionT = TypeVar("JoinConditionT", bound="JoinCondition")


class _ByKey:
    """What makes a reference serve the index.

    The view has the object's key in its own type, so that joins, values and comparisons
    read as usual. The index is on the key's text, ``(model, obj_pk, id)``; so ``exact``
    and ``in`` compare the text, and a join adds the comparison of the text to its own.
    """

    def get_extra_restriction(self, alias: str | None, related_alias: str) -> WhereNode | None:
        """Return ``event.pgh_obj_key = object.pk::text``; the planner picks the side with the index."""
        if alias is None:
            return None
        return WhereNode([_SameKey(self, alias, related_alias)])  # type: ignore[list-item]


class EventForeignKey(_ByKey, models.ForeignKey[Any, Any]):
    """``pgh_obj`` of a model with a key of one column."""


class EventForeignObject(_ByKey, models.ForeignObject):  # type: ignore[type-arg]
    """``pgh_obj`` of a model with a composite key."""


def quote(compiler: SQLCompiler, name: str) -> str:
    """Return ``name``, a table, alias or column, quoted; the compiler's method has two names."""
    method = getattr(compiler, "quote_name", None) or compiler.quote_name_unless_alias
    quoted: str = method(name)
    return quoted


def _key_text_sql(
    columns: Sequence[str], targets: Sequence[Any], connection: BaseDatabaseWrapper
) -> str:
    """Return the text of the key that stands in ``columns``, whose fields are ``targets``."""
    return key_sql(columns, targets, connection)


class JoinCondition:
    """A further condition on a join of an object, ``obj_alias``, with an event, ``event_alias``."""

    conditional = True
    contains_aggregate = False
    contains_over_clause = False

    def __init__(self, field: Any, obj_alias: str, event_alias: str) -> None:
        self.field = field
        self.obj_alias = obj_alias
        self.event_alias = event_alias

    def relabeled_clone(self: JoinConditionT, change_map: dict[str, str]) -> JoinConditionT:
        """Return the same of the tables as they are called after ``change_map``."""
        return type(self)(
            self.field,
            change_map.get(self.obj_alias, self.obj_alias),
            change_map.get(self.event_alias, self.event_alias),
        )


class _SameKey(JoinCondition):
    """The condition that an event's key text is that of the object's primary key."""

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, Sequence[Any]]:
        targets = self.field.foreign_related_fields
        obj = quote(compiler, self.obj_alias)
        columns = [f"{obj}.{quote(compiler, column_of(target))}" for target in targets]
        text = _key_text_sql(columns, targets, connection)
        return f"{_key_column(compiler, self.event_alias)} = ({text})", ()


def _key_column(compiler: SQLCompiler, event_alias: Any) -> str:
    return f"{quote(compiler, event_alias)}.{quote(compiler, KEY_COLUMN)}"


class _ByKeyText:
    """Compares the key's text on both sides of a lookup."""

    lhs: Any
    rhs: Any
    _by_key_sql: Callable[[str, SQLCompiler, BaseDatabaseWrapper], Any]
    """Returns the comparison of a column of key texts."""

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        alias = self._event_alias()
        if alias is None:
            return super().as_sql(compiler, connection)  # type: ignore[misc]
        return self._by_key_sql(_key_column(compiler, alias), compiler, connection)

    def _event_alias(self) -> str | None:
        """Return the view's alias, or ``None`` where the left side is no column of a view."""
        # Reverse relations and trimmed joins come here too, with other fields on the left.
        if isinstance(self.lhs, (Col, ColPairs)) and isinstance(self._field, _ByKey):
            alias: str | None = self.lhs.alias
            return alias
        return None

    @property
    def _field(self) -> Any:
        return self.lhs.field if isinstance(self.lhs, ColPairs) else self.lhs.output_field

    @property
    def _targets(self) -> Sequence[Any]:
        targets: Sequence[Any] = self._field.foreign_related_fields
        return targets

    def _text(self, value: object) -> str:
        normalized = get_normalized_value(value, self.lhs)
        targets = self._targets
        return key_text(normalized if len(targets) > 1 else normalized[0], targets)


@EventForeignObject.register_lookup
@EventForeignKey.register_lookup
class _ExactKey(_ByKeyText, RelatedExact):
    def _by_key_sql(
        self, column: str, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> Any:
        if self.rhs_is_direct_value():
            return f"{column} = %s", [self._text(self.rhs)]
        if len(self._targets) > 1:
            # Django's own message says that only values can be compared.
            return RelatedExact.as_sql(self, compiler, connection)
        rhs, params = self.process_rhs(compiler, connection)
        # Named first, because the text of a long key is written down more than once.
        text = _key_text_sql(["given.key"], self._targets, connection)
        return f"{column} = (SELECT {text} FROM (SELECT {rhs} AS key) AS given)", params


@EventForeignObject.register_lookup
@EventForeignKey.register_lookup
class _InKeys(_ByKeyText, RelatedIn):
    def _by_key_sql(
        self, column: str, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> Any:
        if self.rhs_is_direct_value():
            keys = [self._text(value) for value in self.rhs if value is not None]
            if not keys:
                raise EmptyResultSet
            return f"{column} = ANY (%s)", [keys]
        rhs, params = self.process_rhs(compiler, connection)
        names = [f"key_{number}" for number in range(len(self._targets))]
        text = _key_text_sql([f"keys.{name}" for name in names], self._targets, connection)
        return f"{column} IN (SELECT {text} FROM {rhs} AS keys ({', '.join(names)}))", params
