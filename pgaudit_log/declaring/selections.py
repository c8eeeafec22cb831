"""Selections: which models the lines of ``track_models()`` mean, once all models are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase

from django.apps import apps
from django.db import connections, models, router
from django.db.models.signals import class_prepared
from django.dispatch import receiver

from pgaudit_log.constants import APP_LABEL
from pgaudit_log.declaring import abstract_bases, declarations
from pgaudit_log.declaring.past_fields import past_fields
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.values.tables import concrete, owner_of, owning_field

_WILDCARDS = frozenset("*?[")


@dataclass(frozen=True, kw_only=True, eq=False)
class Selection:
    """One line of ``track_models()``.

    Args:
        labels: labels of models, or patterns of labels.
        exclude: those of models, and of fields, that are left out.
        into: the app that the classes of the events are for.
        columns: names of fields in the options, each of which some of the models must have.
        track: tracks a model; its second argument is whether a pattern found it.
        same: what another line that means the same models must be equal in.
    """

    labels: tuple[str, ...]
    exclude: tuple[str, ...]
    into: str
    columns: tuple[str, ...]
    track: Callable[[type[models.Model], bool], None]
    same: object

    def __str__(self) -> str:
        return f"track_models({', '.join(map(repr, self.labels))}, into={self.into!r})"

    def names(self, model: type[models.Model]) -> bool:
        """Return whether a label without wildcards means ``model``, or what it is automatic for."""
        wanted = {label.lower() for label in self.labels if not is_pattern(label)}
        own = {owner._meta.label_lower for owner in (model, owner_of(model)) if owner}
        return not wanted.isdisjoint(own) and not self.excludes(model)

    def finds(self, model: type[models.Model]) -> bool:
        """Return whether a pattern means ``model``."""
        found = any(is_pattern(label) and matches(label, model) for label in self.labels)
        return found and not self.excludes(model)

    def excludes(self, model: type[models.Model]) -> bool:
        """Return whether ``exclude`` has ``model``, or the many-to-many field that it is the table of."""
        if any(matches(label, model) for label in self.exclude):
            return True
        owner = owner_of(model)
        return owner is not None and any(
            matches(label, owner) or matches(label, owner, owning_field(model))
            for label in self.exclude
        )

    def excluded_fields(
        self, tracked: type[models.Model], then: type[models.Model] | None = None
    ) -> list[str]:
        """Return the names of the columns that ``exclude`` has, of a proxy by either label.

        Those of ``then``, where it is given: what the model was in a migration's state.
        """
        model = then or concrete(tracked)
        return [
            field.name
            for field in model._meta.local_fields
            if any(
                matches(label, called, field.name)
                for label in self.exclude
                for called in (tracked, model)
            )
        ]


_selections: list[Selection] = []


def select(selection: Selection) -> None:
    """Track the models that ``selection`` means, at once or when all models are known.

    Raises:
        DeclarationError: when it means none, or cannot be carried out.
    """
    _selections.append(selection)
    if apps.models_ready:
        try:
            track_named()
            track_found()
        except Exception:
            _selections.remove(selection)
            raise


def is_pattern(label: str) -> bool:
    """Return whether a label has wildcards."""
    return not _WILDCARDS.isdisjoint(label)


def matches(label: str, model: type[models.Model], field: str | None = None) -> bool:
    """Return whether a label or pattern means a model, or a field of it. Case does not count."""
    parts = label.lower().split(".")
    if label == "*":
        parts = ["*", "*"]
    meant = [model._meta.app_label, model._meta.label_lower.partition(".")[2]]
    if field is not None:
        meant.append(field.lower())
    return len(parts) == len(meant) and all(
        fnmatchcase(name, part) for name, part in zip(meant, parts, strict=True)
    )


def track_named() -> None:
    """Track the models that labels name: before any pattern, and before children of abstract models."""
    for selection in _selections:
        _refuse(selection)
    for model in _candidates():
        _track_if_named(model)


def track_found() -> None:
    """Track the models that patterns find, but for those that have a declaration, or can have none."""
    for model in _candidates():
        _track_if_found(model)


_tracked: dict[type[models.Model], tuple[Selection, bool]] = {}
"""The models that are tracked by a line: by which, and whether a pattern found them."""


def _track_if_named(model: type[models.Model]) -> None:
    _track(model, [s for s in _selections if s.names(model)], is_found=False)


def _track_if_found(model: type[models.Model]) -> None:
    if model in _tracked or _may_be_found(model):
        _track(model, [s for s in _selections if s.finds(model)], is_found=True)


def _track(model: type[models.Model], meant: Sequence[Selection], *, is_found: bool) -> None:
    known, was_found = _tracked.get(model, (None, is_found))
    if not meant or (is_found and not was_found):
        return
    first = known or meant[0]
    for other in meant:
        if other.same != first.same:
            raise DeclarationError(
                f"{model._meta.label} is tracked by two lines with different options, {first} and"
                f" {other}. Exclude it in one of them"
                + (", or name it in one: a label goes before a pattern." if is_found else ".")
            )
    if known:
        return
    _tracked[model] = first, is_found
    try:
        first.track(model, is_found)
    except DeclarationError as error:
        del _tracked[model]
        raise DeclarationError(
            f"{first} means {model._meta.label}. {error} Or exclude={[model._meta.label]!r}."
        ) from error


def excluded_then(model: type[models.Model], then: type[models.Model]) -> set[str]:
    """Return the names of the fields that a model had in a migration's state and that ``exclude`` has.

    Today's model may have none of that name any more.
    """
    return {
        name
        for tracked, (selection, _) in _tracked.items()
        if concrete(tracked) is model
        for name in selection.excluded_fields(tracked, then)
    }


def _candidates() -> list[type[models.Model]]:
    """Return the models of the project, automatic many-to-many tables included, without those of events."""
    return [
        model
        for config in apps.get_app_configs()
        if config.label != APP_LABEL
        for model in [*apps.all_models[config.label].values()]
        if not hasattr(model, "pgh_declaration")
    ]


def _may_be_found(model: type[models.Model]) -> bool:
    """Return whether a pattern may mean a model: one with a table that Django makes, in PostgreSQL."""
    return (
        _why_not(model) is None
        and not declarations.declarations_of(model)
        and not abstract_bases.is_excepted(model)
    )


def _why_not(model: type[models.Model]) -> str | None:
    """Return why a pattern leaves a model out; ``None`` if it does not."""
    if model._meta.proxy:
        return "is a proxy"
    if model._meta.swapped:
        return f"is swapped out for {model._meta.swapped}"
    if not model._meta.managed:
        return "is unmanaged"
    # Routers are the project's, and need not be ready for questions yet; mostly nothing is to be asked.
    if all(connections[alias].vendor == "postgresql" for alias in connections):
        return None
    connection = connections[router.db_for_write(model)]
    if connection.vendor != "postgresql":
        return (
            f'is written to the database "{connection.alias}", which is {connection.display_name}'
        )
    return None


def _refuse(selection: Selection) -> None:
    """Raise for labels that mean no model, and for an app that cannot have the events."""
    config = apps.app_configs.get(selection.into)
    if config is None or config.label == APP_LABEL:
        raise DeclarationError(
            f"{selection}: {selection.into!r} is no installed app of yours. Give into= the label of one;"
            f" installed are {_installed()}."
        )
    if config.models_module is None:
        raise DeclarationError(
            f"{selection}: the app {selection.into!r} has no models module to put the classes of the"
            f" events into. Give {config.name} a models.py; it may be empty."
        )
    known = _candidates()
    for label in selection.labels:
        found = [
            model for model in known if matches(label, model) and not selection.excludes(model)
        ]
        if not found:
            raise DeclarationError(
                f"{selection}: {label!r} means no model. {_instead(label, known)}"
            )
        reasons = [_why_not(model) for model in found]
        if is_pattern(label) and all(reasons):
            listed = ", ".join(
                f"{model._meta.label} {reason}"
                for model, reason in zip(found, reasons, strict=True)
            )
            raise DeclarationError(
                f"{selection}: {label!r} means no model that can be tracked: {listed}."
            )
    meant = [model for model in known if selection.names(model) or selection.finds(model)]
    for name in selection.columns:
        if not any(abstract_bases.local_names(model, [name]) for model in meant):
            raise DeclarationError(f"{selection}: none of the models has a column of {name!r}.")
    for label in selection.exclude:
        meant = [model for model in known if _excludes_something(label, model)]
        if not meant and _excluded_something(label):
            continue
        if not meant:
            raise DeclarationError(
                f"{selection}: exclude={label!r} means no model and no field. {_instead(label, known)}"
            )
        # What was to be left out would be captured under the other name.
        elsewhere = [_other_name(model, selection) for model in meant]
        if all(elsewhere):
            raise DeclarationError(
                f"{selection}: exclude={label!r} leaves nothing out: {', '.join(map(str, elsewhere))}."
                " Write it with that label."
            )


def _excludes_something(label: str, model: type[models.Model]) -> bool:
    meta = concrete(model)._meta
    fields = [*meta.local_fields, *meta.local_many_to_many]
    return matches(label, model) or any(matches(label, model, field.name) for field in fields)


def _excluded_something(label: str) -> bool:
    """Return whether a label or pattern means a field that is gone: migrations may still pass by it."""
    parts = label.lower().split(".")
    return len(parts) == 3 and any(
        all(fnmatchcase(name, part) for name, part in zip(past, parts, strict=True))
        for past in past_fields()
    )


def _other_name(model: type[models.Model], selection: Selection) -> str | None:
    """Return which model has the rows, where a line cannot track them as ``model``."""
    if model._meta.swapped:
        return f"{model._meta.label} is swapped out for {model._meta.swapped}"
    if model._meta.proxy and not selection.names(model):
        return f"{model._meta.label} is a proxy of {concrete(model)._meta.label}"
    return None


def _instead(label: str, known: Iterable[type[models.Model]]) -> str:
    """Return what to write instead of a label that means nothing."""
    app, _, rest = label.partition(".")
    if app.lower() in apps.app_configs and not rest:
        return f'Write "{app}.*" for all models of the app.'
    if not is_pattern(app) and app.lower() not in apps.app_configs:
        return f"No installed app is called {app!r}; installed are {_installed()}."
    name = rest.partition(".")[0].lower()
    of_app = [model for model in known if model._meta.app_label == app.lower()]
    for model in of_app:
        if model._meta.model_name == name:
            meta = concrete(model)._meta
            fields = [*meta.local_fields, *meta.local_many_to_many]
            return f"{model._meta.label} has the fields {', '.join(f.name for f in fields)}."
    if of_app:
        return f"The app has the models {', '.join(m.__name__ for m in of_app)}."
    return 'Write "app.Model", "app.*", "*", or for a field "app.Model.field".'


def _installed() -> str:
    return ", ".join(sorted(set(apps.app_configs) - {APP_LABEL}))


@contextmanager
def isolated() -> Iterator[None]:
    """Forget, on leaving the block, what was selected in it. For tests."""
    before, tracked = list(_selections), dict(_tracked)
    try:
        yield
    finally:
        _selections[:] = before
        _tracked.clear()
        _tracked.update(tracked)


@receiver(class_prepared)
def _notice(sender: type[models.Model], **kwargs: object) -> None:
    """Track models that are made once all are known, such as those of a library that makes some."""
    if _selections and apps.models_ready and sender._meta.apps is apps:
        key = (sender._meta.app_label, str(sender._meta.model_name))
        apps.lazy_model_operation(_track_late, key)


def _track_late(model: type[models.Model]) -> None:
    if not hasattr(model, "pgh_declaration"):
        _track_if_named(model)
        _track_if_found(model)
