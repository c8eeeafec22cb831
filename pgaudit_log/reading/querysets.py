"""Querysets of events: they read; whatever would write raises."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from asgiref.sync import sync_to_async
from django.db import models
from django.db.models import F, Q, Subquery

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.trackers import UNSET
from pgaudit_log.exceptions import QueryError, ReadOnlyError
from pgaudit_log.reading import (
    changed_fields,
    filters,
    object_timeline,
    references,
    user_lookup,
    user_pages,
)
from pgaudit_log.reading.capture_order import InOrderOfCapture
from pgaudit_log.reading.databases import AsksInPlace
from pgaudit_log.reading.expressions import InKeys, IsAnyOf, OfPart, any_of, key_of, of_model
from pgaudit_log.reading.filters import flattened
from pgaudit_log.reading.pages import Page
from pgaudit_log.readonly import RefusesWrites
from pgaudit_log.values import tables
from pgaudit_log.values.keys import key_fields, key_text
from pgaudit_log.values.tables import concrete

if TYPE_CHECKING:
    from pgaudit_log.reading.event_model import ReadOnlyModel

E_co = TypeVar("E_co", bound=models.Model, covariant=True)
R_co = TypeVar("R_co", covariant=True)
EventsT = TypeVar("EventsT", bound="EventQuerySet[Any, Any]")
TypedEventsT = TypeVar("TypedEventsT", bound="TypedEventQuerySet[Any, Any]")
TrailT = TypeVar("TrailT", bound="TrailQuerySet[Any, Any]")


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
        model = _timeline_model(obj)
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
            raise _unknown_field(field, [model])
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


class TrailQuerySet(EventQuerySet[E_co, R_co]):
    """A queryset of the trail, the events of all models."""

    _key_column = "pgh_obj_id"
    _found_by: str | None = None
    """Which of ``tracks()`` and ``references()`` was used: a row that is both is hardly meant."""
    _models: tuple[type[models.Model], ...] | None = None
    """The models that ``across()`` or ``tracks()`` narrowed the trail to."""

    def _clone(self) -> Any:
        clone: Any = super()._clone()
        clone._found_by = self._found_by
        clone._models = self._models
        return clone

    def timeline(self: TrailT, obj: models.Model, *, parts: bool = False) -> TrailT:
        """Return the events of ``obj`` from the start of its present life, oldest first.

        Args:
            obj: the object, as :meth:`EventQuerySet.timeline` takes it.
            parts: whether those of its parts are wanted, too, as of the time when they were parts,
                that which took one away the last of them. Each event then has ``pgh_part``: by
                which relation its row was a part, such as ``"lines__discounts"``, and ``""`` for
                the object itself. The database is asked at once which events these are, some
                queries for each relation that is followed.

        Raises:
            QueryError: for what is no object, one that was never saved, or whose model is not tracked.
            DeclarationError: for a relation that cannot be followed.
        """
        if not parts:
            return super().timeline(obj)
        # Only now: many processes never ask for whole objects.
        from pgaudit_log.reading import standings, whole_objects

        model = _timeline_model(obj)
        events = self._in_place_of([obj], "timeline")
        key = key_text(obj.pk, key_fields(model))
        paths = standings.paths(whole_objects.load(model, key, str(events.db)))
        of_part = OfPart(F("pgh_id"), paths)
        of_it = IsAnyOf(F("pgh_id"), paths, field=models.BigIntegerField())
        found = events.filter(of_it).annotate(pgh_part=of_part)
        return found.order_by("pgh_id")

    def tracks(self: TrailT, *objs: Any) -> TrailT:
        """Return the events of ``objs``: instances, lists, or querysets of one tracked model.

        They are found by their key, also under former names of the model.

        Raises:
            QueryError: for objects of several models, unsaved ones, a model that is not
                tracked, and together with :meth:`references`.
        """
        given = self._objects(objs, "tracks")
        if not given:
            return self._narrowed(Q(pk__in=[]), None)
        model = _model_of(given[0])
        filters.refuse_untracked(model, "tracks")
        events = self._in_place_of(given, "tracks")
        clone = events._narrowed(_own_events(given, "tracks"), [model])
        clone._found_by = "tracks"
        return clone

    def references(self: TrailT, *objs: Any, depth: int = 1, itself: bool = False) -> TrailT:
        """Return the events whose row pointed at ``objs`` by a foreign key, in all models.

        Args:
            objs: instances, lists, or querysets of one model, tracked or not.
            depth: 2 also finds the events whose row pointed at an object that pointed at
                them at any time, and so on.
            itself: whether the events of ``objs`` are wanted too.

        Raises:
            QueryError: for objects of several models, unsaved ones, a depth below 1, and
                together with :meth:`tracks`.
        """
        given = self._objects(objs, "references")
        if not isinstance(depth, int) or isinstance(depth, bool) or depth < 1:
            raise QueryError(f"references() was given depth={depth!r}. Give a number from 1.")
        condition = Q(pk__in=[])
        events = self._in_place_of(given, "references")
        if given:
            names = references.names_of(given, "references")
            every_event = self.model._base_manager.all()
            condition = references.pointing_at(names, depth, every_event)
            if itself:
                condition |= _own_events(given, "references")
        clone = events._narrowed(condition, None)
        clone._found_by = "references"
        return clone

    def across(self: TrailT, *models_or_labels: Any) -> TrailT:
        """Return the events of some models: classes, labels, or classes of typed events.

        A model that is no longer tracked, or that there is no more, has its events.

        Raises:
            QueryError: for what is not tracked, and never was under this name.
        """
        filters.refuse_nothing(models_or_labels, "across", "models, labels or event classes")
        events = self.model._base_manager.using(str(self.db))
        found = [
            filters.of_models(_model_or_label(given), events)
            for given in flattened(models_or_labels)
        ]
        condition = any_of(own for _, own in found)
        return self._narrowed(condition, [model for model, _ in found if model is not None])

    def labelled(self: TrailT, *labels: str) -> TrailT:
        """Return the events that trackers with these labels wrote.

        Raises:
            QueryError: for a label that no tracker has; events of trackers that are gone are
                found with ``filter(pgh_label=…)``.
        """
        filters.refuse_nothing(labels, "labelled", "the labels of trackers")
        known = filters.known_labels()
        wanted = list(flattened(labels))
        for label in wanted:
            if label not in known:
                raise QueryError(
                    f"labelled() was given {label!r}, which is no tracker's label. Labels are"
                    f" {', '.join(sorted(known))}; events of earlier trackers are found with"
                    " filter(pgh_label=…)."
                )
        return self.filter(pgh_label__in=wanted)

    def changed(self: TrailT, field: str, *, old: Any = UNSET, new: Any = UNSET) -> TrailT:
        """Return the updates that changed ``field``, from ``old``, to ``new`` where they are given.

        Args:
            field: after :meth:`across` or :meth:`tracks` the name of a field or a column of
                those models; otherwise a column of any tracked model.
            old: what it was, as the model gives it; ``None`` is SQL ``NULL``.
            new: what it became.

        Raises:
            QueryError: for an unknown field, and for a value that it can never have.
        """
        if self._models is not None:
            matches = [(m, changed_fields.field_of(m, field)) for m in self._models]
            known = [(model, match) for model, match in matches if match is not None]
            if not known:
                raise _unknown_field(field, self._models)
            for model, own in known:
                changed_fields.refuse_untracked(own, of=model)
            return self.filter(changed_fields.changed([own for _, own in known], old, new))
        tracked = dict.fromkeys(concrete(d.tracked_model) for d in declarations.declarations())
        found = [changed_fields.field_of(m, field, field_names=False) for m in tracked]
        columns = [own for own in found if own is not None]
        if not columns:
            raise QueryError(
                f'changed() was given "{field}", which is no column of a tracked model. Narrow the'
                " trail with across() to use the names of its fields."
            )
        return self.filter(changed_fields.changed(columns, old, new))

    def _objects(self, objs: tuple[Any, ...], method: str) -> list[Any]:
        """Return the instances and querysets that a method was given."""
        filters.refuse_nothing(objs, method, "objects, or a queryset")
        if self._found_by not in (None, method):
            raise QueryError("Cannot use both tracks() and references().")
        given = list(flattened(objs))
        for one in given:
            if not isinstance(one, (models.Model, models.QuerySet)):
                raise QueryError(
                    f"{method}() was given {one!r}. Give objects, or a queryset of them."
                )
        if len({_model_of(one) for one in given}) > 1:
            raise QueryError(f"The objects passed to {method}() are not of the same type.")
        return given

    def _narrowed(self: TrailT, condition: Q, to: Sequence[type[models.Model]] | None) -> TrailT:
        clone = self.filter(condition)
        if to is not None:
            before = self._models
            clone._models = tuple(m for m in dict.fromkeys(to) if before is None or m in before)
        return clone


def _timeline_model(obj: Any) -> type[models.Model]:
    """Return the model of an object whose timeline is asked for.

    Raises:
        QueryError: for what has none.
    """
    if not isinstance(obj, models.Model) or obj.pk is None:
        raise QueryError(f"timeline() was given {obj!r}. Give an object that was saved.")
    model = concrete(type(obj))
    filters.refuse_untracked(model, "timeline")
    return model


def _model_of(given: Any) -> type[models.Model]:
    return concrete(given.model if isinstance(given, models.QuerySet) else type(given))


def _model_or_label(given: Any) -> Any:
    return _model_of(given) if isinstance(given, (models.Model, models.QuerySet)) else given


def _own_events(given: list[Any], method: str) -> Q:
    """Return the condition that an event is of one of ``given``, objects of one model."""
    keys = [filters.key_text_of(one, method) for one in given if isinstance(one, models.Model)]
    found = [Q(pgh_obj_id__in=keys)] if keys else []
    found += [
        Q(InKeys(F("pgh_obj_id"), Subquery(filters.keys_in(one, key_of(one.model)))))
        for one in given
        if isinstance(one, models.QuerySet)
    ]
    return of_model(_model_of(given[0])) & any_of(found)


def _unknown_field(field: str, tracked: Sequence[type[models.Model]]) -> QueryError:
    names = sorted({f.name for model in tracked for f in concrete(model)._meta.fields})
    of = " or ".join(model._meta.label for model in tracked) or "no model"
    return QueryError(
        f'changed() was given "{field}", which is no field of {of}. Its fields are'
        f" {', '.join(names)}."
    )
