"""The base of typed events, and what every model of events has: it can be read only."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models

from pgaudit_log.constants import OPERATIONS
from pgaudit_log.exceptions import ReadOnlyError
from pgaudit_log.reading.context_field import ContextField
from pgaudit_log.reading.deletion_guard import Protection
from pgaudit_log.reading.light_fields import lighten_wholly
from pgaudit_log.reading.managers import EventManager
from pgaudit_log.values.json_fields import DiffField, DocumentField
from pgaudit_log.values.json_text import ExactDecoder

if TYPE_CHECKING:
    from typing_extensions import Self

    from pgaudit_log.declaring.trackers import Tracker
    from pgaudit_log.reading.managers import EventField

OPERATION_CHOICES: list[tuple[str, str]] = list(OPERATIONS.items())


class ReferencesField(ArrayField):  # type: ignore[type-arg]
    """The array of ``refs``; it needs nothing of the app ``django.contrib.postgres``."""

    def check(self, **kwargs: Any) -> list[Any]:
        """Return no messages: Django 6.1 asks for that app wherever an array is."""
        return []

    def deconstruct(self) -> Any:
        """Return what a plain ``ArrayField`` would, for migrations."""
        name, _, args, kwargs = super().deconstruct()
        return name, "django.contrib.postgres.fields.ArrayField", args, kwargs


class ReadOnlyModel(models.Model):
    """An event can be read only; the database refuses changes too."""

    pgh_protection = Protection()

    if TYPE_CHECKING:
        # ``event_methods`` puts these here.
        can_revert: bool

        def revert(self, using: str | None = None) -> models.Model:
            """Give the object the values that this event shows, and return it."""

        async def arevert(self, using: str | None = None) -> models.Model:
            """Do what ``revert()`` does, from a coroutine."""

        def get_pgh_operation_display(self) -> str:
            """Return what happened, as a word."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise ReadOnlyError(
            f"{self._meta.label} cannot be saved: events are append-only. Change the tracked"
            " object, or call pgaudit_log.create_event() to add a manual event."
        )

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise ReadOnlyError(f"{self._meta.label} cannot be deleted: events are append-only.")

    def clean(self) -> None:
        """Raise, so that a form of the admin says why it saves nothing.

        Raises:
            ValidationError: always.
        """
        raise ValidationError("Events are append-only: this cannot be saved.", code="append_only")

    @classmethod
    def check(cls, **kwargs: Any) -> list[Any]:
        """Return Django's messages but the one that a proxy has fields, if those are proxied."""
        messages = super().check(**kwargs)
        if all(hasattr(field, "pgh_proxy") for field in cls._meta.local_fields):
            return [message for message in messages if message.id != "models.E017"]
        return messages


class Event(ReadOnlyModel):
    """The base of typed events: what is known of each event beside the model's own fields.

    A typed event also has ``pgh_obj``, the reference to its object, unless it was
    declared with ``obj_field=None``.
    """

    pgh_id: EventField[int] = models.BigAutoField(primary_key=True)
    """Order of capture."""
    pgh_created_at: EventField[datetime] = models.DateTimeField()
    """Start of the transaction that made the change."""
    pgh_txid: EventField[int] = models.BigIntegerField()
    """The transaction that made the change."""
    pgh_turn: EventField[int | None] = models.BigIntegerField(null=True)
    """When its statement began, in the numbers of ``pgh_id``, where triggers may have written
    again before it was captured; else ``None``."""
    pgh_shape: EventField[int] = models.IntegerField()
    """What the names in it meant when it was written: the id of a shape."""
    pgh_obj_model: EventField[str] = models.TextField()
    """The label of the model whose row changed: an earlier one of a renamed model, a parent's."""
    pgh_obj_key: EventField[str | None] = models.TextField(null=True)
    """The object's primary key as text; a composite key as a JSON array."""
    pgh_label: EventField[str] = models.TextField()
    """The tracker's label."""
    pgh_operation: EventField[str] = models.CharField(max_length=1, choices=OPERATION_CHOICES)
    """What happened, as one letter of ``constants.OPERATIONS``."""
    pgh_data: EventField[dict[str, Any] | None] = DocumentField(null=True, decoder=ExactDecoder)
    """The tracked columns of the row, keyed by column, those that the model no longer has too."""
    pgh_diff: EventField[dict[str, list[Any]] | None] = DiffField(null=True, decoder=ExactDecoder)
    """What an update changed: ``{"column": [old, new]}``."""
    pgh_refs: EventField[list[str] | None] = ReferencesField(models.TextField(), null=True)
    """What the row's foreign keys pointed at: ``["shop.Customer:5"]``."""
    pgh_context_id: EventField[UUID | None] = models.UUIDField(null=True)
    """One per context."""
    pgh_context: EventField[dict[str, Any] | None] = ContextField(null=True)
    """Who and why, as the client claims; ``None`` where it claimed nothing."""
    pgh_role: EventField[str] = models.TextField()
    """The role that had logged in to the database, as PostgreSQL observed it."""
    pgh_session: EventField[dict[str, Any] | None] = DocumentField(null=True)
    """What else PostgreSQL observed: ``{"set_role", "application", "address"}``; the last two
    where no context was claimed."""
    pgh_origin: EventField[dict[str, Any] | None] = DocumentField(null=True)
    """Where an imported event came from; ``None`` for what was captured here."""

    if TYPE_CHECKING:
        pgh_tracked_model: ClassVar[type[models.Model]]
        pgh_trackers: ClassVar[tuple[Tracker, ...]]

    objects: ClassVar[EventManager[Self]] = EventManager()

    class Meta:
        abstract = True
        ordering: ClassVar = ["pgh_id"]
        get_latest_by = "pgh_id"

    def __str__(self) -> str:
        return f"{self.pgh_label} #{self.pgh_id}"


for _field in Event._meta.local_fields:
    # Each class of typed events has a copy.
    lighten_wholly(_field)
