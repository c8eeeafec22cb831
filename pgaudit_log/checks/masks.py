"""Checks of masks: whether something shows all the same what is masked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core import checks
from django.db import models

from pgaudit_log.checks import messages
from pgaudit_log.constants import APP_LABEL
from pgaudit_log.database import plain_shapes
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.declaring.masks import is_masked, masks_of
from pgaudit_log.values.tables import column_of, concrete

Messages = list[checks.CheckMessage]


def of_declaration(declaration: Declaration) -> Iterator[checks.CheckMessage]:
    """Yield a warning for each tracked column that has the values of a masked one, or is made of them."""
    model = concrete(declaration.tracked_model)
    masks = masks_of(model)
    masked = {field.name for field in model._meta.local_fields if field.column in masks}
    columns: list[Any] = list(declaration.columns)
    for field in columns:
        target = getattr(field, "target_field", None)
        if target is not None and column_of(field) not in masks and is_masked(target):
            yield _warning(
                declaration,
                field,
                f"has the values of {target.model._meta.label}.{target.name}, which is masked: events,"
                " and what they point at, have them.",
            )
        if not isinstance(field, models.GeneratedField) or column_of(field) in masks:
            continue
        shown = sorted(masked & _names_in(field.expression))  # type: ignore[attr-defined]
        if shown:
            yield _warning(
                declaration,
                field,
                f"is computed out of {', '.join(shown)}, which"
                f" {'is' if len(shown) == 1 else 'are'} masked: events have what it makes of it.",
            )


def _warning(declaration: Declaration, field: Any, what: str) -> checks.CheckMessage:
    return checks.Warning(
        f"{declaration.label}.{field.name} {what}",
        hint=f'Mask it, too: mask=["{field.name}"], or leave it out: exclude=["{field.name}"].',
        obj=declaration.tracked_model,
        id="pgaudit_log.W027",
    )


def _names_in(expression: Any) -> set[str]:
    """Return the names of the fields that an expression is of."""
    if isinstance(expression, str):
        return {expression}
    found: set[str] = {expression.name} if type(expression) is models.F else set()  # type: ignore[attr-defined]
    inner: Any = getattr(expression, "get_source_expressions", list)()
    for child in (*inner, *getattr(expression, "children", ())):
        # A condition has pairs of a lookup and its value.
        parts = (child[0].partition("__")[0], child[1]) if isinstance(child, tuple) else (child,)
        for part in parts:
            if part is not None and (isinstance(part, str) or hasattr(part, "__dict__")):
                found |= _names_in(part)
    return found


def check_plain_events(alias: str) -> Messages:
    """Return a warning about events that have values of columns that are masked now."""
    found = [
        f"{shape.model._meta.label} ({', '.join(shape.masks)})"
        for shape in plain_shapes.plain_shapes(alias)
        # Of those without a shape each would have to be looked at.
        if shape.id and plain_shapes.has_events(shape, alias)
    ]
    if not found:
        return []
    models_with = list(dict.fromkeys(found))
    return [
        messages.Warning(
            f'In the database "{alias}" events of the time before have values of columns that are'
            f" masked now: {', '.join(models_with)}.",
            hint="Run makemigrations and migrate, if that was not done since; then manage.py"
            " pgaudit_log mask, which shows what it would hide, and with --apply does it.",
            obj=APP_LABEL,
            id="pgaudit_log.W028",
            on=models_with,
        )
    ]
