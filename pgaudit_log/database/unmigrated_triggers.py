"""Unmigrated triggers: those that no migration makes, installed as the tables are.

They are the triggers of automatic many-to-many tables, of apps without migrations, and of whatever
``track_models()`` tracks. The last are **followed**: while migrations change their tables, they are made
anew from the model as it is at that point (:mod:`followed_migrations`).
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from django.apps.registry import Apps
from django.core.exceptions import FieldDoesNotExist, FieldError
from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from pgaudit_log.capture_v1.compiled import CompiledTrigger
from pgaudit_log.capture_v1.pgids import is_pgid_of
from pgaudit_log.database import installed_captures, past_names
from pgaudit_log.database.past_names import PastNames
from pgaudit_log.database.shapes import are_all_of, columns_of
from pgaudit_log.declaring import selections
from pgaudit_log.declaring.trigger_registry import is_in_migrations
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.triggers.capture_function import WRITES_EVENTS
from pgaudit_log.triggers.trigger import CaptureTrigger
from pgaudit_log.values.quoting import quote_name
from pgaudit_log.values.tables import concrete, owner_of, owning_field, table_of

logger = logging.getLogger("pgaudit_log")


@dataclass(frozen=True, kw_only=True)
class Followed:
    """A model whose triggers follow its table through migrations."""

    model: type[models.Model]
    triggers: Sequence[CaptureTrigger]

    @property
    def owner(self) -> type[models.Model]:
        """The model that migrations name: itself, or the one that it is an automatic table of."""
        return owner_of(self.model) or self.model

    @property
    def field(self) -> str | None:
        """The name of the many-to-many field that it is the automatic table of; ``None`` if of none."""
        return owning_field(self.model)


def is_unmigrated(
    model: type[models.Model], trigger: CaptureTrigger, unmigrated_apps: Collection[str]
) -> bool:
    """Return whether no migration makes a trigger: ``migrate`` installs it at its end."""
    return (
        not is_in_migrations(trigger)
        or owner_of(model) is not None
        or model._meta.app_label in unmigrated_apps
    )


def followed(using: str) -> list[Followed]:
    """Return the models whose triggers follow their tables in a database."""
    found: dict[type[models.Model], list[CaptureTrigger]] = {}
    for model, trigger in installed_captures.declared():
        if not is_in_migrations(trigger):
            found.setdefault(concrete(model), []).append(trigger)
    return [
        Followed(model=model, triggers=triggers)
        for model, triggers in found.items()
        # The routers are asked of the model.
        if triggers[0].allow_migrate(model, database=using)  # type: ignore[arg-type]
    ]


def install_as_then(
    wanted: Iterable[Followed], apps: Apps, names: PastNames, connection: BaseDatabaseWrapper
) -> None:
    """Install followed triggers for the models as they are in a migration's state.

    Tables and columns that are not there yet, or not any more, are left for what comes after.
    """
    found = [(one, model) for one in wanted for model in _models_then(one, apps, names)]
    columns = columns_of(connection, [table_of(model) for _, model in found])
    standing = _standing(connection, [table_of(model) for _, model in found])
    for one, model in found:
        table = table_of(model)
        if not are_all_of(model, columns.get(table, ())):
            continue
        compiled = list(_compiled(one, model, names))
        there = standing.get(table, {})
        with (
            transaction.atomic(using=connection.alias, savepoint=False),
            connection.cursor() as cursor,
        ):
            todays = {trigger.get_pgid(model) for trigger in one.triggers}
            for name in there.keys() - todays:
                if _is_former(name, one):
                    cursor.execute(f"DROP TRIGGER {quote_name(name)} ON {table}")
            outdated = [
                trigger.install_sql
                for trigger in compiled
                if there.get(trigger.sql.pgid) != trigger.hash
            ]
            if outdated:
                cursor.execute("".join(outdated))
        _installed.extend(compiled)


_installed: list[CompiledTrigger] = []
"""What a ``migrate`` has installed: kept until its end, so that its SQL need not be made again."""


def forget_installed() -> None:
    """Let go of what was installed: ``migrate`` is over."""
    _installed.clear()


def install_where_models_are_ahead(using: str, apps: Apps) -> None:
    """Install followed triggers on tables that lack columns of today's model, as the model is in ``apps``.

    Those wait for migrations. All other tables get the triggers of today's model by ``install``.
    """
    connection = connections[using]
    wanted = {table_of(one.model): one for one in followed(using)}
    ahead = [
        wanted[table]
        for table, columns in columns_of(connection, [*wanted]).items()
        if not are_all_of(wanted[table].model, columns)
    ]
    install_as_then(ahead, apps, past_names.of_database(connection), connection)


def _models_then(one: Followed, apps: Apps, names: PastNames) -> Iterator[type[models.Model]]:
    """Yield what a followed model is in a migration's state: one model, or none."""
    app_label = one.owner._meta.app_label
    for name in names.of_model(one.owner):
        try:
            owner = apps.get_model(app_label, name)
        except LookupError:
            continue
        if names.is_of_another(one.owner, name, apps.all_models[app_label]):
            return
        if one.field is None:
            yield owner
            return
        for field in owner._meta.local_many_to_many:
            through = field.remote_field.through
            if field.name in names.of_field(one.owner, one.field) and through._meta.auto_created:
                yield through
        return


