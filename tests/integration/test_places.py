"""Events are asked for where the objects are that they are asked of."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

import pgaudit_log
from pgaudit_log import QueryError
from pgaudit_log.models import Events, MiddlewareEvents
from tests.shop.models import Customer, Order

pytestmark = pytest.mark.django_db(databases=["default", "other"])

CustomerEvent: Any = Customer.pgh_event_model  # type: ignore[attr-defined]


class SendsElsewhere:
    """A router that keeps the shop in the other database, and everything else in the first."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "other" if model._meta.app_label == "shop" else "default"

    db_for_write = db_for_read


class Pool:
    """A router of a primary and its replica."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "other"

    def db_for_write(self, model: Any, **hints: Any) -> str:
        return "default"

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool:
        return True


@pytest.fixture(params=[None, SendsElsewhere], ids=["no router", "router"])
def there(request: Any, settings: Any) -> Customer:
    """A customer in the other database, and in the first another one with the same key."""
    Customer.objects.using("default").create(pk=7, name="here")
    with pgaudit_log.context(user=1, where="there"):
        made = Customer.objects.using("other").create(pk=7, name="there")
        Order.objects.using("other").create(pk=3, customer=made)
    settings.DATABASE_ROUTERS = [request.param()] if request.param else []
    return made


def event_there() -> Any:
    return Events.objects.using("other").get(pgh_obj_model="shop.Customer")


QUESTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "tracks": lambda events, obj: events.tracks(obj),
    "tracks a list": lambda events, obj: events.tracks([obj]),
    "tracks a queryset": lambda events, obj: events.tracks(Customer.objects.using("other").all()),
    "references": lambda events, obj: events.references(obj),
    "references itself": lambda events, obj: events.references(obj, itself=True),
    "references a queryset": lambda events, obj: events.references(
        Customer.objects.using("other").filter(pk=7)
    ),
    "timeline": lambda events, obj: CustomerEvent.objects.timeline(obj),
    "in_context": lambda events, obj: events.in_context(event_there()),
    "in_context of a queryset": lambda events, obj: events.in_context(
        Events.objects.using("other").all()
    ),
    "in_transaction": lambda events, obj: events.in_transaction(event_there()),
    "in_transaction of a queryset": lambda events, obj: events.in_transaction(
        Events.objects.using("other").filter(pgh_obj_model="shop.Customer")
    ),
    "before": lambda events, obj: events.before(Events.objects.using("other").last()),
    "page": lambda events, obj: events.page(before=Events.objects.using("other").last()),
    "as_of of events": lambda events, obj: CustomerEvent.objects.as_of(event_there()),
    "as_of": lambda events, obj: Customer.objects.as_of(event_there()),
}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("kind", [Events, MiddlewareEvents])
def test_a_question_goes_where_its_objects_are(kind: Any, question: str, there: Customer) -> None:
    found = list(QUESTIONS[question](kind.objects, there))
    assert found
    assert {str(one._state.db) for one in found} == {"other"}


def test_the_objects_of_a_router_are_looked_for_where_it_says(
    there: Customer, settings: Any
) -> None:
    settings.DATABASE_ROUTERS = [SendsElsewhere()]
    for events in (
        Events.objects.tracks(Customer.objects.all()),
        Events.objects.references(Customer.objects.all()),
    ):
        assert {event._state.db for event in events} == {"other"}


ELSEWHERE = {
    name: ask
    for name, ask in QUESTIONS.items()
    if name
    not in ("timeline", "in_context", "in_context of a queryset", "as_of of events", "as_of")
} | {
    "timeline": lambda events, obj: CustomerEvent.objects.using("default").timeline(obj),
    "as_of": lambda events, obj: Customer.objects.using("default").as_of(event_there()),
    "as_of of events": lambda events, obj: CustomerEvent.objects.using("default").as_of(
        event_there()
    ),
    "later": lambda events, obj: Events.objects.tracks(obj).using("default"),
}


@pytest.mark.parametrize("question", ELSEWHERE)
def test_another_database_that_was_said_is_refused(question: str, there: Customer) -> None:
    with pytest.raises(QueryError, match='the database "other", and using.. says "default"'):
        ELSEWHERE[question](Events.objects.using("default"), there)


def test_the_database_itself_may_be_said(there: Customer) -> None:
    assert Events.objects.using("other").tracks(there).count() == 1
    assert Events.objects.tracks(there).using("other").count() == 1
    # A queryset that says nothing goes where the events are.
    assert Events.objects.using("other").tracks(Customer.objects.all()).count() == 1


def test_objects_of_two_databases_are_refused(there: Customer) -> None:
    here = Customer.objects.using("default").get(pk=7)
    with pytest.raises(QueryError, match=r'"other", and in "default". Ask for the events of each'):
        Events.objects.tracks(there, here)
    with pytest.raises(QueryError, match="says"):
        Events.objects.tracks(here).in_transaction(event_there())


def test_an_object_made_by_hand_is_of_no_database(there: Customer) -> None:
    assert Events.objects.using("other").tracks(Customer(pk=7)).count() == 1
    assert Events.objects.using("default").tracks(Customer(pk=7)).count() == 1


def test_a_replica_is_as_good_as_its_primary(there: Customer, settings: Any) -> None:
    settings.DATABASE_ROUTERS = [Pool()]
    assert Events.objects.using("default").tracks(there).count() == 1
    here = Customer.objects.using("default").get(pk=7)
    assert Events.objects.tracks(there, here).count() == 1


def test_a_context_may_have_events_in_two_databases(there: Customer) -> None:
    with pgaudit_log.context() as running:
        for using in ("default", "other"):
            Customer.objects.using(using).filter(pk=7).update(name="both")
    event = Events.objects.using("other").in_context(running.id).get()
    assert Events.objects.using("default").in_context(event).get()._state.db == "default"


def test_users_of_another_database_act_in_this_one(there: Customer) -> None:
    user = User.objects.using("default").create(pk=1, username="ana")
    events = Events.objects.using("other").filter(pgh_obj_model="shop.Customer")
    assert events.by(user).count() == 1
    assert events.by(User.objects.using("default").filter(username="ana")).count() == 1
    assert events.by(User.objects.using("default").order_by("pk")[:1]).count() == 1
    assert events.by(User.objects.using("default").none()).count() == 0


@pytest.mark.parametrize(
    "words",
    [
        ["trail", "--model", "shop.Customer", "--object", "7"],
        ["trail", "--model", "shop.CustomerEvent"],
        ["trail", "--references", "shop.Customer:7"],
        ["blame", "shop.Customer", "7"],
    ],
)
def test_the_command_line_asks_where_the_router_says(
    words: list[str], there: Customer, settings: Any, capsys: Any
) -> None:
    settings.DATABASE_ROUTERS = [SendsElsewhere()]
    call_command("pgaudit_log", *words, "--json")
    assert "there" in json.dumps(json.loads(capsys.readouterr().out))


def test_the_command_line_asks_where_it_is_told(
    there: Customer, settings: Any, capsys: Any
) -> None:
    settings.DATABASE_ROUTERS = [SendsElsewhere()]
    call_command("pgaudit_log", "blame", "shop.Customer", "7", "--database", "default")
    assert "here" in capsys.readouterr().out


def test_models_of_two_databases_need_one_to_be_said(there: Customer, settings: Any) -> None:
    from django.core.management.base import CommandError

    settings.DATABASE_ROUTERS = [SendsElsewhere()]
    words = ["trail", "--model", "shop.Customer", "--model", "auth.User"]
    with pytest.raises(CommandError, match="several databases: .*Choose one with --database"):
        call_command("pgaudit_log", *words)


def test_a_question_can_be_pickled_without_its_object(there: Customer) -> None:
    events = Events.objects.tracks(Customer.objects.using("other").all())
    copied = pickle.loads(pickle.dumps(events))
    assert list(copied) == list(events)
    with pytest.raises(QueryError, match="says"):
        events.using("default")
