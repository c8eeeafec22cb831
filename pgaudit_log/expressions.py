"""Expressions: what the ORM needs to ask the event table in the words in which it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.lookups import In

from pgaudit_log.columns import INTEGERS, composite_key_sql, key_sql, sql_type, stored_sql
from pgaudit_log.identifiers import key_fields, quote_name, reference
from pgaudit_log.registry import concrete


def text_array() -> ArrayField[Any, Any]:
    """Return the type of ``refs``."""
    return ArrayField(models.TextField())


class UserText(Func):
    """``context ->> 'user'``, written as the index on it is, so that any plan can use that."""

    template = "(%(expressions)s ->> 'user')"
    arity = 1
    output_field = models.TextField()


class OnBehalfOfText(UserText):
    """``context ->> 'on_behalf_of'``, written as its index is."""

    template = "(%(expressions)s ->> 'on_behalf_of')"


class KeyText(Func):
    """The text of a key as ``obj_pk`` and ``refs`` have it, out of columns of a tracked table.

    Args:
        expressions: the key's columns, in their order.
        fields: their fields, which say how each is rendered.
        collation: that of the index to be asked, whatever the columns' is: ``obj_pk`` has
            "C"; with another one the index could not be used.
    """

    output_field = models.TextField()

    def __init__(
        self,
        *expressions: Any,
        fields: tuple[models.Field[Any, Any], ...],
        collation: str = "C",
        **extra: Any,
    ) -> None:
        self.fields = fields
        self.collation = collation
        super().__init__(*expressions, **extra)

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the SQL."""
        parts: list[str] = []
        params: list[Any] = []
        for expression in self.source_expressions:
            sql, own = compiler.compile(expression)
            parts.append(sql)
            params.extend(own)
        if len(parts) > 1:
            text = composite_key_sql(parts)
        else:
            text = key_sql(parts[0], sql_type(self.fields[0], connection))
        return f"({text}) COLLATE {quote_name(self.collation)}", params


class StoredValue(Func):
    """A value as a diff or a snapshot has it: rendered by the server, in its form for the field."""

    output_field = models.JSONField()

    def __init__(self, value: Any, *, field: models.Field[Any, Any], **extra: Any) -> None:
        self.stored_field = field
        super().__init__(value, **extra)

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the SQL, an uncorrelated subquery that runs once."""
        value, params = compiler.compile(self.source_expressions[0])
        type_name = sql_type(self.stored_field, connection)
        # No integer is too large to be looked for.
        cast_to = "numeric" if type_name in INTEGERS else type_name
        stored = stored_sql("given.value", cast_to).replace("%", "%%")
        return (
            "(SELECT pgaudit_log_snapshot(stored.*) -> 'value'"
            f" FROM (SELECT {stored} AS value FROM (SELECT ({value})::{cast_to} AS value) AS given)"
            " AS stored)"
        ), params


class InKeys(In):
    """``IN`` a subquery of texts.

    Django 6.1 counts the columns of a subquery of a model with a composite key wrongly, where
    those are expressions, and refuses it.
    """

    def get_prep_lookup(self) -> Any:
        return self.rhs


class AnyOfKeys(InKeys):
    """``= ANY (ARRAY(…))`` a subquery of texts, which is asked first.

    Beside another condition, joined by ``OR``, only this can use an index.
    """

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, rhs_params = compiler.compile(self.rhs)
        return f"{lhs} = ANY (ARRAY{rhs})", (*lhs_params, *rhs_params)


def any_of(conditions: Iterable[Any]) -> Q:
    """Return the condition that one of ``conditions`` holds; none holds where there are none."""
    found = Q()
    for condition in conditions:
        found |= Q(condition)
    return found or Q(pk__in=[])


def joined(*parts: Any) -> Func:
    """Return texts put together with SQL's ``||``, in the collation of the index on ``refs``."""
    return Func(
        *parts,
        template='((%(expressions)s) COLLATE "default")',
        arg_joiner=" || ",
        output_field=models.TextField(),
    )


def concatenated(arrays: Sequence[Any]) -> Any:
    """Return arrays of texts as one."""
    return reduce(
        lambda left, right: Func(left, right, function="array_cat", output_field=text_array()),
        arrays,
    )


def key_of(model: type[models.Model], collation: str = "C") -> KeyText:
    """Return the key's text of the rows of a queryset of ``model``."""
    fields = tuple(key_fields(concrete(model)))
    return KeyText(*(F(field.attname) for field in fields), fields=fields, collation=collation)


def column_text(field: models.Field[Any, Any]) -> KeyText:
    """Return the text of one field of the rows of a queryset, as a key's."""
    return KeyText(F(field.attname), fields=(field,))


def reference_to(label: str, key: Any) -> Func:
    """Return how ``refs`` names the object of the model ``label`` whose key's text is ``key``."""
    return joined(Value(reference(label, "")), key)
