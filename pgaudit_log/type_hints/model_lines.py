"""Model lines: what a project's models say to type checkers of what ``track()`` gives them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from django.apps import apps
from django.db import models

from pgaudit_log.declaring import third_party_apps, types_modules
from pgaudit_log.declaring.declarations import Declaration, declarations, declarations_of
from pgaudit_log.reading import timeline_method
from pgaudit_log.reading.event_classes import event_model_of
from pgaudit_log.reading.event_names import models_module, related_name
from pgaudit_log.type_hints import files
from pgaudit_log.type_hints.model_source import ModelSource, source_of
from pgaudit_log.values.tables import concrete, parents_of


@dataclass(frozen=True, kw_only=True)
class Missing:
    """The lines that a module of models lacks."""

    path: Path
    imports: list[str] = field(default_factory=list)
    """Imports of event classes, for type checkers."""
    annotations: dict[str, list[str]] = field(default_factory=dict)
    """Annotations by the model's class."""

    @property
    def lines(self) -> list[str]:
        """The lines, to be read and copied."""
        return source_of(self.path).shown(self.imports, self.annotations)

    def write(self) -> bool:
        """Write them; return whether there was a place for each."""
        source = source_of(self.path).completed(self.imports, self.annotations)
        if source is not None:
            files.replace(self.path, source)
        return source is not None


def missing() -> list[Missing]:
    """Return what the project's own modules of models lack, in the order of their paths."""
    wanted: dict[Path, Missing] = {}
    for declaration in declarations():
        for path, line in _imports(declaration).items():
            own = wanted.setdefault(path, Missing(path=path))
            if declaration.model_name not in source_of(path).names:
                own.imports.append(line)
        owner = _owner(declaration)
        file = None if owner is None else _own_file(owner.__module__)
        if owner is not None and file is not None and file in wanted:
            source = source_of(file)
            lines = [
                line
                for attribute, line in _annotations(owner, declaration, source)
                if attribute not in source.attributes_of(owner.__name__)
            ]
            known = wanted[file].annotations.setdefault(owner.__name__, [])
            known += [line for line in lines if line not in known]
    return [
        found
        for _, found in sorted(wanted.items())
        if found.imports or any(found.annotations.values())
    ]


def _annotations(
    owner: type[models.Model], declaration: Declaration, source: ModelSource
) -> Iterator[tuple[str, str]]:
    """Yield each attribute that a model is given, with the line that says so."""
    event_model = declaration.model_name
    accessor = related_name(declaration)
    # The events of a child are no events of its parent, whatever type checkers expect of a subclass.
    parents = [parent for parent in parents_of(concrete(owner)) if declarations_of(parent)]
    hides = "  # type: ignore[assignment]" if parents else ""
    accessors = {related_name(other) for parent in parents for other in declarations_of(parent)}
    # Of a model of others, whose proxy is tracked, django-stubs' plugin knows the accessor: there.
    if accessor is not None and concrete(owner) is owner:
        line = source.quoted("EventsOf[{}]", event_model)
        yield accessor, f"{accessor}: {line}{hides if accessor in accessors else ''}"
    if getattr(owner, timeline_method.NAME, None) is timeline_method.timeline:
        yield timeline_method.NAME, source.quoted(f"{timeline_method.NAME}: TimelineMethod", "")
    if len({event_model_of(other) for other in declarations_of(owner)}) == 1:
        line = source.quoted("ClassVar[{}]", f"type[{event_model}]")
        yield "pgh_event_model", f"pgh_event_model: {line}{hides}"
    if any(
        manager.name == "objects" and manager.auto_created for manager in owner._meta.local_managers
    ):
        line = source.quoted("ClassVar[TrackedManager[{}]]", owner.__name__)
        yield "objects", f"objects: {line}"


def _imports(declaration: Declaration) -> dict[Path, str]:
    """Return the imports of an event class: in the module of the model, and in the app's ``models``."""
    config = apps.app_configs[declaration.app_label]
    if third_party_apps.is_installed(config.path):
        return {}
    line = f"from {config.name}.{types_modules.NAME} import {declaration.model_name}"
    # "as": others may import it from there, for type checkers too.
    exported = f"{line} as {declaration.model_name}"
    owner = _owner(declaration)
    found = {} if owner is None else {_own_file(owner.__module__): line}
    found[_own_file(models_module(declaration).__name__)] = exported
    return {path: line for path, line in found.items() if path is not None}


def _owner(declaration: Declaration) -> type[models.Model] | None:
    """Return the class of the project that has the attributes: the model, or its proxy of another's."""
    for model in (concrete(declaration.tracked_model), declaration.tracked_model):
        path = _own_file(model.__module__)
        if path is not None and source_of(path).has_class(model.__name__):
            return model
    return None


def _own_file(module: str) -> Path | None:
    """Return the file of a module of the project; ``None`` for one that was installed."""
    name: str | None = getattr(sys.modules[module], "__file__", None)
    if name is None or not name.endswith(".py") or third_party_apps.is_installed(name):
        return None
    return Path(name)
