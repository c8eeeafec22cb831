"""Unused values: what a row may have for a moment, while others take what it had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connections, models
from django.db.models.functions import Cast

from pgaudit_log.diffs import current_rows
from pgaudit_log.reversal.moves import Move
from pgaudit_log.values import tables
from pgaudit_log.values.row_json import NULL
from pgaudit_log.values.tables import Field, column_of


class UnusedValues:
    """Finds values that no row has, and none that it has found before."""

    def __init__(self, moves: Sequence[Move], using: str) -> None:
        self._moves = moves
        self._using = using
        self._found: set[tuple[Any, str, str]] = set()

    def find(self, move: Move, columns: Sequence[str], own: Field) -> str | None:
        """Return a value of ``own``, as JSON text, with which no row has the ``columns`` of ``move``.

        That is one that the row once had for a moment, NULL, or a number; ``None`` if there is none.
        A row that has it would be taken for the one that is moved aside, where a key is deferrable.
        """
        for text in self._candidates(move, own):
            if text == NULL:
                return text
            place = move.step.model, column_of(own), text
            if place not in self._found and self._is_free(text, move, columns, own):
                self._found.add(place)
                return text
        return None

    def _candidates(self, move: Move, own: Field) -> Iterator[str]:
        passed = move.passed.get(column_of(own))
        if passed is not None:
            yield passed
        if own.null:
            yield NULL
        now = move.now.get(column_of(own))
        if not isinstance(own, models.IntegerField | models.AutoField) or not isinstance(now, int):
            return
        ops = connections[self._using].ops
        lowest, highest = ops.integer_field_range(own.get_internal_type())
        ends = self._rows(move).aggregate(low=models.Min(own.attname), high=models.Max(own.attname))
        behind = range(1, 1 + len(self._moves))
        numbers = [ends["low"] - n for n in behind] + [ends["high"] + n for n in behind]
        for number in (-1 - abs(now), *numbers):
            if (lowest is None or lowest <= number) and (highest is None or number <= highest):
                yield str(number)
        # The range of the type is used up at both ends.
        for number in self._behind(move, own.attname, highest):
            yield from (str(number + n) for n in range(len(self._moves)))

    def _behind(self, move: Move, name: str, highest: int | None) -> list[int]:
        """Return some numbers that no row has, just behind one that a row has."""
        table = self._rows(move)
        if highest is not None:
            table = table.filter(**{f"{name}__lt": highest - len(self._moves)})
        following = Cast(name, models.BigIntegerField()) + 1
        taken = self._rows(move).filter(**{name: models.OuterRef("following")})
        found = table.annotate(following=following).exclude(models.Exists(taken)).order_by(name)
        return list(found.values_list("following", flat=True)[: len(self._moves)])

    def _is_free(self, text: str, move: Move, columns: Sequence[str], own: Field) -> bool:
        model = move.step.model
        [typed] = current_rows.typed(model, [{column_of(own): text}], self._using)
        wanted = {**{c: move.now[c] for c in columns}, **typed}
        for other in self._moves:
            for row in (other.now, other.after):
                if other.step.model is model and all(row.get(c) == v for c, v in wanted.items()):
                    return False
        by_column = {column_of(f): f for f in tables.own_columns(model)}
        filters = {by_column[c].attname: v for c, v in wanted.items()}
        return not self._rows(move).filter(**filters).exists()

    def _rows(self, move: Move) -> models.QuerySet[Any, Any]:
        # Not the model's own manager, which may hide rows.
        return models.QuerySet(move.step.model, using=self._using)
