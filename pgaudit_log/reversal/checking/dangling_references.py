"""Dangling references: which references the database does not hold, and may point at nothing after a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models

from pgaudit_log.capture_v1.references import reference
from pgaudit_log.constants import INSERT, UPDATE
from pgaudit_log.declaring import former_names
from pgaudit_log.declaring.relations import Relation, generic_columns
from pgaudit_log.models import Events
from pgaudit_log.reversal.moves import Move
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.keys import joined_key, key_fields, key_text
from pgaudit_log.values.tables import column_of, concrete


def is_left_alone(relation: Relation) -> bool:
    """Return whether neither the database nor Django minds what a relation points at."""
    return not relation.has_constraint and relation.on_delete is models.DO_NOTHING


def label_of(relation: Relation) -> str:
    """Return the name of a relation: ``shop.Order.customer``."""
    return f"{relation.model._meta.label}.{relation.name}"


def generic_label_of(generic: Any) -> str:
    """Return the name of what points by a ``GenericRelation``: ``shop.Tag.object_id``."""
    return f"{generic.related_model._meta.label}.{generic.object_id_field_name}"


def dangled_before(
    relation: Relation, moves: Mapping[Move, tuple[Any, ...]], using: str
) -> set[Move]:
    """Return those of ``moves`` whose rows were pointed at before they were there.

    What is taken back then is that they came. ``moves`` have the values that rows point at. It is
    not known of rows whose fields that point are not tracked.
    """
    tracked = {
        own for history in recorded_past.histories_of(relation.model) for own in history.tracked
    }
    by_name = {
        name: move
        for move, values in moves.items()
        if move.since is not None
        for name in _references(relation, values, using)
    }
    if not tracked.issuperset(relation.fields) or not by_name:
        return set()
    columns = {
        stored.key for field in relation.fields for stored in former_names.keys_of(field, using)
    }
    pointing = Events.objects.using(using).filter(
        models.Q(pgh_operation=INSERT)
        | models.Q(pgh_operation=UPDATE, pgh_diff__has_any_keys=list(columns)),
        pgh_obj_model__in=former_names.labels_of(relation.model, using),
        pgh_refs__overlap=list(by_name),
        pgh_id__gt=min(move.since or 0 for move in by_name.values()),
    )
    newer = {
        by_name[name]
        for id, refs in pointing.values_list("pgh_id", "pgh_refs")
        for name in refs or ()
        if name in by_name and id > (by_name[name].since or 0)
    }
    return set(by_name.values()) - newer


def generically_dangled_before(
    generic: Any, pointed_at: Mapping[str, Move], using: str
) -> set[Move]:
    """Return the moves whose rows were pointed at by a ``GenericForeignKey`` before they were there,
    as far as is known. ``pointed_at`` has them by the keys of the rows that point."""
    other, columns = concrete(generic.related_model), set(generic_columns(generic))
    tracked = {own for history in recorded_past.histories_of(other) for own in history.tracked}
    candidates = {key: move for key, move in pointed_at.items() if move.since is not None}
    if not {column_of(own) for own in tracked} >= columns or not candidates:
        return set()
    pointing = Events.objects.using(using).filter(
        models.Q(pgh_operation=INSERT)
        | models.Q(pgh_operation=UPDATE, pgh_diff__has_any_keys=list(columns)),
        pgh_obj_model__in=former_names.labels_of(other, using),
        pgh_obj_id__in=list(candidates),
        pgh_id__gt=min(move.since or 0 for move in candidates.values()),
    )
    newer = {
        candidates[key]
        for id, key in pointing.values_list("pgh_id", "pgh_obj_id")
        if key in candidates and id > (candidates[key].since or 0)
    }
    return set(candidates.values()) - newer


def _references(relation: Relation, values: tuple[Any, ...], using: str) -> list[str]:
    """Return what ``refs`` call the row that ``values`` point at; none if they have no name for it."""
    by_field = dict(zip(relation.target_fields, values, strict=True))
    key = key_fields(relation.target)
    if set(key) == set(by_field):
        labels = former_names.labels_of(relation.target, using)
        parts = [by_field[field] for field in key]
        text = key_text(joined_key(parts), key)
    elif len(by_field) == 1:
        [target] = by_field
        labels = former_names.reference_labels(relation.target, using, target)
        text = key_text(values[0], [target])
    else:
        return []
    return [reference(label, text) for label in labels]
