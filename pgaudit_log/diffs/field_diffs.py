"""Field diffs: the values that say what differs, field by field and part by part, in the model's terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.db import models


@dataclass(frozen=True, kw_only=True)
class FieldDiff:
    """One field that differs."""

    name: str
    """The field's name; the column's, where the model no longer has the field."""
    verbose_name: str
    column: str
    old: Any
    """As the model has it. ``None`` is SQL's NULL, ``JSON_NULL`` the ``null`` in a JSON column,
    and ``MISSING`` says that this side knows nothing of the field."""
    new: Any
    old_text: str
    """For people: the label of a choice, the name of the object that a foreign key points at.
    Empty where there was no object."""
    new_text: str


@dataclass(frozen=True, kw_only=True)
class PartObject:
    """An object that was a part on one side of a diff, or on both."""

    model: type[models.Model]
    key: str
    text: str
    """What it was called: its ``str()`` as of the side that it is told of."""
    diff: Diff | None = None
    """What differs; ``None`` of a many-to-many relation, of which only the other objects are told."""


@dataclass(frozen=True, kw_only=True)
class PartDiff:
    """What differs among the parts by one relation; it is false if nothing does."""

    name: str
    """The name of the relation."""
    added: tuple[PartObject, ...] = ()
    removed: tuple[PartObject, ...] = ()
    changed: tuple[PartObject, ...] = ()
    unknown: tuple[PartObject, ...] = ()
    """Those of which nothing says how they were on one side: they are older than their tracking."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def lines(self) -> Iterator[str]:
        """Yield it for people: ``lines: + 2 × Distance, − Blue``, and how those differ that changed."""
        signs = (("+", self.added), ("−", self.removed), ("~", self.changed), ("?", self.unknown))
        told = ", ".join(f"{sign} {part.text}" for sign, parts in signs for part in parts)
        yield f"{self.name.replace('_', ' ')}: {told}"
        for part in self.changed:
            if part.diff is not None:
                yield f"  {part.text}"
                yield from (f"    {line}" for line in str(part.diff).splitlines())


@dataclass(frozen=True, kw_only=True)
class Diff(Mapping[str, FieldDiff]):
    """What differs, by the name of the field, in the order of the model's fields."""

    model: type[models.Model]
    key: str
    """The object's primary key as text."""
    fields: Mapping[str, FieldDiff] = field(default_factory=dict)
    existed: bool = True
    """Whether there was an object on the old side."""
    exists: bool = True
    """Whether there is one on the new side."""
    parts: Mapping[str, PartDiff] = field(default_factory=dict)
    """What differs among its parts, by the name of the relation, where they were asked for."""

    def __getitem__(self, name: str) -> FieldDiff:
        return self.fields[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)

    def __len__(self) -> int:
        return len(self.fields)

    def __bool__(self) -> bool:
        return bool(self.fields) or any(self.parts.values())

    def __str__(self) -> str:
        if not self.fields and not self.parts:
            return f"{self.model._meta.label} {self.key}: no difference"
        sides = [
            side for side, is_there in (("old", self.existed), ("new", self.exists)) if is_there
        ]
        lines = [
            f"{d.verbose_name}: {' → '.join(str(getattr(d, f'{side}_text')) for side in sides)}"
            for d in self.values()
        ]
        return "\n".join([*lines, *(line for part in self.parts.values() for line in part.lines())])


def joined(tables: Sequence[Diff]) -> Diff:
    """Return the diffs of the rows of an object as one, that of its own table first."""
    own = tables[0]
    fields = {name: found for table in reversed(tables) for name, found in table.items()}
    order = [f.name for f in own.model._meta.concrete_fields]
    names = sorted(fields, key=lambda name: order.index(name) if name in order else len(order))
    return replace(own, fields={name: fields[name] for name in names})
