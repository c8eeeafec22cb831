"""The models of the event table: the trail of all events, and ``Event``, the base of typed events."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, models
from django.utils.translation import gettext_lazy as _

from pgaudit_log.constants import EVENT_TABLE, SAVED_FILTER_TABLE
from pgaudit_log.declaring import model_labels
from pgaudit_log.reading.context_field import ContextField
from pgaudit_log.reading.event_model import OPERATION_CHOICES, Event, ReadOnlyModel, ReferencesField
from pgaudit_log.reading.managers import AccessManager, TrailManager
from pgaudit_log.reading.objects import EventObject
from pgaudit_log.reading.proxy_fields import ProxyField
from pgaudit_log.values.json_fields import DiffField, DocumentField
from pgaudit_log.values.json_text import ExactDecoder
from pgaudit_log.values.tables import Field

if TYPE_CHECKING:
    from typing_extensions import Self

    from pgaudit_log.reading.managers import EventField

__all__ = ["AccessEvents", "Event", "Events", "MiddlewareEvents"]

PERMISSIONS: tuple[tuple[str, str], ...] = (
    ("revert_events", "Can revert, undo and restore by events"),
    ("export_events", "Can export events"),
    ("view_context_events", "Can view where events came from: requests, addresses, roles"),
)
"""What may be done with events beside viewing them; that they are changed is for nobody."""


class Events(ReadOnlyModel):
    """The trail: every event of every tracked model, in the order of capture."""

    pgh_id: EventField[int] = models.BigAutoField(primary_key=True, db_column="id")
    pgh_created_at: EventField[datetime] = models.DateTimeField(db_column="created_at")
    pgh_txid: EventField[int] = models.BigIntegerField(db_column="txid")
    pgh_turn: EventField[int | None] = models.BigIntegerField(db_column="turn", null=True)
    pgh_shape: EventField[int] = models.IntegerField(db_column="shape")
    pgh_obj_model: EventField[str] = models.TextField(db_column="model")
    pgh_obj_id: EventField[str | None] = models.TextField(db_column="obj_pk", null=True)
    pgh_label: EventField[str] = models.TextField(db_column="label")
    pgh_operation: EventField[str] = models.CharField(
        db_column="operation", max_length=1, choices=OPERATION_CHOICES
    )
    pgh_data: EventField[dict[str, Any] | None] = DocumentField(
        db_column="snapshot", null=True, decoder=ExactDecoder
    )
    pgh_diff: EventField[dict[str, list[Any]] | None] = DiffField(
        db_column="diff", null=True, decoder=ExactDecoder
    )
    pgh_refs: EventField[list[str] | None] = ReferencesField(
        models.TextField(), db_column="refs", null=True
    )
    pgh_context_id: EventField[UUID | None] = models.UUIDField(db_column="context_id", null=True)
    pgh_context: EventField[dict[str, Any] | None] = ContextField(db_column="context", null=True)
    pgh_role: EventField[str] = models.TextField(db_column="role")
    pgh_session: EventField[dict[str, Any] | None] = DocumentField(db_column="session", null=True)
    pgh_origin: EventField[dict[str, Any] | None] = DocumentField(db_column="origin", null=True)

    pgh_obj = EventObject()
    """The object as it is today, or ``None`` if it is gone."""

    objects: ClassVar[TrailManager[Self]] = TrailManager()

    class Meta:
        managed = False
        db_table = EVENT_TABLE
        ordering: ClassVar = ["pgh_id"]
        get_latest_by = "pgh_id"
        default_permissions = ("view",)
        permissions = PERMISSIONS
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{self.pgh_obj_model} {self.pgh_obj_id} {self.pgh_label} #{self.pgh_id}"

    @property
    def pgh_model(self) -> type[models.Model] | None:
        """The model whose row changed, or ``None`` if no tracked model has, or had, this label."""
        return model_labels.model_of(self.pgh_obj_model, str(self._state.db or DEFAULT_DB_ALIAS))


def _user_field(**options: Any) -> Field:
    """Return a reference to the project's users, or their keys as text where it has none."""
    if settings.AUTH_USER_MODEL.partition(".")[0] in apps.app_configs:
        return models.ForeignKey(
            settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, null=True, **options
        )
    return models.TextField(null=True)


