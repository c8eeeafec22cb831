"""Expressions: what the ORM needs to ask the event table in the words in which it is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Cast
from django.db.models.lookups import In
from django.db.models.sql.compiler import SQLCompiler

from pgaudit_log.capture_v1.references import reference
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.values.column_json import INTEGERS, sql_type, stored_sql
from pgaudit_log.values.key_sql import key_sql, short_key_sql
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.sql_text import Sql, Template
from pgaudit_log.values.tables import Field, concrete


def text_array() -> ArrayField[Any, Any]:
    """Return the type of ``refs``."""
    return ArrayField(models.TextField())


class OfModels(Func):
    """Whether a label is one that events of some models bear; they are looked up as the query runs.

    What events call a table is known to the database that they are in, and building a query
    asks no database.
    """

    arity = 1
    output_field = models.BooleanField()

    def __init__(self, label: Any, *, of: Iterable[type[models.Model]], **extra: Any) -> None:
        self.of = tuple(of)
        super().__init__(label, **extra)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the SQL."""
        label, params = compiler.compile(self.source_expressions[0])
        # Each once: labels of models that share a table are the same.
        labels = list(
            dict.fromkeys(
                label
                for model in self.of
                for label in former_names.labels_of(model, connection.alias)
            )
        )
        if len(labels) == 1:
            return f"{label} = %s", [*params, *labels]
        # A list, and not as many comparisons: PostgreSQL plans with each of those.
        return f"{label} IN ({', '.join(['%s'] * len(labels))})", [*params, *labels]


def of_model(model: type[models.Model]) -> Q:
    """Return the condition that an event is of a model, under whichever label."""
    return Q(OfModels(F("pgh_obj_model"), of=[model]))


def of_any_model(among: Iterable[type[models.Model]]) -> Q:
    """Return the condition that an event is of one of some models; none holds where there are none."""
    listed = list(among)
    return Q(OfModels(F("pgh_obj_model"), of=listed)) if listed else Q(pk__in=[])


class ReferenceLabels(Func):
    """What ``refs`` have in front of the keys of a model's objects, as an array.

    Args:
        model: the model.
        target: the field that foreign keys point at, where it is not the primary key.
    """

    arity = 0
    output_field = text_array()

    def __init__(
        self,
        *,
        model: type[models.Model],
        target: Field | None = None,
        **extra: Any,
    ) -> None:
        self.of_model = model
        self.target = target
        super().__init__(**extra)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the SQL."""
        labels = former_names.reference_labels(self.of_model, connection.alias, self.target)
        return "%s::text[]", [labels]


class LabelsBeside(Func):
    """All labels of the table that a label means, as an array: the label and its former ones."""

    arity = 1
    output_field = text_array()

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the SQL, which says something of those tables only that have several."""
        label, _ = compiler.compile(self.source_expressions[0])
        cases, params = [], []
        for model in model_labels.tracked_models():
            labels = former_names.labels_of(model, connection.alias)
            if len(labels) > 1:
                cases.append(f"WHEN {label} = ANY (%s::text[]) THEN %s::text[]")
                params += [labels, labels]
        if not cases:
            return f"ARRAY[{label}]", []
        return f"CASE {' '.join(cases)} ELSE ARRAY[{label}] END", params


class References(ReferenceLabels):
    """What ``refs`` call objects of a model, as an array; ``keys`` are the texts of their keys."""

    def __init__(self, *, keys: tuple[str, ...], **extra: Any) -> None:
        self.keys = keys
        super().__init__(**extra)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the SQL."""
        labels = former_names.reference_labels(self.of_model, connection.alias, self.target)
        return "%s::text[]", [[reference(label, key) for label in labels for key in self.keys]]


class StoredUnder(Func):
    """What a snapshot or a diff has of a field, under whichever key the event's shape has it.

    Args:
        document: the column of snapshots or diffs.
        shape: the column of shapes.
        field: the field.
    """

    arity = 2
    output_field = models.JSONField()

    def __init__(self, document: Any, shape: Any, *, field: Field, **extra: Any) -> None:
        self.of_field = field
        super().__init__(document, shape, **extra)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the SQL."""
        document, _ = compiler.compile(self.source_expressions[0])
        shape, _ = compiler.compile(self.source_expressions[1])
        cases, params = [], []
        today, *former = former_names.keys_of(self.of_field, connection.alias)
        for stored in former:
            if stored.shapes:
                cases.append(f"WHEN {shape} = ANY (%s::integer[]) THEN {document} -> %s")
                params += [list(stored.shapes), stored.key]
        if today.shapes:
            cases.append(f"WHEN {shape} = ANY (%s::integer[]) THEN NULL")
            params += [list(today.shapes)]
        declared = [stored.key for stored in former if not stored.shapes]
        value = f"{document} -> %s"
        if declared:
            value = f"COALESCE({', '.join([value] * (1 + len(declared)))})"
        if not cases:
            return f"({value})", [today.key, *declared]
        return f"(CASE {' '.join(cases)} ELSE {value} END)", [*params, today.key, *declared]


