"""Pointing rows: reports other rows that point at those which a plan takes away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models

from pgaudit_log.declaring.relations import (
    Relation,
    content_type_of,
    generic_columns,
    generic_relations,
    relations_to,
)
from pgaudit_log.reversal.checking.dangling_references import (
    dangled_before,
    generic_label_of,
    generically_dangled_before,
    is_left_alone,
    label_of,
)
from pgaudit_log.reversal.checking.planned_rows import PlannedRows, any_of, chunks
from pgaudit_log.reversal.moves import Move, values_of
from pgaudit_log.reversal.obstacles import Kind
from pgaudit_log.values.keys import joined_key, key_fields, key_text
from pgaudit_log.values.tables import column_of, concrete


def report_pointing_rows(
    planned_rows: PlannedRows, model: type[models.Model], moves: Sequence[Move]
) -> None:
    """Report rows without a step of their own that point at those which ``moves`` take away."""
    for relation in relations_to(model, planned_rows.using):
        _find_references(planned_rows, relation, moves)
    for generic in generic_relations(model):
        _find_generic_references(planned_rows, generic, moves)


def _find_references(planned_rows: PlannedRows, relation: Relation, moves: Sequence[Move]) -> None:
    taken = {move.takes(relation.target_columns) for move in moves}
    given_up = {
        values: move
        for move in moves
        if (values := move.gives_up(relation.target_columns)) is not None and values not in taken
    }
    other = relation.model
    planned = planned_rows.by_model.get(other, [])
    found: list[tuple[Move, Any, str]] = []
    for move in planned:
        values = values_of(move.after, relation.columns)
        if values in given_up and move.gives_up(relation.columns) is None:
            found.append((given_up.pop(values), values, move.step.key))
    known = [tuple(m.now.get(column_of(f)) for f in key_fields(other)) for m in planned if m.now]
    fields = key_fields(other)
    names = [f.attname for f in relation.fields]
    for chunk in chunks(list(given_up)):
        pointing = planned_rows.table(other).filter(any_of(names, chunk))
        if known:
            pointing = pointing.exclude(pk__in=[joined_key(parts) for parts in known])
        pointing = pointing.order_by(*names).distinct(*names)
        for row in pointing.values_list(*names, *(f.attname for f in fields)):
            values, parts = tuple(row[: len(names)]), row[len(names) :]
            if values in given_up:
                key = key_text(joined_key(parts), fields)
                found.append((given_up[values], values, key))
    _report_references(planned_rows, relation, found)


def _report_references(
    planned_rows: PlannedRows,
    relation: Relation,
    found: Sequence[tuple[Move, tuple[Any, ...], str]],
) -> None:
    """Report rows that are pointed at; what no constraint holds may be left pointing at nothing."""
    loose: set[Move] = set()
    if found and not relation.has_constraint:
        by_move = {move: values for move, values, _ in found}
        is_free = is_left_alone(relation) or planned_rows.choices.on_conflict == "force"
        loose = set(by_move) if is_free else dangled_before(relation, by_move, planned_rows.using)
    for move, _, key in found:
        pointing = f"{relation.model._meta.label} {key} points at it with {relation.name}"
        if move in loose:
            planned_rows.left_dangling.setdefault(move.place, []).append(label_of(relation))
            message = f"{pointing}, and will point at nothing; no constraint holds it."
        else:
            what = "deleted" if not move.after else "given another key"
            message = f"cannot be {what}, because {pointing}."
        planned_rows.report(Kind.REFERENCED, move.step, None, message, go_around=move in loose)


def _find_generic_references(
    planned_rows: PlannedRows, generic: Any, moves: Sequence[Move]
) -> None:
    """Report rows that point at a deleted one with a GenericForeignKey."""
    other, columns = concrete(generic.related_model), generic_columns(generic)
    let_go = {
        move.step.key
        for move in planned_rows.by_model.get(other, [])
        if not move.after or move.gives_up(columns) is not None
    }
    keys = key_fields(generic.model)
    gone = {
        str(values[0]): move
        for move in moves
        if not move.after and (values := move.gives_up([column_of(keys[0])])) is not None
    }
    if not gone or len(keys) > 1:
        return
    content_type = content_type_of(generic, planned_rows.using)
    pointing = planned_rows.table(other).filter(
        **{
            f"{generic.content_type_field_name}__in": [content_type],
            f"{generic.object_id_field_name}__in": list(gone),
        }
    )
    found: dict[str, Move] = {}
    for pk, value in pointing.values_list("pk", generic.object_id_field_name):
        key = key_text(pk, key_fields(other))
        if key not in let_go and str(value) in gone:
            found[key] = gone[str(value)]
    loose = set(found.values())
    if found and planned_rows.choices.on_conflict != "force":
        loose = generically_dangled_before(generic, found, planned_rows.using)
    for move, key in {move: key for key, move in found.items()}.items():
        points = f"{other._meta.label} {key} points at it with {generic.object_id_field_name}"
        message = f"cannot be deleted, because {points}."
        if move in loose:
            label = generic_label_of(generic)
            planned_rows.left_dangling.setdefault(move.place, []).append(label)
            message = f"{points}, and will point at nothing; no constraint holds it."
        planned_rows.report(Kind.REFERENCED, move.step, None, message, go_around=move in loose)
