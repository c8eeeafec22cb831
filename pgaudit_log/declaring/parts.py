"""Parts: the rows that belong to an object, as ``track(follow=…)`` names the relations to them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models, router

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.declarations import Declaration, tracked_columns
from pgaudit_log.declaring.relations import relation_of
from pgaudit_log.declaring.trackers import RowEvent
from pgaudit_log.exceptions import DeclarationError
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

    @property
    def is_by_key(self) -> bool:
        """Whether the rows point at primary keys."""
        return set(self.owner_fields) == set(key_fields(self.owner))

    @property
    def content_type(self) -> Field | None:
        """The field with the content type."""
        if self.generic is None:
            return None
        found: Any = self.model._meta.get_field(self.generic.content_type_field_name)
        field: Field = found
        return field


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


def checked_follow(model: type[models.Model], names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of ``follow=``; whether there are such relations is known only later.

    Raises:
        DeclarationError: for what is no list of names.
    """
    given = names if isinstance(names, str) else list(names)
    where = f"{model._meta.label} is tracked with follow={given!r}"
    if isinstance(names, str):
        raise DeclarationError(f"{where}: give a list, such as follow=[{names!r}].")
    for name in given:
        if not isinstance(name, str):
            raise DeclarationError(f"{where}: {name!r} is no name of a relation.")
        if "__" in name:
            first, _, rest = name.partition("__")
            raise DeclarationError(
                f'{where}: "{name}" names a part of a part. Follow "{first}" here, and "{rest}"'
                " where its model is tracked."
            )
    return tuple(dict.fromkeys(given))


def follows(model: type[models.Model]) -> list[str]:
    """Return the names of the relations that a model follows."""
    tracked = declarations.declarations_of(model)
    return [*dict.fromkeys(name for declaration in tracked for name in declaration.follow)]


def parts_of(model: type[models.Model]) -> tuple[Part, ...]:
    """Return the parts of a model's objects, each before its own.

    A model that a path has come through is not followed again, so that no path is endless.

    Raises:
        DeclarationError: for a relation that cannot be followed.
    """
    among = tuple(apps.get_models(include_auto_created=True))
    return _parts_of(concrete(model), declarations.declarations(), among)


def lookups_of(model: type[models.Model]) -> list[str]:
    """Return the lookups by which ``prefetch_related()`` loads the parts of a model's objects.

    A many-to-many relation leads to the other objects, which have no parts that are the first
    one's.

    Raises:
        DeclarationError: for a relation that cannot be followed.
    """
    found: dict[Part | None, type[models.Model]] = {None: model}
    lookups = []
    for part in parts_of(model):
        owner = found.get(part.above)
        if owner is None or part.is_inherited or part.is_mirror or not hasattr(owner, part.name):
            continue
        lookups.append(part.path)
        if part.other is None:
            found[part] = part.model
    return lookups


@functools.lru_cache(maxsize=64)
def _parts_of(
    model: type[models.Model],
    declared: tuple[Declaration, ...],
    among: tuple[type[models.Model], ...],
) -> tuple[Part, ...]:
    return tuple(_walked(model, None, frozenset([model])))


def _walked(
    model: type[models.Model], above: Part | None, passed: frozenset[type[models.Model]]
) -> Iterator[Part]:
    for name in follows(model):
        found = _followed(model, name, above)
        if isinstance(found, Fault):
            raise found.error()
        if not isinstance(found, list):
            # A parent: its parts are those of the child, too.
            yield from _walked(found, above, passed | {found})
            continue
        for part in found:
            if part.model in passed and part.fields == tuple(key_fields(part.model)):
                continue  # from a parent back to the child
            yield part
            yield from _inherited(part, passed)
            if part.model not in passed and not part.is_mirror:
                yield from _walked(part.model, part, passed | {part.model})


