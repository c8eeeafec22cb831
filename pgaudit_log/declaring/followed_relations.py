"""Followed relations: what makes rows of another table parts of an object, for one name of ``follow=``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.apps import apps
from django.db import models

from pgaudit_log.declaring.follow_faults import Fault, Related, elsewhere, unknown, untracked
from pgaudit_log.declaring.relations import relation_of
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import Field, concrete, sharing_key


@dataclass(frozen=True, kw_only=True)
class Part:
    """A relation by which rows of a table are parts of an object, or of one of its parts."""

    path: str
    """The names of the relations from the object on, as lookups have them: ``lines__discounts``."""
    above: Part | None = None
    """By which relation the rows are parts that these belong to; ``None`` for the object itself."""
    owner: type[models.Model]
    """The model whose rows they point at."""
    owner_fields: tuple[Field, ...]
    """The fields of that model whose values they have."""
    model: type[models.Model]
    """The model of the rows."""
    fields: tuple[Field, ...]
    """The fields that have those values, in the same order."""
    generic: Any = None
    """The ``GenericRelation``, where it is one: then there is a content type beside the key."""
    other: Field | None = None
    """Of a many-to-many relation the field of its rows that points at the other object."""
    is_mirror: bool = False
    """Whether the rows are the other halves of a symmetrical relation."""
    is_set: bool = False
    """Whether a row says nothing but that two objects belong together."""
    is_inherited: bool = False
    """Whether the rows are what those above inherit: they have the same keys."""

    @property
    def name(self) -> str:
        """The name of its relation."""
        return self.path.rpartition("__")[2]

    @cached_property
    def is_by_key(self) -> bool:
        """Whether the rows point at primary keys."""
        return set(self.owner_fields) == set(key_fields(self.owner))

    @cached_property
    def content_type(self) -> Field | None:
        """The field with the content type."""
        if self.generic is None:
            return None
        found: Any = self.model._meta.get_field(self.generic.content_type_field_name)
        field: Field = found
        return field


def followed(
    model: type[models.Model], name: str, above: Part | None
) -> list[Part] | type[models.Model] | Fault:
    """Return the parts that a relation of ``model`` makes, or the parent that it leads to."""
    relations = _relations(model)
    what = f'{model._meta.label} is tracked with follow=["{name}"], but '
    link = next((link for link in model._meta.parents.values() if link and link.name == name), None)
    if link is not None:
        parent = concrete(link.related_model)  # type: ignore[arg-type]
        return untracked(model, what, parent, ()) or elsewhere(model, what, parent) or parent
    if name not in relations:
        return unknown(model, what, name, [*relations])
    made = [_part(model, relation, name, above) for relation in relations[name]]
    parts = [part for part in made if part is not None]
    if len(parts) < len(made):
        return Fault(
            model=model,
            id="pgaudit_log.E013",
            message=what + "what it leads to does not point at its primary key, nor at a field of"
            " its own table.",
            hint="Follow it where the model is tracked that it points at.",
        )
    for part in parts:
        pointing = (*part.fields, part.content_type) if part.content_type else part.fields
        found = untracked(model, what, part.model, pointing) or elsewhere(model, what, part.model)
        if found is not None:
            return found
    return parts


def _relations(model: type[models.Model]) -> dict[str, list[tuple[Related, bool]]]:
    """Return what an object of ``model`` can have parts by: relations by name, and for many-to-many
    ones whether the rows are seen from the other side."""
    found: dict[str, list[tuple[Related, bool]]] = {}
    related: Related
    for related in model._meta.get_fields():
        through = getattr(getattr(related, "remote_field", None), "through", None)
        if isinstance(related.related_model, str) or isinstance(through, str):
            # Of an app that is not installed, which Django tells.
            continue
        if hasattr(related, "object_id_field_name"):
            found[related.name] = [(related, False)]
        elif related.many_to_many and not related.auto_created:
            found[related.name] = [(related, False)]
            if related.remote_field.symmetrical:
                found[related.name].append((related, True))
        elif (
            related.auto_created
            and not related.concrete
            and not hasattr(related.related_model, "pgh_declaration")
        ):
            found[related.get_accessor_name()] = [(related, False)]
    for other in apps.get_models():
        # A proxy may have generic relations of its own.
        if concrete(other) is model and other is not model:
            for field in other._meta.private_fields:
                if hasattr(field, "object_id_field_name"):
                    found.setdefault(field.name, [(field, False)])
    return found


def _part(
    model: type[models.Model], relation: tuple[Related, bool], name: str, above: Part | None
) -> Part | None:
    """Return the part that a relation makes; ``None`` where its rows point at what is no key of
    the object's, nor a column of its own table."""
    related, is_mirror = relation
    path = name if above is None else f"{above.path}__{name}"
    if hasattr(related, "object_id_field_name"):
        of = concrete(related.related_model)
        return Part(
            path=path,
            above=above,
            owner=model,
            owner_fields=tuple(key_fields(model)),
            model=of,
            fields=(of._meta.get_field(related.object_id_field_name),),  # type: ignore[arg-type]
            generic=related,
        )
    field: Any = getattr(related, "field", related)
    other: Any = None
    is_set = False
    if related.many_to_many:
        through = concrete(field.remote_field.through)
        names = [field.m2m_field_name(), field.m2m_reverse_field_name()]
        if related.auto_created or is_mirror:
            names.reverse()
        field, other = (through._meta.get_field(own) for own in names)
        is_set = bool(through._meta.auto_created)
    pointing = relation_of(field)
    if pointing is None or pointing.target not in sharing_key(model):
        return None
    part = Part(
        path=path,
        above=above,
        owner=pointing.target,
        owner_fields=pointing.target_fields,
        model=pointing.model,
        fields=pointing.fields,
        other=other,
        is_mirror=is_mirror,
        is_set=is_set,
    )
    return part if part.is_by_key or part.owner is model else None
