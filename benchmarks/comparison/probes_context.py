"""Probes: who and why."""

from __future__ import annotations

import asyncio
from typing import Any

from django.db import transaction

from benchmarks.comparison.answers import Answer, either, no, partly
from benchmarks.comparison.probes import probe
from benchmarks.comparison.rows import client, order, save, user
from benchmarks.comparison.ways.base import Seen, Way

WHO = "Who and why"


@probe(WHO, "the user of a request, with `save()`")
def user_of_request(way: Way) -> Answer:
    """A user saves an order in a request."""
    event, person = _requested(way, "save")
    return _by(event, person)


@probe(WHO, "the user of a request, with `QuerySet.update()`")
def user_of_bulk(way: Way) -> Answer:
    """A user updates orders in a request."""
    event, person = _requested(way, "bulk")
    return _by(event, person)


@probe(WHO, "the user of a request, with raw SQL")
def user_of_raw_sql(way: Way) -> Answer:
    """A user runs SQL in a request."""
    event, person = _requested(way, "raw")
    return _by(event, person)


@probe(WHO, "the user of a request under ASGI, in a coroutine")
def user_of_async(way: Way) -> Answer:
    """A user saves an order in an asynchronous request."""
    own, person = order(way), user()
    before = len(way.seen(type(own), own.pk))

    async def ask() -> Any:
        from django.test import AsyncClient

        browser = AsyncClient()
        await browser.aforce_login(person)
        return await browser.post(f"/async/{own.pk}/paid/")

    if asyncio.run(ask()).status_code != 200:
        return no("the request fails")
    events = way.seen(type(own), own.pk)[before:]
    return _by(events[-1] if events else None, person)


@probe(WHO, "the address (URL) of the request")
def url_of_request(way: Way) -> Answer:
    """The event of a request is asked for its URL."""
    event, _person = _requested(way, "save")
    return either(event is not None and "/save/" in str(event.url), "no URL with the event")


@probe(WHO, "the network address of the client")
def address_of_client(way: Way) -> Answer:
    """The event of a request is asked for the address."""
    event, _person = _requested(way, "save")
    return either(event is not None and event.address == "127.0.0.1", "no address with the event")


@probe(WHO, "what one request did, together")
def grouped_by_request(way: Way) -> Answer:
    """A request saves an order and adds a line."""
    from benchmarks.comparison.orders.models import Line

    own, person = order(way), user()
    client(person).post(f"/both/{own.pk}/paid/")
    added = Line.objects.get(order=own)
    return _together(way.seen(type(own), own.pk), way.seen(Line, added.pk))


@probe(WHO, "what one transaction did, together, without a request")
def grouped_by_transaction(way: Way) -> Answer:
    """An order and a line are saved in one transaction, then the order in another."""
    from benchmarks.comparison.orders.models import Line

    way.forget()
    own = order(way)
    with transaction.atomic(), way.block():
        own.status = "paid"
        own.save()
        added = Line.objects.create(order=own, article="tea")
    return _together(way.seen(type(own), own.pk), way.seen(Line, added.pk))


@probe(WHO, "a user outside of requests")
def user_of_block(way: Way) -> Answer:
    """A command says whose change it is."""
    own, person = order(way), user()
    with way.as_user(person, "by phone"):
        own.status = "paid"
        own.save()
    return _by(way.seen(type(own), own.pk)[-1], person)


@probe(WHO, "a reason, or comment")
def reason(way: Way) -> Answer:
    """A command says why."""
    own, person = order(way), user()
    with way.as_user(person, "by phone"):
        own.status = "paid"
        own.save()
    return either(way.seen(type(own), own.pk)[-1].reason == "by phone", "no reason with the event")


@probe(WHO, "the database role, where nobody is known")
def database_role(way: Way) -> Answer:
    """An order is saved by nobody."""
    own = order(way)
    save(way, own, status="paid")
    return either(bool(way.seen(type(own), own.pk)[-1].role), "nothing tells who it was")


@probe(WHO, "who it was, after the user is deleted")
def deleted_user(way: Way) -> Answer:
    """The user of an event is deleted."""
    from django.contrib.auth.models import User

    own, person = order(way), user()
    client(person).post(f"/save/{own.pk}/paid/")
    key, name = person.pk, person.email
    if way.seen(type(own), own.pk)[-1].user != key:
        return no("not even before")
    User.objects.get(pk=key).delete()
    event = way.seen(type(own), own.pk)[-1]
    is_known = event.user == key or event.user_name in (name, name.partition("@")[0])
    return either(is_known, "the event no longer has the user")


def _requested(way: Way, how: str) -> tuple[Seen | None, Any]:
    """Return the event of a request of a new user, and the user."""
    own, person = order(way), user()
    before = len(way.seen(type(own), own.pk))
    client(person).post(f"/{how}/{own.pk}/paid/")
    events = way.seen(type(own), own.pk)[before:]
    return (events[-1] if events else None), person


def _by(event: Seen | None, person: Any) -> Answer:
    if event is None:
        return no("no event")
    return either(event.user == person.pk, "an event without the user")


def _together(of_order: list[Seen], of_line: list[Seen]) -> Answer:
    if len(of_order) < 2 or not of_line:
        return no("no event of both")
    group = of_line[-1].group
    if group is None or of_order[-1].group != group:
        return no("nothing ties the two events")
    if of_order[0].group == group:
        return partly("other changes have the same mark")
    return either(True, "")
