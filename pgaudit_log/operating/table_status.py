"""The status of tables: what a status of the log tells, by tracked model."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import models, router

from pgaudit_log.declaring import model_labels
from pgaudit_log.operating.values import ModelSize, Problem, Status
from pgaudit_log.values.tables import table_of


@dataclass(frozen=True, kw_only=True)
class TableStatus:
    """What is known of the capture of one tracked model."""

    model: type[models.Model]
    problems: tuple[Problem, ...]
    """Those that name its triggers or its table."""
    faults: tuple[str, ...]
    """What they say is wrong, such as ``audit_insert (disabled)``."""
    left_out: tuple[str, ...]
    """The columns that its ``track()`` leaves out."""
    unknown: tuple[str, ...]
    """The columns that the database has, and no field of the model."""
    events: int
    size: int
    """In bytes; always an estimate."""
    is_estimate: bool
    """Whether ``events`` is one, too."""
    per_day: float | None
    """How many events a day, over the time of the log's growth; ``None`` where that is not known."""
    newest: datetime | None
    """From when the newest partition is that has events of it; ``None`` for none, and for DEFAULT."""


def tables_of(status: Status) -> list[TableStatus]:
    """Return what a status tells of each model that is tracked in its database, by label."""
    tracked = (
        m for m in model_labels.tracked_models() if router.allow_migrate_model(status.using, m)
    )
    return [_table(status, model) for model in sorted(tracked, key=lambda m: m._meta.label)]


def _table(status: Status, model: type[models.Model]) -> TableStatus:
    label = model._meta.label
    sizes = [one for one in status.models if one.model == label]
    columns = [one for one in status.uncaptured_columns or () if one.model == label]
    named = [(problem, name) for problem in status.problems for name in problem.on]
    own = [(problem, name) for problem, name in named if _is_of(name, model)]
    return TableStatus(
        model=model,
        problems=tuple(dict.fromkeys(problem for problem, _name in own)),
        faults=tuple(dict.fromkeys(name.removeprefix(f"{label}:") for _problem, name in own)),
        left_out=tuple(name for one in columns for name in one.left_out),
        unknown=tuple(name for one in columns for name in one.unknown),
        events=sum(one.events for one in sizes),
        size=sum(one.size for one in sizes),
        is_estimate=any(one.is_estimate for one in sizes),
        per_day=_per_day(status, sizes),
        newest=max((one.start for one in sizes if one.start is not None), default=None),
    )


def _is_of(name: str, model: type[models.Model]) -> bool:
    label = model._meta.label
    tables = (table_of(model), model._meta.db_table)
    return (
        name in (label, *tables)
        or name.startswith(f"{label}:")
        or any(f" on {table}" in f"{name} " and name.endswith(f" on {table}") for table in tables)
    )


def _per_day(status: Status, sizes: list[ModelSize]) -> float | None:
    growth = status.growth
    if growth is None:
        return None
    ends = {partition.start: partition.end for partition in status.sizes or ()}
    recent = 0
    for one in sizes:
        end = ends.get(one.start)
        if (
            one.start is not None
            and end is not None
            and end > growth.since
            and one.start <= growth.until
        ):
            recent += one.events
    return recent / ((growth.until - growth.since).total_seconds() / 86_400)
