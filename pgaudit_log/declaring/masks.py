"""Masks: the columns of a tracked model whose values no event has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from django.db import models

from pgaudit_log.capture_v1.columns import Mask
from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.declarations import Declaration
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.values.keys import key_fields
from pgaudit_log.values.tables import Field, column_of, concrete


def masks_of_names(
    model: type[models.Model], mask: Collection[str], mask_hash: Collection[str]
) -> dict[str, Mask]:
    """Return the masks of a model's own columns, by column, where fields are named.

    Works on the model itself and on its past states in migrations, which may lack a field.
    """
    found: dict[str, Mask] = {}
    if not mask and not mask_hash:
        return found
    for field in concrete(model)._meta.local_fields:
        if field.column is None:
            continue
        if field.name in mask_hash:
            found[column_of(field)] = Mask.HASH
        elif field.name in mask:
            found[column_of(field)] = Mask.MARK
    return found


def masks_of(model: type[models.Model]) -> Mapping[str, Mask]:
    """Return the masks that are declared of a model's own columns, by column.

    All its declarations have the same.
    """
    found = declarations.declarations_of(model)
    return _masks(found[0]) if found else {}


def is_masked(field: Field) -> bool:
    """Return whether no event is to have the values of a field."""
    # What a generated column gives out is on no model.
    model = getattr(field, "model", None)
    if model is None or field.column is None:
        return False
    # Most models have none, and each field of an event that is made is asked about.
    masks = masks_of(model)
    return bool(masks) and column_of(field) in masks


def _masks(declaration: Declaration) -> dict[str, Mask]:
    return masks_of_names(declaration.tracked_model, declaration.mask, declaration.mask_hash)


def checked_paths(model: type[models.Model], paths: Sequence[str]) -> tuple[str, ...]:
    """Return the paths of ``mask_context=``, each checked to be one.

    Raises:
        DeclarationError: for anything else.
    """
    is_list = isinstance(paths, Sequence) and not isinstance(paths, str)
    if not is_list or not all(isinstance(path, str) and all(path.split(".")) for path in paths):
        raise DeclarationError(
            f"{model._meta.label} is tracked with mask_context={paths!r}: give a list of keys of"
            ' contexts, with dots for those inside of others, such as mask_context=["ip", "url.token"].'
        )
    return tuple(paths)


def refuse_masks(declaration: Declaration) -> None:
    """Raise for masks that could not be kept.

    Raises:
        DeclarationError: names the field and says what to do.
    """
    model = concrete(declaration.tracked_model)
    what = f"{declaration.tracked_model._meta.label} cannot be tracked: "
    keys = {field.name for field in key_fields(model)}
    for argument, names in (("mask", declaration.mask), ("mask_hash", declaration.mask_hash)):
        for name in names:
            named = what + f'{argument}= names "{name}", '
            if name in keys:
                raise DeclarationError(
                    named
                    + "which is the primary key: the events of an object are found by it. Give"
                    " the model a key that tells nothing."
                )
            if name in declaration.exclude:
                raise DeclarationError(
                    named
                    + "and exclude= does, too. Leave it in exclude= for no trace of it in events,"
                    " or in the other for those that tell that it changed."
                )
            if name in declaration.large:
                raise DeclarationError(
                    named + "and large= does, too, but no event has a masked value. Take it out of"
                    " large=."
                )
            if argument == "mask" and name in declaration.mask_hash:
                raise DeclarationError(
                    named
                    + "and mask_hash= does, too. Leave it in mask_hash= if equal values are to"
                    " be told, or else in mask=."
                )
    for other in declarations.declarations_of(model):
        if _masks(other) != _masks(declaration):
            raise DeclarationError(
                what + f"another track() of it masks {_listed(other)}, and this one"
                f" {_listed(declaration)}. Give both the same mask= and mask_hash=, also of what only"
                " one of them tracks."
            )


def _listed(declaration: Declaration) -> str:
    names = sorted({*declaration.mask, *declaration.mask_hash})
    return ", ".join(names) or "nothing"
