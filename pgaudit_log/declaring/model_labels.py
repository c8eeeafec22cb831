"""Labels of models: which model a label means, today's or one that an event bears."""

from __future__ import annotations

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, models

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.former_names import known_in, labels_of
from pgaudit_log.values.tables import concrete


def model_of(label: str, using: str) -> type[models.Model] | None:
    """Return the model whose events bear ``label``, today or formerly; ``None`` if no model does."""
    known = known_in(using).models
    # A model that is not known by now may be so later.
    if known.get(label) is None:
        known[label] = next(
            (model for model in tracked_models() if label in labels_of(model, using)), None
        )
    return known[label]


def model_named(label: str, using: str = DEFAULT_DB_ALIAS) -> type[models.Model] | None:
    """Return the tracked model that a person means by ``label``: the one that is called so.

    If none is, the one whose events bear it; ``None`` if there is none.
    """
    for model in tracked_models():
        if model._meta.label == label:
            return model
    return model_of(label, using)


def model_today(label: str) -> type[models.Model] | None:
    """Return the model of the project that is called ``label``, tracked or not; ``None`` if none is."""
    try:
        return apps.get_model(label)
    except (LookupError, ValueError):
        return None


def any_model(label: str) -> type[models.Model] | None:
    """Return the model that a person means by ``label``, tracked or not; ``None`` if there is none.

    Of an untracked model, and a tracked one that was once called so, it is the tracked one.
    """
    return model_named(label) or model_today(label)


def tracked_models() -> list[type[models.Model]]:
    """Return the tracked models, each once; a proxy as the model whose table it shows."""
    return [*dict.fromkeys(concrete(d.tracked_model) for d in declarations.declarations())]
