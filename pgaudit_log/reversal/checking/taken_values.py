"""Taken values: reports other rows that have a value which must be unique."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import models

from pgaudit_log.diffs.display import shortened, words_for
from pgaudit_log.reversal.checking.constraints import Row, validate
from pgaudit_log.reversal.checking.planned_rows import PlannedRows, any_of, chunks
from pgaudit_log.reversal.moves import Move
from pgaudit_log.reversal.obstacles import Kind
from pgaudit_log.reversal.table_constraints import columns_of, unique_sets
from pgaudit_log.values.keys import joined_key, key_fields, key_text
from pgaudit_log.values.tables import Field


def report_taken_values(
    planned_rows: PlannedRows, model: type[models.Model], moves: Sequence[Move]
) -> None:
    """Report the rows of ``moves`` that would get a value which only one row may have."""
    for fields in unique_sets(model):
        _find_holders(planned_rows, model, fields, moves)
    # Django looks at one object at a time, and would count what the plan takes away.
    if len(moves) == 1 and moves[0].step.action != "delete":
        _validate(planned_rows, moves[0])


def _find_holders(
    planned_rows: PlannedRows,
    model: type[models.Model],
    fields: Sequence[Field],
    moves: Sequence[Move],
) -> None:
    columns = columns_of(fields)
    is_key = set(fields) == set(key_fields(model))
    wanted = {
        value: move
        for move in moves
        if not (is_key and move.step.action == "insert")
        and (value := move.takes(columns)) is not None
    }
    keys = key_fields(model)
    names = [f.attname for f in fields]
    for values in chunks(list(wanted)):
        found = planned_rows.table(model).filter(any_of(names, values))
        for row in found.values_list(*names, *(f.attname for f in keys)):
            held, parts = tuple(row[: len(names)]), row[len(names) :]
            key = key_text(joined_key(parts), keys)
            holder = planned_rows.by_place.get((model, key))
            move = wanted.get(held)
            if move is None or move is holder or (holder and holder.gives_up(columns)):
                continue
            listed = ", ".join(
                f"{f.name} {shortened(words_for(f, v))}" for f, v in zip(fields, held, strict=True)
            )
            planned_rows.report(
                Kind.TAKEN,
                move.step,
                fields[0].name,
                f"{listed} must be unique, but {model._meta.label} {key} has it.",
            )


def _validate(planned_rows: PlannedRows, move: Move) -> None:
    model = move.step.model
    row = Row(model, move.after, is_new=move.step.action == "insert")
    for constraint in model._meta.constraints:
        if not isinstance(constraint, models.UniqueConstraint) or not (
            constraint.condition is not None or constraint.expressions
        ):
            continue
        try:
            validate(constraint, model, row, planned_rows.using)
        except ValidationError as error:
            planned_rows.report(Kind.TAKEN, move.step, None, " ".join(error.messages))
