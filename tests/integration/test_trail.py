"""The trail: whose events, of what, when, by whom, and page by page."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import AnonymousUser, Group, User
from django.contrib.contenttypes.prefetch import GenericPrefetch
from django.db import models
from django.db.models.fields.json import KT

import pgaudit_log
from pgaudit_log import trails
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests import tables
from tests.query_plans import event_scans, uses
from tests.shop import models as shop
from tests.shop.models import Customer, Order, OrderLine, Product, Stock
from tests.support import execute

pytestmark = pytest.mark.django_db

OrderEvent: Any = shop.OrderEvent  # type: ignore[attr-defined]


def short(events: Any) -> list[str]:
    """Return events as "Model key label", oldest first."""
    return [
        f"{event.pgh_obj_model.partition('.')[2]} {event.pgh_obj_id} {event.pgh_label}"
        for event in events.order_by("pgh_id")
    ]


@pytest.fixture
def tables_() -> Iterator[None]:
    with isolated():
        yield


@pytest.fixture
def order(customer: Customer) -> Order:
    order = Order.objects.create(pk=501, customer=customer)
    order.status = "paid"
    order.save()
    return order


@pytest.fixture
def other(customer: Customer, order: Order) -> Order:
    return Order.objects.create(pk=502, customer=customer, status="other")


def of_object(*orders: Order) -> list[str]:
    wanted = [f"Order {order.pk}" for order in orders]
    return [e for e in short(Events.objects.all()) if e.rpartition(" ")[0] in wanted]


# tracks()


def test_tracks_finds_the_events_of_an_object(order: Order, other: Order) -> None:
    assert short(Events.objects.tracks(order)) == ["Order 501 insert", "Order 501 update"]


@pytest.mark.parametrize("form", ["arguments", "list", "tuple", "set", "queryset", "mixed"])
def test_tracks_takes_objects_in_every_form(order: Order, other: Order, form: str) -> None:
    third = Order.objects.create(pk=503, customer=order.customer)
    given: Any = {
        "arguments": (order, other),
        "list": ([order, other],),
        "tuple": ((order, other),),
        "set": ({order, other},),
        "queryset": (Order.objects.exclude(pk=third.pk),),
        "mixed": (order, Order.objects.filter(status="other")),
    }[form]
    assert short(Events.objects.tracks(*given)) == of_object(order, other)


def test_a_queryset_becomes_a_subquery(order: Order, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1) as captured:
        assert len(Events.objects.tracks(Order.objects.filter(status="paid"))) == 2
    assert "shop_order" in captured[0]["sql"]


@pytest.mark.parametrize("form", ["sliced", "union", "ordered", "values"])
def test_odd_querysets_are_subqueries_too(order: Order, other: Order, form: str) -> None:
    orders = Order.objects.order_by("-pk")
    queryset: Any = {
        "sliced": orders[1:],
        "union": orders.filter(pk=501).union(Order.objects.filter(pk=501)),
        "ordered": orders.filter(pk=501).order_by("status"),
        "values": orders.filter(pk=501).values("pk"),
    }[form]
    assert short(Events.objects.tracks(queryset)) == of_object(order)


def test_no_objects_have_no_events(order: Order) -> None:
    assert not Events.objects.tracks([]).exists()
    assert not Events.objects.tracks(Order.objects.none()).exists()
    assert not Events.objects.references([]).exists()
    assert not Events.objects.by([]).exists()


def test_an_empty_queryset_takes_nothing_from_the_others(order: Order) -> None:
    nobody, no_orders = Customer.objects.none(), Order.objects.none()
    assert short(Events.objects.references(order.customer, nobody)) == of_object(order)
    assert short(Events.objects.tracks(order, no_orders)) == of_object(order)
    assert not Events.objects.references(nobody, depth=3, itself=True).exists()
    assert Events.objects.by(None, User.objects.none()).count() == Events.objects.count()


def test_a_proxy_counts_as_the_model_it_shows(db: None) -> None:
    user = User.objects.create_user("ana")
    assert short(Events.objects.tracks(user)) == [f"User {user.pk} insert"]
    assert short(Events.objects.tracks(shop.UserProxy.objects.get())) == [f"User {user.pk} insert"]
    assert short(Events.objects.tracks(user, shop.UserProxy.objects.get()))


def test_tracks_follows_a_model_through_its_former_labels(tables_: None) -> None:
    model = tables.tracked_table(
        "Renamed", name=models.TextField(), track={"former_labels": ["shop.Original"]}
    )
    obj = model.objects.create(name="a")
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot)"
        " VALUES ('shop.Original', %s, 'insert', 'I', '{}')",
        [str(obj.pk)],
    )
    assert {e.pgh_obj_model for e in Events.objects.tracks(obj)} == {
        "shop.Original",
        "shop.Renamed",
    }
    assert Events.objects.tracks(model.objects.all()).count() == 2
    assert Events.objects.across("shop.Original").count() == 2
    assert {event.pgh_obj for event in Events.objects.tracks(obj)} == {obj}


@pytest.mark.parametrize(
    "key",
    [
        (models.UUIDField(primary_key=True), uuid.uuid4()),
        (models.CharField(primary_key=True, max_length=50), "ä'b%"),
        (models.DecimalField(primary_key=True, max_digits=9, decimal_places=3), Decimal("1.500")),
        (
            models.DateTimeField(primary_key=True),
            datetime(2020, 2, 3, 4, 5, 6, 70, tzinfo=timezone.utc),
        ),
        (models.CharField(primary_key=True, max_length=9, db_collation="POSIX"), "é"),
    ],
    ids=lambda key: type(key[0]).__name__,
)
def test_tracks_finds_keys_of_every_type(tables_: None, key: tuple[Any, Any]) -> None:
    model = tables.tracked_table("Keyed", key=key[0], name=models.TextField(default=""))
    obj = model.objects.create(key=key[1])
    for given in (obj, model.objects.filter(key=key[1])):
        [event] = Events.objects.tracks(given)
        assert event.pgh_obj == obj


def test_tracks_finds_composite_keys(tables_: None) -> None:
    model = tables.tracked_table(
        "Paired",
        pk=models.CompositePrimaryKey("left", "right"),
        left=models.IntegerField(),
        right=models.TextField(),
    )
    obj = model.objects.create(left=1, right='a"b')
    model.objects.create(left=1, right="c")
    for given in (obj, model.objects.filter(right='a"b')):
        [event] = Events.objects.tracks(given)
        assert event.pgh_obj == obj


def test_tracks_refuses_objects_of_several_types(order: Order) -> None:
    message = r"^The objects passed to tracks\(\) are not of the same type\.$"
    with pytest.raises(ValueError, match=message):
        Events.objects.tracks(order, order.customer)
    with pytest.raises(QueryError, match=message):
        Events.objects.tracks([order], Customer.objects.all())


def test_references_refuses_objects_of_several_types(order: Order) -> None:
    message = r"^The objects passed to references\(\) are not of the same type\.$"
    with pytest.raises(ValueError, match=message):
        Events.objects.references(order, order.customer)


def test_tracks_and_references_exclude_each_other(order: Order) -> None:
    message = r"^Cannot use both tracks\(\) and references\(\)\.$"
    with pytest.raises(ValueError, match=message):
        Events.objects.tracks(order).references(order)
    with pytest.raises(ValueError, match=message):
        Events.objects.references(order).filter(pgh_id__gt=0).order_by("pgh_id").tracks(order)


@pytest.mark.parametrize(
    "method", ["tracks", "references", "across", "by", "in_context", "labelled"]
)
def test_nothing_given_is_an_error(db: None, method: str) -> None:
    with pytest.raises(QueryError, match=rf"{method}\(\) was given nothing"):
        getattr(Events.objects, method)()


@pytest.mark.parametrize("method", ["tracks", "references", "by"])
def test_an_unsaved_object_is_an_error(db: None, method: str) -> None:
    with pytest.raises(QueryError, match="without a primary key"):
        getattr(Events.objects, method)(Customer(name="Ana"))


def test_tracks_refuses_what_is_no_object(db: None) -> None:
    with pytest.raises(QueryError, match=r"tracks\(\) was given 5"):
        Events.objects.tracks(5)


def test_tracks_refuses_an_object_that_was_never_tracked(db: None) -> None:
    with pytest.raises(QueryError, match=r"shop\.Untracked, which is not tracked"):
        Events.objects.tracks(shop.Untracked.objects.create())


# references()


def test_references_finds_what_pointed_at_an_object(order: Order, other: Order) -> None:
    Order.objects.create(pk=503, customer=Customer.objects.create(name="Ben"))
    assert short(Events.objects.references(order.customer)) == of_object(order, other)
    customers = Customer.objects.filter(name="Ana")
    assert short(Events.objects.references(customers)) == of_object(order, other)
    assert short(Events.objects.references([order.customer, order.customer])) == of_object(
        order, other
    )


def test_references_finds_what_no_longer_points(order: Order) -> None:
    ben = Customer.objects.create(name="Ben")
    first = order.customer
    order.customer = ben
    order.save()
    assert short(Events.objects.references(first)) == of_object(order)[:2]
    assert short(Events.objects.references(ben)) == of_object(order)[2:]


def test_references_can_have_the_objects_own_events_too(order: Order) -> None:
    found = short(Events.objects.references(order.customer, itself=True))
    assert found == [f"Customer {order.customer_id} insert", *of_object(order)]
    customers = Customer.objects.filter(name="Ana")
    assert short(Events.objects.references(customers, itself=True)) == found


def test_references_go_deeper(order: Order, django_assert_num_queries: Any) -> None:
    product = Product.objects.create(sku="A", name="Apple", price=1)
    line = OrderLine.objects.create(pk=701, order=order, product=product)
    ben = Customer.objects.create(name="Ben")
    OrderLine.objects.create(pk=702, order=Order.objects.create(customer=ben), product=product)
    expected = [*of_object(order), "OrderLine 701 insert"]
    for given in (order.customer, Customer.objects.filter(name="Ana")):
        assert short(Events.objects.references(given)) == of_object(order)
        with django_assert_num_queries(1):
            assert short(Events.objects.references(given, depth=2)) == expected
        assert short(Events.objects.references(given, depth=3)) == expected
    assert line.pk == 701


def test_references_go_deeper_through_objects_that_are_gone(order: Order) -> None:
    product = Product.objects.create(sku="A", name="Apple", price=1)
    OrderLine.objects.create(pk=701, order=order, product=product)
    ana = order.customer
    order.delete()
    found = short(Events.objects.references(ana, depth=2))
    assert [e for e in found if "Line" in e] == ["OrderLine 701 insert", "OrderLine 701 delete"]


@pytest.mark.parametrize("depth", [0, -1, True, "2", None])
def test_a_depth_below_one_is_an_error(order: Order, depth: Any) -> None:
    with pytest.raises(QueryError, match="depth="):
        Events.objects.references(order, depth=depth)


def test_references_of_an_untracked_object_are_found(db: None) -> None:
    user = User.objects.create_user("ana")
    group = Group.objects.create(name="staff")
    user.groups.add(group)
    assert [e.pgh_label for e in Events.objects.references(group)] == ["group.add"]


def test_references_by_another_field_than_the_key_are_found(tables_: None) -> None:
    country = tables.tracked_table(
        "Land", code=models.CharField(max_length=2, unique=True), name=models.TextField(default="")
    )
    city = tables.tracked_table(
        "Town", land=models.ForeignKey(country, models.CASCADE, to_field="code")
    )
    street = tables.tracked_table("Street", town=models.ForeignKey(city, models.CASCADE))
    de = country.objects.create(code="DE")
    at = country.objects.create(code="AT")
    ulm = city.objects.create(land=de)
    city.objects.create(land=at)
    road = street.objects.create(town=ulm)
    for given in (de, country.objects.filter(code="DE")):
        assert short(Events.objects.references(given)) == [f"Town {ulm.pk} insert"]
        assert short(Events.objects.references(given, depth=2)) == [
            f"Town {ulm.pk} insert",
            f"Street {road.pk} insert",
        ]


def test_deeper_references_pass_through_another_field_than_the_key(tables_: None) -> None:
    land = tables.tracked_table("Land", name=models.TextField(default=""))
    town = tables.tracked_table(
        "Town",
        land=models.ForeignKey(land, models.CASCADE),
        code=models.CharField(max_length=9, unique=True),
    )
    street = tables.tracked_table(
        "Street", town=models.ForeignKey(town, models.CASCADE, to_field="code")
    )
    home = land.objects.create()
    ulm = town.objects.create(land=home, code="ulm")
    road = street.objects.create(town=ulm)
    assert short(Events.objects.references(home, depth=2)) == [
        f"Town {ulm.pk} insert",
        f"Street {road.pk} insert",
    ]


def test_references_follow_former_labels_at_every_depth(tables_: None) -> None:
    land = tables.tracked_table(
        "Land", track={"former_labels": ["shop.OldLand"]}, name=models.TextField(default="")
    )
    town = tables.tracked_table(
        "Town",
        track={"former_labels": ["shop.OldTown"]},
        land=models.ForeignKey(land, models.CASCADE),
    )
    tables.tracked_table("Street", town=models.ForeignKey(town, models.CASCADE))
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, refs) VALUES"
        " ('shop.OldTown', '7', 'insert', 'I', '{shop.OldLand:5}'),"
        " ('shop.Street', '8', 'insert', 'I', '{shop.OldTown:7}'),"
        " ('shop.Street', '9', 'insert', 'I', '{shop.Town:7}')"
    )
    found = Events.objects.references(land(pk=5), depth=2)
    assert short(found) == ["OldTown 7 insert", "Street 8 insert", "Street 9 insert"]


def test_references_to_a_parent_are_references_to_its_child(tables_: None) -> None:
    parent = tables.tracked_table("Vehicle", name=models.TextField(default=""))
    child = tables.make("Truck", (parent,), load=models.IntegerField(default=0))
    pgaudit_log.track(model_name="TruckEvent")(child)
    tables.install(child)
    trip = tables.tracked_table(
        "Trip",
        vehicle=models.ForeignKey(parent, models.CASCADE),
        truck=models.ForeignKey(child, models.CASCADE, null=True, related_name="+"),
    )
    truck = child.objects.create()
    trips = [trip.objects.create(vehicle=truck), trip.objects.create(vehicle=truck, truck=truck)]
    expected = [f"Trip {one.pk} insert" for one in trips]
    for given in (truck, child.objects.all(), parent.objects.get()):
        found = Events.objects.references(given).across(trip)
        assert short(found) == expected


# across(), labelled()


@pytest.mark.parametrize(
    "given",
    [
        (Order, Customer),
        ([Order, Customer],),
        ("shop.Order", "shop.customer"),
        (OrderEvent, "shop.CustomerEvent"),
        (Order.objects.all(), Customer(name="any")),
    ],
)
def test_across_narrows_to_models(order: Order, given: Any) -> None:
    Product.objects.create(sku="A", name="Apple", price=1)
    found = {event.pgh_obj_model for event in Events.objects.across(*given)}
    assert found == {"shop.Order", "shop.Customer"}


def test_across_a_class_of_typed_events_means_its_own_trackers(db: None) -> None:
    Stock.objects.create(site="Ulm", level=5)
    Stock.objects.update(level=3)
    assert {e.pgh_label for e in Events.objects.across(Stock)} == {"fell", "row_fell"}
    event_model: Any = shop.StockLevelHistory  # type: ignore[attr-defined]
    assert {e.pgh_label for e in Events.objects.across(event_model)} == {"fell"}


@pytest.mark.parametrize(
    "given", ["shop.Nope", "nope", "shop.Untracked", shop.Untracked, 5, Events]
)
def test_across_refuses_what_is_not_tracked(db: None, given: Any) -> None:
    with pytest.raises(QueryError, match=r"across\(\) was given"):
        Events.objects.across(given)


def test_labelled_narrows_to_trackers(order: Order) -> None:
    assert short(Events.objects.labelled("update")) == ["Order 501 update"]
    with pytest.raises(QueryError, match="'nope', which is no tracker's label"):
        Events.objects.labelled("nope")


# by()


@pytest.fixture
def users(db: None) -> tuple[User, User]:
    ana, ben = User.objects.create_user("ana"), User.objects.create_user("ben")
    for user in (ana, ben):
        with pgaudit_log.context(user=user.pk):
            Customer.objects.create(name=user.username)
    with pgaudit_log.context(user=None):
        Customer.objects.create(name="anonymous")
    Customer.objects.create(name="nobody")
    return ana, ben


def names(events: Any) -> list[str]:
    return [e.pgh_data["name"] for e in events.across(Customer).order_by("pgh_id")]


@pytest.mark.parametrize("form", ["instance", "key", "text", "list", "queryset"])
def test_by_finds_the_events_of_a_user(users: tuple[User, User], form: str) -> None:
    ana, _ = users
    given: Any = {
        "instance": ana,
        "key": ana.pk,
        "text": str(ana.pk),
        "list": [ana],
        "queryset": User.objects.filter(username="ana"),
    }[form]
    assert names(Events.objects.by(given)) == ["ana"]


def test_by_takes_several_users(users: tuple[User, User]) -> None:
    ana, ben = users
    assert names(Events.objects.by(ana, ben.pk)) == ["ana", "ben"]
    assert names(Events.objects.by([ana], User.objects.filter(pk=ben.pk))) == ["ana", "ben"]


def test_by_none_finds_events_without_a_user(users: tuple[User, User]) -> None:
    assert names(Events.objects.by(None)) == ["anonymous", "nobody"]
    assert names(Events.objects.by(AnonymousUser())) == ["anonymous", "nobody"]
    assert names(Events.objects.by(users[0], None)) == ["ana", "anonymous", "nobody"]


def test_by_serves_typed_events(order: Order) -> None:
    with pgaudit_log.context(user=7):
        order.status = "sent"
        order.save()
    assert [event.status for event in order.events.by(7)] == ["sent"]  # type: ignore[attr-defined]
    assert order.events.by(None).count() == 2  # type: ignore[attr-defined]


# in_context(), in_transaction(), between()


def test_in_context_finds_the_events_of_a_context(order: Order) -> None:
    with pgaudit_log.context(task="a") as running:
        Customer.objects.create(name="Ben")
        order.save()
    [event] = Events.objects.across(Customer).filter(pgh_data__name="Ben")
    for given in (running, running.id, str(running.id), event, [event]):
        assert Events.objects.in_context(given).count() == 1
    same = Events.objects.filter(pk=event.pk)
    assert list(Events.objects.in_context(same)) == [event]
    assert not order.events.in_context(running).exists()  # type: ignore[attr-defined]


@pytest.mark.parametrize("given", ["nope", 5, object()])
def test_in_context_refuses_what_is_no_context(db: None, given: Any) -> None:
    with pytest.raises(QueryError, match=r"in_context\(\) was given"):
        Events.objects.in_context(given)


def test_in_context_refuses_an_event_without_one(order: Order) -> None:
    with pytest.raises(QueryError, match="in no context"):
        Events.objects.in_context(Events.objects.first())


def test_in_transaction_finds_the_events_of_a_transaction(order: Order) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (txid, model, label, operation)"
        " VALUES (1, 'shop.Order', 'insert', 'I')"
    )
    event = Events.objects.get(pgh_txid=1)
    for given in (1, event, [1], Events.objects.filter(pk=event.pk)):
        assert list(Events.objects.in_transaction(given)) == [event]
    assert order.events.in_transaction(event).count() == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("given", ["1", True, -1, 2**63, None])
def test_in_transaction_refuses_what_is_no_number(db: None, given: Any) -> None:
    with pytest.raises(QueryError, match=r"in_transaction\(\) was given"):
        Events.objects.in_transaction(given)


def test_between_is_half_open(order: Order) -> None:
    moment = Events.objects.first().pgh_created_at  # type: ignore[union-attr]
    second = timedelta(seconds=1)
    every = Events.objects.count()
    assert Events.objects.between(moment, moment + second).count() == every
    assert Events.objects.between(moment - second, moment).count() == 0
    assert Events.objects.between(moment, None).count() == every
    assert Events.objects.between(None, moment).count() == 0
    assert Events.objects.between(None, None).count() == every
    assert order.events.between(moment, None).count() == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("moment", [datetime(2020, 1, 1), "2020-01-01", date(2020, 1, 1)])  # noqa: DTZ001
def test_between_refuses_what_says_no_moment(db: None, moment: Any) -> None:
    with pytest.raises(QueryError, match=r"between\(\) was given|has no time zone"):
        Events.objects.between(moment, None)
    with pytest.raises(QueryError, match=r"between\(\) was given|has no time zone"):
        Events.objects.between(None, moment)


# changed()


def test_changed_finds_the_updates_of_a_field(order: Order) -> None:
    trail = Events.objects.across(Order)
    assert short(trail.changed("status")) == ["Order 501 update"]
    assert short(trail.changed("status", old="new", new="paid")) == ["Order 501 update"]
    assert not trail.changed("status", old="paid").exists()
    assert not trail.changed("status", new=None).exists()
    assert not trail.changed("note").exists()
    events: Any = order.events  # type: ignore[attr-defined]
    assert [event.status for event in events.changed("status", new="paid")] == ["paid"]


def test_changed_takes_a_field_or_its_column(order: Order) -> None:
    ana, ben = order.customer, Customer.objects.create(name="Ben")
    order.customer = ben
    order.save()
    events: Any = order.events  # type: ignore[attr-defined]
    for name in ("customer", "customer_id"):
        assert events.changed(name, old=ana, new=ben.pk).count() == 1
        assert Events.objects.tracks(order).changed(name, new=ben).count() == 1
    assert Events.objects.changed("customer_id", new=ben).count() == 1


def test_changed_without_a_model_takes_a_column_of_any(order: Order) -> None:
    stock = Stock.objects.create(site="Ulm", level=5)
    Stock.objects.update(level=3)
    assert {e.pgh_obj_id for e in Events.objects.changed("level", old=5)} == {str(stock.pk)}
    assert short(Events.objects.changed("status")) == ["Order 501 update"]
    with pytest.raises(QueryError, match="Narrow the trail"):
        Events.objects.changed("customer")


def test_changed_across_models_asks_those_that_have_the_field(order: Order) -> None:
    trail = Events.objects.across(Order, Customer)
    assert short(trail.changed("status", new="paid")) == ["Order 501 update"]


def test_null_is_a_value_of_its_own(db: None) -> None:
    Stock.objects.create(site="Ulm", level=5)
    Stock.objects.update(level=None)
    Stock.objects.update(level=7)
    assert Events.objects.across(Stock).changed("level", new=None).count() == 0
    product = Product.objects.create(sku="A", name="Apple", price=1)
    Product.objects.update(tags=[1])
    events: Any = product.events  # type: ignore[attr-defined]
    assert events.changed("tags", old=None).count() == 1
    assert events.changed("tags", new=[1]).count() == 1
    Product.objects.update(tags=models.Value(None, models.JSONField()))
    json_null = models.Value(None, models.JSONField())
    assert events.changed("tags", new=None).count() == 0
    assert events.changed("tags", new=json_null).count() == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "old", "new"),
    [
        (models.DecimalField(max_digits=9, decimal_places=2), Decimal("1.10"), Decimal("2.2")),
        (models.FloatField(), 0.1, -0.0),
        (models.BooleanField(), True, False),
        (models.DateField(), date(2020, 1, 2), date(2020, 1, 3)),
        (
            models.DateTimeField(),
            datetime(2020, 1, 2, 3, 4, 5, 600, tzinfo=timezone(timedelta(hours=2))),
            datetime(2020, 1, 2, tzinfo=timezone.utc),
        ),
        (models.DurationField(), timedelta(days=1, seconds=2), timedelta(microseconds=-3)),
        (models.UUIDField(), uuid.uuid4(), uuid.uuid4()),
        (models.BinaryField(), b"\x00\xff", b""),
        (models.BigIntegerField(), 2**62, -1),
        (models.JSONField(), {"a": [1, None]}, [1.5]),
        (models.GenericIPAddressField(), "10.0.0.1", "::1"),
        (models.TextField(), "a'b%", "\N{SNOWMAN}\\"),
        (models.CharField(max_length=3), "abc", ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, models.Field) else "",
)
def test_changed_compares_values_of_every_type(
    tables_: None, field: Any, old: Any, new: Any
) -> None:
    model = tables.tracked_table("Typed", value=field)
    obj = model.objects.create(value=old)
    model.objects.update(value=new)
    execute("SELECT set_config('TimeZone', 'Asia/Tokyo', true)")
    for events in (obj.events, Events.objects.across(model), Events.objects.all()):
        assert events.changed("value", old=old, new=new).count() == 1
        assert events.changed("value", old=new).count() == 0
        assert events.changed("value", new=old).count() == 0


def test_changed_follows_a_column_through_its_former_names(tables_: None) -> None:
    model = tables.tracked_table(
        "Renamed", track={"former_columns": {"state": ["status"]}}, state=models.TextField()
    )
    obj = model.objects.create(state="a")
    model.objects.update(state="b")
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, diff)"
        """ VALUES ('shop.Renamed', %s, 'update', 'U', '{"status": ["0", "a"]}')""",
        [str(obj.pk)],
    )
    for name in ("state", "status"):
        assert obj.events.changed(name).count() == 2
        assert Events.objects.tracks(obj).changed(name, new="a").count() == 1
    assert Events.objects.changed("state").count() == 2


def test_changed_refuses_an_unknown_field(order: Order) -> None:
    message = r'"nope", which is no field of shop\.Order\. Its fields are customer, id'
    with pytest.raises(QueryError, match=message):
        Events.objects.across(Order).changed("nope")
    with pytest.raises(QueryError, match=message):
        order.events.changed("nope")  # type: ignore[attr-defined]
    with pytest.raises(QueryError, match="no column of a tracked model"):
        Events.objects.changed("nope")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("customer", "x"),
        ("customer", User(pk=5)),
        ("customer", Customer(name="unsaved")),
        ("status", Customer(pk=5)),
        ("placed_at", "yesterday"),
        ("placed_at", datetime(2020, 1, 1)),  # noqa: DTZ001
    ],
)
def test_changed_refuses_a_value_that_the_field_can_never_have(
    db: None, field: str, value: Any
) -> None:
    with pytest.raises(QueryError, match=r"changed\(\) was given|has no time zone"):
        Events.objects.across(Order).changed(field, new=value)


def test_a_number_that_is_too_large_is_never_found(order: Order) -> None:
    assert not Events.objects.across(Stock).changed("level", new=2**80).exists()


# composing


def test_questions_compose_with_each_other_and_with_the_orm(order: Order, other: Order) -> None:
    with pgaudit_log.context(user=7):
        Order.objects.update(status="sent")
    trail = Events.objects.tracks(order).by(7).changed("status", new="sent")
    assert short(trail) == ["Order 501 update"]
    assert trail.filter(pgh_data__status="sent").exclude(pgh_operation="I").count() == 1
    assert trail.annotate(user=KT("pgh_context__user")).values_list("user", flat=True).get() == "7"
    both = Events.objects.tracks(order).by(7) | Events.objects.tracks(other).by(7)
    assert both.count() == 2


# pages


def test_newest_comes_first(order: Order) -> None:
    ids = [event.pgh_id for event in Events.objects.newest()]
    assert ids == sorted(ids, reverse=True)
    assert [event.status for event in order.events.newest()] == ["paid", "new"]  # type: ignore[attr-defined]


def test_after_and_before_leave_the_position_out(order: Order) -> None:
    events = list(Events.objects.all())
    middle = events[1]
    for given in (middle, middle.pgh_id):
        assert list(Events.objects.before(given)) == events[:1]
        assert list(Events.objects.after(given)) == events[2:]
    assert list(order.events.before(events[-1])) == list(order.events.all())[:-1]  # type: ignore[attr-defined]


def test_a_position_is_an_event_or_a_number(db: None) -> None:
    with pytest.raises(QueryError, match=r"after\(\) was given 'x'"):
        Events.objects.after("x")
    assert not Events.objects.after(2**99).exists()


def test_pages_lead_through_the_whole_trail_and_back(
    customer: Customer, django_assert_num_queries: Any
) -> None:
    for number in range(7):
        Customer.objects.create(name=str(number))
    expected = [event.pgh_id for event in Events.objects.newest()]
    with django_assert_num_queries(1) as captured:
        page = trails.page(Events.objects, size=3)
    assert "OFFSET" not in captured[0]["sql"]
    pages, seen = [page], list(page)
    assert page.newer is None
    while page.older is not None:
        with django_assert_num_queries(1) as captured:
            page = trails.page(Events.objects.all(), size=3, before=page.older)
        assert "OFFSET" not in captured[0]["sql"]
        pages.append(page)
        seen += page
    assert [event.pgh_id for event in seen] == expected
    assert [len(page) for page in pages] == [3, 3, 2]
    back = [page]
    while page.newer is not None:
        with django_assert_num_queries(1):
            page = trails.page(Events.objects, size=3, after=page.newer)
        back.insert(0, page)
    assert [e.pgh_id for p in back for e in p] == expected
    assert page.older is not None


def test_a_page_that_just_fits_is_the_last(customer: Customer) -> None:
    Customer.objects.create(name="Ben")
    assert Events.objects.page(2).older is None
    assert Events.objects.page(1).older is not None
    first = Events.objects.first().pgh_id  # type: ignore[union-attr]
    assert Events.objects.page(1, after=first).newer is None
    assert Events.objects.page(1, after=first - 1).newer is not None


def test_an_empty_page_leads_back(customer: Customer) -> None:
    [event] = Events.objects.all()
    nothing_older = Events.objects.page(before=event)
    assert (nothing_older.events, nothing_older.older) == ((), None)
    assert list(Events.objects.page(after=nothing_older.newer)) == [event]
    nothing_newer = Events.objects.page(after=event)
    assert (nothing_newer.events, nothing_newer.newer) == ((), None)
    assert list(Events.objects.page(before=nothing_newer.older)) == [event]


def test_pages_serve_typed_events_and_any_filter(order: Order) -> None:
    page = trails.page(order.events, size=1)  # type: ignore[attr-defined]
    assert [event.status for event in page] == ["paid"]
    assert [e.status for e in order.events.page(1, before=page.older)] == ["new"]  # type: ignore[attr-defined]
    assert len(Events.objects.tracks(order).page()) == 2


def test_a_page_wants_one_position_and_a_size(db: None) -> None:
    with pytest.raises(QueryError, match="both before= and after="):
        Events.objects.page(before=1, after=2)
    for size in (0, -1, "5", True):
        with pytest.raises(QueryError, match="Give a number from 1"):
            Events.objects.page(size)
    with pytest.raises(QueryError, match="no queryset of events"):
        trails.page(Order.objects.all())


# pgh_obj, pgh_model


def test_an_event_leads_to_its_object(order: Order, django_assert_num_queries: Any) -> None:
    event = Events.objects.tracks(order).get(pgh_operation="U")
    with django_assert_num_queries(1):
        assert event.pgh_obj == order
        assert event.pgh_obj == order
    assert event.pgh_model is Order


def test_an_object_that_is_gone_is_none(order: Order) -> None:
    order.delete()
    assert {event.pgh_obj for event in Events.objects.across(Order)} == {None}
    with pytest.raises(AttributeError, match="cannot be set"):
        Events.objects.first().pgh_obj = None  # type: ignore[union-attr]


def test_objects_are_loaded_with_one_query_a_model(
    order: Order, django_assert_num_queries: Any
) -> None:
    for number in range(5):
        Product.objects.create(sku=str(number), name="Apple", price=1)
        Order.objects.create(customer=order.customer)
    Product.objects.filter(sku="3").delete()
    with django_assert_num_queries(4):
        events = list(Events.objects.prefetch_related("pgh_obj"))
        found = [event.pgh_obj for event in events]
    assert {type(obj) for obj in found} == {Order, Customer, Product, type(None)}
    for event in events:
        if event.pgh_obj is not None:
            assert str(event.pgh_obj.pk) == event.pgh_obj_id
    with django_assert_num_queries(5):
        page = Events.objects.prefetch_related("pgh_obj__customer").across(Order).page(3)
        assert page.events[0].pgh_obj.customer == order.customer
        list(Events.objects.prefetch_related("pgh_obj").across(Order))


def test_a_prefetch_can_say_how_objects_are_loaded(
    order: Order, django_assert_num_queries: Any
) -> None:
    lookup: Any = GenericPrefetch(
        "pgh_obj", [Order.objects.select_related("customer"), Customer.objects.filter(name="?")]
    )
    with django_assert_num_queries(3):
        customer, first, _ = Events.objects.prefetch_related(lookup)
        assert first.pgh_obj.customer.name == "Ana"
        assert customer.pgh_obj is None


@pytest.mark.skipif(not hasattr(models, "FETCH_PEERS"), reason="fetch modes came with Django 6.1")
def test_fetch_modes_are_respected(order: Order, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(3):
        events = list(Events.objects.fetch_mode(models.FETCH_PEERS))  # type: ignore[attr-defined]
        assert [type(event.pgh_obj) for event in events] == [Customer, Order, Order]
    [event] = Events.objects.across(Customer).fetch_mode(models.FETCH_RAISE)  # type: ignore[attr-defined]
    with pytest.raises(Exception, match="pgh_obj"):
        event.pgh_obj  # noqa: B018


def test_keys_and_models_that_are_no_more_have_no_object(order: Order) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation) VALUES"
        " ('shop.Order', 'not-a-number', 'insert', 'I'), ('shop.Order', '0501', 'insert', 'I'),"
        " ('shop.Order', '99999999999999999999999', 'insert', 'I'),"
        " ('shop.Order', NULL, 'truncate', 'T'), ('gone.Model', '1', 'insert', 'I'),"
        " ('no dot', '1', 'insert', 'I')"
    )
    events = Events.objects.filter(pgh_data__isnull=True)
    assert {event.pgh_obj for event in events} == {None}
    assert {event.pgh_obj for event in events.prefetch_related("pgh_obj")} == {None}
    assert {event.pgh_model for event in events} == {Order, None}


def test_the_object_of_an_uncommon_key_is_found(db: None) -> None:
    product = Product.objects.create(sku="ä'b%", name="Apple", price=1)
    assert Events.objects.get().pgh_obj == product


# plans


@pytest.mark.slow
@pytest.mark.usefixtures("many_events")
@pytest.mark.parametrize("form", ["object", "objects", "queryset"])
def test_tracks_uses_the_index(form: str) -> None:
    order, other = Order.objects.order_by("pk")[100:102]
    given: Any = {
        "object": order,
        "objects": [order, other],
        "queryset": Order.objects.filter(pk__in=[order.pk, other.pk]),
    }[form]
    scans = event_scans(Events.objects.tracks(given))
    assert scans
    for scan in scans:
        condition = scan.get("Index Cond", "") + scan.get("Recheck Cond", "")
        # A recheck shows the two sides as they were written.
        assert "obj_pk = " in condition or "= obj_pk)" in condition
        assert "model = " in condition


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.usefixtures("many_events")
@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("form", ["object", "queryset"])
def test_references_uses_the_index(form: str, depth: int) -> None:
    customer = Customer.objects.order_by("pk")[100]
    given = customer if form == "object" else Customer.objects.filter(pk=customer.pk)
    # The table is small, and what was just written waits outside the index until a vacuum: a scan
    # of the table would be cheaper. A GIN index serves bitmap scans only.
    execute("SELECT set_config('enable_seqscan', 'off', true)")
    execute("SELECT set_config('enable_indexscan', 'off', true)")
    scans = event_scans(Events.objects.references(given, depth=depth))
    assert scans
    for scan in scans:
        assert "refs && " in scan.get("Index Cond", "") + scan.get("Recheck Cond", "")


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("form", ["instance", "list", "queryset"])
def test_by_uses_the_index(events_of_a_user: User, form: str) -> None:
    user = events_of_a_user
    given: Any = {
        "instance": user,
        "list": [user.pk, user.pk + 1],
        "queryset": User.objects.filter(pk=user.pk),
    }[form]
    for events in (Events.objects.by(given), OrderEvent.objects.by(given)):
        assert events.exists()
        # That on the user, and that on whose behalf.
        assert uses(events, "context ->> '")


def test_a_page_uses_the_order_of_capture(events_of_a_user: User) -> None:
    middle = Events.objects.order_by("pk")[3000].pk
    for queryset in (
        Events.objects.before(middle).newest()[:51],
        Events.objects.after(middle).order_by("pgh_id")[:51],
    ):
        assert uses(queryset, "id ")


def test_contexts_and_transactions_use_the_index(events_of_a_user: User) -> None:
    [event] = Events.objects.by(events_of_a_user)[:1]
    execute("SELECT set_config('enable_seqscan', 'off', true)")
    for events in (Events.objects, OrderEvent.objects):
        assert uses(events.in_context(event), "context_id = ")
        assert uses(events.in_transaction(event), "txid = ")
        assert uses(events.between(event.pgh_created_at, None), "created_at >= ")


# async


def test_the_orms_async_methods_work(db: None) -> None:
    customer = Customer.objects.create(name="Ana")
    order = Order.objects.create(customer=customer)

    async def read() -> Any:
        found = Events.objects.tracks(order)
        return (
            [event.pgh_label async for event in found],
            [event.pgh_label async for event in found.aiterator()],
            (await found.aget()).pgh_label,
            await found.acount(),
            await found.aexists(),
            (await Events.objects.references(customer).newest().afirst()).pgh_label,
            [e.pgh_label async for e in Events.objects.prefetch_related("pgh_obj").across(Order)],
            len(await Events.objects.apage(1)),
            [event.status async for event in order.events.by(None)],  # type: ignore[attr-defined]
            (await order.events.newest().alast()).status,  # type: ignore[attr-defined]
        )

    assert async_to_sync(read)() == (
        ["insert"],
        ["insert"],
        "insert",
        1,
        True,
        "insert",
        ["insert"],
        1,
        ["new"],
        "new",
    )