def _inherited(part: Part, passed: frozenset[type[models.Model]]) -> Iterator[Part]:
    """Yield, for the tables that the rows of a part have rows in, too, what makes them parts."""
    for parent in sharing_key(part.model)[1:]:
        if parent not in passed and declarations.declarations_of(parent):
            yield Part(
                path=part.path,
                above=part,
                owner=part.model,
                owner_fields=tuple(key_fields(part.model)),
                model=parent,
                fields=tuple(key_fields(parent)),
                is_inherited=True,
            )


def faults() -> Iterator[Fault]:
    """Yield what is wrong with the relations that all models follow."""
    for model in dict.fromkeys(concrete(d.tracked_model) for d in declarations.declarations()):
        for name in follows(model):
            found = _followed(model, name, None)
            if isinstance(found, Fault):
                yield found


def _followed(
    model: type[models.Model], name: str, above: Part | None
) -> list[Part] | type[models.Model] | Fault:
    """Return the parts that a relation of ``model`` makes, or the parent that it leads to."""
    relations = _relations(model)
    what = f'{model._meta.label} is tracked with follow=["{name}"], but '
    link = next((link for link in model._meta.parents.values() if link and link.name == name), None)
    if link is not None:
        parent = concrete(link.related_model)  # type: ignore[arg-type]
        return _untracked(model, what, parent, ()) or _elsewhere(model, what, parent) or parent
    if name not in relations:
        return Fault(
            model=model, id="pgaudit_log.E013", **_unknown(model, what, name, [*relations])
        )
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
        found = _untracked(model, what, part.model, pointing) or _elsewhere(model, what, part.model)
        if found is not None:
            return found
    return parts


Related = Any
"""A field, or the other side of one: what Django's ``get_fields()`` has."""


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


def _unknown(
    model: type[models.Model], what: str, name: str, known: Sequence[str]
) -> dict[str, str]:
    """Return what is wrong with a name that no relation to parts has, and what to do."""
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
        return {"message": f'{what}it has no relation "{name}".', "hint": hint}
    if hasattr(field.related_model, "pgh_declaration"):
        return {
            "message": f'{what}"{name}" are its events, which are no part of it.',
            "hint": "Leave it out: a timeline has them in any case.",
        }
    if accessor is not None:
        return {
            "message": f'{what}"{name}" is what filters call the relation.',
            "hint": f'Give the name that an object has it under, "{accessor}".',
        }
    if field.is_relation:
        return {
            "message": f'{what}"{name}" is a foreign key of its own: what it points at is no part of'
            " it, but stands for itself, and others may point at it, too.",
            "hint": f'Leave it out: the value of "{name}" is in the events of {model._meta.label}.',
        }
    return {"message": f'{what}"{name}" is a field and no relation.', "hint": hint}


def _untracked(
    model: type[models.Model], what: str, part: type[models.Model], pointing: Sequence[Field]
) -> Fault | None:
    """Return what is wrong where nothing tells of the rows of a part, or of what they point at."""
    known = [
        tracked_columns(d.tracked_model, d.fields, d.exclude)
        for d in declarations.declarations_of(part)
        if any(isinstance(tracker, RowEvent) for tracker in d.trackers)
    ]
    label = part._meta.label
    if not known:
        hint = "Decorate it with pgaudit_log.track()."
        made_by: Any = part._meta.auto_created
        if made_by:
            name = next(
                f.name for f in made_by._meta.many_to_many if f.remote_field.through is part
            )
            hint = f"Call pgaudit_log.track()({made_by.__name__}.{name}.through)."
        return Fault(
            model=model,
            id="pgaudit_log.E014",
            message=f"{what}{label} is not tracked, so that nothing tells of its rows.",
            hint=hint,
        )
    for field in pointing:
        if not any(field in columns for columns in known):
            return Fault(
                model=model,
                id="pgaudit_log.E014",
                message=f"{what}{label}.{field.name} is not tracked, so that nothing tells what"
                " its rows belonged to.",
                hint=f'Track it: take "{field.name}" out of exclude=, or into fields=.',
            )
    return None


def _elsewhere(model: type[models.Model], what: str, part: type[models.Model]) -> Fault | None:
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
