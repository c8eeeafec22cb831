"""Another app's models, tracked by a proxy and by their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.models import User

import pgaudit_log

if TYPE_CHECKING:
    from accounts.audit_types import GroupEvent as GroupEvent
    from accounts.audit_types import GroupPermissionsEvent as GroupPermissionsEvent
    from accounts.audit_types import TrackedUserEvent as TrackedUserEvent

pgaudit_log.track_models("auth.Group", into="accounts")


@pgaudit_log.track(exclude=["password"])
class TrackedUser(User):
    pgh_event_model: ClassVar[type[TrackedUserEvent]]

    class Meta:  # pyright: ignore[reportIncompatibleVariableOverride]
        proxy = True
