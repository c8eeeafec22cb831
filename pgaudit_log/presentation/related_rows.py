"""Related rows: which other rows' events stand in the timeline of an object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models

from pgaudit_log.declaring import model_labels
from pgaudit_log.declaring.parts import follows, parts_of
from pgaudit_log.models import Events
from pgaudit_log.presentation.access import Access
from pgaudit_log.presentation.pages import PAGE_SIZE, Position
from pgaudit_log.presentation.subjects import Subject
from pgaudit_log.reading.pages import Page
from pgaudit_log.values.tables import concrete


def models_of(access: Access, model: type[models.Model]) -> list[type[models.Model]]:
    """Return the tracked models whose rows belong to an object, as its admins show them.

    Those are its inlines and the automatic tables of its many-to-many fields. A model that says
    itself, by ``track(follow=…)``, what its parts are, is not asked further.
    """
    if follows(model):
        followed = dict.fromkeys(part.model for part in parts_of(model))
        return [own for own in followed if access.may_view(own)]
    inlines = access.inlines_of(model)
    through = [field.remote_field.through for field in model._meta.local_many_to_many]
    found = dict.fromkeys(concrete(own) for own in (*inlines, *through) if own is not None)
    tracked = model_labels.tracked_models()
    return [own for own in found if own in tracked and access.may_view(own)]


def has_related(access: Access, model: type[models.Model]) -> bool:
    """Return whether an object has rows that belong to it."""
    return bool(models_of(access, model))


def _depth(model: type[models.Model]) -> int:
    """Return how many references lead from the furthest of an object's parts to it."""
    depth = 1
    for part in parts_of(model):
        above, levels = part.above, 1
        while above is not None:
            above, levels = above.above, levels + 1
        depth = max(depth, levels)
    return depth


def page_with_related(
    access: Access, subject: Subject, own: Any, position: Position, size: int = PAGE_SIZE
) -> tuple[Page[Any], frozenset[int]]:
    """Return a page of an object's events with those of the rows that belong to it, and the ids of these.

    ``own`` are the events of the object itself.
    """
    related = Events.objects.using(own.db).references(subject.named, depth=_depth(subject.model))
    related = related.across(*models_of(access, subject.model))
    mine, theirs = (_slice(events, position, size) for events in (own, related))
    found = {event.pgh_id: event for event in (*mine, *theirs)}
    ids = sorted(found, reverse=position.after is None)[: size + 1]
    listed = [found[id] for id in ids]
    parts = frozenset(event.pgh_id for event in theirs) - {event.pgh_id for event in mine}
    if position.after is not None:
        return Page.behind(listed, size, position.after), parts
    return Page.from_newest(listed, size, position.before), parts


def _slice(events: Any, position: Position, size: int) -> Sequence[Any]:
    if position.after is not None:
        return list(events.after(position.after).order_by("pgh_id")[: size + 1])
    if position.before is not None:
        events = events.before(position.before)
    return list(events.newest()[: size + 1])
