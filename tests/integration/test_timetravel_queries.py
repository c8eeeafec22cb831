"""Time travel: whatever the ORM can ask, it can ask of the past."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from django.db import models
from django.db.models import (
    Count,
    Exists,
    F,
    FilteredRelation,
    OuterRef,
    Prefetch,
    Q,
    Subquery,
    Sum,
)
from django.db.models.expressions import RawSQL

from pgaudit_log import timetravel
from pgaudit_log.exceptions import QueryError, ReadOnlyError
from tests import query_plans
from tests.moments import now
from tests.shop.models import Customer, Order, OrderLine, Parcel, Product
from tests.support import execute

pytestmark = pytest.mark.django_db


@pytest.fixture
def then() -> Any:
    """The moment at which two customers have three orders with lines; today all is other."""
    ana, ben = (Customer.objects.create(name=name) for name in ("Ana", "Ben"))
    pen = Product.objects.create(sku="pen", name="Pen", price="1.50", tags={"colour": "red"})
    ink = Product.objects.create(sku="ink", name="Ink", price="9.00")
    for customer, status, amounts in [(ana, "new", [1, 2]), (ana, "paid", [3]), (ben, "new", [])]:
        order = Order.objects.create(customer=customer, status=status)
        for amount in amounts:
            OrderLine.objects.create(order=order, product=pen, quantity=amount)
    moment = now()
    Customer.objects.update(name="today")
    Order.objects.update(status="today", customer=ben)
    OrderLine.objects.update(quantity=99, product=ink)
    OrderLine.objects.filter(order__pk=order.pk).delete()
    OrderLine.objects.create(order=order, product=ink, quantity=99)
    Product.objects.update(name="today", price=99, tags=None)
    Customer.objects.create(name="today")
    return moment


def statuses(queryset: Any) -> list[str]:
    return sorted(queryset.values_list("status", flat=True))


FILTERS: dict[str, tuple[Any, list[str]]] = {
    "exact": (Q(status="new"), ["new", "new"]),
    "of today": (Q(status="today"), []),
    "in": (Q(status__in=["paid", "x"]), ["paid"]),
    "contains": (Q(status__icontains="AI"), ["paid"]),
    "percent": (Q(status__contains="%"), []),
    "join": (Q(customer__name="Ben"), ["new"]),
    "join of today": (Q(customer__name="today"), []),
    "reverse join": (Q(lines__quantity=3), ["paid"]),
    "two joins": (Q(lines__product__name="Pen", lines__quantity__gt=2), ["paid"]),
    "json": (Q(lines__product__tags__colour="red", lines__quantity=3), ["paid"]),
    "no line": (Q(lines=None), ["new"]),
    "not over a join": (~Q(lines__quantity__lt=3), ["new", "paid"]),
    "or": (Q(status="paid") | Q(customer__name="Ben"), ["new", "paid"]),
    "xor": (Q(status="new") ^ Q(customer__name="Ben"), ["new"]),
    "f": (Q(lines__quantity=F("lines__product__price") * 2), ["paid"]),
    "date": (Q(placed_at__year__gte=2000, status="paid"), ["paid"]),
    "in a queryset": (Q(customer__in=Customer.objects.filter(name="Ben")), ["new"]),
    "exists": (Exists(OrderLine.objects.filter(order=OuterRef("pk"), quantity=3)), ["paid"]),
    "not exists": (~Exists(OrderLine.objects.filter(order=OuterRef("pk"))), ["new"]),
    "negated in": (~Q(customer__in=Customer.objects.filter(name="Ana")), ["new"]),
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("how", ["as_of", "block"])
def test_every_kind_of_filter_sees_the_past(then: Any, name: str, how: str) -> None:
    condition, expected = FILTERS[name]
    if how == "as_of":
        assert statuses(Order.objects.as_of(then).filter(condition)) == expected
        assert statuses(Order.objects.filter(condition).as_of(then)) == expected
    else:
        outside = Order.objects.filter(condition)
        with timetravel.as_of(then):
            assert statuses(outside) == statuses(Order.objects.filter(condition)) == expected


QUESTIONS: dict[str, Any] = {
    "count": lambda orders: orders.count() == 3,
    "exists": lambda orders: orders.filter(status="paid").exists(),
    "not exists": lambda orders: not orders.filter(status="today").exists(),
    "aggregate": lambda orders: orders.aggregate(s=Sum("lines__quantity")) == {"s": 6},
    "annotate": lambda orders: (
        sorted(
            (o.status, o.n, o.s)
            for o in orders.annotate(n=Count("lines"), s=Sum("lines__quantity"))
        )
        == [("new", 0, None), ("new", 2, 3), ("paid", 1, 3)]
        or sorted((o.status, o.n) for o in orders.annotate(n=Count("lines")))
    ),
    "having": lambda orders: (
        orders.annotate(n=Count("lines")).filter(n__gt=1).get().status == "new"
    ),
    "group by": lambda orders: (
        list(orders.values("customer__name").annotate(n=Count("pk")).order_by("customer__name"))
        == [{"customer__name": "Ana", "n": 2}, {"customer__name": "Ben", "n": 1}]
    ),
    "order and slice": lambda orders: (
        [o.status for o in orders.order_by("-status", "customer__name")[:2]] == ["paid", "new"]
    ),
    "first and last": lambda orders: orders.order_by("status").last().status == "paid",
    "latest": lambda orders: orders.latest("status").status == "paid",
    "in_bulk": lambda orders: {o.status for o in orders.in_bulk().values()} == {"new", "paid"},
    "union": lambda orders: (
        orders.filter(status="new").union(orders.filter(status="paid")).count() == 3
    ),
    "intersection": lambda orders: (
        not orders.filter(status="new").intersection(Order.objects.filter(status="today")).count()
    ),
    "union with a plain one": lambda orders: (
        sorted(o.status for o in orders.none().union(orders, Order.objects.filter(status="new")))
        == ["new", "new", "paid"]
    ),
    "distinct": lambda orders: (
        sorted(orders.values_list("status").distinct()) == [("new",), ("paid",)]
    ),
    "distinct on": lambda orders: (
        orders.order_by("customer_id").distinct("customer_id").count() == 2
    ),
    "distinct count": lambda orders: orders.filter(lines__quantity__gt=0).distinct().count() == 2,
    "subquery": lambda orders: (
        set(
            orders.annotate(
                most=Subquery(
                    OrderLine.objects.filter(order=OuterRef("pk"))
                    .order_by("-quantity")
                    .values("quantity")[:1]
                )
            ).values_list("most", flat=True)
        )
        == {2, 3, None}
    ),
    "select_related": lambda orders: (
        {o.customer.name for o in orders.select_related("customer")} == {"Ana", "Ben"}
    ),
    "forward": lambda orders: {o.customer.name for o in orders} == {"Ana", "Ben"},
    "reverse": lambda orders: (
        sorted(line.quantity for o in orders for line in o.lines.all()) == [1, 2, 3]
    ),
    "reverse filtered": lambda orders: (
        sorted(
            line.quantity
            for o in orders
            for line in o.lines.filter(
                Exists(Product.objects.filter(pk=OuterRef("product"), name="Pen"))
            )
        )
        == [1, 2, 3]
    ),
    "reverse count": lambda orders: sorted(o.lines.count() for o in orders) == [0, 1, 2],
    "graph": lambda orders: (
        {
            line.product.name
            for o in orders
            for c in [o.customer]
            for x in c.order_set.all()
            for line in x.lines.all()
        }
        == {"Pen"}
    ),
    "prefetch_related": lambda orders: (
        {
            line.product.name
            for o in orders.prefetch_related("lines__product", "customer")
            for line in o.lines.all()
        }
        == {"Pen"}
    ),
    "prefetch object": lambda orders: (
        sorted(
            line.quantity
            for o in orders.prefetch_related(
                Prefetch("lines", OrderLine.objects.filter(quantity__lt=50), to_attr="few")
            )
            for line in o.few
        )
        == [1, 2, 3]
    ),
    "prefetch later": lambda orders: (
        models.prefetch_related_objects(found := list(orders), "lines"),
        sorted(line.quantity for o in found for line in o.lines.all()) == [1, 2, 3],
    )[1],
    "iterator": lambda orders: (
        {
            line.quantity
            for o in orders.prefetch_related("lines").iterator(chunk_size=1)
            for line in o.lines.all()
        }
        == {1, 2, 3}
    ),
    "dates": lambda orders: len(orders.dates("placed_at", "day")) == 1,
    "datetimes": lambda orders: len(orders.datetimes("placed_at", "year")) == 1,
    "contains": lambda orders: orders.filter(status="new").contains(
        Order.objects.order_by("pk")[0]
    ),
    "only and defer": lambda orders: (
        {o.status for o in orders.only("pk")}
        == {o.status for o in orders.defer("status")}
        == {"new", "paid"}
    ),
    "refresh": lambda orders: (
        [o.refresh_from_db() or o.status for o in orders.order_by("pk")] == ["new", "paid", "new"]
    ),
    "refresh some": lambda orders: (
        [
            o.refresh_from_db(fields=["status"], using="default") or o.status
            for o in orders.order_by("pk")
        ]
        == ["new", "paid", "new"]
    ),
    "filtered relation": lambda orders: (
        orders.alias(big=FilteredRelation("lines", condition=Q(lines__quantity__gt=2)))
        .filter(big__isnull=False)
        .get()
        .status
        == "paid"
    ),
    "values_list named": lambda orders: (
        {r.customer__name for r in orders.values_list("customer__name", named=True)}
        == {"Ana", "Ben"}
    ),
    "explain": lambda orders: "Scan" in orders.explain(),
    "pickle": lambda orders: statuses(pickle.loads(pickle.dumps(orders))) == ["new", "new", "paid"],
    "pickled query": lambda orders: pickle.loads(pickle.dumps(orders.all().query)) is not None,
    "deepcopy": lambda orders: {o.customer.name for o in copy.deepcopy(orders)} == {"Ana", "Ben"},
    "pickled object": lambda orders: (
        pickle.loads(pickle.dumps(orders.get(status="paid"))).customer.name == "Ana"
    ),
    "copied object": lambda orders: copy.copy(orders.get(status="paid")).customer.name == "Ana",
    "len and bool": lambda orders: len(orders) == 3 and bool(orders),
    "chain": lambda orders: (
        orders.exclude(status="paid").filter(customer__name="Ana").get().status == "new"
    ),
    "key in": lambda orders: (
        {o.status for o in orders.filter(pk__in=list(Order.objects.values_list("pk", flat=True)))}
        == {"new", "paid"}
    ),
    "key in with an expression": lambda orders: orders.filter(pk__in=[F("pk"), 0]).count() == 3,
    "none": lambda orders: list(orders.none()) == [],
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_is_answered_from_the_past(then: Any, name: str) -> None:
    assert QUESTIONS[name](Order.objects.as_of(then))


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_is_answered_from_the_past_in_a_block(then: Any, name: str) -> None:
    with timetravel.as_of(then):
        assert QUESTIONS[name](Order.objects.all())


@pytest.mark.parametrize("name", ["forward", "reverse", "graph", "refresh", "only and defer"])
def test_objects_of_a_block_are_of_the_past_after_it(then: Any, name: str) -> None:
    with timetravel.as_of(then):
        orders = Order.objects.only("pk", "customer")
        list(orders)
    if name == "refresh":
        assert {(o.refresh_from_db(), o.status)[1] for o in orders} == {"new", "paid"}
    elif name == "forward":
        assert {o.customer.name for o in orders} == {"Ana", "Ben"}
    elif name == "reverse":
        assert sorted(line.quantity for o in orders for line in o.lines.all()) == [1, 2, 3]
    elif name == "graph":
        assert {line.product.name for o in orders for line in o.lines.all()} == {"Pen"}
    else:
        assert {o.status for o in orders} == {"new", "paid"}


def test_a_query_of_today_can_have_one_of_the_past_inside(then: Any) -> None:
    past = Order.objects.as_of(then)
    assert Order.objects.filter(pk__in=past.filter(status="paid")).get().status == "today"
    assert set(Order.objects.values_list("status", flat=True)) == {"today"}
    then_paid = Exists(past.filter(pk=OuterRef("pk"), status="paid"))
    assert Order.objects.filter(then_paid).count() == 1


def test_as_of_takes_no_query_more(then: Any, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        list(Order.objects.as_of(then))
    with django_assert_num_queries(2):
        [o.lines.all() for o in Order.objects.as_of(then).prefetch_related("lines")]
    with django_assert_num_queries(1), timetravel.as_of(then):
        Order.objects.select_related("customer").first()


def test_todays_rows_cannot_be_smuggled_in(then: Any) -> None:
    past = Order.objects.as_of(then)
    with pytest.raises(QueryError, match="raw"):
        past.raw("SELECT * FROM shop_order")
    with pytest.raises(QueryError, match="extra"):
        list(past.extra(tables=["shop_customer"]))
    with pytest.raises(ReadOnlyError, match="select_for_update"):
        list(past.select_for_update())
    with timetravel.as_of(then), pytest.raises(QueryError, match="extra"):
        list(Order.objects.extra(tables=["shop_customer"]))
    assert past.annotate(one=RawSQL("SELECT 1", ())).first().one == 1
    assert past.extra(where=["status = %s"], params=["paid"]).get().status == "paid"


def test_a_prefetch_that_was_made_before_the_block_stays_what_it_was(then: Any) -> None:
    [order, *_] = Order.objects.prefetch_related("lines").order_by("pk")
    with timetravel.as_of(then):
        assert {line.quantity for line in order.lines.all()} == {99}
        assert {line.quantity for line in order.lines.filter(quantity__gt=0)} == {1, 2}


def test_captures_at_row_level_are_seen_too(then: Any) -> None:
    order = Order.objects.order_by("pk")[0]
    parcel = Parcel.objects.create(order=order, weight=5)
    moment = now()
    Parcel.objects.update(weight=6)
    assert Parcel.objects.as_of(moment).get(order=order).weight == 5
    assert Order.objects.as_of(moment).get(parcel=parcel) == order


def test_rows_whose_keys_were_changed_are_left_out_in_one_pass() -> None:
    rows = 2_000
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot)"
        " SELECT 'shop.Product', n, 'insert', 'I', jsonb_build_object('sku', n::text)"
        " FROM generate_series(1, %s) AS n",
        [rows],
    )
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, diff, refs)"
        " SELECT 'shop.Product', 'new ' || n, 'update', 'U', jsonb_build_object('sku', 'new ' || n),"
        " jsonb_build_object('sku', jsonb_build_array(n::text, 'new ' || n)),"
        " ARRAY['moved shop.Product', 'was shop.Product:' || n]"
        " FROM generate_series(1, %s, 2) AS n",
        [rows],
    )
    with query_plans.explained("moved shop.Product") as plans, timetravel.as_of(now()):
        assert Product.objects.count() == rows
        assert Product.objects.filter(sku__startswith="new").count() == rows // 2
    compared = [sum(map(query_plans.compared, nodes)) for nodes in plans]
    assert len(compared) == 2
    assert max(compared) <= 2 * rows
