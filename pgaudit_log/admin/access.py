"""Access: what the person who asks for a page may see of the log."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.http import HttpRequest

from pgaudit_log.constants import APP_LABEL
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.declaring.masks import is_masked
from pgaudit_log.values.tables import Field, concrete, own_columns, owner_of, owning_field


def is_password(field: Field) -> bool:
    """Return whether a field has passwords of users, which are shown to nobody."""
    return field.name == "password" and issubclass(field.model, AbstractBaseUser)


class Access:
    """What one request may see, in one site of the admin."""

    def __init__(self, request: HttpRequest, site: AdminSite) -> None:
        self.request = request
        self.site = site
        self._may_view: dict[type[models.Model], bool] = {}
        self._hidden: dict[type[models.Model], frozenset[str]] = {}

    def _has(self, codename: str) -> bool:
        user: Any = self.request.user
        return bool(user.is_active and user.has_perm(f"{APP_LABEL}.{codename}"))

    @property
    def may_view_trail(self) -> bool:
        """Whether the events of all models may be looked at together."""
        return self._has("view_events")

    @property
    def may_view_context(self) -> bool:
        """Whether it may be told where an event came from: its request, address, role."""
        return self._has("view_context_events")

    @property
    def may_export(self) -> bool:
        """Whether events may be taken out as a file."""
        return self._has("view_events") and self._has("export_events")

    @property
    def is_superuser(self) -> bool:
        """Whether everything may be seen, of models that are no more, too."""
        user: Any = self.request.user
        return bool(user.is_active and user.is_superuser)

    def may_view(self, model: type[models.Model] | None) -> bool:
        """Return whether values of a model may be seen; ``None`` is one that is no more.

        A model that is registered says so itself. The automatic table of a many-to-many field
        belongs to the model that has the field. What is of no model any more is for superusers.
        """
        if model is None:
            return self.is_superuser
        model = concrete(model)
        if model not in self._may_view:
            owner = owner_of(model)
            self._may_view[model] = self._asked(owner or model) and (
                owner is None or owning_field(model) not in self.hidden_fields(owner)
            )
        return self._may_view[model]

    def _asked(self, model: type[models.Model]) -> bool:
        registered = self.site._registry.get(model)
        if registered is not None:
            return bool(registered.has_view_permission(self.request))
        user: Any = self.request.user
        meta = model._meta
        return bool(
            user.is_active
            and any(
                user.has_perm(f"{meta.app_label}.{action}_{meta.model_name}")
                for action in ("view", "change")
            )
        )

    def may_view_object(self, model: type[models.Model], obj: models.Model | None) -> bool:
        """Return whether one object's timeline may be seen; ``None`` for one that is gone."""
        registered = self.site._registry.get(concrete(model))
        if registered is None or obj is None:
            return self.may_view(model)
        return bool(registered.has_view_permission(self.request, obj))

    def hidden_fields(self, model: type[models.Model]) -> frozenset[str]:
        """Return the names of the fields whose values are not to be seen.

        The registered admin of the model says which, by ``get_audit_hidden_fields(request)``.
        """
        model = concrete(model)
        if model not in self._hidden:
            registered: Any = self.site._registry.get(model)
            ask = getattr(registered, "get_audit_hidden_fields", None)
            found: Collection[str] = () if ask is None else ask(self.request)
            self._hidden[model] = frozenset(found)
        return self._hidden[model]

    def viewable_models(self) -> list[type[models.Model]]:
        """Return the tracked models whose values may be seen."""
        return [model for model in model_labels.tracked_models() if self.may_view(model)]

    def has_secrets(self, field: Field) -> bool:
        """Return whether the values of a field are not shown to this person: hidden, masked, passwords."""
        return (
            field.name in self.hidden_fields(concrete(field.model))
            or is_masked(field)
            or is_password(field)
        )

    def secret_keys(self, model: type[models.Model], using: str) -> frozenset[str]:
        """Return the keys under which events of a model may have what this person is not shown.

        A name that has meant something else at times counts as well, and one of no column.
        """
        model = concrete(model)
        found = set(self.hidden_fields(model))
        for field in own_columns(model):
            if self.has_secrets(field):
                found |= {stored.key for stored in former_names.keys_of(field, using)}
        return frozenset(found)
