"""The data of captures: what differs by table, and by trigger, as values and as a migration has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pgaudit_log.capture_v1.columns import Column, Mask
from pgaudit_log.capture_v1.conditions import Changes, PlainChanges
from pgaudit_log.capture_v1.keys import PLAIN_TEXT, Key, Reference
from pgaudit_log.capture_v1.pgids import pgid_of
from pgaudit_log.capture_v1.quoting import quote_table


@dataclass(frozen=True, kw_only=True)
class Table:
    """What all triggers of one ``track()`` have in common."""

    name: str
    """The table, as Django has it in ``db_table``."""
    model: str
    """What events call it until it is installed: ``shop.Order``."""
    declared_on: str
    """The model that is tracked: the same, or a proxy of it."""
    key: Key
    columns: tuple[Column, ...]
    """The tracked columns."""
    also_stored: tuple[Column, ...] = ()
    """Columns of the key that snapshots have, although they are not tracked: ``obj_pk`` may have
    them shortened."""
    references: tuple[Reference, ...] = ()
    """What tracked columns point at."""
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The tables that the table points at, tracked or not, by what events call them; with the
    column, where that is not the primary key."""
    large: Mapping[str, bool] = field(default_factory=dict)
    """The columns whose values an event may refer to instead of having them, and whether such a
    value is compared as a text."""
    masks: Mapping[str, Mask] = field(default_factory=dict)
    """The columns whose values no event of the table has, tracked or not, and what it has instead."""
    masked_context: tuple[str, ...] = ()
    """The paths in a context of what events of the table do not have."""
    pins: tuple[str, ...] = ()
    """The settings on which the text of the key and the columns depends."""
    key_pins: tuple[str, ...] = ()
    """Those of them on which the key's does."""
    created_at: str = "now()"
    """The SQL of the time of an event."""
    period: str = "month"
    """How long a partition is."""

    @classmethod
    def of(
        cls,
        *,
        name: str,
        model: str,
        key: Sequence[Any],
        columns: Sequence[Any],
        declared_on: str | None = None,
        key_text: str = PLAIN_TEXT,
        also_stored: Sequence[Any] = (),
        references: Sequence[Sequence[Any]] = (),
        targets: Mapping[str, str | Sequence[str]] | None = None,
        large: Sequence[str | tuple[str, str]] = (),
        masks: Sequence[str | tuple[str, str]] = (),
        masked_context: Sequence[str] = (),
        pins: Sequence[str] = (),
        key_pins: Sequence[str] = (),
        created_at: str = "now()",
        period: str = "month",
    ) -> Table:
        """Return the table that stands in a migration with these arguments."""
        masked = dict(map(_mask, masks))
        return cls(
            name=name,
            model=model,
            declared_on=declared_on or model,
            key=Key(tuple(map(Column.of, key)), key_text),
            columns=tuple(
                column._replace(mask=masked.get(column.name)) for column in map(Column.of, columns)
            ),
            also_stored=tuple(map(Column.of, also_stored)),
            references=tuple(_reference(*given) for given in references),
            targets={
                label: (target,) if isinstance(target, str) else tuple(target)
                for label, target in (targets or {}).items()
            },
            large={
                given if isinstance(given, str) else given[0]: isinstance(given, str)
                for given in large
            },
            masks=masked,
            masked_context=tuple(masked_context),
            pins=tuple(pins),
            key_pins=tuple(key_pins),
            created_at=created_at,
            period=period,
        )

    @property
    def column_names(self) -> tuple[str, ...]:
        """The names of the tracked columns."""
        return tuple(column.name for column in self.columns)

    def plain(self) -> dict[str, Any]:
        """Return what a migration has of it: strings, lists, tuples and dicts."""
        given = {
            "name": self.name,
            "model": self.model,
            "declared_on": self.declared_on,
            "key": [column.plain() for column in self.key.columns],
            "key_text": self.key.text,
            "columns": [column.plain() for column in self.columns],
            "also_stored": [column.plain() for column in self.also_stored],
            "references": [_plain_reference(reference) for reference in self.references],
            "targets": {
                label: target[0] if len(target) == 1 else target
                for label, target in self.targets.items()
            },
            "large": [name if is_text else (name, "json") for name, is_text in self.large.items()],
            "masks": [
                name if mask is Mask.MARK else (name, mask.value)
                for name, mask in self.masks.items()
            ],
            "masked_context": list(self.masked_context),
            "pins": list(self.pins),
            "key_pins": list(self.key_pins),
            "created_at": self.created_at,
            "period": self.period,
        }
        usual = {
            "declared_on": self.model,
            "key_text": PLAIN_TEXT,
            "created_at": "now()",
            "period": "month",
        }
        return {name: value for name, value in given.items() if value and value != usual.get(name)}


