"""Order: puts steps so that each can be carried out when its turn comes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, TypeVar

from django.db import models

from pgaudit_log.declaring.relations import relations_of
from pgaudit_log.reversal.cycles import Columns, Waits, break_cycle, find_cycle
from pgaudit_log.reversal.moves import Move
from pgaudit_log.reversal.steps import Step, key_after
from pgaudit_log.reversal.table_constraints import columns_of, foreign_keys, unique_sets
from pgaudit_log.reversal.unused_values import UnusedValues
from pgaudit_log.values import tables
from pgaudit_log.values.tables import column_of

N = TypeVar("N", int, tuple[int, bool])

Turn = tuple[int, bool]
"""The number of a step, and whether it is the step itself: before it, its row may be moved aside."""


def in_order(moves: Sequence[Move], using: str) -> list[Step]:
    """Return the steps so that none breaks a constraint when its turn comes.

    Rows are inserted after what they point at, and deleted before it; a unique value is
    given up before another row takes it. Otherwise they stay as they are: the latest
    events are taken back first. A row in a circle of unique values is moved aside first,
    to a value that no row has: one that it once had for a moment, NULL, or a number.
    """
    waits = _waits(moves)
    first = list(until_cycle(waits))
    waits = {n: waits[n] for n in sorted(waits.keys() - set(first))}
    asides = _break_cycles(moves, waits, UnusedValues(moves, using))
    steps = [moves[number].step for number in first]
    for number, is_itself in until_cycle(_turns(waits, asides)):
        if not is_itself:
            steps.append(asides[number])
        elif number in asides:
            steps.append(_second(moves[number].step, asides[number]))
        else:
            steps.append(moves[number].step)
    return steps


def until_cycle(waits: Mapping[N, Iterable[N]]) -> Iterator[N]:
    """Yield what waits for nothing that has not been yielded, the smallest first.

    What waits in a circle, or for what does, is left out.
    """
    sorter = TopologicalSorter(waits)
    with suppress(CycleError):
        sorter.prepare()
    ready = list(sorter.get_ready())
    heapq.heapify(ready)
    while ready:
        found = heapq.heappop(ready)
        yield found
        sorter.done(found)
        for other in sorter.get_ready():
            heapq.heappush(ready, other)


def _waits(moves: Sequence[Move]) -> Waits:
    """Return what each step waits for."""
    waits: dict[int, dict[int, Columns | None]] = {number: {} for number in range(len(moves))}
    for number, other, columns in (*_unique_waits(moves), *_reference_waits(moves)):
        if number != other:
            waits[number].setdefault(other, columns)
    return waits


def _unique_waits(moves: Sequence[Move]) -> Iterator[tuple[int, int, Columns]]:
    """Yield what takes a unique value, with what gives it up."""
    for model in dict.fromkeys(move.step.model for move in moves):
        own = [n for n, move in enumerate(moves) if move.step.model is model]
        for fields in unique_sets(model):
            columns = columns_of(fields)
            givers = {moves[n].gives_up(columns): n for n in own}
            for number in own:
                taken = moves[number].takes(columns)
                if taken is not None and taken in givers:
                    yield number, givers[taken], columns


def _reference_waits(moves: Sequence[Move]) -> Iterator[tuple[int, int, None]]:
    """Yield what points at a row, with the step that brings that; before it goes, what pointed at it."""
    changed: dict[Any, tuple[dict[Any, int], dict[Any, int]]] = {}
    for number, move in enumerate(moves):
        for relation in relations_of(move.step.model):
            target = relation.target, tuple(relation.target_columns)
            if target not in changed:
                changed[target] = _givers_and_takers(moves, *target)
            givers, takers = changed[target]
            left = move.gives_up(relation.columns)
            taken = move.takes(relation.columns)
            if left is not None and left in givers:
                yield givers[left], number, None
            if taken is not None and taken in takers:
                yield number, takers[taken], None


def _givers_and_takers(
    moves: Sequence[Move], model: type[models.Model], columns: Columns
) -> tuple[dict[Any, int], dict[Any, int]]:
    own = [(n, m) for n, m in enumerate(moves) if m.step.model is model]
    givers = {move.gives_up(columns): n for n, move in own}
    takers = {move.takes(columns): n for n, move in own}
    return givers, takers


def _break_cycles(
    moves: Sequence[Move],
    waits: dict[int, Mapping[int, Columns | None]],
    unused_values: UnusedValues,
) -> dict[int, Step]:
    """Take out of ``waits`` what makes circles; return how rows are moved aside for that."""
    asides: dict[int, Step] = {}
    pointing = {
        n
        for n in waits
        if any(moves[n].takes([column_of(f)]) for f in foreign_keys(moves[n].step.model))
    }

    def aside(number: int, columns: Columns) -> Step | None:
        is_possible = moves[number].step.action == "update" and number not in asides
        return _aside(moves[number], columns, unused_values) if is_possible else None

    def before(number: int) -> Iterable[int]:
        # Whose row is moved aside has given up its unique values by then.
        return [
            n
            for n, columns in waits[number].items()
            if n in waits and not (n in asides and columns is not None)
        ]

    without: set[int] = set()
    for start in waits:
        while (cycle := find_cycle(start, before, without)) is not None:
            number, step = break_cycle(cycle, waits, aside, pointing)
            if step is not None:
                asides[number] = step
            else:
                waits[number] = {}
    return asides


def _aside(move: Move, columns: Columns, unused_values: UnusedValues) -> Step | None:
    """Return the step that gets a row out of the way with its value of ``columns``, if one can."""
    by_column = {column_of(f): f for f in tables.own_columns(move.step.model)}
    for column in columns:
        if column in move.step.state:
            value = unused_values.find(move, columns, by_column[column])
            if value is not None:
                return replace(move.step, state={column: value}, changes=())
    return None


def _turns(waits: Waits, asides: Mapping[int, Step]) -> dict[Turn, list[Turn]]:
    """Return what each step waits for, and what moves a row aside for nothing but that it can."""
    turns: dict[Turn, list[Turn]] = {(number, False): [] for number in asides}
    for number, others in waits.items():
        turns[number, True] = [
            (other, not (other in asides and columns is not None))
            for other, columns in others.items()
            if other in waits
        ]
        if number in asides:
            turns[number, True].append((number, False))
    return turns


def _second(step: Step, aside: Step) -> Step:
    """Return the step that a row is left with after it was moved aside."""
    return replace(step, key=key_after(aside), whole_key=None, is_second=True)
