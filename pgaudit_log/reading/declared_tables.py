"""What can be read of the events of a declaration in a database: its columns, labels and former names."""

from __future__ import annotations

from collections.abc import Callable

from pgaudit_log.declaring import declarations, former_names
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.reading.snapshot_sql import ReadColumn, Table
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import Field, column_of, concrete


def table(
    declaration: Declaration,
    using: str,
    name: Callable[[Field], str] = column_of,
) -> Table:
    """Return what can be read of the declaration's table in a database, with its columns under ``name``."""
    tracked = declaration.tracked_model
    masks = masks_of(tracked)
    once_masked = former_names.of(tracked, using).masked
    columns = [
        ReadColumn(
            name(field),
            field,
            is_masked=column_of(field) in masks,
            was_masked=column_of(field) in once_masked,
        )
        for field in declaration.columns
    ]
    keys = key_fields(concrete(tracked))
    read = {column_of(field) for field in [*(column.field for column in columns), *keys]}
    # What no column that is read is called, or was, need not be made sense of.
    renamed = {
        shape: shape_names
        for shape, shape_names in former_names.of(tracked, using).renamed.items()
        if read & {*shape_names, *shape_names.values()}
    }
    return Table(
        labels=former_names.labels_of(tracked, using),
        other_labels=declarations.labels_of_others(declaration),
        columns=columns,
        renamed=renamed,
        declared={
            former: column
            for former, column in former_names.declared_columns(tracked).items()
            if former not in read
        },
        large=former_names.large_columns(tracked, using) & read,
    )
