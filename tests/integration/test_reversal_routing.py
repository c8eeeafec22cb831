"""What writes asks the routers where to write, and reads there too, also if its event came from a replica."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import models

import pgaudit_log
from pgaudit_log.backfill import backfill
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reversal import Kind, arestore, arevert, aundo, restore, revert, undo
from tests.going_back import event_of, tables
from tests.shop.models import Customer, Order

# A query to the other database is an error of pytest-django.
pytestmark = pytest.mark.django_db

READ_FROM = "other"


class ReadsFromReplica:
    """A router with a primary and a replica; nothing answers where the replica is asked."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return READ_FROM

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"


@pytest.fixture
def routed(settings: Any, customer: Customer) -> Any:
    """Events and an object as if the replica had given them."""
    order = Order.objects.create(customer=customer)
    Order.objects.update(note="new")
    update = event_of(Order, "U")
    typed = order.events.get(pgh_label="update")
    Customer.objects.create(name="gone").delete()
    deletion = event_of(Customer, "D")
    settings.DATABASE_ROUTERS = [ReadsFromReplica()]
    for found in (order, update, typed, deletion):
        found._state.db = READ_FROM
    return order, update, typed, deletion


ENTRIES: dict[str, Callable[..., Any]] = {
    "undo an event": lambda order, update, typed, deletion: undo(update),
    "undo a typed event": lambda order, update, typed, deletion: undo(typed),
    "undo a transaction": lambda order, update, typed, deletion: undo(txid=update.pgh_txid),
    "undo from a coroutine": lambda order, update, typed, deletion: async_to_sync(aundo)(update),
    "revert": lambda order, update, typed, deletion: revert(order, to=update),
    "revert to a typed event": lambda order, update, typed, deletion: revert(order, to=typed),
    "revert to a moment": lambda order, update, typed, deletion: revert(
        order, to=update.pgh_created_at
    ),
    "revert from a coroutine": lambda order, update, typed, deletion: async_to_sync(arevert)(
        order, to=update
    ),
    "restore": lambda order, update, typed, deletion: restore(deletion),
    "restore from a coroutine": lambda order, update, typed, deletion: async_to_sync(arestore)(
        deletion
    ),
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_plan_is_of_the_database_that_is_written_to(routed: Any, entry: str) -> None:
    plan = ENTRIES[entry](*routed)
    assert plan.using == "default"
    plan.apply()


@pytest.mark.parametrize("number", [1, 2])
def test_an_event_reverts_its_object_there(routed: Any, number: int) -> None:
    assert routed[number].revert()._state.db == "default"


def test_a_manual_event_is_written_there(routed: Any) -> None:
    event = pgaudit_log.create_event(routed[0], label="update")
    assert event._state.db == "default"


def test_a_backfill_is_written_there(routed: Any) -> None:
    assert backfill(Order).rows == 1


@pytest.mark.parametrize("command", ["undo", "restore", "revert", "backfill"])
def test_the_commands_write_there(routed: Any, command: str) -> None:
    order, update, _, deletion = routed
    arguments: dict[str, list[Any]] = {
        "undo": [update.pgh_id, "--apply"],
        "restore": [deletion.pgh_id, "--apply"],
        "revert": ["shop.Order", order.pk, "--to-event", update.pgh_id, "--apply"],
        "backfill": ["shop.Order"],
    }
    call_command("pgaudit_log", command, *map(str, arguments[command]), stdout=io.StringIO())


def test_generic_relations_are_looked_up_there(settings: Any) -> None:
    with tables() as made:
        tag = made.make(
            "Tag",
            content_type=models.ForeignKey(ContentType, models.CASCADE, related_name="+"),
            object_id=models.TextField(),
            target=GenericForeignKey(),
        )
        tagged = made.make("Tagged", tags=GenericRelation(tag))
        tag.objects.create(target=tagged.objects.create())
        event = event_of(tagged, "I")
        ContentType.objects.clear_cache()
        settings.DATABASE_ROUTERS = [ReadsFromReplica()]
        assert [found.kind for found in undo(event).obstacles] == [Kind.REFERENCED]


def test_without_a_router_an_event_is_taken_back_where_it_is(customer: Customer) -> None:
    event = event_of(Customer, "I")
    assert undo(event).using == "default"
    event._state.db = "other"
    with pytest.raises(Exception, match="other"):
        undo(event)


@pytest.mark.django_db(databases=["default", "other"])
def test_the_event_of_another_database_is_not_taken_for_one_of_the_same_id(settings: Any) -> None:
    there = Customer.objects.using("other").create(name="there")
    event = Events.objects.using("other").tracks(there).get()
    here = Customer.objects.create(name="here", pk=there.pk)
    assert undo(event).using == "other"
    settings.DATABASE_ROUTERS = [ReadsFromReplica()]
    # The two databases count for themselves, so that both have an event of most ids.
    event.pgh_id = Events.objects.using("default").tracks(here).get().pgh_id
    for act in (undo, restore, lambda event: revert(here, to=event), lambda event: event.revert()):
        with pytest.raises(QueryError, match="using="):
            act(event)
