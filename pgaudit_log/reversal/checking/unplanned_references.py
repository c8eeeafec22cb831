"""Unplanned references: which rows point at those that a plan deletes, and it does not know."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import models

from pgaudit_log.declaring.relations import (
    Relation,
    content_type_of,
    generic_relations,
    relations_to,
)
from pgaudit_log.diffs import current_rows
from pgaudit_log.diffs.current_rows import RowKey
from pgaudit_log.reversal.checking.dangling_references import (
    generic_label_of,
    is_left_alone,
    label_of,
)
from pgaudit_log.reversal.checking.planned_rows import CHUNK, any_of
from pgaudit_log.reversal.steps import Step, whole_keys
from pgaudit_log.values.keys import joined_key, key_fields, key_text
from pgaudit_log.values.tables import concrete


def unplanned_references(steps: Sequence[Step], using: str) -> Iterator[tuple[Step, str, str]]:
    """Yield each row to be deleted that a row without a step points at: its step, that row, its field."""
    planned: dict[type[models.Model], set[str]] = {}
    deleted: dict[type[models.Model], list[Step]] = {}
    for step in steps:
        planned.setdefault(step.model, set()).add(step.key)
        if step.action == "delete":
            deleted.setdefault(step.model, []).append(step)
    for model, own in deleted.items():
        states = current_rows.read(
            [(model, step.key) for step in own], using, whole=whole_keys(own)
        )
        typed = current_rows.typed(
            model, [states.get((model, step.key), {}) for step in own], using
        )
        for relation in relations_to(model, using):
            if is_left_alone(relation):
                continue
            by_values = {
                tuple(row.get(column) for column in relation.target_columns): step
                for row, step in zip(typed, own, strict=True)
            }
            for place, values in _pointing(relation, list(by_values), using):
                step = by_values[values]
                is_told = label_of(relation) in step.left_dangling
                if place[1] not in planned.get(relation.model, ()) and not is_told:
                    yield step, f"{relation.model._meta.label} {place[1]}", relation.name
        by_key = {step.key: step for step in own}
        for generic in generic_relations(model) if len(key_fields(model)) == 1 else ():
            for place, key in _pointing_generically(generic, list(by_key), using):
                if (
                    place[1] not in planned.get(place[0], ())
                    and key in by_key
                    and generic_label_of(generic) not in by_key[key].left_dangling
                ):
                    yield (
                        by_key[key],
                        f"{place[0]._meta.label} {place[1]}",
                        generic.object_id_field_name,
                    )


def _pointing_generically(
    generic: Any, keys: list[str], using: str
) -> Iterator[tuple[RowKey, str]]:
    """Yield the rows that point at one of ``keys`` with a ``GenericForeignKey``, each with that key."""
    other = concrete(generic.related_model)
    name = generic.object_id_field_name
    for start in range(0, len(keys), CHUNK):
        rows: models.QuerySet[Any, Any] = models.QuerySet(other, using=using)
        found = rows.filter(
            **{
                generic.content_type_field_name: content_type_of(generic, using),
                f"{name}__in": keys[start : start + CHUNK],
            }
        )
        for pk, value in found.values_list("pk", name).iterator():
            yield (other, key_text(pk, key_fields(other))), str(value)


def _pointing(
    relation: Relation, values: list[Any], using: str
) -> Iterator[tuple[RowKey, tuple[Any, ...]]]:
    """Yield the rows whose fields have one of ``values``, each with those."""
    keys = key_fields(relation.model)
    pointing = [field.attname for field in relation.fields]
    for start in range(0, len(values), CHUNK):
        rows: models.QuerySet[Any, Any] = models.QuerySet(relation.model, using=using)
        found = rows.filter(any_of(pointing, values[start : start + CHUNK]))
        for row in found.values_list(*pointing, *(key.attname for key in keys)).iterator():
            parts = row[len(pointing) :]
            key = key_text(joined_key(parts), keys)
            yield (relation.model, key), tuple(row[: len(pointing)])
