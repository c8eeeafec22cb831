"""Timelines: a page of what happened to one object, with the rows that belong to it.

It is found by the object's key, so that one query is enough, and that what was deleted and restored has one
story.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from pgaudit_log.capture_v1.references import former_key
from pgaudit_log.constants import DELETE
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.presentation import cards, object_texts, pages, related_rows
from pgaudit_log.presentation.access import Access
from pgaudit_log.presentation.addresses import address, only
from pgaudit_log.presentation.entries import Entries
from pgaudit_log.presentation.reverted import reverters
from pgaudit_log.presentation.shown import Entry
from pgaudit_log.presentation.subjects import Subject
from pgaudit_log.reading.pages import Page
from pgaudit_log.reading.whole_objects import tables_of


@dataclass(frozen=True, kw_only=True)
class Facet:
    """A field, and how many events of the page changed it."""

    name: str
    label: str
    count: int
    url: str
    is_chosen: bool


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A page of an object's timeline."""

    subject: Subject
    entries: Entries
    page: Page[Any]
    parts: frozenset[int]
    """The ids of the events of rows that belong to the object."""
    field: str
    """The field whose changes alone were asked for, if there is one such."""
    message: str
    """Why there is nothing, where that was not to be expected."""
    can_have_parts: bool
    with_parts: bool

    @property
    def own(self) -> list[Any]:
        """The events of the object itself."""
        return [event for event in self.page if event.pgh_id not in self.parts]

    @cached_property
    def days(self) -> Sequence[cards.Day]:
        """The cards of the page; made when they are asked for, as the API needs none."""
        # On the newest page those that took others back are there.
        newest = max((event.pgh_id for event in self.page), default=0)
        is_newest = self.page.newer is None
        return cards.days_of(
            self.page,
            self.entries,
            parts=self.parts,
            all_entries=True,
            page=self.page,
            later=[] if is_newest else reverters([*self.own, *self.page], newer_than=newest),
        )

    @property
    def is_complete(self) -> bool:
        """Whether the page has all events that were asked for."""
        return self.page.older is None and self.page.newer is None

    @property
    def title(self) -> str:
        """What the object is called; if it is gone, as its newest event calls it."""
        subject = self.subject
        if subject.obj is None:
            newest = next((e for e in self.own if e.pgh_model is subject.model), None)
            if newest is not None:
                hidden = self.entries.access.hidden_fields(subject.model)
                return object_texts.text_at(subject.model, newest, hidden=hidden)
        return subject.text

    @property
    def kind(self) -> str:
        """What the object is, such as ``order``."""
        return str(self.subject.model._meta.verbose_name)

    @property
    def newest_id(self) -> int | None:
        """The id of the event that left an object as it is, to which it need not go back."""
        if self.field or self.subject.obj is None or self.page.newer is not None or not self.own:
            return None
        id: int = self.own[0].pgh_id
        return id

    @property
    def deletion(self) -> cards.Card | None:
        """The card of the deletion of an object that is gone, if the page has it."""
        return next((card for card, _entry in self._deletions()), None)

    @property
    def restore_url(self) -> str:
        """Where an object that is gone comes back by its newest deletion, if the person may."""
        return next((entry.undo_url for _card, entry in self._deletions()), "")

    def _deletions(self) -> Iterator[tuple[cards.Card, Entry]]:
        """Yield the deletions of an object that is gone with their cards, the newest first."""
        if self.subject.obj is not None:
            return
        for card in (card for day in self.days for card in day.cards):
            for entry in card.entries:
                if entry.operation == DELETE and not entry.is_part:
                    yield card, entry

    @property
    def former(self) -> tuple[str, int] | None:
        """The key that the object had before, and the event that changed it; ``None`` of none."""
        for event in self.own:
            start = former_key(event.pgh_obj_model, "")
            for reference in event.pgh_refs or ():
                if reference.startswith(start):
                    return reference.removeprefix(start), event.pgh_id
        return None

    def facets(self, url: str) -> list[Facet]:
        """Return the fields that events of the page changed, the most frequent first.

        ``url`` is where the whole timeline is; empty if that is the page itself.
        """
        counts: Counter[tuple[str, str]] = Counter()
        for event in self.own:
            if event.pgh_diff is None:
                continue
            for column, told in self.entries.values_of(event, event.pgh_model).items():
                field = told[0]
                if field is not None:
                    counts[field.name, str(field.verbose_name)] += 1
                else:
                    counts[column, column] += 0
        return [
            Facet(
                name=name,
                label=label,
                count=count,
                url=f"{url}?{urlencode({'field': name})}" if name != self.field else url or "?",
                is_chosen=name == self.field,
            )
            for (name, label), count in counts.most_common()
            if count
        ]

    def addresses(self, parameters: Mapping[str, str]) -> dict[str, str]:
        """Return where the newer and the older page are, this one with or without parts, and all of it."""
        kept = only(parameters, ("field", "parts"))
        page = self.page
        return {
            "all_url": address(kept),
            "parts_url": address(kept, parts="0" if self.with_parts else "1"),
            "newer_url": address(kept, after=page.newer) if page.newer is not None else "",
            "older_url": address(kept, before=page.older) if page.older is not None else "",
        }


def timeline_of(
    access: Access,
    subject: Subject,
    parameters: Mapping[str, str],
    *,
    size: int = pages.PAGE_SIZE,
) -> Timeline:
    """Return a page of an object's timeline.

    Args:
        access: who asks.
        subject: the object, which the person may see.
        parameters: ``before`` or ``after`` an event, ``field`` that changed, and ``parts=0``.
        size: how many events a page has.
    """
    field = parameters.get("field", "")
    events, message = events_that_changed(access, subject, field)
    can_have_parts = not field and related_rows.has_related(access, subject.model)
    with_parts = can_have_parts and parameters.get("parts") != "0"
    position = pages.Position.of(parameters)
    page, parts = Page[Any](events=()), frozenset[int]()
    try:
        # The events of a field are looked for among all of the object.
        with pages.bounded(str(events.db)) if field else nullcontext():
            if with_parts:
                page, parts = related_rows.page_with_related(
                    access, subject, events, position, size
                )
            else:
                page = pages.page_of(events, position, size)
    except pages.TookTooLongError:
        message = pages.too_long()
    entries = Entries(access, str(events.db), subject=(subject.model, subject.key))
    return Timeline(
        subject=subject,
        entries=entries,
        page=page,
        parts=parts,
        field="" if message else field,
        message=message,
        can_have_parts=can_have_parts,
        with_parts=with_parts,
    )


def events_that_changed(access: Access, subject: Subject, field: str) -> tuple[Any, str]:
    """Return the events of an object, those that changed a field; and what cannot be asked."""
    events = events_of(subject)
    if not field:
        return events, ""
    try:
        if field not in access.hidden_fields(subject.model):
            return events.changed(field), ""
    except QueryError:
        pass
    # One that is hidden is unknown here.
    return Events.objects.none(), _("There is no such field.")


def events_of(subject: Subject) -> Any:
    """Return the events of an object itself, in the database that it is in."""
    events = Events.objects.across(*tables_of(subject.model)).filter(pgh_obj_id=subject.key)
    using = None if subject.obj is None else subject.obj._state.db
    return events if using is None else events.using(using)
