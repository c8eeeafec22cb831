"""Subjects: the object that a page is about, there or gone, and whether it may be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.http import Http404
from django.utils.translation import gettext as _

from pgaudit_log.declaring import model_labels
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.presentation.access import Access
from pgaudit_log.presentation.object_texts import as_seen, name_of, plain_text
from pgaudit_log.reading.databases import database_of
from pgaudit_log.reading.objects import UNREADABLE, loaded, unloaded
from pgaudit_log.values.keys import key_fields, key_text, parse_key
from pgaudit_log.values.tables import concrete, own_columns


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An object of a tracked model, by its key."""

    model: type[models.Model]
    key: str
    obj: models.Model | None
    """The object as it is; ``None`` if it is gone."""
    text: str
    """What it is called."""
    named: models.Model
    """An instance that has the key, whether or not the object is there."""


def subject_of(access: Access, model: type[models.Model], text: str) -> Subject:
    """Return the object that a page is asked about; one query, or two where it is gone or is named by others.

    Raises:
        PermissionDenied: when the person may not see it.
        Http404: for what is no key, and for an object that the admin of its model does not show.
    """
    model = concrete(model)
    key = parse_key(model, text)
    if model not in model_labels.tracked_models():
        raise Http404(_("%(model)s is not tracked.") % {"model": model._meta.verbose_name})
    if key is None:
        raise Http404(
            _("“%(key)s” is no key of %(model)s.")
            % {"key": text[:100], "model": model._meta.verbose_name}
        )
    if not (access.may_view_trail and access.may_view(model)):
        raise PermissionDenied
    own_text = key_text(key, key_fields(model))
    obj = _object(access, model, key)
    if not access.may_view_object(model, obj):
        raise PermissionDenied
    return Subject(
        model=model,
        key=own_text,
        obj=obj,
        text=_name_with_others(access, obj) or plain_text(model, own_text),
        named=unloaded(model, key),
    )


def subject_for(access: Access, obj: models.Model) -> Subject | None:
    """Return an object that a page has already, without a query; ``None`` of one that is not saved.

    Raises:
        PermissionDenied: when the person may not see it.
        DeclarationError: when its model is not tracked.
    """
    # What is lazy, as `request.user`, has another class than its own.
    model = concrete(obj._meta.model)
    if model not in model_labels.tracked_models():
        raise DeclarationError(
            f"{model._meta.label} is not tracked, and has no timeline. Put @pgaudit_log.track() above it."
        )
    if not (access.may_view_trail and access.may_view(model)):
        raise PermissionDenied
    if not access.may_view_object(model, obj):
        raise PermissionDenied
    if None in (obj.pk if isinstance(obj.pk, tuple) else (obj.pk,)):
        return None
    try:
        key, named = key_text(obj.pk, key_fields(model)), unloaded(model, obj.pk)
    except (TypeError, ValueError, ValidationError):
        # It was given a key that nothing of its model can have.
        return None
    return Subject(
        model=model,
        key=key,
        obj=obj,
        text=_name(access, obj) or plain_text(model, key),
        named=named,
    )


def _name(access: Access, obj: models.Model) -> str | None:
    return name_of(as_seen(obj, access.may_view, access.hidden_fields))


def _name_with_others(access: Access, obj: models.Model | None) -> str | None:
    """Return what an object is called; if that needs what it points at, it is loaded once more with it."""
    if obj is None:
        return None
    if (name := _name(access, obj)) is not None:
        return name
    model, using = type(obj), str(obj._state.db)
    targets = {
        field.name: concrete(field.target_field.model)
        for field in own_columns(model)
        if isinstance(field, models.ForeignKey)
    }
    relations = [
        name
        for name, target in targets.items()
        if access.may_view(target) and database_of(target, beside=using) == using
    ]
    if not relations:
        return None
    every: models.QuerySet[Any, Any] = models.QuerySet(model, using=using)
    try:
        found = every.filter(pk=obj.pk).select_related(*relations).first()
    except UNREADABLE:
        return None
    return _name(access, found) if found is not None else None


def _object(access: Access, model: type[models.Model], key: Any) -> models.Model | None:
    """Return the object as the admins of its model find it, if there is one.

    Raises:
        Http404: when it is there, but one of them does not show it.
    """
    every = model._base_manager.filter(pk=key)
    querysets = access.querysets_of(model)
    if not querysets:
        return next(iter(loaded(every)), None)
    for queryset in querysets:
        found = loaded(queryset.filter(pk=key)[:1])
        if not found and every.exists():
            raise Http404(_("There is no such object."))
    return found[0] if found else None
