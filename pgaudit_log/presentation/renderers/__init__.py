"""Renderers: how a value of each kind of field, and a change of one, is shown as HTML."""

from __future__ import annotations

from pgaudit_log.declaring.masks import is_masked
from pgaudit_log.presentation.access import is_password

# Each registers the renderers that it has.
from pgaudit_log.presentation.renderers import (  # noqa: F401
    files,
    natives,
    numbers,
    references,
    texts,
    times,
    trees,
)
from pgaudit_log.presentation.renderers.base import Renderer, Surroundings
from pgaudit_log.presentation.renderers.choices import BooleanRenderer, ChoiceRenderer
from pgaudit_log.presentation.renderers.registry import register_renderer, renderer_class
from pgaudit_log.presentation.renderers.secrets import SecretRenderer
from pgaudit_log.values.tables import Field

__all__ = ["Renderer", "Surroundings", "register_renderer", "renderer_for"]


def renderer_for(field: Field | None, surroundings: Surroundings) -> Renderer:
    """Return what shows values of a field; ``None`` is a column that is no more."""
    # What is masked now is not shown as it is today either, beside what the log has.
    if field is not None and (is_password(field) or is_masked(field)):
        return SecretRenderer(field, surroundings)
    found = renderer_class(field)
    has_choices = bool(getattr(field, "choices", None))
    if has_choices and not issubclass(found, BooleanRenderer) and _is_of_package(found):
        found = ChoiceRenderer
    return found(field, surroundings)


def _is_of_package(renderer: type[Renderer]) -> bool:
    """Return whether a renderer is ours; what a project registers shows choices as it likes."""
    return renderer.__module__.startswith(f"{__name__}.")
