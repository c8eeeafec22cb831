"""The app: connects what has to happen as models are declared, databases opened and migrated."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _

from pgaudit_log.declaring import abstract_bases, selections, trigger_registry
from pgaudit_log.declaring.declarations import Declaration, declared


def build_typed_event(sender: Declaration, **kwargs: Any) -> None:
    """Make the typed events of a new declaration; receives ``declarations.declared``."""
    # Only now: the models may be imported once all apps are known.
    from pgaudit_log.reading import typed_events

    typed_events.build(sender)


def install_before_migrate(**kwargs: Any) -> None:
    """Make the event table where no migration will; receives ``pre_migrate``."""
    from pgaudit_log.database import around_migrate, migration_plans

    migration_plans.refuse_to_drop_tables(**kwargs)
    around_migrate.install_before_migrate(**kwargs)


def install_after_migrate(**kwargs: Any) -> None:
    """Make partitions, views, and triggers that no migration makes; receives ``post_migrate``."""
    from pgaudit_log.database import around_migrate

    around_migrate.install_after_migrate(**kwargs)


def maintain_after_migrate(**kwargs: Any) -> None:
    """Look after the log behind ``migrate``, where a setting says so; receives ``post_migrate``."""
    # Only now: few processes migrate.
    from pgaudit_log.operating import maintenance

    maintenance.maintain_after_migrate(**kwargs)


class PgauditLogConfig(AppConfig):
    """Tracks models; see :func:`pgaudit_log.track`."""

    name = "pgaudit_log"
    verbose_name = _("Audit log")
    default_auto_field = "django.db.models.BigAutoField"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Here and not in ready(), because models are declared before.
        declared.connect(build_typed_event, dispatch_uid="pgaudit_log.build_typed_event")
        trigger_registry.install()
        super().__init__(*args, **kwargs)

    def import_models(self) -> None:
        """Import the models, and those of the apps after it; then track those that are yet to be.

        They are what labels and patterns mean, and children of abstract models.

        Before any app's ``ready()``, and as soon as nobody can declare a child's own ``track()``.
        """
        super().import_models()
        assert self.apps is not None
        for config in self.apps.app_configs.values():
            if config is not self:
                config.import_models()
        selections.track_named()
        abstract_bases.track_children()
        selections.track_found()

    def ready(self) -> None:
        """Connect the receivers and register the checks."""
        from pgaudit_log import checks, event_methods
        from pgaudit_log.access import logins
        from pgaudit_log.contexts import connection_hooks
        from pgaudit_log.database import migration_hooks
        from pgaudit_log.timetravel import django_hooks

        checks.register()
        migration_hooks.install()
        django_hooks.install()
        event_methods.install()
        logins.connect()
        pre_migrate.connect(install_before_migrate, sender=self)
        post_migrate.connect(install_after_migrate, sender=self)
        post_migrate.connect(maintain_after_migrate, sender=self)
        for receiver in (connection_hooks.install, migration_hooks.let_flush):
            connection_created.connect(receiver, dispatch_uid=receiver)
            for connection in connections.all(initialized_only=True):
                if connection.connection is not None:
                    receiver(connection=connection)
