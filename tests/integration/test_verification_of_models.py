"""``verify()`` of every kind of model: keys, inheritance, partitions, several declarations, other triggers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import models

import pgaudit_log
from pgaudit_log.database import installation, leaf_triggers
from pgaudit_log.operating import Finding, verify
from pgaudit_log.testing import isolated
from tests.shop.models import Stock
from tests.support import execute
from tests.tables import EVERYTHING, install, make, tracked_table

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with isolated():
        yield


def found(*models: Any) -> list[tuple[Any, ...]]:
    """Return the findings of models in short: kind, key, and of a field its name and both values."""
    return [short(finding) for finding in verify(models)]


def short(finding: Finding) -> tuple[Any, ...]:
    if finding.field is None:
        return finding.kind, finding.key
    return finding.kind, finding.key, finding.field, finding.expected, finding.found


def past_triggers(sql: str) -> None:
    """Write without triggers, as a replica does."""
    execute("SET session_replication_role = replica")
    execute(sql)
    execute("SET session_replication_role = origin")


def test_keys_of_several_columns() -> None:
    seat = tracked_table(
        "Seat",
        pk=models.CompositePrimaryKey("row", "place"),
        row=models.TextField(),
        place=models.DecimalField(max_digits=5, decimal_places=2),
        note=models.TextField(default=""),
    )
    execute("INSERT INTO shop_seat VALUES ('a', 1.50, ''), ('b\"c', 2, ''), ('d', 3, '')")
    execute("UPDATE shop_seat SET place = place + 1, note = 'moved' WHERE row <> 'd'")
    assert found(seat) == []
    past_triggers("UPDATE shop_seat SET note = 'past' WHERE row = 'a'")
    past_triggers("DELETE FROM shop_seat WHERE row = 'd'")
    past_triggers("INSERT INTO shop_seat VALUES ('e', 4, '')")
    assert found(seat) == [
        ("differs", '["a", 2.50]', "note", "moved", "past"),
        ("missing", '["d", 3.00]'),
        ("unknown", '["e", 4.00]'),
    ]


def test_keys_that_are_too_long_to_be_kept_whole() -> None:
    page = tracked_table("Page", path=models.TextField(primary_key=True), body=models.TextField())
    page.objects.create(path="/" + "x" * 600, body="a")
    page.objects.create(path="/" + "x" * 600 + "y", body="b")
    page.objects.update(body="c")
    assert found(page) == []
    past_triggers("UPDATE shop_page SET body = 'past' WHERE path LIKE '%%y'")
    past_triggers("DELETE FROM shop_page WHERE path NOT LIKE '%%y'")
    kinds = sorted(finding.kind for finding in verify([page]))
    assert kinds == ["differs", "missing"]


def test_a_child_and_its_parent_are_judged_each_by_its_own_table() -> None:
    parent = tracked_table("Place", name=models.TextField())
    child = make("Bar", bases=(parent,), beers=models.IntegerField())
    pgaudit_log.track(*EVERYTHING)(child)
    install(child)
    one = child.objects.create(name="a", beers=1)
    one.name, one.beers = "b", 2
    one.save()
    assert found(parent, child) == []
    past_triggers("UPDATE shop_bar SET beers = 3")
    assert found(parent) == []
    assert found(child) == [("differs", str(one.pk), "beers", 2, 3)]


def test_several_declarations_tell_of_their_own_columns_once() -> None:
    thing = make("Thing", name=models.TextField(), size=models.IntegerField())
    pgaudit_log.track(*EVERYTHING, exclude=["size"])(thing)
    pgaudit_log.track(
        pgaudit_log.InsertEvent("in"),
        pgaudit_log.UpdateEvent("changed"),
        pgaudit_log.DeleteEvent("out"),
        pgaudit_log.TruncateEvent("emptied"),
        fields=["size"],
        model_name="ThingSize",
    )(thing)
    install(thing)
    one, two = (thing.objects.create(name=name, size=1) for name in "ab")
    thing.objects.update(size=2)
    thing.objects.update(name="c", size=3)
    assert found(thing) == []
    past_triggers(f"UPDATE shop_thing SET name = 'd', size = 4 WHERE id = {one.pk}")
    past_triggers(f"DELETE FROM shop_thing WHERE id = {two.pk}")
    assert sorted(found(thing)) == [
        ("differs", str(one.pk), "name", "c", "d"),
        ("differs", str(one.pk), "size", 3, 4),
        ("missing", str(two.pk)),
    ]


def test_declarations_that_capture_some_changes_only_are_not_judged_by_those() -> None:
    stock = Stock.objects.create(site="a", level=9)
    for level in (3, 5, 4):
        stock.level = level
        stock.save()
    stock.site = "b"
    stock.save()
    assert found(Stock) == []


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("fires", ["FOR EACH STATEMENT", "FOR EACH ROW"])
@pytest.mark.parametrize("name", ["a_first", "z_last"])
def test_rows_that_triggers_of_others_write_again(name: str, fires: str) -> None:
    thing = tracked_table("Thing", n=models.IntegerField())
    execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF pg_trigger_depth() > 2 THEN RETURN NULL; END IF;"
        " UPDATE shop_thing SET n = n + 1 WHERE n BETWEEN 1 AND 3;"
        " DELETE FROM shop_thing WHERE n = 8; RETURN NULL; END $$;"
        f" CREATE TRIGGER {name} AFTER INSERT OR UPDATE ON shop_thing {fires}"
        f" EXECUTE FUNCTION {name}()"
    )
    installation.install()
    execute("INSERT INTO shop_thing (id, n) VALUES (1, 1), (2, 5), (3, 8)")
    execute("UPDATE shop_thing SET n = n - 3")
    execute("INSERT INTO shop_thing (id, n) VALUES (3, 8), (4, 3)")
    assert found(thing) == []
    past_triggers("UPDATE shop_thing SET n = 77 WHERE id = 1")
    assert [finding[:3] for finding in found(thing)] == [("differs", "1", "n")]


def test_after_the_truncation_of_a_partition_nothing_is_told_of_the_others() -> None:
    model = make("Path", id=models.IntegerField(primary_key=True), n=models.IntegerField())
    pgaudit_log.track(*EVERYTHING)(model)
    execute(
        "CREATE TABLE shop_path (id integer, n integer, PRIMARY KEY (id, n)) PARTITION BY RANGE (n)"
    )
    execute("CREATE TABLE shop_path_low PARTITION OF shop_path FOR VALUES FROM (0) TO (10)")
    execute("CREATE TABLE shop_path_high PARTITION OF shop_path FOR VALUES FROM (10) TO (99)")
    install(model, create=False)
    leaf_triggers.install_leaf_triggers("default")
    execute("INSERT INTO shop_path VALUES (1, 1), (2, 20), (3, 30)")
    assert found(model) == []
    past_triggers("UPDATE shop_path SET n = 21 WHERE id = 2")
    assert found(model) == [("differs", "2", "n", 20, 21)]
    execute("TRUNCATE shop_path_low")
    assert found(model) == []
    execute("UPDATE shop_path SET n = n + 1")
    assert found(model) == []
    past_triggers("UPDATE shop_path SET n = 40 WHERE id = 3")
    assert found(model) == [("differs", "3", "n", 31, 40)]
