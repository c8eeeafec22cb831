"""Querysets of the trail, the events of all models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import models
from django.db.models import F, Q, Subquery

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.trackers import UNSET
from pgaudit_log.exceptions import QueryError
from pgaudit_log.reading import changed_fields, filters, object_timeline, references
from pgaudit_log.reading.expressions import InKeys, IsAnyOf, OfPart, any_of, key_of, of_model
from pgaudit_log.reading.filters import flattened
from pgaudit_log.reading.querysets import E_co, EventQuerySet, R_co
from pgaudit_log.values.keys import key_fields, key_text
from pgaudit_log.values.tables import concrete

TrailT = TypeVar("TrailT", bound="TrailQuerySet[Any, Any]")


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

        model = object_timeline.model_of(obj)
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
                raise changed_fields.unknown(field, self._models)
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
