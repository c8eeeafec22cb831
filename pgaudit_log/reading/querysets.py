"""Querysets of events: they read; whatever would write raises."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from asgiref.sync import sync_to_async
from django.db import models

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.trackers import UNSET
from pgaudit_log.exceptions import QueryError, ReadOnlyError
from pgaudit_log.reading import changed_fields, filters, object_timeline, user_lookup, user_pages
from pgaudit_log.reading.capture_order import InOrderOfCapture
from pgaudit_log.reading.databases import AsksInPlace
from pgaudit_log.reading.expressions import any_of
from pgaudit_log.reading.filters import flattened
from pgaudit_log.reading.pages import Page
from pgaudit_log.readonly import RefusesWrites
from pgaudit_log.values import tables
from pgaudit_log.values.keys import key_fields, key_text

if TYPE_CHECKING:
    from pgaudit_log.reading.event_model import ReadOnlyModel

E_co = TypeVar("E_co", bound=models.Model, covariant=True)
R_co = TypeVar("R_co", covariant=True)
EventsT = TypeVar("EventsT", bound="EventQuerySet[Any, Any]")
TypedEventsT = TypeVar("TypedEventsT", bound="TypedEventQuerySet[Any, Any]")


class EventQuerySet(
    AsksInPlace, InOrderOfCapture[E_co, R_co], RefusesWrites, models.QuerySet[E_co, R_co]
):
    """A queryset that only reads.

    Raises:
        ReadOnlyError: from each method that would write.
    """

    def _fetch_all(self) -> None:
        if self._result_cache is None:
            asked: Any = user_pages.by_each_index(self)
            if asked is not None:
                rows: Any = self._iterable_class(asked)
                self._result_cache = list(rows)
        super()._fetch_all()

    _key_column = "pgh_obj_key"
    """What events call the key of their object."""

    def timeline(self: EventsT, obj: models.Model) -> EventsT:
        """Return the events of ``obj`` from the start of its present life, oldest first.

        Unlike ``obj.events``, it follows the object through changes of its primary key, and
        leaves out what another object with the same key did before this one was inserted.
        The rows that it inherits are part of it.

        Raises:
            QueryError: for what is no object, one that was never saved, or whose model is not tracked.
        """
        model = object_timeline.model_of(obj)
        events = self._in_place_of([obj], "timeline")
        found = any_of(
            object_timeline.conditions(
                table, key_text(obj.pk, key_fields(table)), str(events.db), self._key_column
            )
            for table in (model, *tables.parents_of(model))
            if declarations.declarations_of(table)
        )
        return events.filter(found).order_by("pgh_id")

    def by(self: EventsT, *users: Any) -> EventsT:
        """Return the events of ``users``: instances, primary keys, usernames, lists, querysets.

        Those in which they acted, and those that somebody else made on their behalf. ``None``
        stands for events without a user. Uses the indexes on both.

        A text is a key if it can be one. Else it is a username, or both as the trail prints them,
        ``"ana (7)"``: that takes a query at once.

        Raises:
            QueryError: when nothing or an unsaved object was given, or a text that means no user
                of today and none of the trail.
        """
        found: list[Any] = []
        for user in filters.flattened(self._all_here(users)):
            if isinstance(user, str) and not user_lookup.is_key(user):
                found += user_lookup.keys(user, self.db)
            else:
                found.append(user)
        # Lists without anybody are asked for nobody; nothing at all is refused.
        return self.filter(filters.by_users((found,) if users else ()))

    def in_context(self: EventsT, *contexts: Any) -> EventsT:
        """Return the events of ``contexts``: ids, contexts, or events that share theirs.

        Raises:
            QueryError: for what is none of them, and for an event without a context.
        """
        # One context may have events in several databases.
        is_told = self._db is not None
        events = self if is_told else self._in_place_of(flattened(contexts), "in_context")
        return events.filter(filters.in_contexts(events._all_here(contexts)))

    def in_transaction(self: EventsT, *transactions: Any) -> EventsT:
        """Return the events of ``transactions``: numbers, or events that share theirs.

        Raises:
            QueryError: for what is neither.
        """
        events = self._in_place_of(flattened(transactions), "in_transaction")
        return events.filter(filters.in_transactions(transactions))

    def between(self: EventsT, start: datetime | None, end: datetime | None) -> EventsT:
        """Return the events of ``[start, end)``, two aware datetimes; ``None`` leaves a side open.

        Raises:
            QueryError: for a naive datetime, which says no moment.
        """
        return self.filter(filters.between(start, end))

    def changed(self: EventsT, field: str, *, old: Any = UNSET, new: Any = UNSET) -> EventsT:
        """Return the updates that changed ``field``, from ``old``, to ``new`` where they are given.

        Args:
            field: the name of a field or a column, today's or a former one.
            old: what it was, as the model gives it; ``None`` is SQL ``NULL``.
            new: what it became.

        Raises:
            QueryError: for an unknown field, and for a value that it can never have.
        """
        model = self.model.pgh_declaration.tracked_model
        match = changed_fields.field_of(model, field)
        if match is None:
            raise changed_fields.unknown(field, [model])
        changed_fields.refuse_untracked(match)
        return self.filter(changed_fields.changed([match], old, new))

    def newest(self: EventsT) -> EventsT:
        """Return the events in the order of capture, the newest first."""
        return self.order_by("-pgh_id")

    def after(self: EventsT, position: Any) -> EventsT:
        """Return the events that were captured after an event, or after the one with this id."""
        after = filters.position_of(position, "after")
        return self._in_place_of([position], "after").filter(pgh_id__gt=after)

    def before(self: EventsT, position: Any) -> EventsT:
        """Return the events that were captured before an event, or before the one with this id."""
        before = filters.position_of(position, "before")
        return self._in_place_of([position], "before").filter(pgh_id__lt=before)

    def page(self, size: int = 50, *, before: Any = None, after: Any = None) -> Page[R_co]:
        """Return a page of the events, the newest first, and where its neighbours begin.

        It takes one query, and no longer for the last page than for the first: a page is
        found by its position, not by its number.

        Args:
            size: how many events, at most.
            before: an event or its id; the page begins with the one captured before it.
            after: an event or its id; the page ends with the one captured after it.

        Raises:
            QueryError: for both positions at once, and for a size below 1.
        """
        if before is not None and after is not None:
            raise QueryError(
                "page() was given both before= and after=. Give one; between two positions there is"
                " .after(a).before(b)."
            )
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise QueryError(f"page() was given the size {size!r}. Give a number from 1.")
        if after is not None:
            found = list(self.after(after).order_by("pgh_id")[: size + 1])
            return Page.behind(found, size, filters.position_of(after, "after"))
        queryset = self if before is None else self.before(before)
        found = list(queryset.newest()[: size + 1])
        start = None if before is None else filters.position_of(before, "before")
        return Page.from_newest(found, size, start)

    async def apage(self, size: int = 50, *, before: Any = None, after: Any = None) -> Page[R_co]:
        """Return what :meth:`page` does, without blocking the event loop."""
        return await sync_to_async(self.page)(size, before=before, after=after)

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise ReadOnlyError(
            f"{self.model._meta.label} is append-only: triggers write its events. Call"
            " pgaudit_log.create_event() to add a manual event."
        )


class TypedEventQuerySet(EventQuerySet[E_co, R_co]):
    """A queryset of typed events."""

    if TYPE_CHECKING:

        def as_of(self: TypedEventsT, moment: datetime | ReadOnlyModel) -> TypedEventsT:
            """Return the events in force at ``moment``; it is put here by ``timetravel``."""
