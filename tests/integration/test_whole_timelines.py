"""The timeline of a whole object: its events, and those of its parts while they were parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext

from pgaudit_log.declaring.former_names import forget
from pgaudit_log.models import Events
from tests.going_back import Tables, tables
from tests.support import execute
from tests.tables import install
from tests.untracked_past import unseen
from tests.whole_orders import Shop, shop

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.fixture
def whole(made: Tables) -> Shop:
    return shop(made)


def told(obj: Any) -> list[tuple[str, str, str]]:
    """Return (part, operation, key) of each event of an object and its parts."""
    events = Events.objects.timeline(obj, parts=True)
    return [(event.pgh_part, event.pgh_operation, event.pgh_obj_id) for event in events]


def test_it_has_the_events_of_all_parts(whole: Shop) -> None:
    order = whole.an_order("Blue")
    line = order.lines.get()
    discount = whole.discount.objects.create(line=line, percent=5)
    order.tags.add(whole.tag.objects.create(name="gift"))
    order.notes.create(text="call first")
    whole.an_order("Red").notes.create(text="other")
    discount.delete()
    order.tags.clear()
    assert told(order) == [
        ("", "I", "1"),
        ("lines", "I", "1"),
        ("lines__discounts", "I", "1"),
        ("tags", "I", "1"),
        ("notes", "I", "1"),
        ("lines__discounts", "D", "1"),
        ("tags", "D", "1"),
    ]


def test_the_method_says_the_same(whole: Shop) -> None:
    order = whole.an_order("Blue")
    assert list(order.timeline()) == list(Events.objects.timeline(order, parts=True))


def test_a_part_that_left_has_its_events_up_to_the_one_that_took_it(whole: Shop) -> None:
    one, other = whole.an_order("Blue"), whole.an_order()
    line = one.lines.get()
    discount = whole.discount.objects.create(line=line, percent=5)
    whole.line.objects.update(order=other)
    whole.line.objects.update(quantity=2)
    discount.delete()
    assert told(one) == [
        ("", "I", "1"),
        ("lines", "I", "1"),
        ("lines__discounts", "I", "1"),
        ("lines", "U", "1"),
    ]
    assert told(other) == [
        ("", "I", "2"),
        ("lines", "U", "1"),
        ("lines", "U", "1"),
        ("lines__discounts", "D", "1"),
    ]


def test_there_and_back_in_one_transaction(whole: Shop) -> None:
    one, other = whole.an_order("Blue"), whole.an_order()
    with transaction.atomic():
        whole.line.objects.update(order=other)
        whole.line.objects.update(quantity=7)
        whole.line.objects.update(order=one)
    diffs = [e.pgh_diff for e in Events.objects.timeline(one, parts=True) if e.pgh_diff]
    assert diffs == [{"order_id": [1, 2]}, {"order_id": [2, 1]}]
    diffs = [e.pgh_diff for e in Events.objects.timeline(other, parts=True) if e.pgh_diff]
    assert diffs == [{"order_id": [1, 2]}, {"quantity": [1, 7]}, {"order_id": [2, 1]}]


def test_an_object_that_was_deleted_with_its_parts(whole: Shop) -> None:
    order = whole.an_order("Blue")
    whole.discount.objects.create(line=order.lines.get(), percent=5)
    whole.order.objects.get().delete()
    assert told(order)[-3:] == [
        ("lines__discounts", "D", "1"),
        ("lines", "D", "1"),
        ("", "D", "1"),
    ]
    assert told(whole.order(pk=1)) == told(order)


def test_cascades_of_the_database_that_delete_the_parts_after_their_owners(whole: Shop) -> None:
    constraints = execute(
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid IN ('shop_basketline'::regclass, 'shop_discount'::regclass)"
    )
    for table, name, definition in constraints:
        execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        rest = definition.split(" DEFERRABLE")[0]
        execute(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {rest} ON DELETE CASCADE')
    order = whole.an_order("Blue")
    whole.discount.objects.create(line=order.lines.get(), percent=5)
    execute("DELETE FROM shop_basket")
    assert sorted(told(order)[-3:]) == [
        ("", "D", "1"),
        ("lines", "D", "1"),
        ("lines__discounts", "D", "1"),
    ]


@pytest.mark.slow
@pytest.mark.everywhere
def test_an_object_that_came_again_under_its_key_has_its_present_life_only(whole: Shop) -> None:
    whole.an_order("Blue")
    whole.order.objects.get().delete()
    order = whole.order.objects.create(pk=1)
    whole.line.objects.create(pk=1, order=order, name="Red")
    assert told(order) == [("", "I", "1"), ("lines", "I", "1")]


def test_a_key_that_is_used_again_by_another_objects_part(whole: Shop) -> None:
    one, other = whole.an_order("Blue"), whole.an_order()
    one.lines.get().delete()
    whole.line.objects.create(pk=1, order=other, name="Red").delete()
    assert told(one) == [("", "I", "1"), ("lines", "I", "1"), ("lines", "D", "1")]


def test_a_part_whose_key_was_changed(whole: Shop) -> None:
    order = whole.an_order("Blue", "Red")
    whole.discount.objects.create(line=order.lines.get(name="Blue"), percent=5)
    execute("ALTER TABLE shop_discount DISABLE TRIGGER ALL")
    with transaction.atomic():
        execute("SET CONSTRAINTS ALL DEFERRED")
        execute("UPDATE shop_basketline SET id = id + 10")
        execute("ALTER TABLE shop_discount ENABLE TRIGGER ALL")
        execute("UPDATE shop_discount SET line_id = line_id + 10")
    execute("UPDATE shop_discount SET percent = 6")
    assert told(order)[4:] == [
        ("lines", "U", "11"),
        ("lines", "U", "12"),
        ("lines__discounts", "U", "1"),
        ("lines__discounts", "U", "1"),
    ]


def test_a_truncation_of_a_parts_table(whole: Shop) -> None:
    order, other = whole.an_order("Blue"), whole.an_order()
    execute("TRUNCATE shop_basketline CASCADE")
    assert ("lines", "T", None) in told(order)
    assert ("lines", "T", None) not in told(other)


@pytest.mark.slow
@pytest.mark.everywhere
def test_a_table_and_a_column_that_were_renamed(whole: Shop) -> None:
    order = whole.an_order("Blue")
    whole.line.objects.all().delete()
    execute("ALTER TABLE shop_basketline RENAME COLUMN order_id TO basket_id")
    field = whole.line._meta.get_field("order")
    field.db_column = field.column = "basket_id"
    forget()
    install(whole.line, create=False)
    whole.line.objects.create(order=order, name="Red")
    assert told(order) == [
        ("", "I", "1"),
        ("lines", "I", "1"),
        ("lines", "D", "1"),
        ("lines", "I", "2"),
    ]


def test_parts_that_are_older_than_their_tracking(whole: Shop) -> None:
    order = whole.an_order()
    unseen("INSERT INTO shop_basketline (id, name, quantity, order_id) VALUES (7, 'Blue', 1, 1)")
    unseen("INSERT INTO shop_discount (id, percent, line_id) VALUES (7, 5, 7)")
    whole.discount.objects.update(percent=6)
    assert told(order) == [("", "I", "1"), ("lines__discounts", "U", "7")]
    whole.line.objects.all().delete()
    assert told(order)[2:] == [("lines__discounts", "D", "7"), ("lines", "D", "7")]


def test_a_row_whose_first_event_took_it_away_is_not_found(whole: Shop) -> None:
    one, other = whole.an_order(), whole.an_order()
    unseen("INSERT INTO shop_basketline (id, name, quantity, order_id) VALUES (7, 'Blue', 1, 1)")
    whole.line.objects.update(order=other)
    assert told(one) == [("", "I", "1")]
    assert told(other) == [("", "I", "2"), ("lines", "U", "7")]


def queries_of(whole: Shop, count: int) -> int:
    """Return how many queries the timeline of an order with so many of each part takes."""
    order = whole.an_order(*["Blue"] * count)
    for line in order.lines.all():
        whole.discount.objects.create(line=line, percent=5)
        order.notes.create(text="call first")
        order.tags.add(whole.tag.objects.create(name="gift"))
    with CaptureQueriesContext(connection) as queries:
        told(order)
    return len(queries)


@pytest.mark.slow
@pytest.mark.everywhere
def test_the_number_of_queries_is_that_of_the_relations(whole: Shop) -> None:
    queries_of(whole, 1)
    assert queries_of(whole, 100) == queries_of(whole, 1) == 18


def test_self_relations_are_followed_one_step(made: Tables) -> None:
    node = made.make(
        "Node",
        track={"follow": ["children"]},
        parent=models.ForeignKey("self", models.CASCADE, null=True, related_name="children"),
    )
    root = node.objects.create()
    child = node.objects.create(parent=root)
    node.objects.create(parent=child)
    node.objects.filter(pk=root.pk).update(parent=root)
    assert told(root) == [("", "I", "1"), ("children", "I", "2"), ("", "U", "1")]
