"""Past sections: the fields of an object of the past, under the headings of its admin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import flatten
from django.core.exceptions import FieldDoesNotExist
from django.db import models, transaction
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgaudit_log.admin.access import AdminAccess
from pgaudit_log.admin.past_entries import PastEntries, value_of
from pgaudit_log.admin.past_relations import RelatedRows
from pgaudit_log.presentation.shown import Shown
from pgaudit_log.timetravel import recorded_past
from pgaudit_log.values.tables import Field, column_of, concrete


@dataclass(frozen=True, kw_only=True)
class Section:
    """Fields under a heading."""

    title: str
    shown: Sequence[Shown]
    is_folded: bool = False


def fieldsets_of(
    access: AdminAccess, model: type[models.Model], obj: models.Model
) -> list[tuple[str, list[str]]]:
    """Return the names of fields by heading as the admin of a model has them; none without one."""
    registered = access.site._registry.get(concrete(model))
    if registered is None:
        return []
    try:
        with transaction.atomic(using=str(obj._state.db)):
            found = registered.get_fieldsets(access.request, obj)
        return [
            (
                str(title or ""),
                [name for name in flatten(options["fields"]) if isinstance(name, str)],
            )
            for title, options in found
        ]
    except Exception:  # it is the project's own, and made for objects of today
        return []


class Fields:
    """The fields of one object of the past, as they are shown."""

    def __init__(
        self,
        obj: models.Model,
        entries: PastEntries,
        sets: Mapping[str, RelatedRows],
    ) -> None:
        self._obj = obj
        self._entries = entries
        self._sets = sets
        self._model = obj._meta.model
        self._untracked = {field.name for field in recorded_past.untracked_fields(self._model)}

    def sections(
        self, fieldsets: Iterable[tuple[str, list[str]]], hidden: Iterable[str]
    ) -> list[Section]:
        """Return the fields by heading, and then those that have none.

        What an admin computes is left out: it would be of today, or of both times.
        """
        told = dict.fromkeys(hidden)
        sections = []
        for title, names in fieldsets:
            if own := self._of(names, told):
                sections.append(Section(title=title, shown=own))
        meta = self._model._meta
        others = [field.name for field in meta.concrete_fields if not is_plain_key(field)]
        rest = self._of([*others, *(field.name for field in meta.many_to_many)], told)
        if rest:
            title = _("Other fields") if sections else ""
            sections.append(Section(title=title, shown=rest, is_folded=bool(sections)))
        return sections

    def _of(self, names: Iterable[str], told: dict[str, None]) -> list[Shown]:
        found = []
        for name in names:
            own = None if name in told else self._field(name)
            if own is not None:
                told[name] = None
                found.append(own)
        return found

    def _field(self, name: str) -> Shown | None:
        """Return a field; ``None`` for what is none, or has no value of its own."""
        try:
            field: Any = self._model._meta.get_field(name)
        except FieldDoesNotExist:
            return None
        if field.many_to_many and not field.auto_created:
            own = self._sets.get(name)
            if own is not None and not own.is_of_pairs:
                return None  # its rows stand below
            html = not_tracked() if own is None else self._members(own)
            return Shown(name=name, label=str(field.verbose_name), column=name, html=html)
        if not field.concrete or field.column is None:
            return None
        if name in self._untracked:
            label, column = str(field.verbose_name), column_of(field)
            return Shown(name=name, label=label, column=column, html=not_tracked())
        return self._entries.value(column_of(field), field, value_of(self._obj, field))

    def _members(self, own: RelatedRows) -> SafeString:
        """Return the objects of a many-to-many field."""
        if own.is_unknown:
            return format_html('<span class="pgh-none">{}</span>', _("unknown"))
        other = own.relation.other
        assert other is not None
        renderer = self._entries.renderer(other)
        shown = [renderer.show(value_of(row, other)) for row in own.rows]
        if own.has_more:
            shown.append(SafeString("…"))
        if not shown:
            return renderer.show(None)
        return format_html_join(SafeString(", "), "{}", ((html,) for html in shown))


def not_tracked() -> SafeString:
    """Return what stands for a value of which there is no past."""
    return format_html('<span class="pgh-none">{}</span>', _("not tracked"))


def is_plain_key(field: Field) -> bool:
    """Return whether a field says nothing but which object it is, as the page says it above."""
    return isinstance(field, models.AutoField) or bool(
        getattr(field.remote_field, "parent_link", False)
    )
