"""A small application's tests pass after its history was imported and only its import line was changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.importing.golden import settings_with
from tests.projects import project

pytestmark = pytest.mark.slow

IMPORT = "import pghistory"
CHANGED = "import pgaudit_log as pghistory"

# Its tests run in the database that has the history.
SETTINGS = """
PGHISTORY_CONTEXT_FIELD = pghistory.ContextJSONField()
MIDDLEWARE = ["{middleware}"]
ROOT_URLCONF = "store.urls"
DATABASES["default"]["TEST"] = {{"NAME": DATABASES["default"]["NAME"]}}
"""

MODELS = """
import pghistory
from django.db import models


@pghistory.track(
    pghistory.InsertEvent("created"),
    pghistory.UpdateEvent("status_changed", condition=pghistory.AnyChange("status")),
    pghistory.UpdateEvent("updated"),
    pghistory.DeleteEvent("deleted"),
    pghistory.ManualEvent("printed"),
    model_name="OrderEvent",
    {order}
)
class Order(models.Model):
    number = models.CharField(max_length=20, unique=True)
    status = models.CharField(max_length=20, default="new")
    total = models.DecimalField(max_digits=8, decimal_places=2, default=0)


@pghistory.track(
    pghistory.UpdateEvent(row=pghistory.Old, condition=pghistory.AnyChange("name")),
    fields=["name"],
    model_name="OldName",
    {customer}
)
class Customer(models.Model):
    name = models.CharField(max_length=20)
    note = models.CharField(max_length=20, blank=True)
"""

PLAIN = {"order": "", "customer": 'obj_field=pghistory.ObjForeignKey(related_name="old_names"),'}

BESIDE = {
    "order": 'obj_field=pghistory.ObjForeignKey(related_name="their_events"),',
    "customer": 'obj_field=pghistory.ObjForeignKey(related_name="their_names"),',
}
"""While both record, each has names of its own."""

URLS = """
from django.http import HttpResponse
from django.urls import path
from store.models import Order


def pay(request, number):
    order = Order.objects.get(number=number)
    order.status = "paid"
    order.save()
    return HttpResponse()


urlpatterns = [path("pay/<str:number>/", pay)]
"""

SCRIPT = """
import pghistory
from store.models import Customer, Order

with pghistory.context(user=7, reason="by phone"):
    order = Order.objects.create(number="old", total="1.10")
