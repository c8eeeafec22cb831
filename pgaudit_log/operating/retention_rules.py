"""Retention rules: of which models events go, and before when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections

from pgaudit_log.conf import settings
from pgaudit_log.constants import EVENT_TABLE
from pgaudit_log.database.own_events import MAINTENANCE
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reading.snapshot_sql import Table
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.ages import Age
from pgaudit_log.values.tables import concrete

DEFAULT = "default"
"""The key in ``PGAUDIT_LOG_RETENTION`` of all models that it does not name."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """The events of one model go that are older than a moment."""

    model: str
    """Its label."""
    labels: tuple[str, ...]
    """What events call it, or have called it."""
    before: datetime
    """The moment."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one declaration's events tell of the rows of a model: as ``as_of()`` asks them."""

    table: Table
    old_labels: tuple[str, ...] = ()
    is_complete: bool = False


def rules(
    using: str,
    now: datetime,
    *,
    older_than: Age | None = None,
    chosen: Sequence[str] = (),
) -> list[Rule]:
    """Return the rules of a database, by model.

    Args:
        using: the database.
        now: from when ages are counted back.
        older_than: how old events have to be that go; by default the setting says it.
        chosen: the labels of the models that are meant; by default all.

    Raises:
        QueryError: for a model that is not there, or that nothing says the retention of.
    """
    ages = _ages(older_than, chosen)
    groups: dict[str, tuple[str, ...]] = {}
    for label in labels_in(using):
        model = model_labels.model_of(label, using)
        if model is None:
            groups[label] = (label,)
        else:
            groups[model._meta.label] = tuple(former_names.labels_of(model, using))
    _refuse_unknown(chosen, groups)
    found = []
    for label, labels in sorted(groups.items()):
        names = [name for name in (label, *labels) if _is_of(label, name)]
        named = next((name for name in names if name in ages), None)
        if named is None and (label == MAINTENANCE or DEFAULT not in ages):
            continue
        if chosen and not {*names} & {_label_of(one) for one in chosen}:
            continue
        age = ages[DEFAULT if named is None else named]
        if age is not None:
            found.append(
                Rule(
                    model=label,
                    labels=tuple(dict.fromkeys([label, *labels])),
                    before=age.before(now),
                )
            )
    return found


def _is_of(label: str, name: str) -> bool:
    """Return whether ``name`` means the model ``label``, so that no other one is called so by now."""
    return name == label or model_labels.model_today(name) is None


def told_of(rule: Rule, using: str) -> list[Told]:
    """Return what tells of the rows of a model, a declaration each; or of one that is not tracked."""
    model = model_labels.any_model(rule.model)
    histories = recorded_past.histories_of(concrete(model)) if model is not None else ()
    if not histories:
        return [
            Told(
                table=Table(
                    labels=rule.labels, other_labels=(), columns=(), renamed={}, declared={}
                )
            )
        ]
    return [
        Told(
            table=history.table(using),
            old_labels=tuple(history.old_labels),
            is_complete=history.is_complete,
        )
        for history in histories
    ]


def labels_in(using: str) -> Iterator[str]:
    """Yield what events call their models, each once: a look into the index for each."""
    last = ""
    with connections[using].cursor() as cursor:
        while True:
            cursor.execute(
                f"SELECT model FROM {EVENT_TABLE} WHERE model > %s ORDER BY model LIMIT 1", [last]
            )
            row = cursor.fetchone()
            if row is None:
                return
            last = row[0]
            yield last


def configured() -> Mapping[str, Any]:
    """Return ``PGAUDIT_LOG_RETENTION``; empty where nothing is removed."""
    return settings.RETENTION or {}


def _ages(older_than: Age | None, chosen: Sequence[str]) -> dict[str, Age | None]:
    if older_than is not None:
        return {_label_of(label): older_than for label in chosen} or {DEFAULT: older_than}
    ages = {
        label if label == DEFAULT else _label_of(label): None if age is None else Age.of(age)
        for label, age in configured().items()
    }
    if not ages:
        raise QueryError(
            "Nothing says how long events are kept. Set PGAUDIT_LOG_RETENTION, such as"
            ' {"default": "7y", "shop.Visit": "90d"}, or say --older-than.'
        )
    for label in chosen:
        if _label_of(label) not in ages and DEFAULT not in ages:
            raise QueryError(
                f"PGAUDIT_LOG_RETENTION says nothing of {label}. Name it there, or say --older-than."
            )
    return ages


def _label_of(label: str) -> str:
    """Return the label that a model has, however it was written; a proxy's is that of its table."""
    model = model_labels.any_model(label)
    return label if model is None else str(concrete(model)._meta.label)


def _refuse_unknown(chosen: Sequence[str], groups: Mapping[str, Sequence[str]]) -> None:
    there = {label for group, labels in groups.items() for label in (group, *labels)}
    for label in chosen:
        if _label_of(label) not in there and model_labels.any_model(label) is None:
            raise QueryError(
                f"There is no model {label}, and no event of one that was called so. There are events"
                f" of {', '.join(sorted(there)) or 'none'}."
            )
