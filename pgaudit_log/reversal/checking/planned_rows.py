"""Planned rows: the rows that a plan changes, and how to ask for the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from typing import Any

from django.db import models

from pgaudit_log.diffs.current_rows import RowKey
from pgaudit_log.reversal.checking.findings import Report
from pgaudit_log.reversal.moves import Move
from pgaudit_log.reversal.options import Choices
from pgaudit_log.values.row_json import State

CHUNK = 1000
"""Values that one query asks for."""


class PlannedRows:
    """What a plan does with rows, looked up by model and by row, and where to report."""

    def __init__(
        self,
        moves: Sequence[Move],
        choices: Choices,
        using: str,
        report: Report,
        absent: Sequence[tuple[type[models.Model], State]] = (),
    ) -> None:
        """Look ``moves`` up; ``absent`` are rows that stay away, though others have their keys."""
        self.absent = absent
        self.choices = choices
        self.using = using
        self.report = report
        self.by_place: dict[RowKey, Move] = {move.place: move for move in moves if move.now}
        self.by_model: dict[type[models.Model], list[Move]] = {}
        for move in moves:
            self.by_model.setdefault(move.step.model, []).append(move)
        self.left_dangling: dict[RowKey, list[str]] = {}
        """The relations whose rows point at nothing after a row is gone, as was told."""

    def table(self, model: type[models.Model]) -> models.QuerySet[Any, Any]:
        """Return all rows of a table: not those of the model's own manager, which may hide some."""
        return models.QuerySet(model, using=self.using)


def any_of(names: Sequence[str], values: Sequence[tuple[Any, ...]]) -> models.Q:
    """Return the filter of rows whose fields ``names`` have one of ``values``."""
    if len(names) == 1:
        return models.Q(**{f"{names[0]}__in": [value for (value,) in values]})
    alternatives = (models.Q(**dict(zip(names, value, strict=True))) for value in values)
    return reduce(or_, alternatives, models.Q(pk__in=[]))


def chunks(values: list[Any]) -> Iterator[list[Any]]:
    """Yield values in lists that one query asks for."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