class OfPart(Func):
    """By which path the row of an event is a part of an object.

    Args:
        id: the column with the ids of events.
        paths: the path of each event, by its id.
    """

    template = "(%(expressions)s)"
    arg_joiner = " ->> "
    output_field = models.TextField()

    def __init__(self, id: Any, paths: Mapping[int, str], **extra: Any) -> None:
        by_id = {str(event): path for event, path in paths.items()}
        super().__init__(
            Value(by_id, output_field=models.JSONField()),
            Cast(id, models.TextField()),
            **extra,
        )


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
        fields: tuple[Field, ...],
        collation: str = "C",
        **extra: Any,
    ) -> None:
        self.fields = fields
        self.collation = collation
        super().__init__(*expressions, **extra)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the SQL."""
        parts: list[str] = []
        params: list[Any] = []
        for expression in self.source_expressions:
            sql, own = compiler.compile(expression)
            parts.append(sql)
            params.extend(own)
        if params:
            # Named first, because the text of a long key is written down more than once.
            names = [f"given.key_{number}" for number in range(len(parts))]
            listed = ", ".join(f"{p} AS key_{number}" for number, p in enumerate(parts))
            text = key_sql(names, self.fields, connection)
            text = f"SELECT {text} FROM (SELECT {listed}) AS given"
        else:
            text = key_sql(parts, self.fields, connection)
        return f"({text}) COLLATE {quote_name(self.collation)}", params


class ShortKey(Func):
    """A key's whole text, such as a snapshot has it, as ``obj_pk`` and ``refs`` have it."""

    arity = 1
    output_field = models.TextField()

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the SQL, which names the text first, because it is written down more than once."""
        sql, params = compiler.compile(self.source_expressions[0])
        short = short_key_sql("given.key")
        return f"(SELECT {short} FROM (SELECT {sql} AS key) AS given)", params


_STORED_VALUE = Template.of(
    "(SELECT pgaudit_log_snapshot(stored.*) -> 'value'"
    " FROM (SELECT @stored@ AS value FROM (SELECT (@value@)::@type@ AS value) AS given) AS stored)"
)


class StoredValue(Func):
    """A value as a diff or a snapshot has it: rendered by the server, in its form for the field."""

    output_field = models.JSONField()

    def __init__(self, value: object, *, field: Field, **extra: Any) -> None:
        self.stored_field = field
        super().__init__(value, **extra)

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *args: Any, **kwargs: Any
    ) -> Any:
        """Return the SQL, an uncorrelated subquery that runs once."""
        value, params = compiler.compile(self.source_expressions[0])
        type_name = sql_type(self.stored_field, connection)
        # No integer is too large to be looked for.
        cast_to = "numeric" if type_name in INTEGERS else type_name
        sql = _STORED_VALUE.sql(
            stored=stored_sql("given.value", cast_to),
            value=Sql(text=value, params=tuple(params)),
            type=cast_to,
        )
        return sql.text, sql.params


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

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> Any:
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, rhs_params = compiler.compile(self.rhs)
        return f"{lhs} = ANY (ARRAY{rhs})", (*lhs_params, *rhs_params)


class IsAnyOf(Func):
    """Whether a column is one of many values; they are one parameter, of which there cannot be too many."""

    template = "(%(expressions)s))"
    arg_joiner = " = ANY ("
    output_field = models.BooleanField()

    def __init__(self, column: Any, values: Iterable[Any], *, field: Field, **extra: Any) -> None:
        array: ArrayField[Any, Any] = ArrayField(field)
        super().__init__(column, Value(list(values), output_field=array), **extra)


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


def column_text(field: Field) -> KeyText:
    """Return the text of one field of the rows of a queryset, as a key's."""
    return KeyText(F(field.attname), fields=(field,))


def reference_to(label: str, key: Any) -> Func:
    """Return how ``refs`` names the object of the model ``label`` whose key's text is ``key``."""
    return joined(Value(reference(label, "")), key)
