"""Past entries: what a page of the past shows of values, with references that stay in its time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

from django.db import models, transaction
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgaudit_log import timetravel
from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.exceptions import UnknownPastError
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.labels import Label, Labels
from pgaudit_log.presentation.object_texts import text_of
from pgaudit_log.presentation.renderers import Surroundings
from pgaudit_log.presentation.shown import Shown
from pgaudit_log.reading.databases import database_of
from pgaudit_log.reading.moments import Moment
from pgaudit_log.reading.objects import UNREADABLE
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.row_json import MISSING
from pgaudit_log.values.tables import Field


def rows_of(queryset: Any) -> list[Any]:
    """Return the objects of a queryset of the past; those that cannot be read with their keys alone.

    None is an answer here: whether there may have been some is not asked, which would be a search
    through all events of a model.
    """
    try:
        return list(queryset._iterable_class(queryset))
    except UNREADABLE:
        keys = queryset.only("pk")
        return list(keys._iterable_class(keys))


def value_of(obj: models.Model, field: Field) -> Any:
    """Return a value of an object of the past without asking for it; ``MISSING`` is not known."""
    return obj.__dict__.get(field.attname, MISSING)


class PastLabels(Labels):
    """The names of what a page points at, as they were at a moment; of what has no past, today's."""

    def __init__(
        self,
        using: str,
        may_view: Callable[[type[models.Model]], bool],
        moment: Moment,
        hidden: Callable[[type[models.Model]], Collection[str]],
    ) -> None:
        super().__init__(using, may_view, hidden)
        self._moment = moment

    def _objects(self, model: type[models.Model]) -> models.QuerySet[Any, Any]:
        objects = super()._objects(model)
        return timetravel.query(objects, self._moment) if self._has_past(model) else objects

    def _loaded(self, objects: models.QuerySet[Any, Any], attribute: str) -> list[Any]:
        if not self._has_past(objects.model):
            return super()._loaded(objects, attribute)
        try:
            with transaction.atomic(using=self._using):
                found = rows_of(objects)
        except UnknownPastError:
            return []
        return [obj for obj in found if attribute in obj.__dict__]

    def _has_past(self, model: type[models.Model]) -> bool:
        # A moment says nothing in another database.
        return (
            recorded_past.is_tracked(model)
            and database_of(model, beside=self._using) == self._using
        )

    def of(self, field: Field, value: Any) -> Label | None:
        """Return what a value of a foreign key pointed at; what is not known is not called gone."""
        label = super().of(field, value)
        if label is None or not label.is_gone or not recorded_past.is_tracked(label.model):
            return label
        return replace(label, is_gone=False)


def without_hidden(obj: models.Model, hidden: Collection[str]) -> None:
    """Take the values of hidden fields out of an object, so that no name of it has them."""
    for field in obj._meta.concrete_fields:
        if field.name in hidden and not field.primary_key:
            obj.__dict__.pop(field.attname, None)


class PastEntries(Entries):
    """Makes what a page of the past shows; its links lead to other objects at the same moment."""

    def __init__(
        self, access: AdminAccess, using: str, moment: Moment, parameters: Mapping[str, Any]
    ) -> None:
        super().__init__(access, using)
        self._parameters = parameters
        self.labels = PastLabels(using, access.may_view, moment, access.hidden_fields)
        self.surroundings = Surroundings(labels=self.labels, url_of=self.url_of)

    def url_of(self, model: type[models.Model], key: str) -> str:
        """Return where an object is shown at the same moment, empty where the person may not see it."""
        return self.links.as_of(super().url_of(model, key), **self._parameters)

    def want(self, obj: models.Model) -> None:
        """Say that the page shows an object of the past; what it knows it points at is not asked for."""
        for field in obj._meta.concrete_fields:
            if field.name not in obj._state.fields_cache:
                self.labels.want(field, value_of(obj, field))

    def value(self, column: str, field: Field | None, value: Any) -> Shown:
        """Return a value of a field."""
        return self._named(column, field, self.show(field, value), value)

    def show(self, field: Field | None, value: Any) -> SafeString:
        """Return a value of a field as HTML; a document that is too deep for Python is not shown."""
        try:
            return self.renderer(field).show(value)
        except RecursionError:
            return format_html('<span class="pgh-none">{}</span>', _("too deep to be shown"))

    def text_of(self, obj: models.Model, key: str) -> str:
        """Return what an object of the past was called, by what the page has loaded of it."""
        for field in obj._meta.concrete_fields:
            other = self.labels.object_of(field, value_of(obj, field))
            if other is not None and field.name not in obj._state.fields_cache:
                obj._state.fields_cache[field.name] = other
        return text_of(obj, key)
