"""The fields that typed events show: those that are tracked now, also by parents."""

from __future__ import annotations

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.reading.event_names import related_name
from pgaudit_log.values.tables import Field, concrete


def tracked_fields(declaration: Declaration) -> dict[str, Field]:
    """Return the fields that typed events show, by name: those that are tracked now, also by parents."""
    return {
        field.name: field
        for part in (declaration, *inherited(declaration))
        for field in part.columns
    }


def inherited(declaration: Declaration) -> list[Declaration]:
    """Return the declarations of the models that a tracked model inherits by multi-table inheritance.

    Where a child's accessor has the name of its parent's and so hides it, it shows the events
    of both, and in each the whole object. Only parents whose primary key is the child's too
    can be shown.
    """
    found: list[Declaration] = []
    model = concrete(declaration.tracked_model)
    while (key := model._meta.pk) is not None and key.remote_field is not None:
        if not getattr(key.remote_field, "parent_link", False):
            break
        model = concrete(key.remote_field.model)
        found += [
            parent
            for parent in declarations.declarations_of(model)
            if related_name(parent) == related_name(declaration) is not None
        ]
    return found
