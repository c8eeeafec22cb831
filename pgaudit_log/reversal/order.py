"""Ordering: puts steps so that each can be carried out when its turn comes."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.db import models

from pgaudit_log.declaring.relations import relations_of
from pgaudit_log.reversal.free_values import FreeValues
from pgaudit_log.reversal.moves import Move
from pgaudit_log.reversal.plan import Step, key_after
from pgaudit_log.values import tables
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import column_of


def unique_sets(model: type[models.Model]) -> list[tuple[models.Field[Any, Any], ...]]:
    """Return the fields of a model's own table that must be unique together, without condition."""
    own = {f.name: f for f in tables.own_columns(model)}
    named: list[tuple[str, ...]] = [(f.name,) for f in own.values() if f.unique]
    named += [tuple(names) for names in model._meta.unique_together]
    named += [
        tuple(constraint.fields)
        for constraint in model._meta.constraints
        if isinstance(constraint, models.UniqueConstraint)
        and constraint.condition is None
        and not constraint.expressions
    ]
    named.append(tuple(f.name for f in key_fields(model)))
    return [
        tuple(own[name] for name in names)
        for names in dict.fromkeys(named)
        if all(name in own for name in names)
    ]


def foreign_keys(model: type[models.Model]) -> list[models.ForeignKey[Any, Any]]:
    """Return the foreign keys in a model's own table."""
    return [f for f in tables.own_columns(model) if isinstance(f, models.ForeignKey)]


def columns_of(fields: Iterable[models.Field[Any, Any]]) -> tuple[str, ...]:
    """Return the names of the columns of ``fields``."""
    return tuple(column_of(f) for f in fields)


class _Order:
    """The moves that are left, and what each waits for."""

    def __init__(self, moves: Sequence[Move], using: str) -> None:
        self.moves = moves
        self.free_values = FreeValues(moves, using)
        self.waits: list[dict[int, tuple[str, ...] | None]] = [{} for _ in moves]
        """By move those before it: for a unique value in these columns, or (``None``) a reference."""
        self.followers: list[list[int]] = [[] for _ in moves]
        self._find_unique()
        self._find_references()
        for number, waits in enumerate(self.waits):
            for other in waits:
                self.followers[other].append(number)

    def _wait(self, number: int, other: int, columns: tuple[str, ...] | None = None) -> None:
        if number != other:
            self.waits[number].setdefault(other, columns)

    def _find_unique(self) -> None:
        """What takes a unique value waits for what gives it up."""
        for model in dict.fromkeys(move.step.model for move in self.moves):
            own = [n for n, move in enumerate(self.moves) if move.step.model is model]
            for fields in unique_sets(model):
                columns = columns_of(fields)
                givers = {self.moves[n].gives_up(columns): n for n in own}
                for number in own:
                    taken = self.moves[number].takes(columns)
                    if taken is not None and taken in givers:
                        self._wait(number, givers[taken], columns)

    def _find_references(self) -> None:
        """What points at a row waits for the row to be there, and goes before the row does."""
        changed: dict[Any, tuple[dict[Any, int], dict[Any, int]]] = {}
        for number, move in enumerate(self.moves):
            for relation in relations_of(move.step.model):
                target = relation.target, tuple(relation.target_columns)
                if target not in changed:
                    changed[target] = self._changed(*target)
                givers, takers = changed[target]
                left = move.gives_up(relation.columns)
                taken = move.takes(relation.columns)
                if left is not None and left in givers:
                    self._wait(givers[left], number)
                if taken is not None and taken in takers:
                    self._wait(number, takers[taken])

    def _changed(
        self, model: Any, columns: tuple[str, ...]
    ) -> tuple[dict[Any, int], dict[Any, int]]:
        own = [(n, m) for n, m in enumerate(self.moves) if m.step.model is model]
        givers = {move.gives_up(columns): n for n, move in own}
        takers = {move.takes(columns): n for n, move in own}
        return givers, takers

    def run(self) -> Iterator[Step]:
        """Yield the steps; where they wait for each other in a circle, one row is moved aside."""
        ready = [n for n, waits in enumerate(self.waits) if not waits]
        left = dict.fromkeys(n for n, waits in enumerate(self.waits) if waits)
        parked: dict[int, Step] = {}
        while ready or left:
            while ready:
                number = heapq.heappop(ready)
                yield parked.get(number, self.moves[number].step)
                self._release(number, self.followers[number], ready, left)
            if left:
                circle = self._circle(left)
                number, aside = self._aside(circle, parked)
                if aside is not None:
                    yield aside
                    parked[number] = self._second(number, aside)
                    followers = [
                        n for n in self.followers[number] if self.waits[n].get(number) is not None
                    ]
                    self._release(number, followers, ready, left)
                else:
                    # References in a circle: their constraints are deferred, or the database refuses.
                    self.waits[number].clear()
                    left.pop(number, None)
                    heapq.heappush(ready, number)

    def _release(
        self, number: int, followers: Sequence[int], ready: list[int], left: dict[int, None]
    ) -> None:
        for follower in followers:
            self.waits[follower].pop(number, None)
            if not self.waits[follower] and follower in left:
                del left[follower]
                heapq.heappush(ready, follower)

    def _circle(self, left: Mapping[int, None]) -> list[int]:
        number = next(iter(left))
        path: dict[int, None] = {}
        while number not in path:
            path[number] = None
            number = next(iter(self.waits[number]))
        walked = list(path)
        return walked[walked.index(number) :]

    def _aside(self, circle: Sequence[int], parked: Mapping[int, Step]) -> tuple[int, Step | None]:
        """Return a move of a circle, and the step that gets its row out of the way, if one can."""
        for before, number in zip([circle[-1], *circle], circle, strict=False):
            columns = self.waits[before].get(number)
            move = self.moves[number]
            if columns is None or move.step.action != "update" or number in parked:
                continue
            by_column = {column_of(f): f for f in tables.own_columns(move.step.model)}
            for column in columns:
                if column not in move.step.state:
                    continue
                value = self.free_values.find(move, columns, by_column[column])
                if value is not None:
                    return number, replace(move.step, state={column: value}, changes=())
        for number in circle:
            move = self.moves[number]
            if not any(move.takes([column_of(f)]) for f in foreign_keys(move.step.model)):
                # Its key changes, and the database takes along what points at it.
                return number, None
        return circle[0], None

    def _second(self, number: int, aside: Step) -> Step:
        """Return the step that a row is left with after it was moved aside."""
        return replace(
            self.moves[number].step, key=key_after(aside), whole_key=None, is_second=True
        )


def in_order(moves: Sequence[Move], using: str) -> list[Step]:
    """Return the steps so that none breaks a constraint when its turn comes.

    Rows are inserted after what they point at, and deleted before it; a unique value is
    given up before another row takes it. Otherwise they stay as they are: the latest
    events are taken back first. A row in a circle of unique values is moved aside first,
    to a value that no row has: one that it once had for a moment, NULL, or a number.
    """
    return list(_Order(moves, using).run())
