"""Many models: ``track_models()`` tracks them by label or pattern, other people's too, in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models
from pgtrigger import Level

from pgaudit_log.declaring import selections
from pgaudit_log.declaring.abstract_bases import local_options, option_of_one
from pgaudit_log.declaring.declarations import ObjForeignKey
from pgaudit_log.declaring.trackers import UNSET, Tracker, _Unset
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.tracking import event_model_name, track
from pgaudit_log.values.tables import owner_of


def track_models(
    *labels: str,
    into: str,
    exclude: Sequence[str] = (),
    trackers: Sequence[Tracker] = (),
    fields: Sequence[str] | None = None,
    exclude_auto: bool = False,
    large: Sequence[str] | None = None,
    mask: Sequence[str] = (),
    mask_hash: Sequence[str] = (),
    mask_context: Sequence[str] = (),
    follow: Sequence[str] = (),
    obj_field: ObjForeignKey | None | _Unset = UNSET,
    attrs: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
    level: Level | None = None,
    former_columns: Mapping[str, Sequence[str]] | None = None,
    security_barrier: bool | None = None,
    **of_one: Any,
) -> None:
    """Track models by their labels, such as "auth.User", or by patterns, such as "auth.*" and "*".

    Call it in a ``models`` module of yours. No migration comes of it, in no app: the triggers are
    installed by each ``migrate``, which also keeps them right while migrations change the tables. So the
    models may be other people's. No proxy, permission or content type comes of it either.

    A model's automatic many-to-many tables come with it. A ``track()`` of a model's own, or of a proxy
    of it, goes before a pattern, and so does a label. Patterns leave out what has no table of its own in
    PostgreSQL that Django makes: proxies, models that are unmanaged or swapped out, other databases.

    The classes of the events can be imported from the ``models`` of the app ``into``: ``UserEvent`` of
    the label "auth.User", and ``AuthUserEvent`` where a pattern found it, so that no model that comes
    later changes a name.

    Args:
        *labels: labels and patterns of models, with the wildcards ``*``, ``?`` and ``[…]`` in each part.
            Case does not count. "*" means all models of the project.
        into: the label of the app that the classes of the events are for, and their views.
        exclude: labels and patterns of models to leave out, and of fields: "auth.User.password" leaves
            out that column, "auth.User.groups" the table of that field, "*.*.password" each such column.
        trackers: what to capture, as the arguments of :func:`pgaudit_log.track`.
        fields: names of the fields to track; a model that has none of them is not tracked.
        exclude_auto: see :func:`pgaudit_log.track`, as for all that follow. Names of fields count for
            the models that have them.
        large: names of fields.
        mask: names of fields.
        mask_hash: names of fields.
        mask_context: keys of contexts.
        follow: names of relations to parts, of models that labels name: not of what a pattern finds.
        obj_field: the accessor of the events, the same for all.
        attrs: attributes of the classes of the events.
        meta: attributes of their ``Meta``.
        level: ``Statement`` or ``Row``.
        former_columns: names that columns had before, by field.
        security_barrier: whether the views are security barriers.

    Raises:
        DeclarationError: for a label that means no model, for two lines that mean one model with
            different options, for an app that is not installed, and for what cannot be tracked. It is
            raised once all models are known.
    """
    if unknown := of_one.keys() - {"model_name", "app_label", "former_labels"}:
        raise TypeError(f"track_models() got an unexpected keyword argument {min(unknown)!r}")
    argument = option_of_one({**of_one, "meta": meta}) or next(iter(of_one), None)
    if argument is not None:
        raise DeclarationError(
            f"track_models({', '.join(map(repr, labels))}) was given {argument}, which is for one model."
            " Track it by itself:"
            ' pgaudit_log.track(in_migrations=False, app_label="…", …)(Model).'
        )
    for argument, names in (("mask", mask), ("mask_hash", mask_hash)):
        if isinstance(names, str) or not isinstance(names, Sequence):
            raise DeclarationError(
                f"track_models() was given {argument}={names!r}. Give a list of names of fields, such"
                f' as {argument}=["email"].'
            )
    for argument, given in (("labels", labels), ("exclude", exclude)):
        if isinstance(given, str) or not all(isinstance(label, str) for label in given):
            raise DeclarationError(
                f"track_models() was given {argument}={given!r}. Give labels of models, as strings:"
                ' track_models("auth.User", "blog.*", into="audit").'
            )
    if not labels:
        raise DeclarationError('track_models() was given no label. Give one, such as "auth.*".')
    if follow and any(map(selections.is_pattern, labels)):
        raise DeclarationError(
            f"track_models({', '.join(map(repr, labels))}) was given follow={follow!r}, but the models of a"
            " pattern have no relations in common. Give the models that follow some a line of their own."
        )
    options = {
        "fields": fields,
        "exclude_auto": exclude_auto,
        "large": large,
        "mask": mask,
        "mask_hash": mask_hash,
        "mask_context": mask_context,
        "obj_field": obj_field,
        "attrs": attrs,
        "meta": meta,
        "level": level,
        "former_columns": former_columns,
        "security_barrier": security_barrier,
    }

    def track_one(model: type[models.Model], is_found: bool) -> None:
        own = local_options(model, options)
        if own is None:
            return
        name = event_model_name(model, own["fields"])
        if is_found and model._meta.app_label != into:
            name = _camel_case(model._meta.app_label) + name
        left_out = selection.excluded_fields(model)
        for argument in ("mask", "mask_hash"):
            own[argument] = [field for field in own[argument] if field not in left_out]
        if own["fields"]:
            own["fields"] = [field for field in own["fields"] if field not in left_out]
            left_out = []
        track(
            *trackers,
            **own,
            follow=() if owner_of(model) else follow,
            exclude=left_out,
            model_name=name,
            app_label=into,
            in_migrations=False,
        )(model)

    selection = selections.Selection(
        labels=labels,
        exclude=tuple(exclude),
        into=into,
        columns=(*(fields or ()), *(large or ()), *mask, *mask_hash, *(former_columns or {})),
        track=track_one,
        same=(into, tuple(exclude), tuple(trackers), tuple(follow), options),
    )
    selections.select(selection)


def _camel_case(label: str) -> str:
    """Return an app's label as the beginning of the name of a class."""
    return "".join(part[:1].upper() + part[1:] for part in label.split("_"))
