"""Follow faults: why a relation that ``track(follow=…)`` names cannot be followed, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import models, router

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.masks import is_masked
from pgaudit_log.declaring.trackers import RowEvent
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.values.tables import Field, owner_of, owning_field

Related = Any
"""A field, or the other side of one: what Django's ``get_fields()`` has."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Why a relation that ``follow=`` names cannot be followed."""

    model: type[models.Model]
    id: str
    message: str
    hint: str

    def error(self) -> DeclarationError:
        """Return it as what is raised where the parts are asked for."""
        return DeclarationError(f"{self.message} {self.hint}")


def unknown(model: type[models.Model], what: str, name: str, known: Sequence[str]) -> Fault:
    """Return what is wrong with a name that no relation to parts has."""
    message, hint = _told_of(model, name, known)
    return Fault(model=model, id="pgaudit_log.E013", message=what + message, hint=hint)


def _told_of(model: type[models.Model], name: str, known: Sequence[str]) -> tuple[str, str]:
    """Return what a name is, and what to do."""
    hint = (
        f"It can follow {', '.join(known)}."
        if known
        else "No relation leads from it to others that belong to it. Leave follow= out."
    )
    fields: dict[str, Related] = {field.name: field for field in model._meta.get_fields()}
    field = fields.get(name)
    if field is None and any(name == getattr(f, "attname", None) for f in fields.values()):
        field = next(f for f in fields.values() if name == getattr(f, "attname", None))
    accessor = getattr(field, "get_accessor_name", lambda: None)()
    if hasattr(getattr(model, name, None), "rel") and field is None:
        field = getattr(model, name).rel
    if field is None:
        return f'it has no relation "{name}".', hint
    if hasattr(field.related_model, "pgh_declaration"):
        return (
            f'"{name}" are its events, which are no part of it.',
            "Leave it out: a timeline has them in any case.",
        )
    if accessor is not None:
        return (
            f'"{name}" is what filters call the relation.',
            f'Give the name that an object has it under, "{accessor}".',
        )
    if field.is_relation:
        return (
            f'"{name}" is a foreign key of its own: what it points at stands for itself.',
            f'Leave it out: the value of "{name}" is in the events of {model._meta.label}.',
        )
    return f'"{name}" is a field and no relation.', hint


def untracked(
    model: type[models.Model], what: str, part: type[models.Model], pointing: Sequence[Field]
) -> Fault | None:
    """Return what is wrong where nothing tells of the rows of a part, or of what they point at."""
    known = [
        d.columns
        for d in declarations.declarations_of(part)
        if any(isinstance(tracker, RowEvent) for tracker in d.trackers)
    ]
    label = part._meta.label
    if not known:
        hint = "Decorate it with pgaudit_log.track()."
        if owner := owner_of(part):
            hint = f"Call pgaudit_log.track()({owner.__name__}.{owning_field(part)}.through)."
        return Fault(
            model=model,
            id="pgaudit_log.E014",
            message=f"{what}{label} is not tracked, so that nothing tells of its rows.",
            hint=hint,
        )
    for field in pointing:
        if is_masked(field):
            return Fault(
                model=model,
                id="pgaudit_log.E014",
                message=f"{what}{label}.{field.name} is masked, so that nothing tells what its rows"
                " belonged to.",
                hint=f'Take "{field.name}" out of mask=, or leave the relation out of follow=.',
            )
        if not any(field in columns for columns in known):
            return Fault(
                model=model,
                id="pgaudit_log.E014",
                message=f"{what}{label}.{field.name} is not tracked, so that nothing tells what"
                " its rows belonged to.",
                hint=f'Track it: take "{field.name}" out of exclude=, or into fields=.',
            )
    return None


def elsewhere(model: type[models.Model], what: str, part: type[models.Model]) -> Fault | None:
    """Return what is wrong where the rows of a part are in another database."""
    own, other = router.db_for_write(model), router.db_for_write(part)
    if own == other:
        return None
    return Fault(
        model=model,
        id="pgaudit_log.E015",
        message=f'{what}{part._meta.label} is in the database "{other}", and it is in "{own}", whose'
        " events know nothing of the other's.",
        hint="Leave it out.",
    )
