"""The registry of renderers: which of them shows which class of fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pgaudit_log.presentation.renderers.base import Renderer
from pgaudit_log.values.tables import Field

RendererT = TypeVar("RendererT", bound=type[Renderer])

_registered: dict[type[Field], type[Renderer]] = {}


def register_renderer(*field_classes: type[Field]) -> Callable[[RendererT], RendererT]:
    """Return a decorator of a renderer, which then shows fields of these classes and of subclasses.

    The nearest class that has a renderer decides, and the one that was registered last::

        @register_renderer(MoneyField)
        class MoneyRenderer(NumberRenderer):
            ...

    Raises:
        TypeError: for what is no subclass of ``Renderer``, and without a class of fields.
    """
    if not field_classes:
        raise TypeError("register_renderer() was given no class of fields. Give at least one.")

    def register(renderer: RendererT) -> RendererT:
        if not (isinstance(renderer, type) and issubclass(renderer, Renderer)):
            raise TypeError(
                f"register_renderer() decorates {renderer!r}, which is no subclass of Renderer."
            )
        for field_class in field_classes:
            _registered[field_class] = renderer
        return renderer

    return register


def renderer_class(field: Field | None) -> type[Renderer]:
    """Return the class that shows values of ``field``; ``None`` is a column that is no more."""
    for field_class in type(field).__mro__:
        if field_class in _registered:
            return _registered[field_class]
    return Renderer
