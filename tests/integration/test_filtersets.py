"""The filters of the trail and of typed events, as django-filter gives them to views."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import models
from django.http import QueryDict

import pgaudit_log
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.filtersets import EventsFilterSet, filterset_for
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests import tables
from tests.shop import models as shop
from tests.shop.models import Customer, Order, Product, Stock
from tests.support import execute

pytestmark = pytest.mark.django_db

OrderEvent: Any = shop.OrderEvent  # type: ignore[attr-defined]
OrderFilterSet: Any = filterset_for(OrderEvent)


@pytest.fixture
def order(customer: Customer) -> Order:
    with pgaudit_log.context(user=7, task="import", request={"id": 5}):
        order = Order.objects.create(pk=501, customer=customer)
    with pgaudit_log.context(user=8):
        order.status = "paid"
        order.save()
    Order.objects.create(pk=502, customer=customer)
    return order


def asked(filterset: Any, **data: Any) -> list[str]:
    """Return the events that a filter set finds as "Model key label", oldest first."""
    given = QueryDict(mutable=True)
    for name, value in data.items():
        given.setlist(name, value if isinstance(value, list) else [value])
    bound = filterset(given)
    assert bound.is_valid(), bound.errors
    return [
        f"{event.pgh_obj_model.partition('.')[2]} {event.pgh_obj_id} {event.pgh_label}"
        for event in bound.qs.order_by("pgh_id")
    ]


def errors(filterset: Any, **data: Any) -> set[str]:
    """Return the fields with an error; looking for events with it raises nothing."""
    bound = filterset(data)
    list(bound.qs)
    return set(bound.errors)


INSERTED, PAID, OTHER = "Order 501 insert", "Order 501 update", "Order 502 insert"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, [INSERTED, PAID, OTHER]),
        ({"object": "501"}, [INSERTED, PAID]),
        ({"actor": "7"}, [INSERTED]),
        ({"actor": "none"}, [OTHER]),
        ({"operation": "U"}, [PAID]),
        ({"operation": ["U", "I"]}, [INSERTED, PAID, OTHER]),
        ({"label": "update"}, [PAID]),
        ({"changed": "status"}, [PAID]),
        ({"changed": "note"}, []),
        ({"changed": "status", "changed_from": "new"}, [PAID]),
        ({"changed": "status", "changed_from": "paid"}, []),
        ({"changed": "status", "changed_from": "new", "changed_to": "paid"}, [PAID]),
        ({"changed": "status", "changed_to": "null"}, []),
        ({"context": "task=import"}, [INSERTED]),
        ({"context": "task = export"}, []),
        ({"context": "user=8"}, [PAID]),
        ({"context": "request__id=5"}, [INSERTED]),
        ({"object": "501", "actor": "8", "operation": "U", "changed": "status"}, [PAID]),
    ],
)
def test_events_are_found_by_each_filter(
    order: Order, data: dict[str, Any], expected: list[str]
) -> None:
    assert asked(OrderFilterSet, **data) == expected
    assert asked(EventsFilterSet, model="shop.Order", **data) == expected


def test_the_trail_is_filtered_by_model(order: Order) -> None:
    assert asked(EventsFilterSet, model="shop.Customer") == [f"Customer {order.customer_id} insert"]
    assert len(asked(EventsFilterSet)) == 4
    assert asked(EventsFilterSet, actor="7") == [INSERTED]


def test_an_actor_is_found_by_name_and_an_unknown_one_is_an_error(order: Order) -> None:
    User.objects.create_user("ana", pk=7)
    for filterset in (OrderFilterSet, EventsFilterSet):
        for text in ("ana", "ana (7)", "7"):
            assert asked(filterset, actor=text) == [INSERTED]
            assert asked(filterset, context=f"user={text}") == [INSERTED]
        [told] = filterset({"actor": "nobody"}).errors["actor"]
        assert told.startswith("There is no user 'nobody', and no event of one.")
        assert "context" in filterset({"context": "user=nobody"}).errors


def test_times_are_a_half_open_range(order: Order) -> None:
    moment = Events.objects.newest().first().pgh_created_at  # type: ignore[union-attr]
    later = moment + timedelta(seconds=1)
    for filterset in (OrderFilterSet, EventsFilterSet):
        assert asked(filterset, since=moment.isoformat(), until=later.isoformat())
        assert not asked(filterset, since=later.isoformat())
        assert not asked(filterset, until=moment.isoformat())


def test_a_time_without_a_zone_is_one_of_the_current_zone(order: Order, settings: Any) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (created_at, model, obj_pk, label, operation)"
        " VALUES ('2020-01-01 00:30+01', 'shop.Order', '1', 'insert', 'I')"
    )
    assert asked(EventsFilterSet, since="2020-01-01T00:30", until="2020-01-01T00:31")
    assert not asked(EventsFilterSet, since="2019-12-31T23:30", until="2019-12-31T23:31")


@pytest.mark.parametrize("use_tz", [True, False])
def test_a_date_alone_is_a_whole_day_of_the_current_zone(
    order: Order, settings: Any, use_tz: bool
) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (created_at, model, obj_pk, label, operation)"
        " VALUES ('2020-01-01 23:30+01', 'shop.Order', '1', 'insert', 'I')"
    )
    settings.USE_TZ = use_tz
    for filterset in (EventsFilterSet, OrderFilterSet):
        assert len(asked(filterset, since="2020-01-01", until="2020-01-01")) == 1
        assert not asked(filterset, since="2020-01-02", until="2020-01-02")
        assert not asked(filterset, since="2019-12-31", until="2019-12-31")


@pytest.mark.parametrize("text", ["2026-03-29T02:30", "2026-10-25T02:30", "soon"])
def test_a_time_that_there_is_twice_or_never_is_an_error_of_the_form(text: str) -> None:
    for name in ("since", "until"):
        assert name in EventsFilterSet({name: text}).errors


def test_contexts_and_transactions_are_found(order: Order) -> None:
    execute(
        "INSERT INTO pgaudit_log_event (txid, model, obj_pk, label, operation)"
        " VALUES (5, 'shop.Order', '9', 'insert', 'I')"
    )
    for filterset in (OrderFilterSet, EventsFilterSet):
        event = Events.objects.get(pgh_label="update")
        assert asked(filterset, context_id=str(event.pgh_context_id)) == [PAID]
        assert asked(filterset, context_id=str(uuid.uuid4())) == []
        assert asked(filterset, transaction="5") == ["Order 9 insert"]
        assert asked(filterset, transaction=str(event.pgh_txid))


def test_a_changed_column_of_any_model_is_found(order: Order) -> None:
    Stock.objects.create(site="Ulm", level=5)
    Stock.objects.update(level=3)
    assert len(asked(EventsFilterSet, changed="level", changed_to="3")) == 2
    assert asked(EventsFilterSet, changed="level", changed_to="4") == []
    assert asked(EventsFilterSet, changed="status", changed_to="paid") == [PAID]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("field", "old", "new", "texts"),
    [
        (models.DecimalField(max_digits=9, decimal_places=2), 1, 2, ("1", "2.00")),
        (models.BooleanField(), True, False, ("true", "False")),
        (
            models.DateTimeField(),
            "2020-01-01T00:00Z",
            "2020-07-01T00:00Z",
            ("2020-01-01T01:00", "2020-07-01 02:00"),
        ),
        (
            models.UUIDField(),
            uuid.UUID(int=1),
            uuid.UUID(int=2),
            (str(uuid.UUID(int=1)), uuid.UUID(int=2).hex),
        ),
        (models.JSONField(), {"a": 1}, [None], ('{"a": 1.0}', "[null]")),
        (models.GenericIPAddressField(), "10.0.0.1", "::1", ("10.0.0.1", "::1")),
        (models.TextField(null=True), " a ", None, (" a ", "null")),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, models.Field) else "",
)
def test_values_are_read_as_the_field_reads_them(
    tracked: None, field: Any, old: Any, new: Any, texts: tuple[str, str]
) -> None:
    model = tables.tracked_table("Typed", value=field)
    model.objects.create(value=old)
    model.objects.update(value=new)
    was, became = texts
    filterset = filterset_for(model.pgh_event_model)
    for data in ({}, {"model": "shop.Typed"}):
        chosen = EventsFilterSet if data else filterset
        assert asked(chosen, changed="value", changed_from=was, changed_to=became, **data)
        assert not asked(chosen, changed="value", changed_from=became, **data)


@pytest.fixture
def tracked() -> Iterator[None]:
    with isolated():
        yield


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"operation": "X"}, "operation"),
        ({"label": "nope"}, "label"),
        ({"since": "yesterday"}, "since"),
        ({"until": "2020-13-13"}, "until"),
        ({"context": "task"}, "context"),
        ({"context": "=x"}, "context"),
        ({"context": "a\x00=x"}, "context"),
        ({"context_id": "nope"}, "context_id"),
        ({"transaction": "x"}, "transaction"),
        ({"transaction": "-1"}, "transaction"),
        ({"transaction": str(2**63)}, "transaction"),
        ({"changed": "nope"}, "changed"),
        ({"changed": "a b'%s"}, "changed"),
        ({"changed_from": "new"}, "changed_from"),
        ({"changed_to": "new"}, "changed_to"),
        ({"changed": "placed_at", "changed_to": "never"}, "changed_to"),
        ({"changed": "customer_id", "changed_from": "x"}, "changed_from"),
        ({"actor": "\x00"}, "actor"),
    ],
)
def test_bad_input_is_an_error_of_the_form(db: None, data: dict[str, str], field: str) -> None:
    assert errors(OrderFilterSet, **data) == {field}
    assert errors(EventsFilterSet, **data) == {field}
    assert errors(EventsFilterSet, model="shop.Order", **data) == {field}


@pytest.mark.parametrize("value", ["1e999999999", "9" * 5000, "1" * 400 + "e1"])
def test_absurd_numbers_break_nothing(order: Order, value: str) -> None:
    Product.objects.create(sku="A", name="Apple", price=1)
    for changed in ("price", "level", "customer_id"):
        bound = EventsFilterSet({"changed": changed, "changed_to": value})
        assert list(bound.qs) == [] or not bound.is_valid()


def test_an_object_of_the_trail_wants_its_model(order: Order) -> None:
    assert errors(EventsFilterSet, object="501") == {"object"}


def test_an_untracked_model_is_no_choice(db: None) -> None:
    assert errors(EventsFilterSet, model="shop.Untracked") == {"model"}
    assert errors(EventsFilterSet, model="nope") == {"model"}


def test_the_choices_come_from_the_declarations(db: None, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        page = EventsFilterSet().form.as_p()
        typed = OrderFilterSet().form.as_p()
    assert 'value="shop.Order"' in page and "shop.Untracked" not in page
    assert 'value="member.add"' in page and "member.add" not in typed
    assert 'value="update"' in typed


def test_typed_events_can_be_filtered_by_their_own_fields_too(order: Order) -> None:
    filterset = filterset_for(OrderEvent, fields={"status": ["exact", "contains"]})
    assert asked(filterset, status__contains="ai") == [PAID]
    assert asked(filterset, status="new", actor="none") == [OTHER]


def test_a_filter_set_can_be_extended_and_narrowed(order: Order) -> None:
    class Mine(EventsFilterSet):
        class Meta(EventsFilterSet.Meta):
            fields = ["pgh_txid"]

    bound = Mine({"actor": "7"}, queryset=Events.objects.tracks(order))
    assert [event.pgh_label for event in bound.qs] == ["insert"]
    assert len(bound.qs.page()) == 1


def test_only_typed_events_have_a_generated_filter_set() -> None:
    for given in (Order, Events):
        with pytest.raises(DeclarationError, match=r"filterset_for\(\) was given"):
            filterset_for(given)  # type: ignore[arg-type]
