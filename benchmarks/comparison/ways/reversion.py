"""How django-reversion is asked."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import reversion
from django.core.management import call_command
from django.utils import timezone
from reversion.models import Version
from reversion.signals import post_revision_commit

from benchmarks.comparison.ways.base import Seen, Way


class _Way(Way):
    def events(self, model: Any, pk: Any) -> Any:
        return Version.objects.get_for_object_reference(model, pk)

    def seen(self, model: Any, pk: Any) -> list[Seen]:
        if not reversion.is_registered(model):
            return []
        found = self.events(model, pk).select_related("revision").order_by("pk")
        return [
            Seen(
                # A version does not say what happened, only what there was afterwards.
                operation="update" if number else "insert",
                new=version.field_dict,
                user=version.revision.user_id,
                reason=version.revision.comment or None,
                group=version.revision_id,
            )
            for number, version in enumerate(found)
        ]

    def links_seen(self, order: Any) -> list[str]:
        found = self.events(type(order), order.pk).order_by("pk")
        return [f"tags {v.field_dict['tags']}" for v in found if v.field_dict.get("tags")]

    def block(self) -> Any:
        return reversion.create_revision()

    @contextmanager
    def as_user(self, user: Any, reason: str) -> Any:
        with reversion.create_revision():
            reversion.set_user(user)
            reversion.set_comment(reason)
            yield

    def create_event(self, order: Any) -> None:
        with reversion.create_revision():
            reversion.add_to_revision(order)

    @contextmanager
    def listening(self, call: Any) -> Any:
        def receiver(**kwargs: Any) -> None:
            call()

        post_revision_commit.connect(receiver)
        try:
            yield
        finally:
            post_revision_commit.disconnect(receiver)

    def version_before(self, order: Any, moment: datetime) -> Any:
        found = self.events(type(order), order.pk).filter(revision__date_created__lte=moment)
        return found.order_by("pk").last().field_dict

    def trail(self) -> list[tuple[str, str]]:
        found = Version.objects.select_related("content_type").order_by("-pk")[:10]
        return [(f"{v.content_type.app_label}.{v.content_type.model}", v.object_id) for v in found]

    def together(self, order: Any) -> list[str]:
        newest = self.events(type(order), order.pk).first()
        versions = newest.revision.version_set.select_related("content_type")
        return [f"{v.content_type.app_label}.{v.content_type.model}" for v in versions]

    def revert(self, order: Any) -> None:
        self.events(type(order), order.pk).last().revert()

    def restore(self, model: Any, pk: Any) -> None:
        Version.objects.get_deleted(model).get(object_id=str(pk)).revert()

    def age(self, order: Any) -> None:
        oldest = self.events(type(order), order.pk).last()
        oldest.revision.date_created = timezone.now() - timedelta(days=4 * 365)
        oldest.revision.save()

    def remove_old(self) -> None:
        call_command("deleterevisions", "orders", "--days", "365", verbosity=0)

    def object_page(self, order: Any) -> str:
        return f"/admin/orders/order/{order.pk}/history/"

    def revert_page(self, order: Any) -> str:
        oldest = self.events(type(order), order.pk).last()
        return f"/admin/orders/order/{order.pk}/history/{oldest.pk}/"

    def deleted_page(self, order_key: Any) -> str:
        return "/admin/orders/order/recover/"


WAY = _Way()
