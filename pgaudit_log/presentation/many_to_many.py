"""Many-to-many fields: events of their rows, told as changes of the field: ``tags: + red − blue``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.db import models
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from pgaudit_log.constants import DELETE, INSERT, UPDATE
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.object_texts import plain_text
from pgaudit_log.presentation.shown import SIGNS, WORDS, Entry, Shown
from pgaudit_log.values.tables import column_of, owner_of, owning_field


def folded(shown: list[Entry], entries: Entries) -> list[Entry]:
    """Return entries with those of a many-to-many field's rows as one: ``tags: + red − blue``."""
    found: dict[Any, list[Entry]] = {}
    for entry in shown:
        found.setdefault(_owner(entry, entries) or entry.event.pgh_id, []).append(entry)
    return [
        _of_field(place, own, entries) if isinstance(place, tuple) else own[0]
        for place, own in found.items()
    ]


_Owner = tuple[type[models.Model], str, str]
"""A model, the key of its object, and the name of its many-to-many field."""


def _owner(entry: Entry, entries: Entries) -> _Owner | None:
    """Return whose many-to-many field an entry tells of; ``None`` where it is of none."""
    model = entry.model
    if model is None or entry.is_restricted or entry.operation not in (INSERT, DELETE):
        return None
    owner, name = owner_of(model), owning_field(model)
    if owner is None or name is None:
        return None
    source = _source_field(model, owner, name)
    target = model._meta.get_field(owner._meta.get_field(name).m2m_reverse_field_name())  # type: ignore[union-attr]
    values = entries.values_of(entry.event, model)
    if not {column_of(source), column_of(target)} <= values.keys():  # type: ignore[arg-type]
        return None
    label = entries.labels.of(source, values[column_of(source)][1])
    return None if label is None else (owner, label.key, name)


def _owner_text(
    entry: Entry, owner: type[models.Model], key: str, name: str, entries: Entries
) -> str:
    source = _source_field(owner._meta.get_field(name).remote_field.through, owner, name)  # type: ignore[union-attr]
    _field, value, _new = entries.values_of(entry.event, entry.model)[column_of(source)]
    label = entries.labels.of(source, value)
    return plain_text(owner, key) if label is None else label.text


def _source_field(model: type[models.Model], owner: type[models.Model], name: str) -> Any:
    return model._meta.get_field(owner._meta.get_field(name).m2m_field_name())  # type: ignore[union-attr]


def _of_field(place: _Owner, own: list[Entry], entries: Entries) -> Entry:
    """Return the entry of an object whose many-to-many field got and lost some."""
    owner, key, name = place
    field: Any = owner._meta.get_field(name)
    through = field.remote_field.through
    target = through._meta.get_field(field.m2m_reverse_field_name())
    parts = []
    for entry in own:
        _field, value, _new = entries.values_of(entry.event, through)[column_of(target)]
        renderer = entries.renderer(target)
        is_new = entry.operation == INSERT
        said = _("added:") if is_new else _("removed:")
        html = "<ins>{}{}</ins>" if is_new else "<del>{}{}</del>"
        sign = format_html(
            '<span aria-hidden="true">{} </span><span class="pgh-sr">{} </span>',
            "+" if is_new else "−",
            said,
        )
        parts.append(format_html(html, sign, renderer.show(value)))
    shown = Shown(
        name=name,
        label=str(field.verbose_name),
        column=name,
        html=format_html_join(SafeString(" "), "{}", ((part,) for part in parts)),
    )
    return replace(
        own[0],
        tracker="",
        operation=UPDATE,
        sign=SIGNS[UPDATE],
        word=WORDS[UPDATE],
        model=owner,
        kind=str(owner._meta.verbose_name),
        text=_owner_text(own[0], owner, key, name, entries),
        url=entries.url_of(owner, key),
        shown=[shown],
        rest=(),
        undo_url=own[0].undo_url if len(own) == 1 else "",
        revert_url="",
        reverted=own[0].reverted,
    )
