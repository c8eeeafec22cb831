"""A diff says what differs between two states of an object, in the model's terms; blame, who did it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

import pgaudit_log
from pgaudit_log import diffs, timetravel
from pgaudit_log.diffs import NOW, blame, changes, current_rows, diff
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.values.row_json import JSON_NULL, MISSING
from tests.going_back import Tables, event_of, tables
from tests.shop.models import Customer, Order, Product, Stock, Untracked
from tests.support import execute, last_id
from tests.tables import SqlField
from tests.type_cases import configure

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.fixture
def order(customer: Customer) -> Order:
    return Order.objects.create(customer=customer)


def insert_event(
    model: str, key: str, operation: str, snapshot: str, diff: str | None = None
) -> Any:
    """Write an event as one that was captured earlier."""
    execute(
        "INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot, diff)"
        " VALUES (%s, %s, %s, %s, %s, %s)",
        [model, key, {"I": "insert", "U": "update"}[operation], operation, snapshot, diff],
    )
    return Events.objects.latest("pgh_id")


def test_two_events_are_compared_in_the_model_s_terms(order: Order) -> None:
    first = event_of(Order, "I")
    order.status = "paid"
    order.save()
    order.note = "x"
    order.save()
    found = diff(first, event_of(Order, "U"))
    assert {name: (d.verbose_name, d.old, d.new) for name, d in found.items()} == {
        "status": ("status", "new", "paid"),
        "note": ("note", "", "x"),
    }


def test_typed_events_are_compared(order: Order) -> None:
    order.status = "paid"
    order.save()
    first, second = order.events.all()
    assert list(diff(first, second)) == ["status"]
    assert list(diff(first)) == ["status"]


def test_an_event_is_compared_with_now(order: Order) -> None:
    first = event_of(Order, "I")
    Order.objects.update(status="paid")
    assert diff(first, NOW)["status"].new == "paid"
    assert diff(NOW, first)["status"].old == "paid"


def test_what_is_the_same_is_no_difference(order: Order) -> None:
    first = event_of(Order, "I")
    found = diff(first)
    assert (len(found), found.existed, found.exists) == (0, True, True)
    assert str(found) == f"shop.Order {order.pk}: no difference"


def test_a_deleted_object_is_compared_with_now(order: Order) -> None:
    key = order.pk
    first = event_of(Order, "I")
    order.delete()
    found = diff(first)
    assert (found.existed, found.exists) == (True, False)
    assert (found["id"].old, found["id"].new, found["id"].new_text) == (key, MISSING, "")


def test_an_event_tells_what_it_changed(order: Order) -> None:
    inserted = changes(event_of(Order, "I"))
    assert (inserted.existed, inserted["status"].new) == (False, "new")
    Order.objects.update(status="paid")
    assert {n: (d.old, d.new) for n, d in changes(event_of(Order, "U")).items()} == {
        "status": ("new", "paid")
    }
    order.delete()
    deleted = changes(event_of(Order, "D"))
    assert (deleted.exists, deleted["status"].old) == (False, "paid")


def test_it_prints_as_lines(order: Order) -> None:
    Order.objects.update(status="paid")
    assert str(changes(event_of(Order, "U"))) == "status: new → paid"
    assert "status: new" in str(changes(event_of(Order, "I"))).splitlines()


def test_a_foreign_key_is_told_by_its_object(order: Order) -> None:
    other = Customer.objects.create(name="Ben")
    Order.objects.update(customer=other)
    found = changes(event_of(Order, "U"))["customer"]
    assert (found.new, found.new_text) == (other.pk, str(other))
    assert found.old_text == str(Customer.objects.get(name="Ana"))


def test_the_object_of_a_foreign_key_may_be_deleted(order: Order) -> None:
    ana = order.customer
    key = ana.pk
    Order.objects.update(customer=Customer.objects.create(name="Ben"))
    event = event_of(Order, "U")
    ana.delete()
    assert changes(event)["customer"].old_text == f"customer {key} (deleted)"


def test_choices_and_names_are_told_by_their_labels(made: Tables) -> None:
    thing = made.make(
        "Thing",
        size=models.IntegerField("how large", choices=[(1, "small"), (2, "large")], db_column="s"),
        done=models.BooleanField(default=False),
        raw=models.BinaryField(default=b"ab"),
    )
    one = thing.objects.create(size=1)
    thing.objects.update(size=2, done=True, raw=b"xy")
    found = changes(one.events.latest("pgh_id"))
    size = found["size"]
    assert (size.verbose_name, size.column) == ("how large", "s")
    assert (size.old_text, size.new_text) == ("small", "large")
    assert (found["done"].old_text, found["done"].new_text) == ("No", "Yes")
    assert found["raw"].old_text != found["raw"].new_text
    assert found["raw"].old_text.startswith("2 bytes")
    thing.objects.update(size=3)
    assert changes(one.events.latest("pgh_id"))["size"].new_text == "3"


def test_missing_and_json_null_and_null_are_three_things(made: Tables) -> None:
    thing = made.make("Thing", data=models.JSONField(null=True))
    one = thing.objects.create(data=None)
    null = event_of(thing, "I")
    thing.objects.update(data=models.Value(None, models.JSONField()))
    json_null = event_of(thing, "U")
    assert diff(null, json_null)["data"].old is None
    assert diff(null, json_null)["data"].new is JSON_NULL
    missing = insert_event("shop.Thing", str(one.pk), "I", f'{{"id": {one.pk}}}')
    assert diff(missing, null)["data"].old is MISSING
    assert diff(missing, null)["data"].old_text == "unknown"
    assert (diff(null, missing)["data"].old_text, diff(json_null, missing)["data"].old_text) == (
        "–",
        "null (JSON)",
    )


def test_empty_text_is_not_null(made: Tables) -> None:
    thing = made.make("Thing", a=models.TextField(null=True))
    thing.objects.create(a="")
    thing.objects.update(a=None)
    found = changes(event_of(thing, "U"))["a"]
    assert (found.old_text, found.new_text) == ('""', "–")


def test_untracked_fields_are_never_reported() -> None:
    stock = Stock.objects.create(site="x", level=5, note="a")
    stock.site, stock.level, stock.note = "y", 1, "b"
    stock.save()
    history = event_of(Stock, "U", pgh_label="fell")
    stock.site, stock.level, stock.note = "z", 0, "c"
    stock.save()
    assert list(diff(history)) == ["level"]
    row = event_of(Stock, "U", pgh_label="row_fell")
    assert "note" not in diff(row)
    assert list(diff(history, row)) == ["level"]


def test_a_tracker_of_the_old_row_leaves_what_came_after(made: Tables) -> None:
    thing = made.make(
        "Thing", pgaudit_log.UpdateEvent(row=pgaudit_log.Old), a=models.IntegerField()
    )
    thing.objects.create(a=1)
    thing.objects.update(a=2)
    event = event_of(thing, "U")
    assert event.pgh_data["a"] == 1
    assert len(diff(event)) == 0
    assert (changes(event)["a"].old, changes(event)["a"].new) == (1, 2)


def test_an_object_is_the_same_under_a_new_key(made: Tables) -> None:
    thing = made.make("Thing", key=models.TextField(primary_key=True), n=models.IntegerField())
    thing.objects.create(pk="a", n=1)
    first = event_of(thing, "I")
    thing.objects.update(key="b")
    thing.objects.update(key="c", n=2)
    last = event_of(thing, "U")
    assert {n: (d.old, d.new) for n, d in diff(first, last).items()} == {
        "key": ("a", "c"),
        "n": (1, 2),
    }
    assert {n: (d.old, d.new) for n, d in diff(first).items()} == {"key": ("a", "c"), "n": (1, 2)}


def test_a_dropped_column_is_told_by_its_name(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField())
    one = thing.objects.create(n=1)
    old = insert_event("shop.Thing", str(one.pk), "I", f'{{"id": {one.pk}, "n": 1, "isbn": "x"}}')
    found = diff(old)["isbn"]
    assert (found.verbose_name, found.old, found.new) == ("isbn", "x", MISSING)


def test_an_added_column_was_unknown(made: Tables) -> None:
    thing = made.make("Thing", n=models.IntegerField(), added=models.IntegerField(default=0))
    one = thing.objects.create(n=1)
    old = insert_event("shop.Thing", str(one.pk), "I", f'{{"id": {one.pk}, "n": 1}}')
    found = diff(old)
    assert list(found) == ["added"]
    assert (found["added"].old, found["added"].new) == (MISSING, 0)


def test_a_renamed_column_is_the_same_column(made: Tables) -> None:
    thing = made.make(
        "Thing",
        track={"former_columns": {"count": ["number"]}},
        count=models.IntegerField(),
    )
    one = thing.objects.create(count=1)
    old = insert_event("shop.Thing", str(one.pk), "I", f'{{"id": {one.pk}, "number": 2}}')
    found = diff(old)
    assert {n: (d.old, d.new) for n, d in found.items()} == {"count": (2, 1)}


def test_a_column_of_another_type_then_is_read_as_far_as_it_can_be(made: Tables) -> None:
    thing = made.make(
        "Thing", a=models.IntegerField(), b=models.TextField(), c=SqlField("int4range")
    )
    one = thing.objects.create(a=1, b="5", c="[1,2)")
    old = insert_event(
        "shop.Thing", str(one.pk), "I", f'{{"id": {one.pk}, "a": "many", "b": 5, "c": "wide"}}'
    )
    found = diff(old)
    assert "b" not in found
    assert (found["a"].old, found["a"].new) == ("many", 1)
    assert found["c"].old == "wide"


def test_a_custom_field_reads_its_own_values(made: Tables) -> None:
    class Words(models.TextField):  # type: ignore[type-arg]
        def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
            return None if value is None else tuple(value.split())

        def get_prep_value(self, value: Any) -> Any:
            return " ".join(value)

    thing = made.make("Thing", words=Words())
    thing.objects.create(words=("a", "b"))
    thing.objects.update(words=("c",))
    found = changes(event_of(thing, "U"))["words"]
    assert (found.old, found.new) == (("a", "b"), ("c",))


def test_values_are_of_the_field_s_type_whatever_the_session_says(
    made: Tables, session: str
) -> None:
    thing = made.make(
        "Thing",
        price=models.DecimalField(max_digits=9, decimal_places=2),
        day=models.DateField(),
        wait=models.DurationField(),
        raw=models.BinaryField(),
        many=SqlField("integer[]"),
        span=SqlField("int4range"),
        at=SqlField("tstzrange"),
    )
    execute(
        "INSERT INTO shop_thing (price, day, wait, raw, many, span, at) VALUES (1.50, '2024-02-29',"
        " '1 day 2 hours', '\\x00ff', '{1,NULL}', '[1,5)', '[2024-01-01 00:00+00,)')"
    )
    first = event_of(thing, "I")
    configure(session)
    assert len(diff(first)) == 0
    configure("plain")
    execute(
        "UPDATE shop_thing SET price = 2.00, day = '2024-03-01', wait = '1 second', raw = '\\x01',"
        " many = '{}', span = 'empty', at = 'empty'"
    )
    found = {n: d.old for n, d in diff(first).items()}
    assert (found["price"], found["day"]) == (Decimal("1.50"), date(2024, 2, 29))
    assert (found["wait"], bytes(found["raw"])) == (timedelta(days=1, hours=2), b"\x00\xff")
    assert found["many"] == [1, None]
    assert set(found) == {"price", "day", "wait", "raw", "many", "span", "at"}


def test_a_masked_value_is_told_as_masked(made: Tables) -> None:
    thing = made.make("Thing", word=models.TextField())
    one = thing.objects.create(word="now")
    event = insert_event(
        "shop.Thing",
        str(one.pk),
        "U",
        f'{{"id": {one.pk}, "word": {{"pgaudit_log.masked": 2}}}}',
        '{"word": [{"pgaudit_log.masked": 1}, {"pgaudit_log.masked": 2}]}',
    )
    found = changes(event)["word"]
    assert (found.old_text, found.new_text) == ("hidden", "hidden")


def test_the_number_of_queries_does_not_grow(made: Tables) -> None:
    target = made.make("Target", name=models.TextField())
    fields = {
        f"f{n}": models.ForeignKey(target, models.CASCADE, related_name="+") for n in range(8)
    }
    few = made.make("Few", only=models.ForeignKey(target, models.CASCADE))
    many = made.make(
        "Many", **{f"n{n}": models.IntegerField(default=0) for n in range(20)}, f=fields["f0"]
    )
    one, two = target.objects.create(name="1"), target.objects.create(name="2")
    few.objects.create(only=one)
    few.objects.update(only=two)
    many.objects.create(f=one)
    many.objects.update(f=two, **{f"n{n}": n for n in range(20)})
    counts = []
    for model in (few, many):
        event = event_of(model, "U")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            changes(event)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_nothing_is_written_or_locked(order: Order) -> None:
    Order.objects.update(status="paid")
    event, before = event_of(Order, "I"), last_id()
    execute("SET CONSTRAINTS ALL IMMEDIATE; SET TRANSACTION READ ONLY")
    diff(event)
    blame(order)
    assert last_id() == before


def test_now_is_now_inside_a_block_of_the_past(order: Order) -> None:
    event = event_of(Order, "I")
    Order.objects.update(status="paid")
    with timetravel.as_of(event):
        assert diff(event)["status"].new == "paid"
        old = Order.objects.get()
    assert blame(old)["status"].value == "paid"


def test_events_of_different_objects_are_refused(order: Order) -> None:
    other = Order.objects.create(customer=order.customer)
    first, second = (e.events.get() for e in (order, other))
    with pytest.raises(QueryError, match="Give two events of one object"):
        diff(first, second)
    with pytest.raises(QueryError, match="Give two events of one object"):
        diff(first, event_of(Customer, "I"))


def test_what_is_no_event_is_refused(order: Order) -> None:
    for wrong in (order, "x", None):
        with pytest.raises(QueryError, match="is no event"):
            diff(wrong)
        with pytest.raises(QueryError, match="is no event"):
            changes(wrong)
    with pytest.raises(QueryError, match="NOW twice"):
        diff(NOW, NOW)
    with pytest.raises(QueryError, match="no event 1000000"):
        diff(Events(pgh_id=1000000))


def test_blame_names_the_event_that_set_each_field(order: Order) -> None:
    with pgaudit_log.context(user=7):
        Order.objects.update(status="paid")
    Order.objects.update(note="x")
    found = blame(order)
    assert found["status"].event is not None and found["status"].event.pgh_context == {"user": 7}
    assert found["status"].value == "paid"
    assert found["customer"].event == event_of(Order, "I")
    assert found["customer"].text == str(order.customer)


def test_blame_follows_a_changed_key(made: Tables) -> None:
    thing = made.make("Thing", key=models.TextField(primary_key=True), n=models.IntegerField())
    thing.objects.create(pk="a", n=1)
    thing.objects.update(key="b")
    found = blame(thing.objects.get())
    assert found["n"].event == event_of(thing, "I")
    assert found["key"].event == event_of(thing, "U")


def test_blame_leaves_an_earlier_life_out() -> None:
    Product.objects.create(sku="x", name="X", price=1)
    Product.objects.all().delete()
    new = Product.objects.create(sku="x", name="X", price=1)
    assert blame(new)["name"].event == event_of(Product, "I")


def test_blame_sees_the_insert_of_each_tracker(made: Tables) -> None:
    thing = made.make(
        "Thing", track={"exclude": ["b"]}, a=models.IntegerField(), b=models.IntegerField()
    )
    made.retrack(
        thing,
        pgaudit_log.InsertEvent("a_first"),
        fields=["b"],
        model_name="ThingB",
        obj_field=None,
    )
    one = thing.objects.create(a=1, b=1)
    found = blame(one)
    assert found["a"].event == event_of(thing, "I", pgh_label="insert")
    assert found["b"].event == event_of(thing, "I", pgh_label="a_first")


def test_blame_does_not_know_what_is_older_than_tracking(made: Tables) -> None:
    thing = made.make(
        "Thing", pgaudit_log.UpdateEvent(), a=models.IntegerField(), b=models.IntegerField()
    )
    one = thing.objects.create(a=1, b=1)
    thing.objects.update(a=2)
    found = blame(one)
    assert found["a"].event is not None
    assert (found["b"].event, found["b"].value) == (None, MISSING)


def test_blame_tells_of_inherited_fields(made: Tables) -> None:
    base = made.make("Base", a=models.IntegerField())
    child = made.make("Child", bases=(base,), b=models.IntegerField())
    one = child.objects.create(a=1, b=1)
    one.a = 2
    one.save()
    found = blame(one)
    assert found["a"].event == event_of(base, "U")
    assert found["b"].event == event_of(child, "I")


def test_blame_of_what_is_not_tracked_is_refused() -> None:
    with pytest.raises(QueryError, match="is not tracked"):
        blame(Untracked.objects.create())
    with pytest.raises(QueryError, match="never saved"):
        blame(Order())
    with pytest.raises(QueryError, match="is no object"):
        blame(Order)  # type: ignore[arg-type]


@pytest.mark.django_db(transaction=True)
def test_it_works_from_a_coroutine() -> None:
    one = Customer.objects.create(name="a")
    with transaction.atomic():
        Customer.objects.update(name="b")
    event = event_of(Customer, "U")

    async def run() -> Any:
        return await diffs.adiff(event), await diffs.achanges(event), await diffs.ablame(one)

    same, changed, by = async_to_sync(run)()
    assert (len(same), list(changed), by["name"].event) == (0, ["name"], event)


def test_a_state_that_is_given_twice_is_sent_once(db: None) -> None:
    """A document may be large; each time it would be read by the server and by Python."""
    state = {"sku": '"D-1"', "tags": '{"a": "x\\"y"}', "price": "1.50"}
    other = {**state, "price": "2.00"}
    with CaptureQueriesContext(connection) as captured:
        found = current_rows.typed(Product, [state, other, state], "default")
    assert [own["price"] for own in found] == [Decimal("1.50"), Decimal("2.00"), Decimal("1.50")]
    assert found[0] == found[2] == {"sku": "D-1", "tags": {"a": 'x"y'}, "price": Decimal("1.50")}
    sent = "".join(query["sql"] for query in captured.captured_queries)
    assert sent.count('"price": 1.50') == sent.count('"price": 2.00') == 1
