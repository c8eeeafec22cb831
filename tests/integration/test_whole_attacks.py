"""Whole objects where keys, tables, trackers and databases are not the usual ones."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.utils import timezone

import pgaudit_log
from pgaudit_log.declaring.former_names import forget
from pgaudit_log.diffs import NOW, diff
from pgaudit_log.models import Events
from pgaudit_log.reversal import revert
from tests.going_back import Copies, Tables, tables
from tests.shop.models import Customer, Order, OrderLine, Product, UserGroups, UserProxy
from tests.support import execute
from tests.tables import install
from tests.untracked_past import unseen
from tests.whole_orders import Shop, following, shop

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.fixture
def whole(made: Tables) -> Shop:
    return shop(made)


def told(obj: Any) -> list[tuple[str, str]]:
    """Return (part, operation) of each event of an object and its parts."""
    events = Events.objects.timeline(obj, parts=True)
    return [(event.pgh_part, event.pgh_operation) for event in events]


def test_keys_that_are_shortened(made: Tables) -> None:
    order = made.make("Basket", track={"follow": ["lines"]}, id=models.TextField(primary_key=True))
    line = made.make(
        "BasketLine",
        track={"follow": ["cuts"]},
        id=models.TextField(primary_key=True),
        order=models.ForeignKey(order, models.CASCADE, related_name="lines"),
        n=models.IntegerField(default=0),
    )
    cut = made.make("Cut", line=models.ForeignKey(line, models.CASCADE, related_name="cuts"))
    basket, other = (order.objects.create(id=name * 600) for name in "ab")
    blue = line.objects.create(id="x" * 600, order=basket)
    line.objects.create(id="y" * 600, order=other)
    cut.objects.create(line=blue)
    assert told(basket) == [("", "I"), ("lines", "I"), ("lines__cuts", "I")]
    then, before = timezone.now(), Copies(order, line, cut)
    blue.delete()
    line.objects.create(id="z" * 600, order=basket)
    assert len(diff(then, NOW, of=basket, parts=True).parts["lines"].added) == 1
    revert(basket, to=then, parts=True).apply()
    assert before.differences() == []


def test_a_many_to_many_relation_of_a_proxy_of_another_apps_model() -> None:
    with following(UserProxy, "groups"):
        user = User.objects.create(username="ana")
        group = Group.objects.create(name="staff")
        then = timezone.now()
        user.groups.add(group)
        assert told(user) == [("", "I"), ("groups", "I")]
        assert str(diff(then, NOW, of=user, parts=True)) == "groups: + staff"
        revert(user, to=then, parts=True).apply()
        assert UserGroups.objects.count() == 0


@pytest.mark.django_db(transaction=True, databases=["default", "other"])
def test_an_object_of_another_database_has_its_parts_there() -> None:
    with following(Order, "lines"):
        for using, quantity in (("default", 1), ("other", 7)):
            customer = Customer.objects.using(using).create(pk=1, name="Ana")
            product = Product.objects.using(using).create(sku="a", name="Tea", price=1)
            Order.objects.using(using).create(pk=1, customer=customer)
            OrderLine.objects.using(using).create(
                pk=1, order_id=1, product=product, quantity=quantity
            )
        order = Order.objects.using("other").get()
        then = timezone.now()
        assert [e.pgh_data.get("quantity") for e in Events.objects.timeline(order, parts=True)] == [
            None,
            7,
        ]
        OrderLine.objects.using("other").update(quantity=8)
        [changed] = diff(then, NOW, of=order, parts=True).parts["lines"].changed
        assert changed.diff is not None
        assert str(changed.diff) == "quantity: 7 → 8"
        revert(order, to=then, parts=True).apply()
        assert OrderLine.objects.using("other").get().quantity == 7
        assert OrderLine.objects.get().quantity == 1
        [past] = Order.objects.using("other").as_of(then, parts=True)  # type: ignore[attr-defined]
        assert [line.quantity for line in past.lines.all()] == [7]


def test_a_one_to_one_that_was_made_anew(made: Tables) -> None:
    order = made.make("Basket", track={"follow": ["address"]})
    address = made.make(
        "Address",
        order=models.OneToOneField(order, models.CASCADE, related_name="address"),
        town=models.TextField(),
        __str__=lambda self: self.town,
    )
    basket = order.objects.create()
    address.objects.create(order=basket, town="Ulm")
    then, before = timezone.now(), Copies(order, address)
    address.objects.all().delete()
    address.objects.create(order=basket, town="Bonn")
    assert str(diff(then, NOW, of=basket, parts=True)) == "address: + Bonn, − Ulm"
    revert(basket, to=then, parts=True).apply()
    assert before.differences() == []
    [past] = order.objects.as_of(then, parts=True)
    assert past.address.town == "Ulm"


def test_trackers_that_show_the_row_before(made: Tables) -> None:
    order = made.make("Basket", track={"follow": ["lines"]})
    line = made.make(
        "BasketLine",
        pgaudit_log.InsertEvent(),
        pgaudit_log.UpdateEvent(row=pgaudit_log.Old),
        pgaudit_log.DeleteEvent(),
        order=models.ForeignKey(order, models.CASCADE, related_name="lines"),
    )
    one, other = order.objects.create(), order.objects.create()
    row = line.objects.create(order=one)
    line.objects.update(order=other)
    assert told(one) == [("", "I"), ("lines", "I"), ("lines", "U")]
    assert told(other) == [("", "I"), ("lines", "U")]
    row.delete()
    assert told(one) == [("", "I"), ("lines", "I"), ("lines", "U")]
    assert told(other) == [("", "I"), ("lines", "U"), ("lines", "D")]


def test_two_declarations_of_a_parts_model(made: Tables) -> None:
    order = made.make("Basket", track={"follow": ["lines"]})
    line = made.make(
        "BasketLine",
        track={"fields": ["order"], "model_name": "LineOrderEvent"},
        order=models.ForeignKey(order, models.CASCADE, related_name="lines"),
        name=models.TextField(default=""),
    )
    made.retrack(
        line,
        pgaudit_log.InsertEvent("named"),
        pgaudit_log.UpdateEvent("renamed"),
        fields=["name"],
        model_name="LineNameEvent",
    )
    one, other = order.objects.create(), order.objects.create()
    line.objects.create(order=one, name="Blue")
    line.objects.update(name="Red")
    then = timezone.now()
    line.objects.update(order=other)
    line.objects.update(name="Green")
    labels = [e.pgh_label for e in Events.objects.timeline(one, parts=True)]
    assert sorted(labels[1:3]) == ["insert", "named"]
    assert labels[3:] == ["renamed", "update"]
    revert(one, to=then, parts=True).apply()
    found = line.objects.get()
    assert (found.order, found.name) == (one, "Red")


@pytest.mark.slow
@pytest.mark.everywhere
def test_all_in_one_transaction(whole: Shop) -> None:
    with transaction.atomic():
        one, other = whole.an_order("Blue"), whole.an_order()
        line = one.lines.get()
        line.delete()
        whole.line.objects.create(pk=1, order=other, name="Red")
        whole.discount.objects.create(line_id=1, percent=5)
        whole.line.objects.update(order=one)
        whole.discount.objects.update(percent=6)
        whole.line.objects.update(order=other)
        whole.discount.objects.update(percent=7)
    assert told(one) == [
        ("", "I"),
        ("lines", "I"),
        ("lines", "D"),
        ("lines", "U"),
        ("lines__discounts", "U"),
        ("lines", "U"),
    ]


@pytest.mark.slow
@pytest.mark.everywhere
def test_keys_that_one_statement_passes_on(whole: Shop) -> None:
    one, other = whole.an_order(), whole.an_order()
    for key, order in ((1, one), (2, other), (3, one)):
        whole.line.objects.create(pk=key, order=order, name=f"n{key}")
    execute("ALTER TABLE shop_basketline DROP CONSTRAINT shop_basketline_pkey CASCADE")
    execute(
        "ALTER TABLE shop_basketline ADD CONSTRAINT shop_basketline_pkey PRIMARY KEY (id) DEFERRABLE"
    )
    then = timezone.now()
    execute("UPDATE shop_basketline SET id = id + 1")
    execute("UPDATE shop_basketline SET quantity = 5 WHERE id = 3")
    diffs = [e.pgh_diff for e in Events.objects.timeline(one, parts=True) if e.pgh_diff]
    assert diffs == [{"id": [1, 2]}, {"id": [3, 4]}]
    assert not diff(then, NOW, of=one, parts=True).parts["lines"].added
    revert(other, to=then, parts=True).apply()
    assert list(whole.line.objects.order_by("pk").values_list("pk", "name", "quantity")) == [
        (2, "n1", 1),
        (3, "n2", 1),
        (4, "n3", 1),
    ]


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_table_of_objects_that_was_renamed(whole: Shop) -> None:
    order = whole.an_order("Blue")
    whole.line.objects.all().delete()
    order.notes.create(text="call first")
    execute("ALTER TABLE shop_basket RENAME TO shop_cart")
    execute("UPDATE django_content_type SET model = 'cart' WHERE model = 'basket'")
    meta = whole.order._meta
    names = meta.db_table, meta.object_name, meta.model_name
    meta.db_table, meta.object_name, meta.model_name = "shop_cart", "Cart", "cart"
    for cached in ("label", "label_lower"):
        meta.__dict__.pop(cached, None)
    pgaudit_log.declaring.declarations._known.cache_clear()
    ContentType.objects.clear_cache()
    try:
        forget()
        install(whole.order, create=False)
        forget()
        order.lines.create(name="Red")
        assert told(order) == [
            ("", "I"),
            ("lines", "I"),
            ("lines", "D"),
            ("notes", "I"),
            ("lines", "I"),
        ]
    finally:
        execute("ALTER TABLE shop_cart RENAME TO shop_basket")
        execute("UPDATE django_content_type SET model = 'basket' WHERE model = 'cart'")
        meta.db_table, meta.object_name, meta.model_name = names
        ContentType.objects.clear_cache()
        forget()


@pytest.mark.slow
@pytest.mark.everywhere
def test_what_happened_while_nothing_was_captured(whole: Shop) -> None:
    one, other = whole.an_order("Blue", "Red", "Green"), whole.an_order()
    then, before = timezone.now(), Copies(whole.order, whole.line)
    unseen(f"UPDATE shop_basketline SET order_id = {other.pk} WHERE name = 'Blue'")
    unseen("DELETE FROM shop_basketline WHERE name = 'Red'")
    unseen("UPDATE shop_basketline SET quantity = 9 WHERE name = 'Green'")
    assert str(diff(then, NOW, of=one, parts=True)).splitlines() == [
        "lines: − 1 × Blue, − 1 × Red, ~ 9 × Green",
        "  9 × Green",
        "    quantity: 1 → 9",
    ]
    revert(one, to=then, parts=True).apply()
    assert before.differences() == []


def test_rows_that_point_at_each_other(made: Tables) -> None:
    a = made.make("Aa", track={"follow": ["bs"]})
    b = made.make(
        "Bb",
        track={"follow": ["children"]},
        a=models.ForeignKey(a, models.CASCADE, related_name="bs", null=True),
        parent=models.ForeignKey("self", models.CASCADE, related_name="children", null=True),
    )
    root, then = a.objects.create(), timezone.now()
    one = b.objects.create(a=root)
    other = b.objects.create(parent=one)
    b.objects.filter(pk=one.pk).update(parent=other)
    b.objects.filter(pk=other.pk).update(parent=other)
    assert told(root) == [
        ("", "I"),
        ("bs", "I"),
        ("bs__children", "I"),
        ("bs", "U"),
        ("bs__children", "U"),
    ]
    assert told(one)[0] == ("", "I")
    assert str(diff(then, NOW, of=root, parts=True)).startswith("bs: + ")


def test_three_levels_and_a_relation_to_itself(made: Tables) -> None:
    a = made.make("Aa", track={"follow": ["bs"]})
    b = made.make(
        "Bb",
        track={"follow": ["cs", "children"]},
        a=models.ForeignKey(a, models.CASCADE, related_name="bs", null=True),
        parent=models.ForeignKey("self", models.CASCADE, related_name="children", null=True),
    )
    c = made.make(
        "Cc",
        track={"follow": ["ds"]},
        b=models.ForeignKey(b, models.CASCADE, related_name="cs"),
    )
    d = made.make(
        "Dd",
        c=models.ForeignKey(c, models.CASCADE, related_name="ds"),
        n=models.IntegerField(default=0),
    )
    root = a.objects.create()
    top = b.objects.create(a=root)
    child = b.objects.create(parent=top)
    d.objects.create(c=c.objects.create(b=top))
    d.objects.create(c=c.objects.create(b=child))
    assert told(root) == [
        ("", "I"),
        ("bs", "I"),
        ("bs__children", "I"),
        ("bs__cs", "I"),
        ("bs__cs__ds", "I"),
    ]
    then, before = timezone.now(), Copies(a, b, c, d)
    top.delete()
    plan = revert(root, to=then, parts=True)
    plan.apply()
    assert len(before.differences()) == 2
    d.objects.update(n=3)
    found = diff(then, NOW, of=root, parts=True)
    assert [str(p.diff) for p in found.parts["bs"].changed[0].diff.parts["cs"].changed] != []
