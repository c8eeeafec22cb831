"""Missing targets: reports rows that would point at what is not there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, router

from pgaudit_log.declaring.relations import (
    Relation,
    generic_keys,
    relations_of,
)
from pgaudit_log.diffs import current_rows
from pgaudit_log.reversal.checking.planned_rows import PlannedRows, any_of, chunks
from pgaudit_log.reversal.moves import Move, values_of
from pgaudit_log.reversal.obstacles import Kind
from pgaudit_log.reversal.table_constraints import columns_of, foreign_keys
from pgaudit_log.values.keys import key_fields, read_key
from pgaudit_log.values.tables import column_of, concrete


def report_missing_targets(
    planned_rows: PlannedRows, model: type[models.Model], moves: Sequence[Move]
) -> None:
    """Report the rows of ``moves`` that would point at what is not there."""
    for own in foreign_keys(model):
        _find_targets(planned_rows, own, moves)
    for relation in relations_of(model):
        if not isinstance(model._meta.get_field(relation.name), models.ForeignKey):
            _find_object_targets(planned_rows, relation, moves)
    for key in generic_keys(model):
        _find_generic_targets(planned_rows, key, moves)


def _find_targets(
    planned_rows: PlannedRows, own: models.ForeignKey[Any, Any], moves: Sequence[Move]
) -> None:
    column, target = column_of(own), own.target_field
    model = concrete(target.model)
    wanted = {move: value for move in moves if (value := move.takes([column])) is not None}
    if not wanted:
        return
    planned = planned_rows.by_model.get(model, [])
    there = {move.takes([column_of(target)]) for move in planned}
    gone = {move.gives_up([column_of(target)]) for move in planned}
    away = [state for other, state in planned_rows.absent if other is model]
    gone |= {
        values_of(row, [column_of(target)])
        for row in current_rows.typed(model, away, planned_rows.using)
    }
    for values in chunks(list({value for value in wanted.values() if value not in there})):
        found = planned_rows.table(model).filter(
            **{f"{target.attname}__in": [v for (v,) in values]}
        )
        there |= {
            (value,)
            for value in found.values_list(target.attname, flat=True)
            if (value,) not in gone
        }
    has_constraint = bool(getattr(own, "db_constraint", True))
    advice = " Restore that first." if has_constraint else " No constraint holds it."
    for move, value in wanted.items():
        if value not in there:
            planned_rows.report(
                Kind.MISSING_TARGET,
                move.step,
                own.name,
                f"{own.name} would point at {model._meta.label} {value[0]}, which is not"
                f" there.{advice}",
                go_around=not has_constraint,
            )


def _find_object_targets(
    planned_rows: PlannedRows, relation: Relation, moves: Sequence[Move]
) -> None:
    """Tell of rows that get a ``ForeignObject`` to an object that is not there."""
    wanted: dict[Any, list[Move]] = {}
    for move in moves:
        taken = move.takes(relation.columns)
        if taken is not None:
            wanted.setdefault(taken, []).append(move)
    columns, planned = relation.target_columns, planned_rows.by_model.get(relation.target, [])
    there = {values_of(move.after, columns) for move in planned}
    gone = {move.gives_up(columns) for move in planned} - there
    names = [field.attname for field in relation.target_fields]
    for values in chunks([taken for taken in wanted if taken not in there]):
        found = planned_rows.table(relation.target).filter(any_of(names, values))
        there |= {row for row in found.values_list(*names) if row not in gone}
    for taken in wanted.keys() - there:
        for move in wanted[taken]:
            planned_rows.report(
                Kind.MISSING_TARGET,
                move.step,
                relation.name,
                f"{relation.name} would point at {relation.target._meta.label}"
                f" {', '.join(map(str, taken))}, which is not there. No constraint holds it.",
                go_around=True,
            )


def _find_generic_targets(planned_rows: PlannedRows, own: Any, moves: Sequence[Move]) -> None:
    """Tell of rows that get a GenericForeignKey to an object that is not there."""
    # Here, because only where there is such a field its app is installed.
    from django.contrib.contenttypes.models import ContentType

    fields = [own.model._meta.get_field(name) for name in (own.ct_field, own.fk_field)]
    wanted: dict[Any, dict[str, list[Move]]] = {}
    for move in moves:
        taken = move.takes(columns_of(fields))
        if taken is not None:
            wanted.setdefault(taken[0], {}).setdefault(str(taken[1]), []).append(move)
    types = ContentType.objects.db_manager(planned_rows.using).in_bulk(list(wanted))
    for id, by_key in wanted.items():
        target = types[id].model_class() if id in types else None
        if target is None or not router.allow_migrate_model(planned_rows.using, concrete(target)):
            continue
        for key in _not_there(planned_rows, concrete(target), list(by_key)):
            for move in by_key[key]:
                planned_rows.report(
                    Kind.MISSING_TARGET,
                    move.step,
                    own.name,
                    f"{own.name} would point at {target._meta.label} {key}, which is not there."
                    " No constraint holds it.",
                    go_around=True,
                )


def _not_there(
    planned_rows: PlannedRows, model: type[models.Model], texts: Sequence[str]
) -> list[str]:
    """Return those of ``texts``, which are keys, whose rows are not there after the plan."""
    planned = {move.step.key: bool(move.after) for move in planned_rows.by_model.get(model, [])}
    by_value = {}
    for text in texts:
        with suppress(ValidationError, ValueError, TypeError):
            by_value[read_key(text, key_fields(model))] = text
    there = {text for text in texts if planned.get(text)}
    for values in chunks(list(by_value)):
        for value in planned_rows.table(model).filter(pk__in=values).values_list("pk", flat=True):
            if planned.get(by_value.get(value, ""), True):
                there.add(by_value.get(value, ""))
    return [text for text in texts if text not in there]
