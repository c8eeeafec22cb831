"""Access: what the person who asks for a page may see of the log."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from django.apps import apps
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models
from django.db.models import Q
from django.utils.module_loading import import_string

from pgaudit_log.conf import settings
from pgaudit_log.constants import APP_LABEL, DELETE, INSERT, OWN_MODELS, UPDATE
from pgaudit_log.declaring import former_names, model_labels
from pgaudit_log.declaring.masks import is_masked
from pgaudit_log.presentation.links import Links
from pgaudit_log.reading.expressions import of_any_model
from pgaudit_log.values.tables import (
    Field,
    concrete,
    heirs_of,
    own_columns,
    owner_of,
    owning_field,
    parents_of,
)

if TYPE_CHECKING:
    from django.contrib.admin import AdminSite, ModelAdmin


def is_password(field: Field) -> bool:
    """Return whether a field has passwords of users, which are shown to nobody."""
    return field.name == "password" and issubclass(field.model, AbstractBaseUser)


Action = Literal["add", "change", "delete"]
"""What the admin asks a permission for."""

UNDONE_BY: dict[str, Action] = {INSERT: "delete", UPDATE: "change", DELETE: "add"}
"""What taking an event of each operation back needs."""


class Access:
    """What one request may see; outside the admin, each site of which is asked, too.

    Whatever an admin of a model hides, by its permissions or by ``get_audit_hidden_fields()``, is hidden
    on a project's own pages and by the API. A subclass may say otherwise.
    """

    def __init__(self, request: Any, links: Links | None = None) -> None:
        self.request = request
        self.links = Links() if links is None else links
        self._may_view: dict[type[models.Model], bool] = {}
        self._hidden: dict[type[models.Model], frozenset[str]] = {}
        self._secret_keys: dict[tuple[type[models.Model], str], frozenset[str]] = {}
        self._asked_to_hide: dict[type[models.Model], frozenset[str]] = {}

    @property
    def user(self) -> Any:
        """Who asks; ``None`` where nobody could log in."""
        return getattr(self.request, "user", None)

    def has_permission(self, name: str) -> bool:
        """Return whether the person is active, and has a permission such as ``shop.view_order``."""
        user = self.user
        return bool(user is not None and user.is_active and user.has_perm(name))

    @property
    def may_view_trail(self) -> bool:
        """Whether the events of all models may be looked at together."""
        return self.has_permission(f"{APP_LABEL}.view_events")

    @property
    def may_view_context(self) -> bool:
        """Whether it may be told where an event came from: its request, address, role."""
        return self.has_permission(f"{APP_LABEL}.view_context_events")

    @property
    def may_export(self) -> bool:
        """Whether events may be taken out as a file."""
        return self.may_view_trail and self.has_permission(f"{APP_LABEL}.export_events")

    @property
    def is_superuser(self) -> bool:
        """Whether everything may be seen, of models that are no more, too."""
        user = self.user
        return bool(user is not None and user.is_active and user.is_superuser)

    def sites_for(self, model: type[models.Model]) -> Iterable[AdminSite]:
        """Return the sites of the admin that say who may see what of a model: all."""
        if not apps.is_installed("django.contrib.admin"):
            return ()
        # Only here: the log is shown without the admin, too.
        from django.contrib.admin.sites import all_sites

        return all_sites

    def admins_of(self, model: type[models.Model]) -> Sequence[ModelAdmin[Any]]:
        """Return the admins of a model that say who may see its objects."""
        model = concrete(model)
        return [site._registry[model] for site in self.sites_for(model) if model in site._registry]

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
        if admins := self.admins_of(model):
            return all(registered.has_view_permission(self.request) for registered in admins)
        meta = model._meta
        return any(
            self.has_permission(f"{meta.app_label}.{action}_{meta.model_name}")
            for action in ("view", "change")
        )

    def may_view_object(self, model: type[models.Model], obj: models.Model | None) -> bool:
        """Return whether one object's timeline may be seen; ``None`` for one that is gone."""
        admins = self.admins_of(model)
        if obj is None or not admins:
            return self.may_view(model)
        return all(registered.has_view_permission(self.request, obj) for registered in admins)

    def hidden_fields(self, model: type[models.Model]) -> frozenset[str]:
        """Return the names of the fields whose values are not to be seen.

        The function of the setting ``PGAUDIT_LOG_HIDDEN_FIELDS`` says which, and each registered admin of
        the model or of a proxy of it, by ``get_audit_hidden_fields(request)``. What is hidden of a model
        is hidden of those that inherit it, too; and the other way round, as they share its events.
        """
        model = concrete(model)
        if model not in self._hidden:
            hidden = self._said_to_hide(model).union(*map(self.hidden_fields, parents_of(model)))
            meta = model._meta
            own = {field.name for field in (*own_columns(model), *meta.local_many_to_many)}
            self._hidden[model] = hidden.union(
                *(self._said_to_hide(heir) & own for heir in heirs_of(model))
            )
        return self._hidden[model]

    def _said_to_hide(self, model: type[models.Model]) -> frozenset[str]:
        if model not in self._asked_to_hide:
            asked = [
                registered.get_audit_hidden_fields(self.request)
                for site in self.sites_for(model)
                for known, registered in site._registry.items()
                if concrete(known) is model and hasattr(registered, "get_audit_hidden_fields")
            ]
            if (hook := settings.HIDDEN_FIELDS) is not None:
                hook = import_string(hook) if isinstance(hook, str) else hook
                asked.append(hook(self.request, model))
            self._asked_to_hide[model] = frozenset(n for names in asked for n in _listed(names))
        return self._asked_to_hide[model]

    @property
    def may_revert(self) -> bool:
        """Whether anything may be reverted, undone or restored; each object needs more."""
        return self.may_view_trail and self.has_permission(f"{APP_LABEL}.revert_events")

    def may_write(
        self, action: Action, model: type[models.Model], obj: models.Model | None = None
    ) -> bool:
        """Return whether objects of a model, or one of them, may be added, changed or deleted.

        A model that is registered says so itself. Rows of the automatic table of a many-to-many
        field are the concern of the model that has it: whoever may change that may change these.
        """
        model = concrete(model)
        if not self.may_view(model):
            return False
        owner = owner_of(model)
        if owner is not None:
            return self.may_write("change", owner)
        admins = self.admins_of(model)
        if not admins:
            return self.has_permission(f"{model._meta.app_label}.{action}_{model._meta.model_name}")
        if action == "add":
            return all(registered.has_add_permission(self.request) for registered in admins)
        return all(
            getattr(registered, f"has_{action}_permission")(self.request, obj)
            for registered in admins
        )

    def querysets_of(self, model: type[models.Model]) -> Sequence[models.QuerySet[Any, Any]]:
        """Return the objects of a model that each of its admins shows."""
        return [registered.get_queryset(self.request) for registered in self.admins_of(model)]

    def inlines_of(self, model: type[models.Model]) -> list[type[models.Model]]:
        """Return the models whose rows the model's admins show together with its objects."""
        return [
            inline.model
            for registered in self.admins_of(model)
            for inline in getattr(registered, "inlines", ())
        ]

    def viewable_models(self) -> list[type[models.Model]]:
        """Return the tracked models whose values may be seen."""
        return [model for model in model_labels.tracked_models() if self.may_view(model)]

    def viewable_events(self, among: Sequence[type[models.Model]] | None = None) -> Q:
        """Return the condition that an event is of what may be seen; ``among`` has the models, if not all."""
        viewable = self.viewable_models() if among is None else among
        found = of_any_model(viewable)
        if self.may_view_context:
            found |= Q(pgh_obj_model__in=OWN_MODELS)
        return found | self._events_of_no_model()

    def _events_of_no_model(self) -> Q:
        """Return the condition that an event is of a model that is no more, if such may be seen."""
        if not self.is_superuser:
            return Q(pk__in=[])
        known = of_any_model(model_labels.tracked_models())
        return ~(known | Q(pgh_obj_model__in=OWN_MODELS))

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
        if (model, using) not in self._secret_keys:
            found = set(self.hidden_fields(model))
            for field in own_columns(model):
                if self.has_secrets(field):
                    found |= {stored.key for stored in former_names.keys_of(field, using)}
            self._secret_keys[model, using] = frozenset(found)
        return self._secret_keys[model, using]


def _listed(names: Collection[str] | None) -> Collection[str]:
    """Return names as a list; one alone is not its letters."""
    return (names,) if isinstance(names, str) else names or ()
