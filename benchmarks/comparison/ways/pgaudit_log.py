"""How this package is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pgtrigger
from django.core.management import call_command
from django.db import connection

import pgaudit_log
from benchmarks.comparison.rows import past_all
from benchmarks.comparison.ways.base import Seen, Way
from pgaudit_log import diffs, reversal
from pgaudit_log.constants import DELETE, INSERT, TRUNCATE, UPDATE
from pgaudit_log.models import Events

_OPERATIONS = {INSERT: "insert", UPDATE: "update", DELETE: "delete", TRUNCATE: "truncate"}
_TRAIL = "/admin/pgaudit_log/events/"


class _Way(Way):
    def seen(self, model: Any, pk: Any) -> list[Seen]:
        return [_seen(event) for event in self.events(model, pk).order_by("pgh_id")]

    def events(self, model: Any, pk: Any) -> Any:
        events: Any = Events.objects
        return events.across(model).filter(pgh_obj_id=str(pk))

    def links_seen(self, order: Any) -> list[str]:
        links: Any = type(order).tags.through
        events: Any = Events.objects
        return [
            f"{_OPERATIONS[event.pgh_operation]} tag {event.pgh_data['tag_id']}"
            for event in events.across(links).references(order).order_by("pgh_id")
        ]

    def truncations_seen(self, model: Any) -> int:
        events: Any = Events.objects
        return int(events.across(model).filter(pgh_operation=TRUNCATE).count())

    def as_user(self, user: Any, reason: str) -> Any:
        return pgaudit_log.context(user=user.pk, reason=reason)

    def without_recording(self, order: Any) -> Any:
        return pgtrigger.ignore()

    def create_event(self, order: Any) -> None:
        pgaudit_log.create_event(order, label="called")

    def changes(self, order: Any) -> Any:
        return order.events.latest("pgh_id").pgh_diff

    def diff(self, order: Any) -> Any:
        found = diffs.diff(order.events.earliest("pgh_id"), order.events.latest("pgh_id"))
        return {own.name: (own.old, own.new) for own in found.values()}

    def as_of(self, order: Any, moment: datetime) -> Any:
        return type(order).objects.as_of(moment).get(pk=order.pk)

    def lines_as_of(self, moment: datetime, status: str) -> list[Any]:
        from benchmarks.comparison.orders.models import Line

        lines: Any = Line.objects
        return list(lines.as_of(moment).filter(order__status=status).values_list("pk", flat=True))

    def blame(self, order: Any, field: str) -> Any:
        event: Any = diffs.blame(order)[field].event
        return event.pgh_context and event.pgh_context["user"]

    def trail(self) -> list[tuple[str, str]]:
        events: Any = Events.objects
        return [(event.pgh_obj_model, event.pgh_obj_id) for event in events.newest()[:10]]

    def referring(self, customer: Any) -> list[tuple[str, str]]:
        events: Any = Events.objects
        found = events.references(customer).order_by("-pgh_id")
        return [(event.pgh_obj_model, event.pgh_obj_id) for event in found]

    def together(self, order: Any) -> list[str]:
        events: Any = Events.objects
        return [event.pgh_obj_model for event in events.timeline(order, parts=True)]

    def typed(self, order: Any) -> Any:
        event = order.events.latest("pgh_id")
        return {name: getattr(event, name) for name in ("price", "placed_on", "details")}

    def filtered(self, order: Any, status: str) -> int:
        return int(order.events.filter(status=status).count())

    def logins(self) -> int:
        events: Any = Events.objects
        return int(events.filter(pgh_label="login").count())

    def page_views(self) -> int:
        events: Any = Events.objects
        return int(events.filter(pgh_label="page_view").count())

    def revert(self, order: Any) -> None:
        reversal.revert(order, to=order.events.earliest("pgh_id")).apply()

    def restore(self, model: Any, pk: Any) -> None:
        reversal.restore(self.events(model, pk).latest("pgh_id")).apply()

    def undo(self, order: Any) -> None:
        reversal.undo(txid=order.events.latest("pgh_id").pgh_txid).apply()

    def preview(self, order: Any) -> str:
        return str(reversal.revert(order, to=order.events.earliest("pgh_id")))

    def age(self, order: Any) -> None:
        with connection.cursor() as cursor:
            # As if they had lain there for years, for nobody may change an event. Two, because the
            # newest one stays as the state from which all later is told.
            cursor.execute(
                "INSERT INTO pgaudit_log_event (created_at, model, obj_pk, label, operation, snapshot)"
                " VALUES ('2020-01-05', 'orders.Order', %s, 'insert', 'I', '{}'),"
                " ('2020-01-06', 'orders.Order', %s, 'update', 'U', '{}')",
                [str(order.pk)] * 2,
            )

    def remove_old(self) -> None:
        call_command("pgaudit_log", "partitions", "--apply", verbosity=0)
        call_command("pgaudit_log", "partitions", "--remove", "--apply", verbosity=0)

    def unrecorded(self, order: Any) -> bool:
        from pgaudit_log.operating.verification import verify

        return any(str(order.pk) in str(finding) for finding in verify([type(order)]))

    def import_history(self) -> int:
        from benchmarks.comparison.orders.models import Tag
        from pgaudit_log import importing

        with past_all():  # it is older than its tracking
            tag = Tag.objects.create(name="b")
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE their_records (history_id serial PRIMARY KEY,"
                " history_date timestamptz NOT NULL, history_type varchar(1) NOT NULL,"
                " history_change_reason varchar(100), history_user_id integer, LIKE orders_tag);"
                "INSERT INTO their_records (history_date, history_type, id, name)"
                f" VALUES ('2024-01-01', '+', {tag.pk}, 'a'), ('2024-01-02', '~', {tag.pk}, 'b')"
            )
        importing.plan("simple-history", models=[Tag], tables={Tag: ["their_records"]}).apply()
        return int(self.events(Tag, tag.pk).filter(pgh_origin__isnull=False).count())

    def object_page(self, order: Any) -> str:
        return f"/admin/orders/order/{order.pk}/history/"

    def trail_page(self) -> str:
        return _TRAIL

    def revert_page(self, order: Any) -> str:
        first = order.events.earliest("pgh_id").pk
        return f"/admin/orders/order/{order.pk}/audit/revert/?event={first}"

    def deleted_page(self, order_key: Any) -> str:
        return f"{_TRAIL}deleted/orders.Order/"

    def comparison_page(self, order: Any) -> str:
        first, last = (
            e.pk for e in (order.events.earliest("pgh_id"), order.events.latest("pgh_id"))
        )
        return f"/admin/orders/order/{order.pk}/audit/compare/?a={first}&b={last}"


def _seen(event: Any) -> Seen:
    context, diff = event.pgh_context or {}, event.pgh_diff
    row = event.pgh_data or {}
    return Seen(
        operation=_OPERATIONS.get(event.pgh_operation, "other"),
        new=None if event.pgh_operation == DELETE else row,
        old=row if event.pgh_operation == DELETE else diff and {k: v[0] for k, v in diff.items()},
        user=context.get("user"),
        user_name=context.get("user_name"),
        url=context.get("url"),
        reason=context.get("reason"),
        address=context.get("ip"),
        role=event.pgh_role,
        group=event.pgh_context_id or event.pgh_txid,
    )


WAY = _Way()
