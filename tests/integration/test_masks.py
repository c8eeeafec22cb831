"""Masks: a masked column tells that it changed, and never what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from django.db import models

from pgaudit_log.declaring import declarations
from pgaudit_log.declaring.former_names import forget as forget_names
from pgaudit_log.diffs import blame, changes, diff
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from pgaudit_log.values.row_json import MASKED
from tests.support import execute
from tests.tables import EVERYTHING, install_views, tracked_table

pytestmark = pytest.mark.django_db

MARK = {"pgaudit_log.masked": True}


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


def person(**track: Any) -> Any:
    """Return a tracked model with a name and two columns that are nobody's business."""
    return tracked_table(
        "Person",
        *EVERYTHING,
        track={"mask": ["email", "age"], **track},
        name=models.CharField(max_length=50, default="ana"),
        email=models.CharField(max_length=100, null=True),
        age=models.IntegerField(null=True),
    )


def masked_from_now_on(model: Any, *names: str) -> None:
    """Mask fields of a tracked model, as its next release does."""
    for registered, trigger in pgtrigger.registered():
        if registered is model:
            trigger.tracked_mask = names
            trigger.install(model)
    for declaration in declarations.declarations_of(model):
        object.__setattr__(declaration, "mask", names)
    forget_names()
    install_views(model)


@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
def test_an_event_tells_that_a_masked_column_changed_and_not_what(
    level: str, settings: Any
) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    model = person()
    one = model.objects.create(email="ana@example.org", age=None)
    one.email = "bea@example.org"
    one.save()
    model.objects.update(age=5)
    model.objects.update(name="bea")
    model.objects.all().delete()
    created, email, age, name, deleted = Events.objects.order_by("pgh_id")
    row = {"id": one.pk, "name": "ana", "email": MARK, "age": MARK}
    assert created.pgh_data == row
    assert (email.pgh_data, email.pgh_diff) == (row, {"email": [MARK, MARK]})
    assert age.pgh_diff == {"age": [MARK, MARK]}
    assert name.pgh_diff == {"name": ["ana", "bea"]}
    assert deleted.pgh_data == {**row, "name": "bea"}


def test_a_hash_tells_equal_values_and_nothing_else() -> None:
    model = person(mask=[], mask_hash=["email", "name"])
    first = model.objects.create(email="a", name="a")
    model.objects.create(email="a", name="b")
    model.objects.create(email="b", name="b")
    model.objects.filter(pk=first.pk).update(email="b")
    *created, changed = Events.objects.order_by("pgh_id").values_list("pgh_data", "pgh_diff")
    [one, two, three] = [data["email"]["pgaudit_log.masked"] for data, _ in created]
    assert one == two != three
    assert [old["pgaudit_log.masked"] for old in changed[1]["email"]] == [one, three]
    # The same value in another column is hashed to something else.
    assert created[0][0]["name"]["pgaudit_log.masked"] != one
    assert execute("SELECT %s ~ '^[0-9]+[.][0-9a-f]{32}$'", [one]) == [(True,)]


def test_the_hash_is_the_hmac_of_the_table_the_column_and_the_value() -> None:
    import hashlib
    import hmac

    model = person(mask=[], mask_hash=["email", "age"])
    model.objects.create(email='é"', age=None)
    data = Events.objects.get().pgh_data
    [(id, inner)] = execute("SELECT id, inner_block FROM pgaudit_log_mask_key")
    key = bytes(byte ^ 0x36 for byte in bytes(inner))
    [(table, columns)] = execute(
        "SELECT table_id, columns::text FROM pgaudit_log_shape"
        " WHERE id = (SELECT shape FROM pgaudit_log_event)"
    )
    for column, text in (("email", '"é\\""'), ("age", "null")):
        message = f"{table}:{json.loads(columns)[column]}:{text}".encode()
        digest = hmac.new(key, message, hashlib.sha256).hexdigest()[:32]
        assert data[column] == {"pgaudit_log.masked": f"{id}.{digest}"}


def test_a_diff_tells_that_a_masked_field_changed() -> None:
    model = person()
    one = model.objects.create(email="ana@example.org")
    model.objects.update(name="bea")
    model.objects.update(email="bea@example.org")
    model.objects.update(name="eva")
    created, name, email, _ = Events.objects.order_by("pgh_id")
    found = changes(email)
    assert [*found] == ["email"]
    assert (found["email"].old, found["email"].new_text) == (MASKED, "hidden")
    assert [*diff(created, name)] == ["name"]
    assert [*diff(name, email)] == ["email"]
    assert [*diff(created)] == ["name", "email"]
    assert [*diff(email)] == ["name"]
    assert [*diff(created, of=one)] == ["name", "email"]


def test_values_of_the_time_before_the_mask_are_not_shown() -> None:
    model = person(mask=[])
    model.objects.create(email="secret")
    model.objects.update(email="Secret2")
    created, updated = Events.objects.order_by("pgh_id")
    masked_from_now_on(model, "email")
    for found in (changes(created), changes(updated), diff(created, updated), diff(created)):
        assert "ecret" not in repr(found)
    assert blame(model.objects.get())["email"].value is MASKED
