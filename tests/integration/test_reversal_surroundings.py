"""What stands around the rows of a plan is neither taken along nor taken for something else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

import pgaudit_log
from pgaudit_log.diffs import changes
from pgaudit_log.exceptions import PlanError, QueryError, StalePlanError
from pgaudit_log.filtersets import EventsFilterSet
from pgaudit_log.models import Events
from pgaudit_log.reversal import restore, undo
from pgaudit_log.testing import isolated
from tests.shop.models import Customer, Order, UserProxy
from tests.support import execute
from tests.tables import tracked_table

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def forgotten() -> Iterator[None]:
    with isolated():
        yield


def inserted(make: Any) -> tuple[Any, Any]:
    """Return an object and the plan that takes its insert back."""
    with pgaudit_log.context(reason="mistake") as context:
        made = make()
    return made, undo(context=context)


def drop(*tables: str) -> None:
    for table in tables:
        execute(f"DROP TABLE {table} CASCADE")


@pytest.mark.parametrize("through", ["sql", "save"])
def test_a_child_that_came_after_the_plan_refuses_it(through: str) -> None:
    customer, plan = inserted(lambda: Customer.objects.create(name="Ana"))
    order = Order.objects.create(customer=customer)
    with pytest.raises(StalePlanError, match="points at shop.Customer"):
        plan.apply(through=through)
    assert Order.objects.get() == order


def test_a_child_that_the_database_would_cascade_to_refuses_the_plan() -> None:
    execute("ALTER TABLE shop_order DROP CONSTRAINT IF EXISTS cascading")
    execute(
        "ALTER TABLE shop_order ADD CONSTRAINT cascading FOREIGN KEY (customer_id)"
        " REFERENCES shop_customer ON DELETE CASCADE"
    )
    try:
        customer, plan = inserted(lambda: Customer.objects.create(name="Ana"))
        order = Order.objects.create(customer=customer)
        with pytest.raises(StalePlanError):
            plan.apply()
        assert Order.objects.get() == order
    finally:
        execute("ALTER TABLE shop_order DROP CONSTRAINT cascading")


def test_a_row_that_points_at_it_generically_stands_in_the_way(forgotten: None) -> None:
    tag = tracked_table(
        "GenericTag",
        content_type=models.ForeignKey(ContentType, on_delete=models.CASCADE, related_name="+"),
        object_id=models.TextField(),
        target=GenericForeignKey(),
    )
    author = tracked_table("GenericAuthor", tags=GenericRelation(tag))
    try:
        made, before = inserted(author.objects.create)
        tag.objects.create(target=made)
        plan = undo(context=Events.objects.tracks(made).get().pgh_context_id)
        assert [obstacle.kind.value for obstacle in plan.obstacles] == ["referenced"]
        with pytest.raises(PlanError, match="shop.GenericTag .* points at shop.GenericAuthor"):
            before.apply(through="save")
        assert tag.objects.count() == 1
    finally:
        drop("shop_generictag", "shop_genericauthor")


def test_a_deletion_that_a_trigger_suppresses_is_noticed_through_save() -> None:
    _, plan = inserted(lambda: Customer.objects.create(name="Ana"))
    execute("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    execute(
        "CREATE TRIGGER keep BEFORE DELETE ON shop_customer FOR EACH ROW EXECUTE FUNCTION keep()"
    )
    try:
        with pytest.raises(PlanError, match="was not written"):
            plan.apply(through="save")
    finally:
        execute("DROP FUNCTION keep CASCADE")


def test_an_insert_that_a_trigger_suppresses_is_noticed_through_save(customer: Customer) -> None:
    customer.delete()
    plan = restore(Events.objects.newest()[0])
    execute("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    execute(
        "CREATE TRIGGER keep BEFORE INSERT ON shop_customer FOR EACH ROW EXECUTE FUNCTION keep()"
    )
    try:
        with pytest.raises(PlanError):
            plan.apply(through="save")
    finally:
        execute("DROP FUNCTION keep CASCADE")
    assert not Customer.objects.exists()


@pytest.mark.parametrize("change", ["insert", "update"])
def test_another_object_with_the_same_key_stands_in_the_way(change: str) -> None:
    with pgaudit_log.context() as context:
        made = Customer.objects.create(pk=7, name="Ana")
    if change == "update":
        with pgaudit_log.context() as context:
            Customer.objects.update(name="Bea")
    made.delete()
    Customer.objects.create(pk=7, name="Bea" if change == "update" else "Ana")
    plan = undo(context=context)
    assert "another object's row" in str(plan.obstacles[0])
    with pytest.raises(PlanError):
        plan.apply()
    assert undo(context=context, on_conflict="skip").steps == ()
    undo(context=context, on_conflict="force").apply()


def test_a_row_that_has_taken_its_key_since_stands_in_the_way(forgotten: None) -> None:
    seat = tracked_table(
        "Seat", key=models.IntegerField(primary_key=True), words=models.TextField()
    )
    execute("ALTER TABLE shop_seat DROP CONSTRAINT shop_seat_pkey")
    execute("ALTER TABLE shop_seat ADD PRIMARY KEY (key) DEFERRABLE")
    try:
        seat.objects.create(key=1, words="old")
        seat.objects.create(key=2, words="new")
        seat.objects.filter(key=1).update(words="new")
        update = Events.objects.newest()[0]
        seat.objects.update(key=3 - models.F("key"))
        plan = undo(update)
        assert ["another object's row" in str(found) for found in plan.obstacles] == [True]
    finally:
        drop("shop_seat")


def test_an_object_that_was_brought_back_is_the_same() -> None:
    with pgaudit_log.context() as context:
        made = Customer.objects.create(name="Ana")
    made.delete()
    restore(Events.objects.newest()[0]).apply()
    undo(context=context).apply()
    assert not Customer.objects.exists()


def test_rows_that_a_manager_hides_are_there(forgotten: None) -> None:
    class Visible(models.Manager[Any]):
        def get_queryset(self) -> Any:
            return super().get_queryset().filter(hidden=False)

    parent = tracked_table(
        "HidingParent",
        hidden=models.BooleanField(default=False),
        objects=Visible(),
        Meta={"base_manager_name": "objects"},
    )
    child = tracked_table(
        "HiddenChild", parent=models.ForeignKey(parent, models.CASCADE, related_name="+")
    )
    try:
        made = parent.objects.create()
        one = child.objects.create(parent=made)
        one.delete()
        deletion = Events.objects.newest()[0]
        parent.objects.update(hidden=True)
        hiding = Events.objects.newest()[0]
        restore(deletion).apply()
        assert child.objects.count() == 1
        undo(hiding).apply()
        assert parent.objects.count() == 1
    finally:
        drop("shop_hiddenchild", "shop_hidingparent")


def test_save_cleans_what_the_plan_changes_only(forgotten: None) -> None:
    table = tracked_table(
        "HalfBlank",
        name=models.CharField(max_length=20),
        needed=models.CharField(max_length=20, null=True),
    )
    try:
        made = table.objects.create(name="Ana")
        table.objects.update(name="Bea")
        undo(Events.objects.newest()[0]).apply(through="save")
        made.refresh_from_db()
        assert (made.name, made.needed) == ("Ana", None)
    finally:
        drop("shop_halfblank")


def test_a_value_that_several_models_have_must_say_of_which(forgotten: None) -> None:
    place = tracked_table("NamedPlace", name=models.CharField(max_length=20))
    dish = tracked_table(
        "NamedDish",
        name=models.CharField(max_length=20),
        place=models.ForeignKey(place, models.CASCADE, related_name="+"),
    )
    try:
        made = place.objects.create(name="inn")
        dish.objects.create(name="soup", place=made)
        made.delete()
        deletion = Events.objects.newest()[0]
        with pytest.raises(QueryError, match="Say which: shop.NamedDish.name"):
            restore(deletion, values={"name": "X"})
        restore(deletion, values={"shop.NamedPlace.name": "X"}).apply()
        assert (place.objects.get().name, dish.objects.get().name) == ("X", "soup")
    finally:
        drop("shop_nameddish", "shop_namedplace")


def test_an_error_tells_of_some_obstacles_and_counts_the_others() -> None:
    with pgaudit_log.context() as context:
        Customer.objects.bulk_create(Customer(name="Ana") for _ in range(30))
    Customer.objects.update(name="Bea")
    plan = undo(context=context)
    with pytest.raises(PlanError, match="and 10 more, in plan.obstacles"):
        plan.apply()
    assert len(plan.obstacles) == 30


def test_without_time_zones_moments_are_local(settings: Any) -> None:
    settings.USE_TZ = False
    settings.TIME_ZONE = "America/St_Johns"
    at = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001
    user = UserProxy.objects.create(username="ana", date_joined=at)
    UserProxy.objects.update(date_joined=datetime(2026, 5, 6, 7, 8, 9))  # noqa: DTZ001
    update = Events.objects.newest()[0]
    assert changes(update)["date_joined"].old == at
    undo(update).apply(through="save")
    user.refresh_from_db()
    assert user.date_joined == at
    created = update.pgh_created_at
    assert UserProxy.objects.as_of(created).get().pk == user.pk
    assert Events.objects.between(created, None).count() == 2
    assert EventsFilterSet({"since": created.isoformat(" ")}).qs.count() == 2


def test_changes_of_what_is_not_tracked_are_unknown() -> None:
    with pytest.raises(QueryError, match=r"auth\.User\.password is not tracked"):
        Events.objects.across(UserProxy).changed("password")


def test_what_is_no_object_is_refused() -> None:
    from pgaudit_log.reversal import revert

    with pytest.raises(QueryError, match="is no object"):
        revert(Customer, to=None)  # type: ignore[arg-type]
