"""Whom a text means: users of today by key and name, and those whom only the trail still knows."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import User

import pgaudit_log
from pgaudit_log.exceptions import QueryError
from pgaudit_log.models import Events
from pgaudit_log.reading import user_lookup
from tests.shop.models import Customer, Order

pytestmark = pytest.mark.django_db


@pytest.fixture
def house() -> User:
    """A user who made an event; the event says how the user was called."""
    user = User.objects.create_user("house", pk=700)
    _written_by(user.pk, "house")
    return user


def _written_by(user: Any, name: str | None = None, **more: Any) -> None:
    names = {"user_name": name} if name else {}
    with pgaudit_log.context(user=user, **names, **more):
        Customer.objects.create(name=str(user))


def written(*users: Any) -> list[str]:
    events = Events.objects.across(Customer).by(*users)
    return [event.pgh_data["name"] for event in events.order_by("pgh_id")]


@pytest.mark.parametrize("text", ["700", "house", "house (700)", "0700"])
def test_a_user_is_named_by_key_by_username_or_as_the_trail_prints_both(
    house: User, text: str
) -> None:
    _written_by(701)
    assert written(text) == ["700"]
    assert user_lookup.keys(text, "default") == ["700"]


def test_what_was_done_on_behalf_of_a_user_is_found_by_name_too(house: User) -> None:
    _written_by(701, on_behalf_of=700, on_behalf_of_name="house")
    assert written("house") == ["700", "701"]


def test_a_username_that_looks_like_a_key_is_found_where_nobody_has_that_key() -> None:
    User.objects.create_user("2024", pk=702)
    _written_by(702)
    assert user_lookup.keys("2024", "default") == ["702"]
    User.objects.create_user("other", pk=2024)
    assert user_lookup.keys("2024", "default") == ["2024"]


def test_a_username_may_look_like_what_the_trail_prints() -> None:
    User.objects.create_user("house (1)", pk=703)
    assert user_lookup.keys("house (1)", "default") == ["703"]
    assert user_lookup.keys("house (1) (703)", "default") == ["703"]


@pytest.mark.parametrize("text", ["700", "house", "house (700)"])
def test_a_user_who_is_gone_is_known_from_the_trail(house: User, text: str) -> None:
    house.delete()
    assert user_lookup.keys(text, "default") == ["700"]
    assert written(text) == ["700"]


def test_a_user_of_today_is_found_by_the_name_of_then(house: User) -> None:
    User.objects.filter(pk=700).update(username="home")
    for text in ("home", "home (700)", "house", "house (700)"):
        assert written(text) == ["700"]


def test_what_is_no_key_of_a_user_but_stands_in_the_trail_is_found() -> None:
    _written_by("import-job")
    assert written("import-job") == ["import-job"]


@pytest.mark.parametrize("text", ["hose", "house (701)", "701 (house)", ""])
def test_who_is_nobody_is_refused(house: User, text: str) -> None:
    for ask in (Events.objects.by, Order.pgh_event_model.objects.by):  # type: ignore[attr-defined]
        with pytest.raises(
            QueryError, match=r"There is no user '.*', and no event of one\. Give a"
        ):
            ask(text)


def test_a_key_with_the_name_of_another_is_refused(house: User) -> None:
    User.objects.create_user("wilson", pk=701)
    with pytest.raises(
        QueryError, match=r"user 701 is not called 'house'.* Give the key alone: 701"
    ):
        user_lookup.keys("house (701)", "default")


def test_a_name_of_several_who_are_gone_is_refused_with_their_names(house: User) -> None:
    _written_by(701, "house")
    house.delete()
    with pytest.raises(QueryError, match=r'several users.*"house \(700\)", "house \(701\)"'):
        user_lookup.keys("house", "default")
    assert written("house (701)") == ["701"]


@pytest.mark.parametrize("user", [700, "700"])
def test_a_key_asks_no_database_until_the_events_are_read(
    user: Any, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        Events.objects.by(user)


def test_keys_can_be_given_where_no_query_may_be_made() -> None:
    async def ask() -> Any:
        return Events.objects.by("700", 7)

    assert str(asyncio.run(ask()).query)
