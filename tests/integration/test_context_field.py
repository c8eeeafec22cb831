"""Questions that are meant for django-pghistory's table of contexts are refused, not answered with nothing."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.db import models
from django.db.models.fields.json import KeyTransform

import pgaudit_log
from pgaudit_log.exceptions import DeclarationError, QueryError
from pgaudit_log.models import Events, MiddlewareEvents
from tests.shop.models import Customer, CustomerEvent

pytestmark = pytest.mark.django_db

KINDS = pytest.mark.parametrize("events", [CustomerEvent, Events, MiddlewareEvents])
COLUMNS = pytest.mark.parametrize("column", ["metadata", "id", "created_at", "updated_at"])


@pytest.mark.slow
@pytest.mark.everywhere
@KINDS
@COLUMNS
@pytest.mark.parametrize(
    "ask",
    [
        lambda found, path: found.filter(**{path: 1}),
        lambda found, path: found.filter(**{f"{path}__user": 1}),
        lambda found, path: found.exclude(**{f"{path}__isnull": True}),
        lambda found, path: found.values(path),
        lambda found, path: found.values_list(f"{path}__user", flat=True),
        lambda found, path: found.order_by(path),
        lambda found, path: found.annotate(x=models.F(f"{path}__user")),
    ],
    ids=["filter", "filter deeper", "exclude", "values", "values_list", "order_by", "F"],
)
def test_a_column_of_the_other_ones_contexts_is_refused(events: Any, column: str, ask: Any) -> None:
    with pytest.raises(QueryError, match="a path of django-pghistory"):
        list(ask(events.objects.all(), f"pgh_context__{column}"))


@KINDS
@pytest.mark.parametrize("key", [uuid.UUID(int=7), str(uuid.UUID(int=7)), 5])
def test_a_context_is_not_compared_with_its_key(events: Any, key: Any) -> None:
    with pytest.raises(QueryError, match="ask for pgh_context_id"):
        list(events.objects.filter(pgh_context=key))
    with pytest.raises(QueryError, match="ask for pgh_context_id"):
        list(events.objects.filter(pgh_context__in=[key]))


@COLUMNS
def test_a_proxy_field_has_no_such_path(column: str) -> None:
    with pytest.raises(DeclarationError, match="a path of django-pghistory"):
        pgaudit_log.ProxyField(f"pgh_context__{column}__user", models.TextField(null=True))


@KINDS
def test_what_is_asked_of_the_dict_is_answered(events: Any) -> None:
    Customer.objects.create(name="without")
    with pgaudit_log.context(user=5, metadata="mine"):
        Customer.objects.create(name="with")
    found = events.objects.filter(pgh_label="insert")
    assert found.filter(pgh_context=None).count() == 1
    assert found.filter(pgh_context__isnull=True).count() == 1
    assert found.filter(pgh_context={"user": 5, "metadata": "mine"}).count() == 1
    assert found.filter(pgh_context__in=[{"user": 5, "metadata": "mine"}]).count() == 1
    assert found.filter(pgh_context__contains={"user": 5}).count() == 1
    assert found.filter(pgh_context__user=5).count() == 1
    assert found.filter(pgh_context__user__in=[5]).count() == 1
    own = found.annotate(own=KeyTransform("metadata", "pgh_context"))
    assert own.exclude(own=None).values_list("own", flat=True).get() == "mine"
