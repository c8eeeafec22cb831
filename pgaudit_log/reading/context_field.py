"""The field of an event's context, which refuses what django-pghistory's foreign key was asked for.

There ``pgh_context`` is a row of a table; here it is the dict itself. A question that is meant for
the other would find nothing, and say nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.db.models.fields.json import JSONExact
from django.db.models.lookups import In

from pgaudit_log.exceptions import QueryError
from pgaudit_log.values.json_fields import DocumentField
from pgaudit_log.values.tables import Field

COLUMNS_OF_A_CONTEXT: Final = ("metadata", "id", "created_at", "updated_at")
"""The fields of django-pghistory's model of contexts."""


def refuse_column(path: str, name: str) -> None:
    """Raise if ``name``, the first key of a ``path`` into a context, is a column there.

    Raises:
        QueryError: says what to write instead.
    """
    if name not in COLUMNS_OF_A_CONTEXT:
        return
    instead = {
        "metadata": "Leave __metadata out: pgh_context__user.",
        "id": "Ask for pgh_context_id.",
    }.get(name, "Ask for the event's own pgh_created_at.")
    raise QueryError(
        f'"{path}" is a path of django-pghistory, whose contexts are rows of a table. Here'
        f" pgh_context is the dict itself. {instead} For a key of your own that is called"
        f' "{name}", write KeyTransform("{name}", "pgh_context").'
    )


class ContextField(DocumentField):
    """The JSON of a context: an object, or NULL."""

    def get_transform(self, name: str) -> Any:
        """Return what looks up a key.

        Raises:
            QueryError: for the columns of django-pghistory's contexts.
        """
        refuse_column(f"{self.name}__{name}", name)
        return super().get_transform(name)


def _refuse_key_of_a_context(field: Field, value: object) -> None:
    if value is None or isinstance(value, Mapping) or hasattr(value, "resolve_expression"):
        return
    raise QueryError(
        f"{field.name} is a dict, and was compared with {value!r}. For the key of a context, ask"
        f" for {field.name}_id."
    )


@ContextField.register_lookup
class _ExactContext(JSONExact):
    # Then None is NULL, as everywhere but in JSON: no context is the JSON null.
    can_use_none_as_rhs = False

    def get_prep_lookup(self) -> Any:
        _refuse_key_of_a_context(self.lhs.output_field, self.rhs)
        return super().get_prep_lookup()


@ContextField.register_lookup
class _ContextIn(In):
    def get_prep_lookup(self) -> Any:
        if self.rhs_is_direct_value():
            for value in self.rhs:
                _refuse_key_of_a_context(self.lhs.output_field, value)
        return super().get_prep_lookup()
