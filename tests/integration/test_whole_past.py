"""A whole object of the past: loaded with its parts, one query for each relation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from pgaudit_log.exceptions import DeclarationError, QueryError
from tests.going_back import Tables, tables
from tests.whole_orders import shop

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        yield found


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("count", [1, 100])
def test_its_parts_are_loaded_with_it(made: Tables, count: int) -> None:
    whole = shop(made)
    order = whole.an_order(*["Blue"] * count)
    for line in order.lines.all():
        whole.discount.objects.create(line=line, percent=5)
    order.tags.add(whole.tag.objects.create(name="gift"))
    order.notes.create(text="call first")
    then = timezone.now()
    whole.discount.objects.update(percent=6)
    order.lines.all().delete()
    order.tags.clear()
    order.notes.all().delete()
    ContentType.objects.get_for_model(whole.order)
    with CaptureQueriesContext(connection) as queries:
        [found] = whole.order.objects.as_of(then, parts=True)
        discounts = [d.percent for line in found.lines.all() for d in line.discounts.all()]
        tags, notes = [t.name for t in found.tags.all()], [n.text for n in found.notes.all()]
    assert (discounts, tags, notes) == ([5] * count, ["gift"], ["call first"])
    assert len(queries) == 5
    with CaptureQueriesContext(connection) as queries:
        one = order.events.as_of(then, parts=True)
        assert len(one.lines.all()) == count
    assert len(queries) == 5


def test_without_parts_they_are_asked_for_when_they_are_needed(made: Tables) -> None:
    whole = shop(made)
    whole.an_order("Blue")
    then = timezone.now()
    with CaptureQueriesContext(connection) as queries:
        list(whole.order.objects.as_of(then))
    assert len(queries) == 1


def test_typed_events_have_no_parts(made: Tables) -> None:
    whole = shop(made)
    whole.an_order("Blue")
    with pytest.raises(QueryError, match="events have no parts"):
        whole.order.pgh_event_model.objects.as_of(timezone.now(), parts=True)


def test_a_relation_that_cannot_be_followed_is_told(made: Tables) -> None:
    whole = shop(made, follow=["linez"])
    with pytest.raises(DeclarationError, match='it has no relation "linez". It can follow'):
        whole.order.objects.as_of(timezone.now(), parts=True)


@pytest.mark.slow
@pytest.mark.everywhere
def test_an_object_of_the_past_has_the_timeline_of_all_times(made: Tables) -> None:
    whole = shop(made)
    order = whole.an_order("Blue")
    then = timezone.now()
    order.lines.all().delete()
    past = whole.order.objects.as_of(then).get()
    assert [(e.pgh_part, e.pgh_operation) for e in past.timeline()] == [
        ("", "I"),
        ("lines", "I"),
        ("lines", "D"),
    ]