def _compiled(
    one: Followed, model: type[models.Model], names: PastNames
) -> Iterator[CompiledTrigger]:
    left_out = selections.excluded_then(one.model, model)
    for trigger in one.triggers:
        try:
            compiled = _as_then(trigger, one, model, names, left_out).compile(model)
        except (DeclarationError, FieldDoesNotExist, FieldError) as error:
            # As declared it cannot be, before migrations that come later; what stands there stays.
            logger.warning(
                "The trigger %s of %s waits for later migrations: %s",
                *(trigger.name, one.model._meta.label, error),
            )
        else:
            assert isinstance(compiled, CompiledTrigger)
            yield compiled


def _as_then(
    trigger: CaptureTrigger,
    one: Followed,
    model: type[models.Model],
    names: PastNames,
    left_out: Collection[str],
) -> CaptureTrigger:
    """Return a trigger with its fields as they are called in a state, without those that are left out."""

    def called(fields: Iterable[str]) -> list[list[str]]:
        return [names.of_field(one.model, today) for today in fields]

    then = copy.copy(trigger)
    then.tracked_large = tuple(chain.from_iterable(called(trigger.tracked_large)))
    # Under any of its names: where in doubt, less is shown.
    then.tracked_mask = tuple(chain.from_iterable(called(trigger.tracked_mask)))
    then.tracked_mask_hash = tuple(chain.from_iterable(called(trigger.tracked_mask_hash)))
    excluded = chain.from_iterable(called(trigger.tracked_exclude))
    then.tracked_exclude = (*excluded, *sorted(left_out))
    if trigger.tracked_fields:
        # A former name may be another field's by now: where in doubt, less is captured.
        there = {field.name for field in model._meta.local_fields} - set(left_out)
        found = [
            [name for name in every if name in there][:1]
            for every in called(trigger.tracked_fields)
        ]
        then.tracked_fields = tuple(chain.from_iterable(found))
    return then


def _is_former(name: str, one: Followed) -> bool:
    """Return whether a trigger in the database is one of a followed model from when it was called otherwise.

    Their names have a hash of the model's label at the end.
    """
    return any(is_pgid_of(str(trigger.name), name) for trigger in one.triggers)


def _standing(
    connection: BaseDatabaseWrapper, tables: Sequence[str]
) -> dict[str, dict[str, str | None]]:
    """Return the hashes of the capture triggers on each of ``tables``, by their names in the database."""
    found: dict[str, dict[str, str | None]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT wanted, tgname::text, obj_description(pg_trigger.oid, 'pg_trigger')
            FROM pg_catalog.unnest(%s::text[]) AS wanted
            JOIN pg_trigger ON tgrelid = to_regclass(wanted) AND tgparentid = 0
            JOIN pg_proc ON pg_proc.oid = tgfoid AND position(%s IN prosrc) > 0
            """,
            [list(tables), WRITES_EVENTS],
        )
        for table, name, trigger_hash in cursor.fetchall():
            found.setdefault(table, {})[name] = trigger_hash
    return found
