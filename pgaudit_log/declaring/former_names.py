"""Names: what tables and columns were called when an event was written, and are called now.

Migrations rename tables and columns, and use their names again for others. So the database keeps
which table a label means and, for each shape that a table has had, which column a key means
(``sql/shape.sql``). What reads events asks here, never for a name alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.apps import apps
from django.db import connections, models
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log import sql
from pgaudit_log.declaring import declarations
from pgaudit_log.values.tables import Field, concrete, table_of

V = TypeVar("V")

ShapeNames = Mapping[str, str]
"""The keys of one shape's snapshots that are called otherwise today, with what they are today."""


@dataclass(frozen=True, kw_only=True)
class StoredKey:
    """A key under which some events have a column."""

    key: str
    shapes: tuple[int, ...] = ()
    """The shapes in which it means the column, or those in which it means another one."""
    is_within: bool = False
    """Which of the two they are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TableNames:
    """What a database knows of the names of one table."""

    table_id: int | None = None
    """The table's number in ``pgaudit_log_table``; ``None`` where nothing was captured yet."""
    labels: tuple[str, ...]
    """What events call the table, or have called it; today's label is first."""
    column_labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What ``refs`` have in front of a value that is not the primary key, by column of today."""
    shapes: frozenset[int] = frozenset()
    """The shapes that the table has had."""
    renamed: Mapping[int, ShapeNames] = field(default_factory=dict)
    """The shapes whose keys are not the columns of today: those keys."""

    large: frozenset[str] = frozenset()
    """The columns of today of which events may refer to others that have the value."""
    masked: frozenset[str] = frozenset()
    """The columns of today of which events may have a mark instead of a value."""

    def today(self, values: Mapping[str, V], shape: int) -> dict[str, V]:
        """Return values of an event of ``shape`` by what their columns are called today.

        A column that is gone keeps its name, or has its number behind it where another one is
        called so by now.
        """
        return renamed(values, self.renamed.get(shape, {}))

    def keys_of(self, column: str) -> list[StoredKey]:
        """Return the keys under which events have a column of today, today's first."""
        others = [shape for shape, names in self.renamed.items() if column in names]
        found = [StoredKey(key=column, shapes=tuple(others), is_within=False)]
        former: dict[str, list[int]] = {}
        for shape, names in self.renamed.items():
            for key, name in names.items():
                if name == column:
                    former.setdefault(key, []).append(shape)
        for key, shapes in former.items():
            found.append(StoredKey(key=key, shapes=tuple(shapes), is_within=True))
        return found


def renamed(values: Mapping[str, V], names: ShapeNames) -> dict[str, V]:
    """Return values under other names, as ``pgaudit_log_renamed()`` does."""
    if not names:
        return dict(values)
    return {
        **{names[key]: value for key, value in values.items() if key in names},
        **{key: value for key, value in values.items() if key not in names},
    }


class _Database:
    """What one database knows of the tables of the project's models."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        tables = {
            table_of(model)
            for model in apps.get_models(include_auto_created=True)
            if not hasattr(model, "pgh_declaration")
        }
        self.tables = _read(connection, sorted(tables))
        self.shapes = {shape for names in self.tables.values() for shape in names.shapes}
        self.models: dict[str, type[models.Model] | None] = {}


_known: dict[tuple[Any, ...], _Database] = {}


def forget() -> None:
    """Forget what is known of all databases, because a migration may have changed it."""
    _known.clear()


def known_in(using: str) -> _Database:
    """Return what is known of a database; it is kept until :func:`forget`."""
    connection = connections[str(using)]
    # Who works with a schema for each tenant changes the schema of a connection.
    place = (str(using), connection.settings_dict["NAME"], getattr(connection, "schema_name", None))
    if place not in _known:
        _known[place] = _Database(connection)
    return _known[place]


def _read(connection: BaseDatabaseWrapper, tables: Sequence[str]) -> dict[str, TableNames]:
    """Return what a database knows of tables, by the quoted name of each."""
    if connection.vendor != "postgresql":
        return {}
    connection.ensure_connection()
    # Below Django, where nobody counts queries or has wrapped them.
    with connection.connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pgaudit_log_shape') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return {}
        cursor.execute(sql.read("names.sql"), {"tables": list(tables)})
        return {name: _table_names(*row) for name, *row in cursor.fetchall()}


def _table_names(labels: Any, columns: Any, shapes: Any, table_id: int, *notes: Any) -> TableNames:
    labels, columns, shapes, large, masked = map(_document, (labels, columns, shapes, *notes))
    today = {number: name for name, number in (columns or {}).items()}
    of_columns: dict[str, list[str]] = {}
    for label, number in labels or ():
        if number is not None and number in today:
            of_columns.setdefault(today[number], []).append(label)
    renamed_in = {
        int(shape): names
        for shape, keys in (shapes or {}).items()
        if (names := _shape_names(keys, today))
    }
    return TableNames(
        table_id=table_id,
        labels=tuple(label for label, number in labels or () if number is None),
        column_labels={column: tuple(found) for column, found in of_columns.items()},
        shapes=frozenset(int(shape) for shape in shapes or ()),
        renamed=renamed_in,
        large=frozenset(today[number] for number in large or () if number in today),
        masked=frozenset(today[number] for number in masked or () if number in today),
    )


def _document(found: Any) -> Any:
    """Return a JSON value, which some drivers leave to be read."""
    return json.loads(found) if isinstance(found, str) else found


def _shape_names(keys: Mapping[str, int], today: Mapping[int, str]) -> ShapeNames:
    taken = set(today.values())
    names = {}
    for key, number in keys.items():
        name = today.get(number, f"{key}#{number}" if key in taken else key)
        if name != key:
            names[key] = name
    return names


def of(model: type[models.Model], using: str) -> TableNames:
    """Return what the database ``using`` knows of the names of a model's own table."""
    model = concrete(model)
    label = model._meta.label
    known = known_in(using)
    found = known.tables.get(table_of(model))
    if found is None:
        # It may have been made since; if not, it has no events yet.
        found = _read(connections[str(using)], [table_of(model)]).get(
            table_of(model), TableNames(labels=(label,))
        )
        if found.table_id is not None:
            known.tables[table_of(model)] = found
            known.shapes |= found.shapes
    return found


