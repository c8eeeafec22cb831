"""Names of capture triggers in the database: models that django-pgtrigger would mix up, and its own commands."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from django.db import models
from pgtrigger.installation import prunable

import pgaudit_log
from pgaudit_log.testing import isolated
from tests.support import execute, last_id, trail
from tests.tables import install, make, tracked_table

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def declared_here() -> Iterator[None]:
    with isolated():
        yield


def mixed_up() -> tuple[str, str]:
    """Return the names of two models whose triggers django-pgtrigger would give one name."""
    found: dict[str, str] = {}
    number = 0
    while True:
        name = f"Thing{number}"
        uri = f"shop.{name}:audit_insert"
        other = found.setdefault(hashlib.sha1(uri.encode()).hexdigest()[:5], name)
        if other != name:
            return other, name
        number += 1


def names_on(model: Any) -> list[str]:
    """Return what the database calls the triggers of a model's table."""
    rows = execute(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal"
        " ORDER BY 1",
        [model._meta.db_table],
    )
    return [name for (name,) in rows]


def captured(model: Any) -> list[str]:
    """Insert a row, and return what events tell of it."""
    start = last_id()
    model.objects.create()
    return [operation for operation, *_ in trail(model._meta.label, after=start)]


def test_models_whose_triggers_would_have_one_name_are_tracked_side_by_side() -> None:
    tracker = pgaudit_log.InsertEvent()
    one, other = [
        tracked_table(name, tracker, n=models.IntegerField(default=1)) for name in mixed_up()
    ]
    [trigger, twin] = [
        trigger for model, trigger in pgtrigger.registered() if model in (one, other)
    ]
    assert trigger is twin
    own = pgtrigger.Trigger.get_pgid
    assert own(trigger, one) == own(trigger, other)
    assert names_on(one) != names_on(other)
    assert captured(one) == captured(other) == ["I"]

    # What is done to the trigger of one of them is done to no other.
    uri = f"{one._meta.label}:audit_insert"
    with pgtrigger.ignore(uri):
        assert (captured(one), captured(other)) == ([], ["I"])
    pgtrigger.disable(uri)
    assert (captured(one), captured(other)) == ([], ["I"])
    pgtrigger.enable(uri)
    assert captured(one) == ["I"]
    pgtrigger.uninstall(uri)
    assert (captured(one), captured(other)) == ([], ["I"])
    pgtrigger.install(uri)
    assert captured(one) == captured(other) == ["I"]


def test_capture_goes_on_under_another_name_of_the_table_and_of_the_model() -> None:
    model = tracked_table("Thing", pgaudit_log.InsertEvent(), n=models.IntegerField(default=1))
    names = names_on(model)
    execute("ALTER TABLE shop_thing RENAME TO shop_renamed")
    model._meta.db_table = "shop_renamed"
    assert captured(model) == ["I"] and names_on(model) == names

    # As migrations do it for a model: the former trigger is removed, after its table was renamed.
    renamed = make("Renamed", n=models.IntegerField(default=1))
    pgaudit_log.track(pgaudit_log.InsertEvent())(renamed)
    [(_, trigger)] = [found for found in pgtrigger.registered() if found[0] is model]
    execute(trigger.compile(model).uninstall_sql)
    assert names_on(renamed) == []
    install(renamed, create=False)
    assert captured(renamed) == ["I"]
    assert names_on(renamed) != names


@pytest.mark.parametrize("name", ["x" * 47, "Mixed-case", "1"])
def test_each_name_that_django_pgtrigger_takes_does(name: str) -> None:
    model = tracked_table(
        "Thing",
        pgaudit_log.InsertEvent(trigger_name=name),
        n=models.IntegerField(default=1),
    )
    assert captured(model) == ["I"]
    uri = f"shop.Thing:{name}"
    [(_, trigger)] = pgtrigger.registered(uri)
    assert trigger.get_installation_status(model) == ("INSTALLED", True)
    pgtrigger.disable(uri)
    assert captured(model) == []
    pgtrigger.uninstall(uri)
    assert names_on(model) == []


def test_a_trigger_of_the_project_keeps_the_name_that_django_pgtrigger_has_for_it() -> None:
    model = make("Thing", n=models.IntegerField(default=1))
    own = pgtrigger.Protect(name="no_deletes", operation=pgtrigger.Delete)
    pgtrigger.register(own)(model)
    pgaudit_log.track(pgaudit_log.InsertEvent())(model)
    install(model)
    digest = hashlib.sha1(b"shop.Thing:no_deletes").hexdigest()[:5]
    assert names_on(model)[-1] == f"pgtrigger_no_deletes_{digest}"

    def to_prune() -> list[str]:
        return [name for table, name, *_ in prunable() if table == "shop_thing"]

    assert to_prune() == []
    assert captured(model) == ["I"]
    own.unregister(model)
    assert to_prune() == [f"pgtrigger_no_deletes_{digest}"]
    pgtrigger.prune()
    assert [name[:23] for name in names_on(model)] == ["pgtrigger_audit_insert_"]
    assert captured(model) == ["I"]
