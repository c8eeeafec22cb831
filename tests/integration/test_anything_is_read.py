"""Whatever the event table can hold can be read: no value makes a page of the trail raise."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.db import models

import pgaudit_log
from pgaudit_log.contexts.serialization import serialize
from pgaudit_log.diffs import blame, changes, diff
from pgaudit_log.exceptions import ContextError
from pgaudit_log.filtersets import EventsFilterSet
from pgaudit_log.models import Events
from tests.shop.models import Customer, Order, Parcel, Product
from tests.support import execute

pytestmark = pytest.mark.django_db

ProductEvent: Any = Product.pgh_event_model  # type: ignore[attr-defined]

DEEP = "[" * 3000 + "]" * 3000
VALUES = {
    "huge integer": "1e4400",
    "huge number": "1e4400::numeric + 0.5",
    "many digits": "repeat('7', 5000)",
    "tiny": "1e-4400",
    "deep": f"{DEEP}",
    "deep objects": '{"a":' * 3000 + "1" + "}" * 3000,
    "deep inside": f'{{"b": [1, {DEEP}], "c": 1e4400}}',
    "nearly deep": "[" * 900 + "]" * 900,
    "zeros": "0e-16000",
}


class TagsEvents(ProductEvent):  # type: ignore[misc]
    """The events of products with the tags once more, out of the JSON."""

    tags_proxy = pgaudit_log.ProxyField("pgh_data__tags", models.JSONField(null=True))

    class Meta:
        proxy = True
        app_label = "shop"


@pytest.fixture(params=VALUES)
def product(request: pytest.FixtureRequest) -> str:
    """Write, update and delete a row whose value Python could not read; return its key."""
    value = VALUES[request.param]
    value = {"1e4400::numeric + 0.5": "9" * 4400 + ".5", "repeat('7', 5000)": "7" * 5000}.get(
        value, value
    )
    execute(
        "INSERT INTO shop_product (sku, name, price, tags) VALUES ('A', 'x', 1, %s::jsonb)", [value]
    )
    execute("UPDATE shop_product SET tags = '[1]', name = 'y'")
    execute("UPDATE shop_product SET tags = %s::jsonb", [value])
    return "A"


def command(*args: str) -> str:
    """Return what a subcommand writes."""
    out = io.StringIO()
    call_command("pgaudit_log", *args, stdout=out)
    return out.getvalue()


def first_and_last() -> list[str]:
    """Return the ids of the first event and the last."""
    ids = list(Events.objects.values_list("pgh_id", flat=True))
    return [str(ids[0]), str(ids[-1])]


READERS: dict[str, Callable[[], Any]] = {
    "trail": lambda: list(Events.objects.all()),
    "values": lambda: list(Events.objects.values_list("pgh_data__tags", "pgh_diff__tags__0")),
    "typed": lambda: [event.tags for event in ProductEvent.objects.all()],
    "typed values": lambda: list(ProductEvent.objects.values_list("tags", "pgh_diff")),
    "proxy": lambda: [event.tags_proxy for event in TagsEvents.objects.all()],
    "changes": lambda: [str(changes(event)) for event in ProductEvent.objects.all()],
    "diff": lambda: diff(ProductEvent.objects.first(), ProductEvent.objects.last()),
    "blame": lambda: blame(Product(sku="A")),
    "filterset": lambda: list(
        EventsFilterSet({"model": "shop.Product", "changed": "tags"}, Events.objects.all()).qs
    ),
    "repr": lambda: repr([event.pgh_data for event in Events.objects.all()]),
    "cli trail": lambda: command("trail"),
    "cli trail --json": lambda: json.loads(command("trail", "--json"), parse_int=str),
    "cli show": lambda: [command("show", str(event.pk)) for event in Events.objects.all()],
    "cli show --json": lambda: [
        command("show", str(event.pk), "--json") for event in Events.objects.all()
    ],
    "cli diff": lambda: command("diff", *first_and_last()),
    "cli diff --json": lambda: command("diff", *first_and_last(), "--json"),
    "cli blame": lambda: command("blame", "shop.Product", "A"),
    "cli blame --json": lambda: command("blame", "shop.Product", "A", "--json"),
}


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_no_value_makes_a_reader_raise(product: str, reader: str) -> None:
    assert READERS[reader]()


CLAIMS = {
    "huge integer": '{"user": 1e4400}',
    "huge fraction": '{"user": ' + "9" * 4400 + ".5}",
    "many digits": '{"user": ' + "7" * 5000 + "}",
    "zeros": '{"user": 0e-16000}',
    "deep": f'{{"user": {DEEP}}}',
    "501 levels": '{"a":' * 502 + "1" + "}" * 502,
    "long": '{"a": "' + "x" * 70_000 + '"}',
    "no object": "[1]",
    "text": '"ana"',
    "null": "null",
    "beyond PostgreSQL": '{"user": 1e999999}',
    "too deep for PostgreSQL": "[" * 60_000,
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("model", [Customer, Parcel], ids=["statement level", "row level"])
@pytest.mark.parametrize("claim", CLAIMS)
def test_what_no_reader_could_have_is_kept_as_malformed(
    claim: str, model: Any, customer: Customer
) -> None:
    order = Order.objects.create(customer=customer)
    Parcel.objects.bulk_create([Parcel(order=order, weight=n) for n in range(2)])
    execute("SELECT set_config('pgaudit_log.context', %s, true)", [CLAIMS[claim]])
    model.objects.update(**({"name": "y"} if model is Customer else {"weight": 9}))
    events = Events.objects.filter(pgh_context__isnull=False)
    assert {event.pgh_context["malformed"] for event in events} == {CLAIMS[claim][:1000]}
    assert command("trail")
    assert command("trail", "--json")


KEPT = {
    "floats": {"a": 1e308, "b": -1e308, "c": 5e-324, "d": 2**1000},
    "text": {"url": "/orders/1e4400/", "digits": "7" * 5000, "brackets": "[{" * 900},
    "500 levels": json.loads('{"a":' * 150 + "1" + "}" * 150),
    "long": {"a": "x" * 65_000},
    "many": {"a": list(range(9000))},
    "long with an exponent": {"a": "x" * 2000, "b": 1e308, "c": "1e4400"},
}


@pytest.mark.parametrize("model", [Customer, Parcel], ids=["statement level", "row level"])
@pytest.mark.parametrize("context", KEPT)
def test_what_readers_can_have_stays(context: str, model: Any, customer: Customer) -> None:
    order = Order.objects.create(customer=customer)
    Parcel.objects.bulk_create([Parcel(order=order, weight=n) for n in range(3)])
    with pgaudit_log.context(**KEPT[context]):
        model.objects.update(**({"name": "y"} if model is Customer else {"weight": 9}))
    events = Events.objects.filter(pgh_context__isnull=False)
    # PostgreSQL writes numbers without an exponent, so that a large one comes back as an integer.
    read = [json.loads(json.dumps(event.pgh_context), parse_int=float) for event in events]
    assert read == [json.loads(json.dumps(KEPT[context]), parse_int=float)] * len(events)
    assert len(events) == (1 if model is Customer else 3)


def test_a_context_of_500_levels_is_stored_as_it_is(customer: Customer) -> None:
    text = '{"a":' * 500 + "1" + "}" * 500
    with pgaudit_log.context(**json.loads(text)):
        Customer.objects.update(name="y")
    [(stored,)] = execute("SELECT context::text FROM pgaudit_log_event WHERE context IS NOT NULL")
    assert stored.replace(" ", "") == text


def test_a_forged_memo_keeps_the_same_bounds(customer: Customer) -> None:
    order = Order.objects.create(customer=customer)
    arrival = (
        "concat_ws(' ', extract(epoch FROM statement_timestamp()), txid_current(),"
        " hashtextextended(concat(current_setting('pgaudit_log.running', true),"
        " current_setting('pgaudit_log.context', true)), 0))"
    )
    for claim in ('{"user":1e4400}', f'{{"user":{DEEP}}}', '{"session":{"role":"forged"}}'):
        execute(
            f"WITH memo AS MATERIALIZED (SELECT set_config('pgaudit_log.memo', {arrival} || '||' || %s, true))"
            " INSERT INTO shop_parcel (order_id, weight) SELECT %s, length(set_config) FROM memo",
            [claim, order.pk],
        )
    events = Events.objects.filter(pgh_obj_model="shop.Parcel").order_by("pgh_id")
    assert [event.pgh_context for event in events] == [
        {"malformed": '{"user":1e4400}'},
        {"malformed": f'{{"user":{DEEP}}}'[:1000]},
        {"session": {"role": "forged"}},
    ]
    [[role]] = execute("SELECT session_user::text")
    assert {event.pgh_role for event in events} == {role}


def test_an_integer_that_no_reader_could_have_is_refused_on_entering() -> None:
    assert serialize({"a": 10**900})
    with pytest.raises(ContextError, match='"a" has a number of more than 1,000 digits'):
        serialize({"a": 10**1200})
    assert serialize({"a": "7" * 5000})
