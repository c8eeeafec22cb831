"""Links: where the screens are, in the site of the admin that is asked."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite
from django.contrib.admin.utils import quote
from django.db import models
from django.urls import NoReverseMatch, reverse

from pgaudit_log.constants import APP_LABEL
from pgaudit_log.presentation.links import Links
from pgaudit_log.values.tables import concrete


class AdminLinks(Links):
    """The addresses of the screens; each is empty where the site has none such."""

    def __init__(self, site: AdminSite) -> None:
        self._site = site

    def _reverse(self, name: str, *args: Any) -> str:
        try:
            return reverse(f"admin:{name}", args=args, current_app=self._site.name)
        except NoReverseMatch:
            return ""

    def trail(self, **query: Any) -> str:
        """Return where the trail is, with a filter."""
        url = self._reverse(f"{APP_LABEL}_events_changelist")
        return f"{url}?{urlencode(query)}" if url and query else url

    def status(self) -> str:
        """Return where the status of the log is."""
        return self._reverse(f"{APP_LABEL}_events_status")

    def saved_filters(self) -> str:
        """Return where the filters are that somebody has saved."""
        return self._reverse(f"{APP_LABEL}_events_saved")

    def users(self) -> str:
        """Return where users are looked for by the beginning of their names."""
        return self._reverse(f"{APP_LABEL}_events_users")

    def event(self, id: int) -> str:
        """Return where one event is shown."""
        return self._reverse(f"{APP_LABEL}_events_change", id)

    def transaction(self, event: Any) -> str:
        """Return where all events of an event's transaction are; it says when that began, because no
        index finds a transaction as quickly as a time."""
        url = self._reverse(f"{APP_LABEL}_events_transaction", event.pgh_txid)
        return f"{url}?{urlencode({'t': _utc(event.pgh_created_at)})}" if url else ""

    def transaction_number(self, txid: int) -> str:
        """Return where all events of a transaction are of which no event is at hand."""
        return self._reverse(f"{APP_LABEL}_events_transaction", txid)

    def context(self, id: Any) -> str:
        """Return where all events of a context are, such as a request."""
        return self._reverse(f"{APP_LABEL}_events_context", id)

    def timeline(self, model: type[models.Model], key: str) -> str:
        """Return where the timeline of an object is: at its own admin, or else at the trail's."""
        model = concrete(model)
        own = self.own_timeline(model, key) if model in self._site._registry else ""
        return own or self._reverse(f"{APP_LABEL}_events_object", model._meta.label, quote(key))

    def own_timeline(self, model: type[models.Model], key: str) -> str:
        """Return where the timeline is at the object's own admin."""
        meta = model._meta
        return self._reverse(f"{meta.app_label}_{meta.model_name}_audit", quote(key))

    def undo_transaction(self, txid: int) -> str:
        """Return where a whole transaction is taken back."""
        return self._reverse(f"{APP_LABEL}_events_transaction_undo", txid)

    def undo_context(self, id: Any) -> str:
        """Return where all that was done in a context is taken back."""
        return self._reverse(f"{APP_LABEL}_events_context_undo", id)

    def deleted(self, model: type[models.Model]) -> str:
        """Return where the deleted objects of a model are listed."""
        model = concrete(model)
        meta = model._meta
        own = ""
        if model in self._site._registry:
            own = self._reverse(f"{meta.app_label}_{meta.model_name}_audit_deleted")
        return own or self._reverse(f"{APP_LABEL}_events_deleted", meta.label)

    def changelist(self, model: type[models.Model]) -> str:
        """Return where the objects of a model are listed."""
        meta = model._meta
        return self._reverse(f"{meta.app_label}_{meta.model_name}_changelist")

    def change(self, model: type[models.Model], key: str) -> str:
        """Return where an object is changed."""
        meta = model._meta
        return self._reverse(f"{meta.app_label}_{meta.model_name}_change", quote(key))


def _utc(time: datetime) -> str:
    """Return a time to the microsecond, so that it finds what has it; the same for everybody."""
    return time.astimezone(timezone.utc).replace(tzinfo=None).isoformat() + "Z"
