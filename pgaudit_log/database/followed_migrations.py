"""Followed migrations: the triggers of ``track_models()`` follow their tables through each operation.

Migrations of other people know nothing of them, and nothing of ours can be put between theirs. So
Django's ``Migration.apply()`` and ``unapply()`` (since Django 1.7) are wrapped (:mod:`migration_hooks`):
once an operation has changed a model, and before anything can write rows, the triggers of its table are
made anew from the model as it is in the migration's state then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations import operations
from django.db.migrations.migration import Migration
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from pgaudit_log.database import event_table, installed_triggers, past_names
from pgaudit_log.database.unmigrated_triggers import Followed, followed, install_as_then
from pgaudit_log.values.tables import table_of

_WRITES_NO_ROWS = (
    operations.CreateModel,
    operations.DeleteModel,
    operations.AddField,
    operations.RemoveField,
    operations.RenameField,
    operations.RenameModel,
    operations.AlterModelTable,
    operations.AlterModelTableComment,
    operations.AlterUniqueTogether,
    operations.AlterIndexTogether,
    operations.AlterOrderWithRespectTo,
    operations.AlterModelOptions,
    operations.AlterModelManagers,
    operations.AddIndex,
    operations.RemoveIndex,
    operations.RenameIndex,
    operations.AddConstraint,
    operations.RemoveConstraint,
)
"""Operations that no trigger notices; what derives from one may do more. ``AlterField`` fills in defaults."""

Run = Callable[..., ProjectState]
_Key = tuple[str, str]


def run_and_follow(
    run: Run,
    migration: Migration,
    project_state: ProjectState,
    schema_editor: BaseDatabaseSchemaEditor,
    collect_sql: bool = False,
) -> ProjectState:
    """Call Django's ``Migration.apply`` or ``unapply``, ``run``, so that triggers follow its operations."""
    connection = schema_editor.connection
    if collect_sql or not event_table.is_wanted(connection.alias):
        return run(migration, project_state, schema_editor, collect_sql)
    wanted = followed(connection.alias)
    if not wanted or not event_table.has_event_table(connection.alias):
        return run(migration, project_state, schema_editor, collect_sql)
    follower = _Follower(wanted, schema_editor)
    with follower.watching(migration, "operations"):
        state = run(migration, project_state, schema_editor, collect_sql)
    follower.catch_up(state)
    return state


class _Follower:
    """What brings triggers up to date with the models, as far as a migration has come."""

    def __init__(self, wanted: list[Followed], schema_editor: BaseDatabaseSchemaEditor) -> None:
        self.connection = schema_editor.connection
        self.names = past_names.of_database(self.connection)
        self.pending: set[_Key] = set()
        """The models that have changed since."""
        self.may_be_broken = False
        """Whether something was done that can change columns unnoticed."""
        self.by_app: dict[str, list[Followed]] = {}
        for one in wanted:
            self.by_app.setdefault(one.owner._meta.app_label, []).append(one)
        schema_editor.followed_tables = frozenset(table_of(one.model) for one in wanted)  # type: ignore[attr-defined]

    @contextmanager
    def watching(
        self, holder: object, name: str, ends_as: ProjectState | None = None
    ) -> Iterator[None]:
        """Watch, in the block, the operations that an attribute of a migration, or of an operation, has."""
        own = getattr(holder, name)
        setattr(holder, name, [_Watched(operation, self, ends_as) for operation in own])
        try:
            yield
        finally:
            setattr(holder, name, own)

    def before(
        self, operation: Operation, state: ProjectState, ends_as: ProjectState | None = None
    ) -> None:
        """Catch up, if an operation may write rows; ``ends_as`` is the state after what it is a part of."""
        if type(operation) not in _WRITES_NO_ROWS:
            self.catch_up(state, ends_as)

    def after(self, operation: Operation, before: ProjectState, state: ProjectState) -> None:
        """Note the models that an operation has changed."""
        self.may_be_broken |= type(operation) not in (*_WRITES_NO_ROWS, operations.AlterField)
        self._note(before, state)

    def _note(self, before: ProjectState, state: ProjectState) -> None:
        for key, model in state.models.items():
            if key[0] not in self.by_app:
                continue
            was = before.models.get(key)
            if was is None or (was.fields, was.options) != (model.fields, model.options):
                self.pending.add(key)

    def catch_up(self, state: ProjectState, ends_as: ProjectState | None = None) -> None:
        """Install the triggers of the models that have changed, as these are now.

        SQL may have changed columns of which the state does not know, or not yet.
        """
        self._install(state)
        if self.may_be_broken and installed_triggers.broken(self.connection):
            if ends_as is not None:
                self._note(state, ends_as)
                self._install(ends_as)
            installed_triggers.drop_broken(self.connection)
        self.may_be_broken = False

    def _install(self, state: ProjectState) -> None:
        if not self.pending:
            return
        changed, self.pending = self.pending, set()
        wanted = [
            one
            for app_label in {app_label for app_label, _ in changed}
            for one in self.by_app[app_label]
            if any((app_label, name) in changed for name in self.names.of_model(one.owner))
        ]
        install_as_then(wanted, state.apps, self.names, self.connection)


class _Watched:
    """An operation that is carried out as it is, and tells of it."""

    def __init__(
        self, operation: Operation, follower: _Follower, ends_as: ProjectState | None = None
    ) -> None:
        self._operation = operation
        self._follower = follower
        self._ends_as = ends_as

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operation, name)

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        with self._followed(from_state, to_state):
            self._operation.database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        with self._followed(from_state, to_state):
            self._operation.database_backwards(app_label, schema_editor, from_state, to_state)

    @contextmanager
    def _followed(self, from_state: ProjectState, to_state: ProjectState) -> Iterator[None]:
        """Let triggers follow what is done in the block, and what parts of it do to the database."""
        self._follower.before(self._operation, from_state, self._ends_as)
        if isinstance(self._operation, operations.SeparateDatabaseAndState):
            with self._follower.watching(self._operation, "database_operations", to_state):
                yield
        else:
            yield
        self._follower.after(self._operation, from_state, to_state)
