"""Descriptions: say of each step, in typed values, what it would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pgaudit_log.diffs import current_rows
from pgaudit_log.diffs.current_rows import RowKey
from pgaudit_log.diffs.display import words_for
from pgaudit_log.reversal.moves import Move, Values
from pgaudit_log.reversal.steps import Change, Step, key_after
from pgaudit_log.values import tables
from pgaudit_log.values.row_json import MISSING
from pgaudit_log.values.tables import column_of


def described(steps: Sequence[Step], moves: Sequence[Move], using: str) -> list[Step]:
    """Return ``steps``, each with its changes; a row that is moved aside has two of them."""
    known = {id(move.step): move for move in moves}
    now: dict[RowKey, Values] = {}
    for move in moves:
        # A row may be brought back in the place of one that moves away.
        if move.now or move.place not in now:
            now[move.place] = move.now
    found = []
    for step in steps:
        place = step.model, step.key
        if id(step) in known:
            old, new = known[id(step)].now, known[id(step)].after
        else:
            [new] = current_rows.typed(step.model, [step.state], using)
            old = now[place]
            now[step.model, key_after(step)] = {
                **old,
                **{column: value for column, value in new.items() if value is not MISSING},
            }
        found.append(replace(step, changes=_changes(step, old, new)))
    return found


def _changes(step: Step, old: Values, new: Values) -> tuple[Change, ...]:
    is_deletion = step.action == "delete"
    columns = old if is_deletion else step.state
    changes = []
    for own in tables.own_columns(step.model):
        column = column_of(own)
        if column not in columns:
            continue
        now = old.get(column, MISSING)
        proposed = MISSING if is_deletion else new.get(column, MISSING)
        now_text, proposed_text = (
            "" if value is MISSING else words_for(own, value) for value in (now, proposed)
        )
        changes.append(
            Change(
                field=own.name,
                verbose_name=str(own.verbose_name),
                column=column,
                now=now,
                proposed=proposed,
                now_text=now_text,
                proposed_text=proposed_text,
            )
        )
    return tuple(changes)
