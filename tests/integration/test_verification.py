"""``verify()``: clean histories are clean; each write past the triggers is named, with its interval."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pgtrigger
import pytest
from django.db import connection, models
from django.utils import timezone

import pgaudit_log
from pgaudit_log.backfill import backfill
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.operating import Finding, coverage_of, verify
from pgaudit_log.testing import isolated
from tests.shop.models import Customer, Order, Product
from tests.support import execute, last_id, unguarded
from tests.tables import tracked_table

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with isolated():
        yield


def found(*models: Any, **options: Any) -> list[tuple[Any, ...]]:
    """Return the findings of models in short: kind, key, field, expected, found."""
    return [short(finding) for finding in verify(models, **options)]


def short(finding: Finding) -> tuple[Any, ...]:
    if finding.field is None:
        return finding.kind, finding.key
    return finding.kind, finding.key, finding.field, finding.expected, finding.found


def past_triggers(sql: str, *params: Any) -> None:
    """Write without triggers, as a replica does."""
    execute("SET session_replication_role = replica")
    execute(sql, list(params))
    execute("SET session_replication_role = origin")


def test_a_trail_that_is_whole_is_clean() -> None:
    for number in range(5):
        Customer.objects.create(name=f"c{number}")
    Customer.objects.update(name="other")
    Customer.objects.filter(pk__lte=Customer.objects.order_by("pk")[1].pk).delete()
    assert list(verify()) == []


def test_a_value_that_was_written_past_the_triggers_is_named_with_its_interval() -> None:
    customer = Customer.objects.create(name="Ana")
    past_triggers("UPDATE shop_customer SET name = 'Eva' WHERE id = %s", customer.pk)
    [finding] = verify([Customer])
    assert short(finding) == ("differs", str(customer.pk), "name", "Ana", "Eva")
    event = Events.objects.get(pgh_id=last_id())
    assert finding.model == "shop.Customer"
    assert finding.after is not None
    assert (finding.after.event, finding.after.at) == (event.pgh_id, event.pgh_created_at)
    assert finding.before is None


def test_a_value_in_between_is_told_as_a_broken_chain() -> None:
    customer = Customer.objects.create(name="Ana")
    first = last_id()
    past_triggers("UPDATE shop_customer SET name = 'Eva' WHERE id = %s", customer.pk)
    Customer.objects.filter(pk=customer.pk).update(name="Ida")
    [finding] = verify([Customer])
    assert short(finding) == ("broken", str(customer.pk), "name", "Ana", "Eva")
    assert finding.after is not None
    assert finding.before is not None
    assert (finding.after.event, finding.before.event) == (first, last_id())


def test_a_row_that_was_deleted_past_the_triggers_is_missing() -> None:
    customer = Customer.objects.create(name="Ana")
    past_triggers("DELETE FROM shop_customer WHERE id = %s", customer.pk)
    assert found(Customer) == [("missing", str(customer.pk))]


def test_a_row_that_was_inserted_past_the_triggers_is_unknown() -> None:
    past_triggers("INSERT INTO shop_customer (id, name) VALUES (700, 'Eva')")
    assert found(Customer) == [("unknown", "700")]


def test_a_row_that_came_back_past_the_triggers_is_unknown_after_its_deletion() -> None:
    Customer.objects.create(pk=700, name="Ana").delete()
    past_triggers("INSERT INTO shop_customer (id, name) VALUES (700, 'Eva')")
    [finding] = verify([Customer])
    assert short(finding) == ("unknown", "700")
    assert finding.after is not None
    assert finding.after.event == last_id()


def test_a_row_whose_return_is_in_no_event_is_told_at_its_next_event() -> None:
    Customer.objects.create(pk=700, name="Ana").delete()
    past_triggers("INSERT INTO shop_customer (id, name) VALUES (700, 'Eva')")
    Customer.objects.filter(pk=700).update(name="Ida")
    assert found(Customer) == [("reappeared", "700")]


def test_a_baseline_of_a_row_that_was_gone_tells_that_it_reappeared() -> None:
    Customer.objects.create(pk=700, name="Ana").delete()
    past_triggers("INSERT INTO shop_customer (id, name) VALUES (700, 'Eva')")
    backfill(Customer)
    assert found(Customer) == [("reappeared", "700")]


def test_a_row_whose_end_is_in_no_event_is_told_when_another_has_its_key() -> None:
    Customer.objects.create(pk=700, name="Ana")
    past_triggers("DELETE FROM shop_customer WHERE id = 700")
    Customer.objects.create(pk=700, name="Eva")
    assert found(Customer) == [("vanished", "700")]


def test_what_pgtrigger_ignores_is_told() -> None:
    customer = Customer.objects.create(name="Ana")
    with pgtrigger.ignore("shop.Customer:audit_update"):
        Customer.objects.filter(pk=customer.pk).update(name="Eva")
    assert found(Customer) == [("differs", str(customer.pk), "name", "Ana", "Eva")]


def test_what_was_written_while_a_trigger_was_disabled_is_told() -> None:
    customer = Customer.objects.create(name="Ana")
    pgtrigger.disable("shop.Customer:audit_update")
    Customer.objects.filter(pk=customer.pk).update(name="Eva")
    pgtrigger.enable("shop.Customer:audit_update")
    assert found(Customer) == [("differs", str(customer.pk), "name", "Ana", "Eva")]


@pytest.mark.parametrize(
    ("tampering", "told"),
    [
        ("UPDATE {events} SET snapshot = snapshot || '{{\"name\": \"X\"}}' WHERE id = {insert}", [("broken", "700", "name", "X", "Ana")]),
        ("UPDATE {events} SET snapshot = snapshot || '{{\"name\": \"X\"}}' WHERE id = {last}", [("broken", "700", "name", "Ida", "X"), ("differs", "700", "name", "X", "Ida")]),
        ("UPDATE {events} SET diff = '{{\"name\": [\"X\", \"Ida\"]}}' WHERE id = {last}", [("broken", "700", "name", "Eva", "X")]),
        ("DELETE FROM {events} WHERE id = {middle}", [("broken", "700", "name", "Ana", "Eva")]),
        ("DELETE FROM {events} WHERE id = {last}", [("differs", "700", "name", "Eva", "Ida")]),
        ("DELETE FROM {events} WHERE obj_pk = '700'", [("unknown", "700")]),
        ("UPDATE {events} SET obj_pk = '701' WHERE id = {last}", [("differs", "700", "name", "Eva", "Ida"), ("missing", "701")]),
    ],
)  # fmt: skip
def test_what_was_changed_in_the_event_table_is_told(
    tampering: str, told: list[tuple[Any, ...]]
) -> None:
    customer = Customer.objects.create(pk=700, name="Ana")
    insert = last_id()
    for name in ("Eva", "Ida"):
        customer.name = name
        customer.save()
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    places = {"insert": insert, "middle": last_id() - 1, "last": last_id()}
    with unguarded("pgaudit_log_event"):
        execute(tampering.format(events="pgaudit_log_event", **places).replace("%", "%%"))
    assert found(Customer) == told


def test_keys_that_move_are_followed() -> None:
    seat = tracked_table(
        "Seat", number=models.IntegerField(primary_key=True), who=models.TextField()
    )
    seat.objects.bulk_create(seat(number=n, who=f"w{n}") for n in (1, 2, 3))
    seat.objects.filter(number=3).update(number=9)
    seat.objects.filter(number=9).update(who="x")
    seat.objects.filter(number=2).update(number=3)
    seat.objects.create(number=2, who="new")
    assert found(seat) == []
    past_triggers("UPDATE shop_seat SET who = 'past' WHERE number = 3")
    assert found(seat) == [("differs", "3", "who", "w2", "past")]


def test_keys_that_are_passed_on_in_one_statement_are_followed() -> None:
    seat = tracked_table(
        "Seat", number=models.IntegerField(primary_key=True), who=models.TextField()
    )
    execute(
        "ALTER TABLE shop_seat DROP CONSTRAINT shop_seat_pkey,"
        " ADD PRIMARY KEY (number) DEFERRABLE INITIALLY IMMEDIATE"
    )
    seat.objects.bulk_create(seat(number=n, who=f"w{n}") for n in (1, 2, 3))
    execute("UPDATE shop_seat SET number = number + 1")
    execute("UPDATE shop_seat SET number = number - 1")
    execute("UPDATE shop_seat SET number = 5 - number, who = who || '!'")
    assert found(seat) == []
    past_triggers("UPDATE shop_seat SET who = 'past' WHERE number = 4")
    assert found(seat) == [("differs", "4", "who", "w1!", "past")]


def test_rows_older_than_their_tracking_pass_their_keys_on_too() -> None:
    seat = tracked_table(
        "Seat", number=models.IntegerField(primary_key=True), who=models.TextField()
    )
    execute(
        "ALTER TABLE shop_seat DROP CONSTRAINT shop_seat_pkey,"
        " ADD PRIMARY KEY (number) DEFERRABLE INITIALLY IMMEDIATE"
    )
    seat.objects.create(number=1, who="a")
    past_triggers("INSERT INTO shop_seat VALUES (2, 'b'), (3, 'c')")
    execute("UPDATE shop_seat SET number = number + 1")
    execute("UPDATE shop_seat SET number = 10 - number")
    assert found(seat) == []
    past_triggers("UPDATE shop_seat SET who = 'past' WHERE number = 7")
    assert found(seat) == [("differs", "7", "who", "b", "past")]


def test_a_row_that_takes_the_place_of_one_that_went_past_the_triggers() -> None:
    seat = tracked_table(
        "Seat", number=models.IntegerField(primary_key=True), who=models.TextField()
    )
    seat.objects.bulk_create(seat(number=n, who=f"w{n}") for n in (1, 2))
    past_triggers("DELETE FROM shop_seat WHERE number = 2")
    seat.objects.filter(number=1).update(number=2)
    past_triggers("INSERT INTO shop_seat VALUES (1, 'x')")
    seat.objects.filter(number=1).update(number=5)
    # All of it is one transaction here, in which the last of them may have come on its way.
    assert found(seat) == [("vanished", "2")]


def test_a_move_past_the_triggers_is_a_missing_and_an_unknown_row() -> None:
    seat = tracked_table(
        "Seat", number=models.IntegerField(primary_key=True), who=models.TextField()
    )
    seat.objects.create(number=1, who="a")
    past_triggers("UPDATE shop_seat SET number = 2")
    assert found(seat) == [("missing", "1"), ("unknown", "2")]


def test_values_that_stand_in_other_events_are_followed() -> None:
    page = tracked_table(
        "Page", track={"large": ["body"]}, body=models.TextField(), views=models.IntegerField()
    )
    import random

    text = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz0123456789", k=9000))
    one = page.objects.create(body=text, views=0)
    for views in (1, 2):
        page.objects.update(views=views)
    page.objects.update(body=text[::-1])
    page.objects.update(views=3)
    assert Events.objects.filter(pgh_data__body__has_key="pgaudit_log.at").exists()
    assert found(page) == []
    past_triggers("UPDATE shop_page SET body = 'short'")
    assert found(page) == [("differs", str(one.pk), "body", text[::-1], "short")]


def test_what_a_truncation_took_is_not_missing_and_what_came_back_is_told() -> None:
    thing = tracked_table("Thing", name=models.TextField())
    thing.objects.create(pk=1, name="a")
    execute("TRUNCATE shop_thing")
    assert found(thing) == []
    thing.objects.create(pk=1, name="b")
    assert found(thing) == []
    execute("TRUNCATE shop_thing")
    past_triggers("INSERT INTO shop_thing (id, name) VALUES (1, 'c')")
    assert found(thing) == [("unknown", "1")]
    thing.objects.update(name="d")
    assert found(thing) == [("reappeared", "1")]


def test_objects_that_are_deleted_and_made_anew_are_clean() -> None:
    for name in ("a", "b", "a"):
        Customer.objects.create(pk=7, name=name).delete()
    Customer.objects.create(pk=7, name="c")
    assert found(Customer) == []


def test_rows_older_than_their_tracking_are_unknown_until_they_have_a_baseline() -> None:
    past_triggers("INSERT INTO shop_customer (id, name) VALUES (1, 'a'), (2, 'b')")
    Customer.objects.filter(pk=2).update(name="c")
    assert found(Customer) == [("unknown", "1")]
    backfill(Customer)
    Customer.objects.update(name="d")
    assert found(Customer) == []


def test_renamed_columns_and_models_are_known_by_their_names_of_then() -> None:
    thing = tracked_table(
        "Thing",
        track={"former_columns": {"title": ["name"]}},
        title=models.TextField(),
        price=models.DecimalField(max_digits=8, decimal_places=2),
    )
    thing.objects.create(title="a", price="1.50")
    with unguarded("pgaudit_log_event"):
        execute(
            "UPDATE pgaudit_log_event SET shape = 0,"
            " snapshot = snapshot - 'title' || jsonb_build_object('name', snapshot -> 'title')"
            " WHERE model = 'shop.Thing'"
        )
    thing.objects.update(title="b")
    assert found(thing) == []


def test_a_column_that_has_got_another_type_has_the_same_values() -> None:
    thing = tracked_table("Thing", size=models.TextField())
    thing.objects.create(size="1")
    with unguarded("pgaudit_log_event"):
        execute(
            "UPDATE pgaudit_log_event SET snapshot = snapshot || '{\"size\": 1}'"
            " WHERE model = 'shop.Thing'"
        )
    assert found(thing) == []


def test_a_column_that_was_added_later_is_not_compared_with_what_did_not_have_it() -> None:
    thing = tracked_table("Thing", name=models.TextField(), size=models.IntegerField(default=1))
    thing.objects.create(name="a")
    with unguarded("pgaudit_log_event"):
        execute(
            "UPDATE pgaudit_log_event SET snapshot = snapshot - 'size' WHERE model = 'shop.Thing'"
        )
    assert found(thing) == []


def test_only_columns_whose_every_change_is_captured_are_judged() -> None:
    thing = tracked_table(
        "Thing",
        pgaudit_log.InsertEvent(),
        pgaudit_log.UpdateEvent("priced", condition=pgaudit_log.AnyChange("price")),
        pgaudit_log.DeleteEvent(),
        name=models.TextField(),
        price=models.IntegerField(),
    )
    one = thing.objects.create(name="a", price=1)
    thing.objects.update(name="b")
    thing.objects.update(price=2)
    assert found(thing) == []
    past_triggers("UPDATE shop_thing SET price = 3, name = 'c'")
    assert found(thing) == [("differs", str(one.pk), "price", 2, 3)]
    [coverage] = coverage_of(thing)
    assert coverage.limits == (
        "Not every change is captured of name: not compared.",
        "Truncations are not captured: one shows as rows that are missing.",
        "Changes of the key are not captured: one shows as a row that is missing.",
    )


def test_rows_are_not_told_where_inserts_and_deletes_have_conditions() -> None:
    thing = tracked_table(
        "Thing",
        pgaudit_log.InsertEvent(condition=pgaudit_log.Q(new__size__gt=5)),
        pgaudit_log.UpdateEvent(),
        pgaudit_log.DeleteEvent(condition=pgaudit_log.Q(old__size__gt=5)),
        size=models.IntegerField(),
    )
    thing.objects.bulk_create(thing(size=n) for n in (1, 2, 9))
    thing.objects.filter(size=1).update(size=3)
    thing.objects.filter(size__lt=5).delete()
    thing.objects.create(size=1)
    assert found(thing) == []


def test_two_trackers_that_tell_of_one_change_are_not_two_changes() -> None:
    thing = tracked_table(
        "Thing",
        pgaudit_log.InsertEvent(),
        pgaudit_log.InsertEvent("born", condition=pgaudit_log.Q(new__size__gt=5)),
        pgaudit_log.UpdateEvent(row=pgaudit_log.Old),
        pgaudit_log.UpdateEvent("grown", condition=pgaudit_log.AnyChange("size")),
        pgaudit_log.DeleteEvent(),
        size=models.IntegerField(),
    )
    one = thing.objects.create(size=9)
    for size in (1, 9, 1):
        thing.objects.update(size=size)
    assert found(thing) == []
    past_triggers("UPDATE shop_thing SET size = 2")
    assert found(thing) == [("differs", str(one.pk), "size", 1, 2)]


def test_models_and_times_can_be_chosen() -> None:
    customer = Customer.objects.create(name="Ana")
    past_triggers("UPDATE shop_customer SET name = 'Eva' WHERE id = %s", customer.pk)
    Customer.objects.update(name="Ida")
    later, earlier = timezone.now() + timedelta(hours=1), timezone.now() - timedelta(hours=1)
    broken = [("broken", str(customer.pk), "name", "Ana", "Eva")]
    assert found(Order, Product) == []
    assert found(Customer, since=earlier) == broken
    assert found(Customer, since=later) == []
    assert found(Customer, until=later) == broken
    assert found(Customer, until=earlier) == []


def test_with_until_the_table_is_left_out() -> None:
    customer = Customer.objects.create(name="Ana")
    past_triggers("UPDATE shop_customer SET name = 'Eva' WHERE id = %s", customer.pk)
    assert found(Customer, until=timezone.now()) == []


def test_it_goes_on_behind_a_key_and_tells_how_far_it_is() -> None:
    customers = [Customer.objects.create(pk=n, name="a") for n in range(1, 8)]
    past_triggers("UPDATE shop_customer SET name = 'b'")
    seen: list[tuple[str, str]] = []
    keys = [f.key for f in verify([Customer], batch_size=2, progress=lambda *at: seen.append(at))]
    assert keys == [str(customer.pk) for customer in customers]
    assert seen == [("shop.Customer", "2"), ("shop.Customer", "4"), ("shop.Customer", "6")]
    assert [f.key for f in verify(["shop.Customer"], after="4")] == ["5", "6", "7"]


def test_bad_input_is_refused_before_anything_is_read() -> None:
    for options, message in [
        ({"models": ["shop.Nothing"]}, "there is no such model"),
        ({"models": ["shop.Untracked"]}, "it is not tracked"),
        ({"models": [Customer, Order], "after": "1"}, "Name exactly one"),
        ({"batch_size": 0}, "Give 1 or more"),
        ({"since": timezone.now().replace(tzinfo=None)}, "no time zone"),
    ]:
        with pytest.raises(QueryError, match=message):
            verify(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("marker", ["masked", "erased", "marker"])
def test_what_is_no_value_is_compared_with_nothing(marker: str) -> None:
    customer = Customer.objects.create(name="Ana")
    Customer.objects.update(name="Eva")
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    with unguarded("pgaudit_log_event"):
        execute(
            "UPDATE pgaudit_log_event SET snapshot = snapshot || %s::jsonb,"
            " diff = CASE WHEN diff IS NOT NULL THEN jsonb_build_object('name', jsonb_build_array(%s::jsonb, %s::jsonb)) END"
            " WHERE obj_pk = %s",
            [
                f'{{"name": {{"pgaudit_log.{marker}": 2}}}}',
                *(f'{{"pgaudit_log.{marker}": {n}}}' for n in (1, 2)),
                str(customer.pk),
            ],
        )
    assert found(Customer) == []


def test_a_value_that_stood_in_an_event_that_is_gone_is_unknown() -> None:
    page = tracked_table(
        "Page", track={"large": ["body"]}, body=models.TextField(), views=models.IntegerField()
    )
    page.objects.create(body="".join(f"{n:x}" for n in range(9000)), views=0)
    page.objects.update(views=1)
    page.objects.update(views=2)
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    with unguarded("pgaudit_log_event"):
        execute("DELETE FROM pgaudit_log_event WHERE model = 'shop.Page' AND operation = 'I'")
    assert found(page) == []


def test_it_needs_no_cursors_of_the_server_where_a_pooler_has_none(monkeypatch: Any) -> None:
    customer = Customer.objects.create(name="Ana")
    past_triggers("UPDATE shop_customer SET name = 'Eva' WHERE id = %s", customer.pk)
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)
    monkeypatch.setattr(connection, "chunked_cursor", None)
    assert found(Customer) == [("differs", str(customer.pk), "name", "Ana", "Eva")]


def test_it_only_reads() -> None:
    customer = Customer.objects.create(name="Ana")
    past_triggers("UPDATE shop_customer SET name = 'Eva' WHERE id = %s", customer.pk)
    execute("SET CONSTRAINTS ALL IMMEDIATE; SET TRANSACTION READ ONLY")
    assert found(Customer) == [("differs", str(customer.pk), "name", "Ana", "Eva")]