def labels_of(model: type[models.Model], using: str) -> list[str]:
    """Return the labels that the events of ``model`` bear: today's first, then its former ones.

    A proxy model has those of the model whose table it shows.
    """
    model = concrete(model)
    names = of(model, using)
    own = sorted(names.labels, key=lambda label: _is_todays(label, model, names), reverse=True)
    declared = [label for d in declarations.declarations_of(model) for label in d.former_labels]
    return [*dict.fromkeys([*(own or [model._meta.label]), *declared])]


def _is_todays(label: str, model: type[models.Model], names: TableNames) -> bool:
    return label in (model._meta.label, f"{model._meta.label}#{names.table_id}")


def called(label: str, using: str) -> str:
    """Return what events call, now, the table or the column that ``label`` means in the models."""
    app, name, *column = label.split(".", 2)
    model = concrete(apps.get_model(app, name))
    if not column:
        return labels_of(model, using)[0]
    return (*of(model, using).column_labels.get(column[0], ()), label)[0]


def reference_labels(
    model: type[models.Model], using: str, target: Field | None = None
) -> list[str]:
    """Return what ``refs`` have in front of the key of an object of ``model``.

    ``target`` is the field that foreign keys point at, where that is not the primary key.
    """
    if target is None or target.primary_key:
        return labels_of(model, using)
    known = of(model, using).column_labels.get(str(target.column))
    return list(known or [f"{concrete(model)._meta.label}.{target.column}"])


def today(
    model: type[models.Model], values: Mapping[str, V], shape: int, using: str
) -> dict[str, V]:
    """Return values of an event of ``model`` by what their columns are called today."""
    names = of(model, using)
    if shape not in names.shapes and shape not in known_in(using).shapes:
        # Another process has migrated since. What is not known then either is only looked for once.
        forget()
        known_in(using).shapes.add(shape)
        names = of(model, using)
    found = names.today(values, shape)
    own = {f.column for f in concrete(model)._meta.local_concrete_fields}
    declared = {
        former: column
        for former, column in declared_columns(model).items()
        if former not in own and column not in found
    }
    return renamed(found, declared)


def keys_of(field: Field, using: str) -> list[StoredKey]:
    """Return the keys under which events have a field's column, today's first.

    Those that ``track(former_columns=…)`` names are without shapes.
    """
    model = concrete(field.model)
    declared = declared_columns(model)
    return [
        *of(model, using).keys_of(str(field.column)),
        *(StoredKey(key=key) for key, column in declared.items() if column == field.column),
    ]


def large_columns(model: type[models.Model], using: str) -> frozenset[str]:
    """Return the columns of which events may refer to others that have the value."""
    declared = [
        str(concrete(model)._meta.get_field(name).column)  # type: ignore[union-attr]
        for declaration in declarations.declarations_of(model)
        for name in declaration.large
    ]
    return of(model, using).large.union(declared)


def declared_columns(model: type[models.Model]) -> dict[str, str]:
    """Return the names that ``track(former_columns=…)`` gives, with today's column of each."""
    found: dict[str, str] = {}
    for declaration in declarations.declarations_of(model):
        for name, columns in declaration.former_columns.items():
            column = concrete(model)._meta.get_field(name).column  # type: ignore[union-attr]
            for former in columns:
                found.setdefault(former, str(column))
    return found