@dataclass(frozen=True, kw_only=True)
class CaptureData:
    """What a trigger has beside its table's data."""

    name: str
    """What django-pgtrigger calls it."""
    pgid: str
    """What the database calls it, and its function."""
    label: str
    """The label of its events."""
    operation: str
    """``INSERT``, ``UPDATE``, ``DELETE`` or ``TRUNCATE``."""
    level: str = "STATEMENT"
    """Whether it fires once a ``STATEMENT``, or once a ``ROW``."""
    row: str = ""
    """The row of an update whose values events have, if it is ``OLD``."""
    changes: Changes | None = None
    """A condition on changes."""
    condition: str | None = None
    """A condition in SQL of the project's own. At statement level an expression of columns
    ``"old.status"``, which becomes a function; at row level that of the WHEN clause."""
    condition_columns: tuple[str, ...] = ()
    """The columns in the expression, without quotes."""

    @classmethod
    def of(
        cls,
        table: Table,
        /,
        *,
        name: str,
        pgid: str | None = None,
        label: str | None = None,
        changes: PlainChanges | None = None,
        condition_columns: Sequence[str] = (),
        **others: Any,
    ) -> CaptureData:
        """Return the trigger of a table that stands in a migration with these arguments."""
        return cls(
            name=name,
            pgid=pgid or pgid_of(table.declared_on, name),
            label=label or _usual_label(name),
            changes=None if changes is None else Changes.of(changes, table.column_names),
            condition_columns=tuple(condition_columns),
            **others,
        )

    def plain(self, table: Table) -> dict[str, Any]:
        """Return what a migration has of it: strings and lists."""
        given = {
            "name": self.name,
            "pgid": self.pgid,
            "label": self.label,
            "operation": self.operation,
            "level": self.level,
            "row": self.row,
            "changes": self.changes and self.changes.plain(table.column_names),
            "condition": self.condition,
            "condition_columns": list(self.condition_columns),
        }
        usual = {
            "pgid": pgid_of(table.declared_on, self.name),
            "label": _usual_label(self.name),
            "level": "STATEMENT",
        }
        return {name: value for name, value in given.items() if value and value != usual.get(name)}

    @property
    def is_statement_level(self) -> bool:
        """Whether it fires once a statement."""
        return self.level == "STATEMENT"

    @property
    def captured(self) -> str:
        """The row that events are about: ``old`` or ``new``."""
        return "old" if self.operation == "DELETE" or self.row == "OLD" else "new"


def quoted_tables(
    model: str, name: str, targets: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Return the tables behind the labels of a table's events, its own too, quoted."""
    tables = {model: (name,), **targets}
    return {label: [quote_table(name), *column] for label, (name, *column) in tables.items()}


def _usual_label(name: str) -> str:
    """Return the label of which a trigger has its name."""
    return name.removeprefix("audit_")


def _reference(columns: str | Sequence[str], target: str, text: str = PLAIN_TEXT) -> Reference:
    """Return the reference that stands in a migration with these arguments."""
    if isinstance(columns, str):
        return Reference((columns,), target, text, False)
    return Reference(tuple(columns), target, text, True)


def _mask(given: str | tuple[str, str]) -> tuple[str, Mask]:
    """Return the masked column that stands in a migration as ``given``, and its mask."""
    return (given, Mask.MARK) if isinstance(given, str) else (given[0], Mask(given[1]))


def _plain_reference(reference: Reference) -> tuple[Any, ...]:
    """Return what a migration has of a reference."""
    columns = list(reference.columns) if reference.is_of_many else reference.columns[0]
    text = () if reference.text == PLAIN_TEXT else (reference.text,)
    return (columns, reference.target, *text)