order.status = "paid"; order.save()
order.total = "2.20"; order.save()
pghistory.create_event(order, label="printed")
gone = Order.objects.create(number="gone")
gone.delete()
customer = Customer.objects.create(name="Anna")
Customer.objects.update(name="Ann")
Customer.objects.update(name="An")
"""

TESTS = '''
import pghistory
from decimal import Decimal

from django.test import TestCase
from store.models import Customer, Order


class Recorded(TestCase):
    """What had been recorded before the tests."""

    def test_an_order_has_its_history(self):
        events = Order.objects.get(number="old").events.order_by("pgh_id")
        self.assertEqual(
            [(e.pgh_label, e.status, e.total) for e in events if e.pgh_label != "updated"],
            [
                ("created", "new", Decimal("1.10")),
                ("status_changed", "paid", Decimal("1.10")),
                ("printed", "paid", Decimal("2.20")),
            ],
        )
        self.assertEqual(events.filter(pgh_label="updated").count(), 2)
        self.assertEqual(events[0].pgh_context, {"user": 7, "reason": "by phone"})
        self.assertEqual(events.filter(pgh_context__user=7).count(), 1)
        self.assertIsNone(events[1].pgh_context)
        self.assertEqual({e.pgh_obj for e in events}, {Order.objects.get(number="old")})

    def test_what_is_gone_has_its_history(self):
        model = Order.pgh_event_model
        self.assertEqual(model.__name__, "OrderEvent")
        labels = model.objects.filter(number="gone").order_by("pgh_id").values_list("pgh_label", flat=True)
        self.assertEqual(list(labels), ["created", "deleted"])

    def test_rows_as_they_were(self):
        names = Customer.objects.get().old_names.filter(pgh_label="update").order_by("pgh_id")
        self.assertEqual([event.name for event in names], ["Anna", "Ann"])

    def test_history_goes_on(self):
        order = Order.objects.get(number="old")
        before = order.events.count()
        order.status = "sent"
        order.save()
        self.assertEqual(order.events.count(), before + 2)
        newest = order.events.filter(pgh_label="status_changed").latest("pgh_id")
        self.assertEqual((newest.status, newest.total), ("sent", Decimal("2.20")))

    def test_going_back(self):
        order = Order.objects.get(number="old")
        order.events.get(pgh_label="created").revert()
        order.refresh_from_db()
        self.assertEqual((order.status, order.total), ("new", Decimal("1.10")))


class Written(TestCase):
    def test_conditions(self):
        order = Order.objects.create(number="1")
        order.save()
        Order.objects.filter(number="1").update(total=3)
        self.assertEqual(
            sorted(order.events.values_list("pgh_label", flat=True)), ["created", "updated"]
        )
        customer = Customer.objects.create(name="a")
        Customer.objects.filter(pk=customer.pk).update(note="b")
        self.assertFalse(customer.old_names.exists())

    def test_contexts(self):
        with pghistory.context(key="a") as outer:
            with pghistory.context(other="b"):
                order = Order.objects.create(number="1")
        event = order.events.get()
        self.assertEqual(event.pgh_context, {"key": "a", "other": "b"})
        self.assertEqual(event.pgh_context_id, outer.id)

    def test_manual_events(self):
        order = Order.objects.create(number="1")
        event = pghistory.create_event(order, label="printed")
        self.assertEqual((event.pgh_label, event.number), ("printed", "1"))
        self.assertEqual(order.events.count(), 2)

    def test_requests(self):
        Order.objects.create(number="1")
        self.client.post("/pay/1/")
        event = Order.pgh_event_model.objects.get(pgh_label="status_changed", number="1")
        self.assertEqual(event.pgh_context["url"], "/pay/1/")

    def test_the_trail(self):
        order = Order.objects.create(number="1")
        order.status = "paid"
        order.save()
        trail = pghistory.models.Events.objects.tracks(order).order_by("pgh_created_at", "pgh_id")
        self.assertEqual({e.pgh_obj_model for e in trail}, {"store.Order"})
        self.assertEqual(trail.count(), 3)
        self.assertEqual(trail.filter(pgh_label="created").get().pgh_data["number"], "1")
'''


def test_only_the_import_line_changes(tmp_path: Path) -> None:
    with project(tmp_path) as made:
        made.environment["PYTHONWARNINGS"] = ""  # those of a peer are not ours to mend

        def configure(*apps: str, middleware: str) -> None:
            made.write(
                "settings.py",
                "import pghistory\n"
                + settings_with(*apps)
                + SETTINGS.format(middleware=f"{middleware}.middleware.{MIDDLEWARE[middleware]}"),
            )

        def migrate() -> None:
            made.manage("makemigrations", "store")
            made.manage("migrate")

        def passes() -> None:
            told = made.manage("test", "store", "--keepdb", "--noinput")
            assert "Ran 10 tests" in told and "OK" in told, told

        plain = MODELS.format(**PLAIN)
        configure("pghistory", middleware="pghistory")
        made.write("store/models.py", plain)
        made.write("store/urls.py", URLS)
        made.write("store/tests.py", TESTS)
        migrate()
        made.shell(SCRIPT)
        passes()

        # Both side by side, and the import.
        configure("pghistory", "pgaudit_log", middleware="pgaudit_log")
        beside = MODELS.format(**BESIDE)
        for name, ours in (("Order", "OrderAudit"), ("Customer", "NameAudit")):
            start = beside.index(
                "@pghistory.track",
                beside.index("import pghistory")
                if name == "Order"
                else beside.index("class Order"),
            )
            declaration = beside[start : beside.index(f"class {name}")]
            own = plain[
                plain.index(
                    "@pghistory.track", 0 if name == "Order" else plain.index("class Order")
                ) :
            ]
            own = own[: own.index(f"class {name}")].replace("pghistory.", "pgaudit_log.")
            own = own.replace('"OrderEvent"', f'"{ours}"').replace('"OldName"', f'"{ours}"')
            beside = beside.replace(declaration, declaration + own)
        made.write("store/models.py", "import pgaudit_log\n" + beside.lstrip())
        migrate()
        made.manage("pgaudit_log", "import", "pghistory", "--apply")

        # The peer's decorator goes.
        for name in ("store/models.py", "store/tests.py"):
            text = plain if name == "store/models.py" else TESTS
            assert text.count(f"{IMPORT}\n") == 1
            made.write(name, text.replace(f"{IMPORT}\n", f"{CHANGED}\n"))
        migrate()
        passes()


MIDDLEWARE = {"pghistory": "HistoryMiddleware", "pgaudit_log": "AuditMiddleware"}
