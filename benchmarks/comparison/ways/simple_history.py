"""How django-simple-history is asked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.core.management import call_command
from django.utils import timezone
from simple_history.signals import post_create_historical_record
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from benchmarks.comparison.ways.base import Seen, Way

_OPERATIONS = {"+": "insert", "~": "update", "-": "delete"}


class _Way(Way):
    def events(self, model: Any, pk: Any) -> Any:
        return model.history.filter(id=pk)

    def seen(self, model: Any, pk: Any) -> list[Seen]:
        if not hasattr(model, "history"):
            return []
        found = self.events(model, pk).order_by("history_id")
        return [
            Seen(
                operation=_OPERATIONS[record.history_type],
                new=None if record.history_type == "-" else _row(record),
                old=_row(record) if record.history_type == "-" else None,
                user=record.history_user_id,
                reason=record.history_change_reason,
            )
            for record in found
        ]

    def links_seen(self, order: Any) -> list[str]:
        found = order.history.order_by("history_id")
        return [f"tags {[link.tag_id for link in r.tags.all()]}" for r in found if r.tags.exists()]

    def bulk_create(self, objects: Sequence[Any]) -> None:
        bulk_create_with_history(objects, type(objects[0]))

    def bulk_update(self, objects: Sequence[Any], fields: Sequence[str]) -> None:
        bulk_update_with_history(objects, type(objects[0]), fields)

    @contextmanager
    def as_user(self, user: Any, reason: str) -> Any:
        # Of an object: there is no block.
        from benchmarks.comparison.orders.models import Order

        Order._history_user, Order._change_reason = user, reason  # type: ignore[attr-defined]
        try:
            yield
        finally:
            del Order._history_user, Order._change_reason  # type: ignore[attr-defined]

    @contextmanager
    def without_recording(self, order: Any) -> Any:
        order.skip_history_when_saving = True
        try:
            yield
        finally:
            del order.skip_history_when_saving

    @contextmanager
    def listening(self, call: Any) -> Any:
        def receiver(**kwargs: Any) -> None:
            call()

        post_create_historical_record.connect(receiver)
        try:
            yield
        finally:
            post_create_historical_record.disconnect(receiver)

    def changes(self, order: Any) -> Any:
        newest = order.history.latest()
        return _delta(newest.diff_against(newest.prev_record))

    def diff(self, order: Any) -> Any:
        return _delta(order.history.latest().diff_against(order.history.earliest()))

    def as_of(self, order: Any, moment: datetime) -> Any:
        return order.history.as_of(moment)

    def lines_as_of(self, moment: datetime, status: str) -> list[Any]:
        from benchmarks.comparison.orders.models import Line

        history: Any = Line.history  # type: ignore[attr-defined]
        found = history.as_of(moment).filter(order__status=status)
        return [line.pk for line in found]

    def filtered(self, order: Any, status: str) -> int:
        return int(order.history.filter(status=status).count())

    def revert(self, order: Any) -> None:
        order.history.earliest().instance.save()

    def restore(self, model: Any, pk: Any) -> None:
        self.events(model, pk).latest().instance.save()

    def age(self, order: Any) -> None:
        oldest = order.history.earliest()
        order.history.filter(pk=oldest.pk).update(
            history_date=timezone.now() - timedelta(days=4 * 365)
        )

    def remove_old(self) -> None:
        call_command("clean_old_history", "--auto", "--days", "365", verbosity=0)

    def remove_duplicates(self) -> None:
        call_command("clean_duplicate_history", "orders.Line", verbosity=0)

    def object_page(self, order: Any) -> str:
        return f"/admin/orders/order/{order.pk}/history/"

    def revert_page(self, order: Any) -> str:
        return f"/admin/orders/order/{order.pk}/history/{order.history.earliest().pk}/"


def _row(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.attname) for field in record.tracked_fields}


def _delta(delta: Any) -> dict[str, tuple[Any, Any]]:
    return {change.field: (change.old, change.new) for change in delta.changes}


WAY = _Way()
