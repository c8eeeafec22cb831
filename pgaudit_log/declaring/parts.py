"""Parts: the rows that belong to an object, as ``track(follow=…)`` names the relations to them."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from django.apps import apps
from django.db import models

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.declaring.follow_faults import Fault
from pgaudit_log.declaring.followed_relations import Part, followed
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import concrete, sharing_key


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
        found = followed(model, name, above)
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
            found = followed(model, name, None)
            if isinstance(found, Fault):
                yield found
