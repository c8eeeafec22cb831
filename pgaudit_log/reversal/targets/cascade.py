"""Cascades: which events of a transaction belong to the deletion of one object."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.db import models

from pgaudit_log.capture_v1.references import reference
from pgaudit_log.constants import DELETE, UPDATE
from pgaudit_log.declaring import former_names
from pgaudit_log.declaring.relations import (
    content_type_of,
    generic_columns,
    generic_relations,
    relations_to,
)
from pgaudit_log.reading import moments
from pgaudit_log.reading.raw_events import Record
from pgaudit_log.values import row_json, tables
from pgaudit_log.values.keys import key_text, key_text_of_json, short_key
from pgaudit_log.values.tables import column_of, concrete, parents_of


def deleted_with(first: Record, others: Sequence[Record]) -> list[Record]:
    """Return those of ``others`` that belong to the deletion ``first``, in their order.

    Those are deletions of rows that pointed at it or at one of those, with whatever Django cascades
    along, of the rows that it inherited, and updates that set such a reference to NULL, to its
    default, or to what ``SET()`` says; of these only that is kept.
    """
    pointing, of_row, by_values = _by_reference(others), _by_row(others), _ByValues(others)
    chosen = {first.id: first}
    loosened: dict[int, set[str]] = {}
    waiting = deque([first])
    while waiting:
        record = waiting.popleft()
        found: list[Record] = []
        for name in _names(record):
            for other in pointing.get(name, ()):
                if other.operation == DELETE:
                    found.append(other)
                else:
                    loosened.setdefault(other.id, set()).add(name)
        found += by_values.pointing_at(record)
        for parent in parents_of(record.model):
            found += of_row.get((parent, record.key), ())
        # What another tracker has of the same deletion.
        found += [r for r in of_row.get((record.model, record.key), ()) if _agree(r, record)]
        for other in found:
            if other.id not in chosen:
                chosen[other.id] = other
                waiting.append(other)
    for record in others:
        if record.id in loosened:
            chosen[record.id] = _loosened(record, loosened[record.id])
    return [chosen[id] for id in sorted(chosen)]


def _by_reference(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Return deletions, and updates that let go of references, by what they pointed at."""
    found: dict[str, list[Record]] = {}
    for record in records:
        for name in record.refs if record.operation == DELETE else _let_go_names(record):
            found.setdefault(name, []).append(record)
    return found


def _by_row(records: Sequence[Record]) -> dict[tuple[Any, str | None], list[Record]]:
    """Return deletions by their row."""
    found: dict[tuple[Any, str | None], list[Record]] = {}
    for record in records:
        if record.operation == DELETE:
            found.setdefault((record.model, record.key), []).append(record)
    return found


def _agree(one: Record, other: Record) -> bool:
    known = other.values
    return all(known.get(c, v) == v for c, v in one.values.items())


def _names(record: Record) -> Iterable[str]:
    """Yield what ``refs`` of other rows call the row of an event, by its key or a unique value."""
    assert record.key is not None
    labels = former_names.labels_of(record.model, record.using)
    yield from (reference(label, record.key) for label in labels)
    snapshot = record.values
    for own in tables.own_columns(record.model):
        column = column_of(own)
        if (
            own.unique
            and not own.primary_key
            and snapshot.get(column, row_json.NULL) != row_json.NULL
        ):
            value = _key_text(snapshot[column])
            labels = former_names.reference_labels(record.model, record.using, own)
            yield from (reference(label, value) for label in labels)


def _key_text(value: str) -> str:
    return short_key(key_text_of_json(value))


class _ByValues:
    """Deletions by the values with which their rows pointed at others, where ``refs`` do not say it:
    by generic relations, and by a ``ForeignObject`` that is no primary key's."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.deleted: dict[type[models.Model], list[Record]] = {}
        for record in records:
            if record.operation == DELETE:
                self.deleted.setdefault(record.model, []).append(record)
        self._pointing: dict[
            type[models.Model], list[tuple[type[models.Model], Sequence[str], Any]]
        ] = {}
        self._found: dict[tuple[type[models.Model], tuple[str, ...]], dict[Any, list[Record]]] = {}

    def pointing_at(self, record: Record) -> Iterable[Record]:
        """Yield the deletions of rows that pointed at the row of a deletion."""
        if record.model not in self._pointing:
            self._pointing[record.model] = list(self._relations(record.model, record.using))
        for other, columns, texts in self._pointing[record.model]:
            wanted = texts(record)
            if wanted is not None:
                yield from self._with(other, columns, wanted)

    def _relations(
        self, model: type[models.Model], using: str
    ) -> Iterable[tuple[type[models.Model], Sequence[str], Any]]:
        """Yield by which columns deleted rows pointed at those of ``model``, and with which values."""
        for generic in generic_relations(model):
            other = concrete(generic.related_model)
            if other in self.deleted:
                with moments.today():
                    content_type = str(content_type_of(generic, using))
                yield other, generic_columns(generic), partial(_generic_texts, content_type)
        for relation in relations_to(model, using):
            if relation.model in self.deleted and len(relation.columns) > 1:
                texts = partial(_texts, relation.target_columns)
                yield relation.model, relation.columns, texts

    def _with(
        self, model: type[models.Model], columns: Sequence[str], texts: Any
    ) -> Iterable[Record]:
        place = model, tuple(columns)
        if place not in self._found:
            found = self._found.setdefault(place, {})
            for record in self.deleted[model]:
                own = record.values
                if all(column in own for column in columns):
                    key = tuple(_key_text(own[column]) for column in columns)
                    found.setdefault(key, []).append(record)
        return self._found[place].get(texts, ())


def _generic_texts(content_type: str, record: Record) -> Any:
    return content_type, record.key


def _texts(columns: Sequence[str], record: Record) -> Any:
    """Return the values of columns of the row of a deletion as text; ``None`` if one is null."""
    known = record.values
    values = [known.get(column, row_json.NULL) for column in columns]
    return None if row_json.NULL in values else tuple(map(_key_text, values))


def _let_go(record: Record) -> Iterable[tuple[str, str, str]]:
    """Yield the columns whose reference an update took away as the deletion of an object does:
    its column, diff and what it pointed at."""
    by_column = {column_of(f): f for f in tables.own_columns(record.model)}
    for column, old, new in row_json.changed(record.diff):
        own = by_column.get(column)
        if not isinstance(own, models.ForeignKey) or old == row_json.NULL:
            continue
        if new != row_json.NULL and not _is_set_by_deletion(own, new):
            continue
        target = own.remote_field.model
        for label in former_names.reference_labels(target, record.using, own.target_field):
            yield column, f"[{old}, {new}]", reference(label, _key_text(old))


def _is_set_by_deletion(own: models.ForeignKey[Any, Any], new: str) -> bool:
    """Return whether a value is what a foreign key gets where its object is deleted."""
    on_delete: Any = own.remote_field.on_delete
    if on_delete is models.SET_DEFAULT:
        default = own.get_default()
        return default is not None and key_text(default, [own.target_field]) == _key_text(new)
    # Of SET(), and of a default of the database, the value may be another each time.
    return hasattr(on_delete, "deconstruct") or on_delete is getattr(
        models, "DB_SET_DEFAULT", object()
    )


def _let_go_names(record: Record) -> Iterable[str]:
    if record.operation == UPDATE:
        yield from (name for _, _, name in _let_go(record))


def _loosened(record: Record, names: set[str]) -> Record:
    """Return an update with only the references to ``names`` that it took away."""
    kept = {c: pair for c, pair, name in _let_go(record) if name in names}
    return replace(record, diff=row_json.join(kept))
