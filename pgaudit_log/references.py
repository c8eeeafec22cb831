"""References: the names under which ``refs`` has an object, and what pointed at it, step by step."""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Case, F, Func, Q, Value, When
from django.db.models.fields.json import KeyTextTransform

from pgaudit_log import registry, renames
from pgaudit_log.criteria import key_text_of, keys_in, of_labels
from pgaudit_log.expressions import (
    ShortKey,
    column_text,
    concatenated,
    joined,
    key_of,
    reference_to,
    text_array,
)
from pgaudit_log.identifiers import column_of, key_text, reference
from pgaudit_log.registry import concrete


def referred_fields(model: type[models.Model]) -> list[models.Field[Any, Any]]:
    """Return the fields beside the primary key that foreign keys of the project point at."""
    return _referred_fields(tuple(apps.get_models(include_auto_created=True))).get(model, [])


@functools.lru_cache(maxsize=1)
def _referred_fields(
    among: tuple[type[models.Model], ...],
) -> dict[type[models.Model], list[models.Field[Any, Any]]]:
    """Return those of all models; they are looked for anew where there are other models."""
    found: defaultdict[type[models.Model], set[models.Field[Any, Any]]] = defaultdict(set)
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


def _ancestry(model: type[models.Model]) -> list[type[models.Model]]:
    """Return a model and those that it inherits along its primary key: they share their keys."""
    found = [concrete(model)]
    while (link := getattr(found[-1]._meta.pk, "remote_field", None)) is not None:
        if not getattr(link, "parent_link", False):
            break
        found.append(concrete(link.model))
    return found


def names_of(objs: Sequence[Any], method: str) -> Any:
    """Return the array of the names of ``objs``, instances and querysets of one model."""
    names: list[str] = []
    arrays: list[Any] = []
    for given in objs:
        subquery = isinstance(given, models.QuerySet)
        for model in _ancestry(given.model if subquery else type(given)):
            for label in renames.labels_of(model):
                if subquery:
                    found = keys_in(given, reference_to(label, key_of(given.model)))
                    arrays.append(ArraySubquery(found, output_field=text_array()))
                else:
                    names.append(reference(label, key_text_of(given, method)))
                for field in referred_fields(model):
                    name = f"{label}.{column_of(field)}"
                    if subquery:
                        found = keys_in(given, reference_to(name, column_text(field)))
                        arrays.append(ArraySubquery(found, output_field=text_array()))
                    elif (value := getattr(given, field.attname)) is not None:
                        names.append(reference(name, key_text(value, [field])))
    if names or not arrays:
        arrays.insert(0, Value(names, output_field=text_array()))
    return concatenated(arrays)


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
    renamed: dict[type[models.Model], list[str]] = {}
    by_column: list[Any] = []
    for declaration in registry.declarations():
        model = concrete(declaration.tracked_model)
        labels = renames.labels_of(model)
        if len(labels) > 1:
            renamed[model] = labels
        for field in referred_fields(model):
            text = ShortKey(KeyTextTransform(column_of(field), "pgh_data"))
            rows = events.filter(of_labels(labels))
            by_column += [
                rows.values(pgh_key=reference_to(f"{label}.{column_of(field)}", text))
                for label in labels
            ]
    labels_then = Func(
        Case(
            *(
                When(pgh_obj_model__in=labels, then=Value(labels, output_field=text_array()))
                for labels in renamed.values()
            ),
            default=Func(F("pgh_obj_model"), template="ARRAY[%(expressions)s]"),
            output_field=text_array(),
        )
        if renamed
        else Func(F("pgh_obj_model"), template="ARRAY[%(expressions)s]", output_field=text_array()),
        function="unnest",
        output_field=models.TextField(),
    )
    by_key = events.values(pgh_key=joined(labels_then, Value(":"), F("pgh_obj_id")))
    return concatenated(
        [
            ArraySubquery(queryset.distinct(), output_field=text_array())
            for queryset in (by_key, *by_column)
        ]
    )
