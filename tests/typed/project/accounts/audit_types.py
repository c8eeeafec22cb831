"""The typed events of the app "accounts", as type checkers know them.

Made by `manage.py pgaudit_log types`: it writes this anew where models have changed.
"""

# Each line is one field, however long: formatters and linters have nothing to do here.
# fmt: off
# isort: skip_file
# ruff: noqa
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import accounts.models as _accounts_models
    import datetime as _datetime
    import django.contrib.auth.models as _django_contrib_auth_models
    import django.db.models.base as _django_db_models_base

    from pgaudit_log.models import Event
    from pgaudit_log.reading.managers import EventField

    class GroupEvent(Event):
        """A typed event of auth.Group."""

        pgh_obj: EventField[_django_contrib_auth_models.Group | None]
        pgh_obj_id: EventField[int | None]
        id: EventField[int | None]
        name: EventField[str | None]

        def revert(self, using: str | None = None) -> _django_contrib_auth_models.Group: ...
        async def arevert(self, using: str | None = None) -> _django_contrib_auth_models.Group: ...

    class GroupPermissionsEvent(Event):
        """A typed event of auth.Group_permissions."""

        pgh_obj: EventField[_django_db_models_base.Model | None]
        pgh_obj_id: EventField[int | None]
        id: EventField[int | None]
        group: EventField[_django_contrib_auth_models.Group | None]
        group_id: EventField[int | None]
        permission: EventField[_django_contrib_auth_models.Permission | None]
        permission_id: EventField[int | None]

        def revert(self, using: str | None = None) -> _django_db_models_base.Model: ...
        async def arevert(self, using: str | None = None) -> _django_db_models_base.Model: ...

    class TrackedUserEvent(Event):
        """A typed event of auth.User."""

        pgh_obj: EventField[_accounts_models.TrackedUser | None]
        pgh_obj_id: EventField[int | None]
        id: EventField[int | None]
        last_login: EventField[_datetime.datetime | None]
        is_superuser: EventField[bool | None]
        username: EventField[str | None]
        first_name: EventField[str | None]
        last_name: EventField[str | None]
        email: EventField[str | None]
        is_staff: EventField[bool | None]
        is_active: EventField[bool | None]
        date_joined: EventField[_datetime.datetime | None]

        def revert(self, using: str | None = None) -> _django_contrib_auth_models.User: ...
        async def arevert(self, using: str | None = None) -> _django_contrib_auth_models.User: ...

else:
    from functools import partial

    from pgaudit_log.declaring.types_modules import event_class

    # The classes are made as models are tracked.
    __getattr__ = partial(event_class, __name__, "accounts")
