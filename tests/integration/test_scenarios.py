"""Scenarios in which other audit packages lose, invent or misattribute history."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.db.models.signals import pre_save
from django.test import Client
from django.utils import timezone

import pgaudit_log
from pgaudit_log.diffs import changes
from pgaudit_log.models import Events
from pgaudit_log.reversal import restore, revert, undo
from tests.shop.models import Customer, Order, OrderLine, Product, Stock, Team, UserProxy
from tests.support import execute, last_id, trail

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def product() -> Product:
    return Product.objects.create(sku="pen", name="Pen", price="1.50")


def members(count: int) -> tuple[Team, list[User]]:
    """Return a team and its members."""
    users = [User.objects.create(username=f"user{number}") for number in range(count)]
    team = Team.objects.create()
    team.members.set(users)
    return team, users


def test_each_row_of_bulk_writes_has_its_event() -> None:
    made = Customer.objects.bulk_create(Customer(name=f"{number}") for number in range(5))
    after = last_id()
    Customer.objects.update(name="all")
    assert [operation for operation, _, _ in trail("shop.Customer", after=0)] == ["I"] * 5 + [
        "U"
    ] * 5
    assert {key for _, key, _ in trail(after=after)} == {str(customer.pk) for customer in made}


def test_an_update_of_the_column_that_it_filters_by_is_recorded(customer: Customer) -> None:
    line = OrderLine.objects.create(
        order=Order.objects.create(customer=customer),
        product=Product.objects.create(sku="pen", name="Pen", price=1),
    )
    after = last_id()
    OrderLine.objects.filter(quantity=1).update(quantity=F("quantity") + 1)
    assert trail(after=after) == [("U", str(line.pk), {"quantity": [1, 2]})]


def test_an_expression_is_recorded_as_what_it_became(product: Product) -> None:
    after = last_id()
    product.name = Concat(F("name"), Value("s"))  # type: ignore[assignment]
    product.save()
    assert trail(after=after) == [("U", "pen", {"name": ["Pen", "Pens"]})]


def test_a_write_whose_event_cannot_be_written_does_not_happen(customer: Customer) -> None:
    execute("ALTER TABLE pgaudit_log_event ADD CONSTRAINT refuse CHECK (label <> 'update')")
    try:
        with pytest.raises(IntegrityError):
            Customer.objects.update(name="Bea")
    finally:
        execute("ALTER TABLE pgaudit_log_event DROP CONSTRAINT refuse")
    customer.refresh_from_db()
    assert customer.name == "Ana"


def test_a_save_that_changes_nothing_leaves_no_event(customer: Customer) -> None:
    after = last_id()
    customer.save()
    assert trail(after=after) == []


def test_a_relation_that_is_set_anew_is_one_group_of_what_left_and_what_came() -> None:
    team, (one, two) = members(2)
    other = User.objects.create(username="other")
    after = last_id()
    with pgaudit_log.context(reason="new team"):
        team.members.set([other])
    events = Events.objects.after(after)
    assert sorted((e.pgh_label, e.pgh_data["user_id"]) for e in events) == sorted(
        [("member.remove", one.pk), ("member.remove", two.pk), ("member.add", other.pk)]
    )
    assert len({event.pgh_context_id for event in events}) == 1


def test_clearing_a_relation_records_exactly_what_was_in_it() -> None:
    team, users = members(1)
    for number in range(19):
        User.objects.create(username=f"bystander{number}")
    after = last_id()
    team.members.clear()
    assert [e.pgh_data["user_id"] for e in Events.objects.after(after)] == [users[0].pk]


def test_a_write_after_an_inner_context_is_the_outer_users() -> None:
    with pgaudit_log.context(user=1):
        with pgaudit_log.context(user=2):
            inner = Customer.objects.create(name="inner")
        outer = Customer.objects.create(name="outer")
    assert Events.objects.tracks(inner).get().pgh_context["user"] == 2
    assert Events.objects.tracks(outer).get().pgh_context["user"] == 1


def test_nested_contexts_leave_no_receivers_behind() -> None:
    before = len(pre_save.receivers)
    with pgaudit_log.context(user=1), pgaudit_log.context(user=2):
        Customer.objects.create(name="Ana")
    assert len(pre_save.receivers) == before


def test_two_versions_of_one_time_are_one_row_as_of_it() -> None:
    with transaction.atomic():
        customer = Customer.objects.create(name="Ana")
        customer.name = "Bea"
        customer.save()
    times = set(customer.events.values_list("pgh_created_at", flat=True))
    assert len(times) == 1
    assert [c.name for c in Customer.objects.as_of(times.pop())] == ["Bea"]


def test_a_deletion_is_recorded_with_what_was_deleted(customer: Customer) -> None:
    customer.delete()
    deletion = Events.objects.newest()[0]
    assert (deletion.pgh_operation, deletion.pgh_data["name"]) == ("D", "Ana")
    assert changes(deletion)["name"].old == "Ana"


def test_a_text_that_says_none_is_a_text() -> None:
    customer = Customer.objects.create(name="None")
    customer.delete()
    assert [e.name for e in Customer.pgh_event_model.objects.all()] == ["None", "None"]
    assert changes(Events.objects.newest()[0])["name"].old == "None"


def test_a_diff_has_the_objects_own_fields_only(customer: Customer) -> None:
    Order.objects.create(customer=customer)
    after = last_id()
    customer.name = "Bea"
    customer.save()
    assert list(changes(Events.objects.after(after).get())) == ["name"]


def test_reverting_keeps_what_is_not_tracked() -> None:
    user = UserProxy.objects.create(username="ana", password="first")
    event = user.events.latest("pgh_id")
    UserProxy.objects.filter(pk=user.pk).update(username="bea", password="second")
    revert(user, to=event).apply()
    user.refresh_from_db()
    assert (user.username, user.password) == ("ana", "second")


def test_reverting_a_partial_tracker_moves_only_its_fields() -> None:
    stock = Stock.objects.create(site="Rome", level=5, note="first")
    Stock.objects.filter(pk=stock.pk).update(level=3)
    fell = stock.level_events.latest("pgh_id")
    Stock.objects.filter(pk=stock.pk).update(level=4, site="Oslo", note="second")
    fell.revert()
    stock.refresh_from_db()
    assert (stock.level, stock.site, stock.note) == (3, "Oslo", "second")


def test_the_past_of_a_relation_is_what_was_in_it() -> None:
    team, (one, two) = members(2)
    moment = timezone.now()
    team.members.remove(one)
    through = Team.members.through
    assert set(
        through.objects.as_of(moment).filter(team_id=team.pk).values_list("user_id", flat=True)
    ) == {one.pk, two.pk}


def test_a_plan_writes_nothing(customer: Customer) -> None:
    moment = timezone.now()
    Customer.objects.update(name="Bea")
    update = customer.events.latest("pgh_id")
    Order.objects.create(customer=customer).delete()
    deletion = Events.objects.newest()[0]
    with transaction.atomic():
        execute("SET TRANSACTION READ ONLY")
        plans = [revert(customer, to=moment), undo(update), restore(deletion)]
    assert [len(plan.steps) for plan in plans] == [1, 1, 1]


def test_the_last_row_of_a_page_carries_its_diff(customer: Customer) -> None:
    for name in "BCDE":
        Customer.objects.update(name=name)
    assert Events.objects.page(2).events[-1].pgh_diff == {"name": ["C", "D"]}


def test_a_timeline_of_a_hundred_rows_with_a_relation_takes_few_queries(
    django_assert_max_num_queries: Any,
) -> None:
    team, users = members(50)
    team.members.clear()
    with django_assert_max_num_queries(5):
        page = Events.objects.references(team).prefetch_related("pgh_obj").page(100)
        assert len([(e.pgh_obj, e.pgh_data["user_id"]) for e in page.events]) == 100
    assert {e.pgh_data["user_id"] for e in page.events} == {user.pk for user in users}


def test_a_list_of_everything_counts_nothing(
    customer: Customer, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(4) as queries:
        page = Events.objects.prefetch_related("pgh_obj").page(50)
        assert [event.pgh_obj for event in page.events] == [customer]
    assert not [q for q in queries.captured_queries if "COUNT(" in q["sql"]]


def test_an_error_of_the_database_keeps_its_type_under_the_middleware(
    client: Client, customer: Customer
) -> None:
    with pgaudit_log.context(user=1), pytest.raises(IntegrityError), transaction.atomic():
        Customer.objects.create(pk=customer.pk, name="twin")


def test_one_save_is_one_query(customer: Customer, django_assert_num_queries: Any) -> None:
    customer.name = "Bea"
    with django_assert_num_queries(1), pgaudit_log.context(user=1):
        customer.save(update_fields=["name"])


def test_values_in_the_log_have_their_types(product: Product) -> None:
    order = Order.objects.create(customer=Customer.objects.create(name="Ana"))
    line = OrderLine.objects.create(order=order, product=product, quantity=3)
    assert Events.objects.tracks(line).get().pgh_data["quantity"] == 3
    typed = Product.pgh_event_model.objects.get()
    assert (typed.price, typed.tags) == (pytest.approx(1.5), None)
    assert isinstance(models.DecimalField().to_python(typed.price), type(typed.price))
    assert connection.vendor == "postgresql"
