"""Dangling: which references the database does not hold, and may point at nothing after a plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models

from pgaudit_log import histories, names
from pgaudit_log.constants import INSERT, UPDATE
from pgaudit_log.identifiers import key_text, reference
from pgaudit_log.models import Events
from pgaudit_log.registry import concrete
from pgaudit_log.reversal.moves import Move

ForeignKey = models.ForeignKey[Any, Any]


def is_held(relation: ForeignKey) -> bool:
    """Return whether the database has a constraint for a relation."""
    return bool(getattr(relation, "db_constraint", True))


def is_left_alone(relation: ForeignKey) -> bool:
    """Return whether neither the database nor Django minds what a relation points at."""
    return not is_held(relation) and relation.remote_field.on_delete is models.DO_NOTHING


def label_of(relation: ForeignKey) -> str:
    """Return the name of a relation: ``shop.Order.customer``."""
    return f"{concrete(relation.model)._meta.label}.{relation.name}"


def dangled_before(relation: ForeignKey, moves: Mapping[Move, Any], using: str) -> set[Move]:
    """Return those of ``moves`` whose rows were pointed at before they were there.

    What is taken back then is that they came. ``moves`` have the values that rows point at. It is
    not known of rows whose foreign key is not tracked.
    """
    model = concrete(relation.model)
    tracked = {own for history in histories.histories_of(model) for own in history.tracked}
    known = {move: value for move, value in moves.items() if move.since is not None}
    if relation not in tracked or not known:
        return set()
    target = relation.target_field
    labels = names.reference_labels(target.model, using, target)
    by_name = {
        reference(label, key_text(value, [target])): move
        for move, value in known.items()
        for label in labels
    }
    columns = {stored.key for stored in names.keys_of(relation, using)}
    pointing = Events.objects.using(using).filter(
        models.Q(pgh_operation=INSERT)
        | models.Q(pgh_operation=UPDATE, pgh_diff__has_any_keys=list(columns)),
        pgh_obj_model__in=names.labels_of(model, using),
        pgh_refs__overlap=list(by_name),
        pgh_id__gt=min(move.since or 0 for move in known),
    )
    newer = {
        by_name[name]
        for id, refs in pointing.values_list("pgh_id", "pgh_refs")
        for name in refs
        if name in by_name and id > (by_name[name].since or 0)
    }
    return known.keys() - newer
