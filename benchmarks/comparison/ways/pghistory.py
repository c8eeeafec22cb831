"""How django-pghistory is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pghistory
import pgtrigger
from pghistory.models import Events

from benchmarks.comparison.ways.base import Seen, Way

_FIELDS = ("status", "price", "name", "quantity", "draft", "secret", "text", "article", "note")


class _Way(Way):
    def events(self, model: Any, pk: Any) -> Any:
        from benchmarks.comparison.orders import models

        if model._meta.label == "auth.Group":
            model = models.TrackedGroup  # type: ignore[attr-defined]
        return model.pgh_event_model.objects.filter(pgh_obj_id=pk)

    def seen(self, model: Any, pk: Any) -> list[Seen]:
        if not hasattr(model, "pgh_event_model") and model._meta.label != "auth.Group":
            return []
        found = self.events(model, pk).select_related("pgh_context").order_by("pgh_id")
        return [_seen(event) for event in found]

    def links_seen(self, order: Any) -> list[str]:
        from benchmarks.comparison.orders import models

        events: Any = models.OrderTags.pgh_event_model  # type: ignore[attr-defined]
        found = events.objects.filter(order_id=order.pk).order_by("pgh_id")
        return [f"{event.pgh_label} tag {event.tag_id}" for event in found]

    def as_user(self, user: Any, reason: str) -> Any:
        return pghistory.context(user=user.pk, reason=reason)

    def without_recording(self, order: Any) -> Any:
        return pgtrigger.ignore()

    def create_event(self, order: Any) -> None:
        pghistory.create_event(order, label="update")

    def changes(self, order: Any) -> Any:
        return Events.objects.tracks(order).order_by("pgh_created_at", "pgh_id").last().pgh_diff

    def version_before(self, order: Any, moment: datetime) -> Any:
        return _row(
            self.events(type(order), order.pk).filter(pgh_created_at__lte=moment).latest("pgh_id")
        )

    def trail(self) -> list[tuple[str, str]]:
        found = Events.objects.order_by("-pgh_created_at")[:10]
        return [(event.pgh_obj_model, event.pgh_obj_id) for event in found]

    def referring(self, customer: Any) -> list[tuple[str, str]]:
        found = Events.objects.references(customer)
        return [(event.pgh_obj_model, event.pgh_obj_id) for event in found]

    def together(self, order: Any) -> list[str]:
        return [event.pgh_obj_model for event in Events.objects.references(order)] + [
            event.pgh_obj_model for event in Events.objects.tracks(order)
        ]

    def typed(self, order: Any) -> Any:
        event = order.events.latest("pgh_id")
        return {name: getattr(event, name) for name in ("price", "placed_on", "details")}

    def filtered(self, order: Any, status: str) -> int:
        return int(order.events.filter(status=status).count())

    def revert(self, order: Any) -> None:
        order.events.earliest("pgh_id").revert()

    def restore(self, model: Any, pk: Any) -> None:
        self.events(model, pk).latest("pgh_id").revert()

    def object_page(self, order: Any) -> str:
        return f"/admin/pghistory/events/?obj=orders.Order:{order.pk}&method=tracks"

    def trail_page(self) -> str:
        return "/admin/pghistory/events/"


def _row(event: Any) -> dict[str, Any]:
    return {name: getattr(event, name) for name in _FIELDS if hasattr(event, name)}


def _seen(event: Any) -> Seen:
    context = event.pgh_context.metadata if event.pgh_context else {}
    row = _row(event)
    is_delete = event.pgh_label == "delete"
    return Seen(
        operation=event.pgh_label,
        new=None if is_delete else row,
        old=row if is_delete else None,
        user=context.get("user"),
        url=context.get("url"),
        reason=context.get("reason"),
        group=event.pgh_context_id,
    )


WAY = _Way()
