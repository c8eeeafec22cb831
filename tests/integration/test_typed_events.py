"""Events read through their model's own fields."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db.models import Count

import pgaudit_log
from pgaudit_log.exceptions import ReadOnlyError
from pgaudit_log.models import Events
from tests.shop import models as shop
from tests.shop.models import Customer, Order, OrderLine, Product, Stock
from tests.support import execute

pytestmark = pytest.mark.django_db

OrderEvent: Any = shop.OrderEvent  # type: ignore[attr-defined]


@pytest.fixture
def order(customer: Customer) -> Order:
    order = Order.objects.create(customer=customer, note="n")
    order.status = "paid"
    order.save()
    return order


def test_values_come_back_as_the_model_gives_them(order: Order) -> None:
    event = order.events.last()
    assert (event.id, event.status, event.note, event.placed_at, event.customer) == (
        order.id,
        "paid",
        "n",
        order.placed_at,
        order.customer,
    )


def test_a_decimal_keeps_its_scale() -> None:
    product = Product.objects.create(sku="A", name="Apple", price=Decimal("1.10"))
    assert repr(product.events.get().price) == "Decimal('1.10')"


def test_json_comes_back_as_python(db: None) -> None:
    product = Product.objects.create(sku="A", name="Apple", price=1, tags={"a": [1, None]})
    assert product.events.get().tags == {"a": [1, None]}
    assert product.events.filter(tags__a__0=1).exists()


def test_a_null_comes_back_as_none(db: None) -> None:
    product = Product.objects.create(sku="A", name="Apple", price=1)
    event = product.events.get()
    assert event.tags is None
    assert product.events.filter(tags__isnull=True).exists()


def test_metadata_stands_beside_the_fields(order: Order) -> None:
    event = order.events.last()
    assert event.pgh_label == "update"
    assert event.get_pgh_operation_display() == "update"
    assert event.pgh_diff == {"status": ["new", "paid"]}
    assert event.pgh_data["status"] == "paid"
    assert event.pgh_refs == [f"shop.Customer:{order.customer_id}"]
    assert isinstance(event.pgh_created_at, datetime)
    assert event.pgh_obj == order


def test_the_object_of_an_event_is_named_by_its_key(order: Order) -> None:
    assert list(order.events.values_list("pgh_obj", flat=True)) == [order.pk, order.pk]


def test_events_filter_by_their_fields(order: Order) -> None:
    assert OrderEvent.objects.filter(status="paid", customer__name="Ana").count() == 1
    assert OrderEvent.objects.filter(id__gte=order.id, placed_at__year=order.placed_at.year)


def test_joins_work_both_ways(order: Order) -> None:
    assert list(Order.objects.filter(events__status="paid")) == [order]
    assert OrderEvent.objects.filter(pgh_obj__customer__name="Ana").count() == 2
    counted = Order.objects.annotate(count=Count("events")).get()
    assert counted.count == 2
    assert OrderEvent.objects.exclude(pgh_obj__status="paid").count() == 0


def test_related_objects_load_with_their_events(
    order: Order, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        events = list(OrderEvent.objects.select_related("pgh_obj__customer", "customer"))
        assert {event.pgh_obj.customer.name for event in events} == {"Ana"}
    with django_assert_num_queries(2):
        [loaded] = Order.objects.prefetch_related("events")
        assert [event.status for event in loaded.events.all()] == ["new", "paid"]


def test_events_outlive_their_object(order: Order) -> None:
    key = order.pk
    order.delete()
    events = OrderEvent.objects.filter(pgh_obj=key)
    assert [event.pgh_label for event in events] == ["insert", "update", "delete"]
    assert list(OrderEvent.objects.filter(pgh_obj__status="paid")) == []
    assert OrderEvent.objects.select_related("pgh_obj").last().pgh_obj is None


def test_events_of_nothing_are_none(db: None) -> None:
    assert list(OrderEvent.objects.filter(pgh_obj__in=[])) == []
    assert list(OrderEvent.objects.filter(pgh_obj=None)) == []


def test_a_text_key_is_an_object_too(db: None) -> None:
    product = Product.objects.create(sku="ä'b%", name="Apple", price=1)
    assert product.events.count() == 1
    assert Product.objects.filter(events__name="Apple").get() == product


def test_each_track_has_its_own_events(db: None) -> None:
    stock = Stock.objects.create(site="Ulm", level=5)
    Stock.objects.update(level=3, site="Bonn")
    history: Any = shop.StockLevelHistory  # type: ignore[attr-defined]
    assert {event.pgh_label for event in history.objects.all()} == {"fell", "site_changed"}
    assert [event.pgh_label for event in stock.row_events.all()] == ["row_fell"]
    assert list(stock.level_events.values_list("level", flat=True).order_by("level")) == [3, 5]


def test_attrs_and_meta_reach_the_event_class(db: None) -> None:
    Stock.objects.create(site="Ulm", level=5)
    Stock.objects.update(level=3)
    event_model: Any = shop.StockRowEvent  # type: ignore[attr-defined]
    assert str(event_model.objects.get()) == "stock 3"
    assert event_model._meta.verbose_name == "row event"


def test_event_classes_are_found_through_their_model() -> None:
    assert Order.pgh_event_model is OrderEvent  # type: ignore[attr-defined]
    models = Stock.pgh_event_models  # type: ignore[attr-defined]
    assert models["fell"] is shop.StockLevelHistory  # type: ignore[attr-defined]
    assert models["row_fell"] is models["counted"] is shop.StockRowEvent  # type: ignore[attr-defined]


def test_a_third_party_model_has_its_events_too(db: None) -> None:
    user = User.objects.create_user("ana")
    assert [event.username for event in user.events.all()] == ["ana"]  # type: ignore[attr-defined]
    assert shop.UserProxy.objects.get().events.count() == 1


def test_an_event_of_a_user_has_the_fields_that_are_tracked(db: None) -> None:
    names = {field.name for field in shop.UserProxyEvent._meta.fields}  # type: ignore[attr-defined]
    assert "username" in names and not names & {"password", "last_login"}


def test_no_reference_without_an_obj_field(db: None) -> None:
    names = {field.name for field in shop.UserGroupsEvent._meta.fields}  # type: ignore[attr-defined]
    assert "pgh_obj" not in names and {"user", "group"} <= names


def test_typed_events_leave_nothing_behind(db: None) -> None:
    names = ["orderevent", "stockrowevent"]
    assert not ContentType.objects.filter(model__in=names).exists()
    assert not Permission.objects.filter(codename__contains="orderevent").exists()
    assert OrderEvent not in apps.get_models()
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)


@pytest.mark.parametrize("method", ["create", "update", "delete", "bulk_create"])
def test_a_queryset_of_events_cannot_write(order: Order, method: str) -> None:
    with pytest.raises(ReadOnlyError, match=r"shop\.OrderEvent is append-only"):
        getattr(OrderEvent.objects.all(), method)()


def test_an_event_cannot_be_saved_or_deleted(order: Order) -> None:
    event = order.events.last()
    with pytest.raises(ReadOnlyError, match="cannot be saved"):
        event.save()
    with pytest.raises(ReadOnlyError, match="cannot be deleted"):
        event.delete()


def test_a_dropped_column_stays_readable_in_the_snapshot(order: Order) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot)"
        """ VALUES ('shop.Order', '-7', 'insert', 'I', '{"id": -7, "gone": "once"}')"""
    )
    event = OrderEvent.objects.get(pgh_obj_key="-7")
    assert (event.pgh_data["gone"], event.status) == ("once", None)


def test_a_key_of_another_type_does_not_break_reading(order: Order) -> None:
    for key in ("not-a-number", "99999999999999999999", "9999999999999999999"):
        execute(
            "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot)"
            " VALUES ('shop.Order', %s, 'insert', 'I', '{}')",
            [key],
        )
    assert OrderEvent.objects.count() == 5
    assert set(Order.objects.filter(events__status="paid")) == {order}


def test_a_manual_event_has_the_instances_values(db: None) -> None:
    stock = Stock.objects.create(site="Ulm", level=5)
    stock.level = 77
    with pgaudit_log.context(user=7):
        event: Any = pgaudit_log.create_event(stock, label="counted")
    assert (event.level, event.site, event.pgh_operation, event.pgh_obj) == (77, "Ulm", "M", stock)
    assert event.pgh_context == {"user": 7}
    assert type(event) is shop.StockRowEvent  # type: ignore[attr-defined]


def test_a_manual_event_is_rendered_like_a_captured_one(order: Order) -> None:
    order.refresh_from_db()
    execute("SELECT set_config('TimeZone', 'Asia/Tokyo', true)")
    manual: Any = pgaudit_log.create_event(order, label="update")
    assert manual.pgh_data == Events.objects.filter(pgh_label="update").first().pgh_data  # type: ignore[union-attr]
    assert manual.pgh_refs == [f"shop.Customer:{order.customer_id}"]


def test_a_manual_event_of_an_unknown_label_is_an_error(order: Order) -> None:
    message = r'"nope" is not a registered tracker label for model Order\. Its labels are delete'
    with pytest.raises(ValueError, match=message):
        pgaudit_log.create_event(order, label="nope")


def test_a_manual_event_of_an_untracked_model_is_an_error(db: None) -> None:
    with pytest.raises(ValueError, match="not tracked"):
        pgaudit_log.create_event(shop.Untracked.objects.create(), label="x")


def test_order_lines_point_back_through_their_products(order: Order) -> None:
    product = Product.objects.create(sku="A", name="Apple", price=1)
    line = OrderLine.objects.create(order=order, product=product, quantity=2)
    event = line.events.select_related("product", "order").get()
    assert (event.product, event.order, event.quantity) == (product, order, 2)
