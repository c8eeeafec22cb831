"""References: the names under which ``refs`` has an object, and what pointed at it, step by step."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import F, Func, Q, Value

from pgaudit_log.declaring import declarations
from pgaudit_log.reading.expressions import (
    LabelsBeside,
    ReferenceLabels,
    References,
    ShortKey,
    StoredUnder,
    column_text,
    concatenated,
    joined,
    key_of,
    of_model,
    text_array,
)
from pgaudit_log.reading.filters import key_text_of, keys_in
from pgaudit_log.values.keys import key_text
from pgaudit_log.values.tables import Field, concrete, sharing_key


def referred_fields(model: type[models.Model]) -> list[Field]:
    """Return the fields beside the primary key that foreign keys of the project point at."""
    return _referred_fields(tuple(apps.get_models(include_auto_created=True))).get(model, [])


@functools.lru_cache(maxsize=1)
def _referred_fields(
    among: tuple[type[models.Model], ...],
) -> dict[type[models.Model], list[Field]]:
    """Return those of all models; they are looked for anew where there are other models."""
    found: defaultdict[type[models.Model], set[Field]] = defaultdict(set)
    for other in among:
        if hasattr(other, "pgh_declaration"):
            continue
        for field in other._meta.local_fields:
            if (
                isinstance(field, models.ForeignKey)
                and not isinstance(field.remote_field.model, str)
                and not field.target_field.primary_key
            ):
                found[concrete(field.remote_field.model)].add(field.target_field)
    return {
        model: sorted(fields, key=lambda field: field.creation_counter)
        for model, fields in found.items()
    }


def names_of(objs: Sequence[Any], method: str) -> Any:
    """Return the array of the names of ``objs``, instances and querysets of one model."""
    arrays: list[Any] = []
    for given in objs:
        is_query = isinstance(given, models.QuerySet)
        for model in sharing_key(given.model if is_query else type(given)):
            if is_query:
                arrays.append(_names_in(given, model, None, key_of(given.model)))
            else:
                arrays.append(References(model=model, keys=(key_text_of(given, method),)))
            for field in referred_fields(model):
                if is_query:
                    arrays.append(_names_in(given, model, field, column_text(field)))
                elif (value := getattr(given, field.attname)) is not None:
                    keys = (key_text(value, [field]),)
                    arrays.append(References(model=model, target=field, keys=keys))
    return concatenated(arrays or [Value([], output_field=text_array())])


def _names_in(queryset: Any, model: type[models.Model], target: Field | None, key: Any) -> Any:
    """Return the array of the names of the objects of a queryset, each under all labels."""
    found = keys_in(queryset, joined(_each_label(model, target), Value(":"), key))
    return ArraySubquery(found, output_field=text_array())


def _each_label(model: type[models.Model], target: Field | None = None) -> Func:
    """Return the labels of a model as rows."""
    labels = ReferenceLabels(model=model, target=target)
    return Func(labels, function="unnest", output_field=models.TextField())


def pointing_at(names: Any, depth: int, events: models.QuerySet[Any, Any]) -> Q:
    """Return the condition that an event's row pointed at ``names``, directly or by ``depth`` steps.

    ``events`` are all events, in which the steps are looked for; they are parts of one statement.
    """
    arrays = [names]
    for _ in range(depth - 1):
        arrays.append(_names_of_rows(events.filter(pgh_refs__overlap=arrays[-1])))
    return Q(pgh_refs__overlap=concatenated(arrays))


def _names_of_rows(events: models.QuerySet[Any, Any]) -> Any:
    """Return the array of the names of the objects that ``events`` are about."""
    events = events.order_by()
    labels = Func(
        LabelsBeside(F("pgh_obj_model")), function="unnest", output_field=models.TextField()
    )
    found: list[Any] = [events.values(pgh_key=joined(labels, Value(":"), F("pgh_obj_id")))]
    for declaration in declarations.declarations():
        model = concrete(declaration.tracked_model)
        for field in referred_fields(model):
            stored = StoredUnder(F("pgh_data"), F("pgh_shape"), field=field)
            text = ShortKey(
                Func(stored, template="(%(expressions)s #>> '{}')", output_field=models.TextField())
            )
            key = joined(_each_label(model, field), Value(":"), text)
            found.append(events.filter(of_model(model)).values(pgh_key=key))
    return concatenated(
        [ArraySubquery(queryset.distinct(), output_field=text_array()) for queryset in found]
    )
