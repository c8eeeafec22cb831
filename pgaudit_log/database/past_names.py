"""Past names: what migrations have called the models and fields of today.

The names are asked for in a state of the migrations, between two of them. There is no telling which of
several names a model or a field has there but to look.
"""

from __future__ import annotations

from collections.abc import Container

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import RenameField, RenameModel

from pgaudit_log.declaring.past_fields import operations_in


class PastNames:
    """The names that the migrations of a project give, or have given, its models and their fields."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._loader = MigrationLoader(connection)
        self._of_app: dict[str, list[RenameModel | RenameField]] = {}
        self._renamed: dict[str, list[list[str]]] = {}

    def of_model(self, model: type[models.Model]) -> list[str]:
        """Return the names of a model, in lower case: today's, then those it had, the last first."""
        names = [str(model._meta.model_name)]
        for renaming in reversed(self._renamings(model._meta.app_label)):
            if isinstance(renaming, RenameModel) and renaming.new_name_lower == names[-1]:
                names.append(renaming.old_name_lower)
        return list(dict.fromkeys(names))

    def is_of_another(self, model: type[models.Model], name: str, there: Container[str]) -> bool:
        """Return whether a name, in a state that has the models ``there``, is that of another model.

        That one is called otherwise since, and the name was given again. None of its later names is there.
        """
        app_label = model._meta.app_label
        if app_label not in self._renamed:
            of_all = [self.of_model(one) for one in apps.get_app_config(app_label).get_models()]
            self._renamed[app_label] = [names for names in of_all if len(names) > 1]
        own = self.of_model(model).index(name)
        return any(
            name in names[own + 1 :] and not any(n in there for n in names[: names.index(name)])
            for names in self._renamed[app_label]
        )

    def of_field(self, model: type[models.Model], field: str) -> list[str]:
        """Return the names of a field: today's, then those it had, the last first."""
        name, names = str(model._meta.model_name), [field]
        for renaming in reversed(self._renamings(model._meta.app_label)):
            if isinstance(renaming, RenameModel):
                if renaming.new_name_lower == name:
                    name = renaming.old_name_lower
            elif renaming.model_name_lower == name and renaming.new_name == names[-1]:
                names.append(renaming.old_name)
        return list(dict.fromkeys(names))

    def _renamings(self, app_label: str) -> list[RenameModel | RenameField]:
        """Return the renamings in an app's migrations, in their order."""
        if app_label not in self._of_app:
            graph = self._loader.graph
            keys = dict.fromkeys(
                key
                for leaf in graph.leaf_nodes(app_label)
                for key in graph.forwards_plan(leaf)
                if key[0] == app_label
            )
            self._of_app[app_label] = [
                operation
                for key in keys
                for operation in operations_in(graph.nodes[key].operations)
                if isinstance(operation, (RenameModel, RenameField))
            ]
        return self._of_app[app_label]


_known: dict[str, PastNames] = {}


def of_database(connection: BaseDatabaseWrapper) -> PastNames:
    """Return the names that the migrations of a database have given; they are read once a ``migrate``."""
    if connection.alias not in _known:
        _known[connection.alias] = PastNames(connection)
    return _known[connection.alias]


def forget() -> None:
    """Forget the names, because other migrations may be there."""
    _known.clear()