class MiddlewareEvents(Events):
    """The trail with what the middleware records as fields."""

    # Without a way back: django-pghistory's model of this name has one to the same users.
    user = ProxyField("pgh_context__user", _user_field(related_name="+"))
    """Who sent the request: the person, also where they acted as somebody else."""
    user_name: EventField[str | None] = ProxyField(
        "pgh_context__user_name", models.TextField(null=True)
    )
    """The name by which people knew them then."""
    on_behalf_of = ProxyField("pgh_context__on_behalf_of", _user_field(related_name="+"))
    """Whom they acted as, if they did."""
    on_behalf_of_name: EventField[str | None] = ProxyField(
        "pgh_context__on_behalf_of_name", models.TextField(null=True)
    )
    """The name by which people knew that one then."""
    token: EventField[str | None] = ProxyField("pgh_context__token", models.TextField(null=True))
    """The API token, as ``kind:id``."""
    service: EventField[str | None] = ProxyField(
        "pgh_context__service", models.TextField(null=True)
    )
    """The service that sent the request."""
    url: EventField[str | None] = ProxyField("pgh_context__url", models.TextField(null=True))
    """Where to."""

    class Meta:
        proxy = True
        # Who may see events may see them as this, too.
        default_permissions = ()
        verbose_name = _("event of a request")
        verbose_name_plural = _("events of requests")


class AccessEvents(Events):
    """The logins, logouts, failed logins, page views and exports of the trail.

    ``pgh_label`` says which: ``login``, ``logout``, ``login_failed``, ``page_view`` or ``export``;
    of what was imported from another package, also ``request``.
    """

    user = ProxyField("pgh_data__user", _user_field(related_name="+"))
    """Who it was; nobody for failed logins, and for pages that an anonymous visitor looked at."""
    user_name: EventField[str | None] = ProxyField(
        "pgh_data__user_name", models.TextField(null=True)
    )
    """The name by which people knew them then."""
    tried_name: EventField[str | None] = ProxyField(
        "pgh_data__tried_name", models.TextField(null=True)
    )
    """The name that was tried in a failed login."""
    reason: EventField[str | None] = ProxyField("pgh_data__reason", models.TextField(null=True))
    """Why a login failed: ``unknown user``, ``inactive user``, or ``refused``."""
    url: EventField[str | None] = ProxyField("pgh_data__url", models.TextField(null=True))
    """The page that was looked at."""
    view: EventField[str | None] = ProxyField("pgh_data__view", models.TextField(null=True))
    """The name of its view."""

    objects: ClassVar[AccessManager[Self]] = AccessManager()

    class Meta:
        proxy = True
        # Who may see events may see them as this, too.
        default_permissions = ()
        verbose_name = _("event of access")
        verbose_name_plural = _("events of access")


class SavedFilter(models.Model):
    """What somebody asks the trail in the admin again and again, under a name.

    It is the one table of this package that is no part of the log: rows come and go.
    """

    id = models.BigAutoField(primary_key=True)
    user = models.TextField(db_column="user_id")
    """The key of the user as contexts have it, because a project may have no users, or others."""
    name = models.TextField()
    query = models.TextField()
    """What stands behind the ``?`` in the address of the trail."""

    class Meta:
        # The SQL of this package makes it, so that ``install`` brings it back.
        managed = False
        db_table = SAVED_FILTER_TABLE
        # Each has their own, and whoever may see the trail may have some.
        default_permissions = ()
        verbose_name = _("saved filter")
        verbose_name_plural = _("saved filters")

    def __str__(self) -> str:
        return self.name
