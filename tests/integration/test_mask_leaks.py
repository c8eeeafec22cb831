"""No way to write a masked value leaves it anywhere in the log, or in what is told of the log."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import models

import pgaudit_log
from pgaudit_log import Condition, Q, create_event
from pgaudit_log.backfill import backfill
from pgaudit_log.diffs import NOW, blame, changes, diff
from pgaudit_log.exceptions import PgauditLogError
from pgaudit_log.models import Events
from pgaudit_log.operating import status, verify
from pgaudit_log.reversal import restore, revert, undo
from pgaudit_log.testing import isolated
from tests.support import copy_in, execute, unguarded
from tests.tables import EVERYTHING, install, make, tracked_table

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

SECRET = "s3cr3t"
NUMBER = 987_654_321


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


def write_in_all_ways(model: Any, child: Any, home: Any) -> None:
    """Write masked values by each way there is to write."""
    count = iter(range(1000))

    def secret() -> str:
        return f"{SECRET}-{next(count)}"

    one = model.objects.create(email=secret(), number=NUMBER, data={"a": secret()}, home=home)
    one.email = secret()
    one.save()
    two, three = model.objects.bulk_create(
        model(email=secret(), number=NUMBER, data=[secret()]) for _ in range(2)
    )
    two.email, three.email = secret(), secret()
    model.objects.bulk_update([two, three], ["email"])
    model.objects.update_or_create(pk=three.pk, defaults={"email": secret()})
    model.objects.bulk_create(
        [model(pk=two.pk, email=secret())],
        update_conflicts=True,
        unique_fields=["pk"],
        update_fields=["email"],
    )
    model.objects.filter(pk=one.pk).update(email=None, number=NUMBER + 1)
    model.objects.filter(pk=one.pk).update(email=secret(), number=NUMBER)
    execute("INSERT INTO shop_person (name, email) VALUES ('raw', %s)", [secret()])
    execute("UPDATE shop_person SET email = email || '-x', name = name || 'x'")
    execute(
        "INSERT INTO shop_person (id, name, email) VALUES (%s, 'upsert', %s)"
        " ON CONFLICT (id) DO UPDATE SET email = EXCLUDED.email",
        [two.pk, secret()],
    )
    execute(
        "WITH moved AS (UPDATE shop_person SET email = %s WHERE id = %s RETURNING *)"
        " INSERT INTO shop_person (name, email) SELECT name, email || '-b' FROM moved",
        [secret(), two.pk],
    )
    execute(
        "MERGE INTO shop_person AS there USING (VALUES (%s::bigint, %s::text)) AS given (id, email)"
        " ON there.id = given.id WHEN MATCHED THEN UPDATE SET email = given.email",
        [two.pk, secret()],
    )
    copy_in("COPY shop_person (name, email) FROM STDIN", f"copied\t{secret()}\n")
    execute("UPDATE shop_person SET id = id + 1000, email = %s WHERE name = 'copied'", [secret()])
    child.objects.create(person=one, note=secret())
    child.objects.create(person=two, note=secret())
    child.objects.update(note=secret())
    create_event(one, label="update")
    one.delete()
    model.objects.filter(pk=three.pk).delete()


def everything_stored() -> Iterator[str]:
    """Yield all rows of all that this package has in the database, and of its views, and its code."""
    [(schema,)] = execute("SELECT current_schema()")
    relations = execute(
        """
        SELECT pg_class.oid::regclass::text
        FROM pg_class
        JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE relkind IN ('r', 'p', 'v') AND nspname = %s
            AND (relname LIKE 'pgaudit%%' OR relname LIKE '%%event%%')
        """,
        [schema],
    )
    assert len(relations) > 8
    for (relation,) in relations:
        for (row,) in execute(f"SELECT whole::text FROM {relation} AS whole"):
            yield row
    for (body,) in execute(
        "SELECT prosrc FROM pg_proc WHERE pronamespace = %s::regnamespace", [schema]
    ):
        yield body


def everything_told(model: Any) -> Iterator[str]:
    """Yield what is told of the log: by subcommands, values and errors."""
    found = Events.objects.filter(pgh_obj_model="shop.Person").order_by("pgh_id")
    # One of each kind tells as much as all.
    by_kind = {(e.pgh_operation, "email" in (e.pgh_diff or ())): e for e in found}
    events = sorted(by_kind.values(), key=lambda event: event.pgh_id)
    keys = sorted({str(event.pgh_obj_id) for event in events})[:2]
    for arguments in (
        ["trail"],
        ["trail", "--limit", "500", "--json"],
        ["as-of", "shop.Person", "--at-event", events[-1].pk],
        ["as-of", "shop.Person", "--at-event", found[8].pk, "--json"],
        ["status"],
        ["status", "--json"],
        ["mask"],
        *(["show", event.pk] for event in events),
        *(["show", event.pk, "--json"] for event in events),
        *(["diff", event.pk] for event in events),
        *(["diff", event.pk, "--json"] for event in events),
        *(["undo", event.pk] for event in events),
        *(["undo", event.pk, "--json"] for event in events),
        *(["restore", event.pk] for event in events if event.pgh_operation == "D"),
        *(["blame", "shop.Person", key] for key in keys),
        *(["blame", "shop.Person", key, "--json"] for key in keys),
        *(["verify", "shop.Person"], ["verify", "shop.Person", "--json"]),
    ):
        out = io.StringIO()
        try:
            call_command("pgaudit_log", *map(str, arguments), stdout=out, stderr=out)
        except CommandError as error:
            yield str(error)
        yield out.getvalue()
    yield str(status())
    yield str(list(verify([model])))
    for event in events:
        yield f"{event!r}{event}{vars(event)}"
        told: list[Any] = [changes(event), diff(event, NOW)]
        for plan in (lambda e: undo(e, on_conflict="force"), restore):
            try:
                told.append(plan(event))
            except PgauditLogError as error:
                told.append(error)
        for one in told:
            yield f"{one!r}{one}"
    for event in model.pgh_event_model.objects.all():
        yield f"{event!r}{event}{vars(event)}"
    for event in events:
        for past in model.objects.as_of(event):
            yield f"{past!r}{vars(past)}"
    for one in model.objects.all():
        yield str(blame(one))
        try:
            yield str(revert(one, to=one.events.order_by("pgh_id").first(), on_conflict="force"))
        except PgauditLogError as error:
            yield str(error)


@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
@pytest.mark.parametrize("argument", ["mask", "mask_hash"])
def test_a_masked_value_is_nowhere_in_the_log(
    level: str, argument: str, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    caplog.set_level(logging.DEBUG, logger="pgaudit_log")
    home = make("Home", name=models.TextField())
    install(home)
    masked = ["email", "number", "data", "home"]
    model = tracked_table(
        "Person",
        *EVERYTHING,
        pgaudit_log.UpdateEvent("condition", condition=Q(new__email__isnull=False)),
        pgaudit_log.UpdateEvent("sql", condition=Condition("OLD.email IS DISTINCT FROM NEW.email")),
        track={argument: masked},
        name=models.TextField(default="ana"),
        email=models.TextField(null=True, unique=True),
        number=models.IntegerField(null=True),
        data=models.JSONField(null=True),
        home=models.ForeignKey(home, models.CASCADE, null=True),
    )
    child = tracked_table(
        "Note",
        *EVERYTHING,
        pgaudit_log.UpdateEvent("old_row", row=pgaudit_log.Old),
        track={argument: ["note"]},
        person=models.ForeignKey(model, models.CASCADE),
        note=models.TextField(),
    )
    write_in_all_ways(model, child, home.objects.create(pk=NUMBER, name="x"))
    with unguarded("pgaudit_log_event"):
        execute(
            "DELETE FROM pgaudit_log_event WHERE obj_pk IN (SELECT id::text FROM shop_person LIMIT 2)"
        )
    assert backfill(model).events == 2
    # Something that verify finds.
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute("ALTER TABLE shop_person DISABLE TRIGGER USER")
    execute("UPDATE shop_person SET email = email || '-past', name = 'past'")
    execute("ALTER TABLE shop_person ENABLE TRIGGER USER")
    assert Events.objects.filter(pgh_obj_model="shop.Person").count() > 25
    told = everything_told(model) if level == "STATEMENT" else ()
    for text in [*everything_stored(), *told]:
        assert SECRET not in text
        assert str(NUMBER) not in text
    assert SECRET not in caplog.text
    # It was there to be told.
    assert SECRET in str(execute("SELECT email FROM shop_person"))
