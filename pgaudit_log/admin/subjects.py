"""Subjects: the object that a page is about, there or gone, and whether it may be seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404
from django.utils.translation import gettext as _

from pgaudit_log.admin.access import Access
from pgaudit_log.admin.object_texts import loaded, plain_text, text_of
from pgaudit_log.declaring import model_labels
from pgaudit_log.reading.objects import unloaded
from pgaudit_log.values.keys import key_fields, key_text, parse_key
from pgaudit_log.values.tables import concrete


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
    """Return the object that a page is asked about; one query, or two where it is gone.

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
        text=text_of(obj, own_text) if obj is not None else plain_text(model, own_text),
        named=unloaded(model, key),
    )


def _object(access: Access, model: type[models.Model], key: Any) -> models.Model | None:
    """Return the object as the admin of its model finds it, if there is one.

    Raises:
        Http404: when it is there, but that admin does not show it.
    """
    registered = access.site._registry.get(model)
    every = model._base_manager.filter(pk=key)
    if registered is None:
        return next(iter(loaded(every)), None)
    found = loaded(registered.get_queryset(access.request).filter(pk=key)[:1])
    if not found and every.exists():
        raise Http404(_("There is no such object."))
    return found[0] if found else None
