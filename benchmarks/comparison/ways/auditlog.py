"""How django-auditlog is asked."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

from auditlog.cid import set_cid
from auditlog.context import disable_auditlog, set_actor
from auditlog.models import LogEntry
from auditlog.signals import post_log
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.utils import timezone

from benchmarks.comparison.ways.base import Seen, Way


class _Way(Way):
    def events(self, model: Any, pk: Any) -> Any:
        type = ContentType.objects.get_for_model(model)
        return LogEntry.objects.filter(content_type=type, object_pk=str(pk))

    def seen(self, model: Any, pk: Any) -> list[Seen]:
        return [_seen(entry) for entry in self.events(model, pk).order_by("pk")]

    def links_seen(self, order: Any) -> list[str]:
        entries = self.events(type(order), order.pk).order_by("pk")
        return [
            f"{change['operation']} {', '.join(change['objects'])}"
            for entry in entries
            for change in (entry.changes or {}).values()
            if isinstance(change, dict) and change.get("type") == "m2m"
        ]

    @contextmanager
    def as_user(self, user: Any, reason: str) -> Any:
        from benchmarks.comparison.orders.models import Order

        Order.why = reason  # type: ignore[attr-defined]
        try:
            with set_actor(user):
                yield
        finally:
            del Order.why  # type: ignore[attr-defined]

    def forget(self) -> None:
        set_cid(None)

    def without_recording(self, order: Any) -> Any:
        return disable_auditlog()

    def create_event(self, order: Any) -> None:
        LogEntry.objects.log_create(order, force_log=True, action=LogEntry.Action.ACCESS)

    @contextmanager
    def listening(self, call: Any) -> Any:
        def receiver(**kwargs: Any) -> None:
            call()

        post_log.connect(receiver)
        try:
            yield
        finally:
            post_log.disconnect(receiver)

    def changes(self, order: Any) -> Any:
        return self.events(type(order), order.pk).latest("pk").changes_dict

    def version_before(self, order: Any, moment: datetime) -> Any:
        entries = self.events(type(order), order.pk).filter(timestamp__lte=moment)
        return _row(entries.latest("pk"))

    def trail(self) -> list[tuple[str, str]]:
        entries = LogEntry.objects.select_related("content_type").order_by("-pk")[:10]
        return [
            (f"{e.content_type.app_label}.{e.content_type.model}", e.object_pk) for e in entries
        ]

    def filtered(self, order: Any, status: str) -> int:
        return int(self.events(type(order), order.pk).filter(changes__status__1=status).count())

    def age(self, order: Any) -> None:
        old = timezone.now() - timedelta(days=4 * 365)
        oldest = self.events(type(order), order.pk).earliest("pk")
        LogEntry.objects.filter(pk=oldest.pk).update(timestamp=old)

    def remove_old(self) -> None:
        before = date.today() - timedelta(days=365)  # noqa: DTZ011
        call_command("auditlogflush", "-b", before.isoformat(), "-y", verbosity=0)

    def object_page(self, order: Any) -> str:
        return f"/admin/orders/order/{order.pk}/auditlog/"

    def trail_page(self) -> str:
        return "/admin/auditlog/logentry/"


def _row(entry: Any) -> dict[str, Any]:
    return dict((entry.serialized_data or {}).get("fields", {}))


_OPERATIONS = {0: "insert", 1: "update", 2: "delete"}


def _seen(entry: Any) -> Seen:
    changes = {
        name: change for name, change in (entry.changes or {}).items() if isinstance(change, list)
    }
    links = len(changes) < len(entry.changes or {})
    return Seen(
        operation="many-to-many" if links else _OPERATIONS.get(entry.action, "other"),
        new=_row(entry) | {name: new for name, (_old, new) in changes.items()},
        old={name: old for name, (old, _new) in changes.items()},
        user=entry.actor_id,
        user_name=entry.actor_email,
        reason=(entry.additional_data or {}).get("reason"),
        address=entry.remote_addr,
        group=entry.cid,
    )


WAY = _Way()
