"""Masking: the values of the time before a column was masked are hidden, by plan, in old events."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.db import models, transaction
from django.db.models import F

from pgaudit_log.checks.masks import check_plain_events
from pgaudit_log.database import own_events
from pgaudit_log.diffs import changes
from pgaudit_log.exceptions import PlanError, StalePlanError
from pgaudit_log.models import Events
from pgaudit_log.operating import masking
from tests.masking import MARK, clean_names, person, release, stored
from tests.support import execute
from tests.tables import EVERYTHING, tracked_table

__all__ = ["clean_names"]

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.usefixtures("clean_names"),
]


def call(*arguments: str) -> str:
    out = io.StringIO()
    call_command("pgaudit_log", "mask", *arguments, stdout=out)
    return out.getvalue()


def test_old_values_are_hidden_by_plan(capsys: pytest.CaptureFixture[str]) -> None:
    model = person()
    one = model.objects.create(email="secret")
    model.objects.update(email=None)
    model.objects.update(name="bea")
    assert check_plain_events("default") == []
    release(model, "email")
    [warning] = check_plain_events("default")
    assert (warning.id, warning.on) == ("pgaudit_log.W028", ("shop.Person (email)",))
    shown = call()
    assert "mask in pgaudit_log_event_" in shown
    assert "email of shop.Person: 3" in shown
    assert "Nothing was masked" in capsys.readouterr().err
    assert "secret" in str(stored())
    [step] = json.loads(call("--json"))["steps"]
    assert step["masked"] == [{"model": "shop.Person", "columns": ["email"], "events": 3}]
    assert "Done." in call("--apply")
    row = {"id": one.pk, "name": "ana", "email": MARK}
    assert stored() == [
        (row, None, None),
        (row, {"email": [MARK, MARK]}, None),
        ({**row, "name": "bea"}, {"name": ["ana", "bea"]}, None),
    ]
    assert check_plain_events("default") == []
    assert "No event has a value" in call()
    [event] = Events.objects.filter(pgh_obj_model=own_events.MAINTENANCE)
    assert (event.pgh_label, event.pgh_data["masked"][0]["events"]) == ("mask", 3)
    # All is guarded as before, and twice changes nothing.
    for table in ("event", "shape"):
        with pytest.raises(Exception, match="append-only"), transaction.atomic():
            execute(f"DELETE FROM pgaudit_log_{table}")
    call("--apply")
    assert Events.objects.filter(pgh_obj_model=own_events.MAINTENANCE).count() == 1


def test_hashes_of_old_values_are_those_of_new_ones() -> None:
    model = person()
    model.objects.create(email="a")
    model.objects.update(email=None)
    release(model, hashed=("email",))
    masking.plan().apply()
    model.objects.create(email="a")
    model.objects.create(email=None)
    (first, _, _), (_, diff, _), (same, _, _), (none, _, _) = stored()
    assert first["email"] == same["email"] == diff["email"][0] != MARK
    assert diff["email"][1] == none["email"] != first["email"]


def test_a_mark_stays_and_a_key_of_the_time_is_found() -> None:
    model = person(mask=["email"])
    model.objects.create(name="first", email="x")
    release(model, "name", "email")
    execute("ALTER TABLE shop_person RENAME COLUMN name TO title")
    model._meta.get_field("name").column = model._meta.get_field("name").db_column = "title"
    release(model, "name", "email")
    execute("ALTER TABLE shop_person ADD COLUMN name text")
    plan = masking.plan()
    assert [one.columns for step in plan.steps for one in step.masked] == [("name",)]
    plan.apply()
    [(data, _, _)] = stored()
    assert (data["name"], data["email"]) == (MARK, MARK)


def test_references_of_masked_foreign_keys_go_and_others_stay() -> None:
    client = tracked_table("Client", name=models.TextField())
    model = tracked_table(
        "Deal",
        *EVERYTHING,
        client=models.ForeignKey(client, models.CASCADE),
        other=models.ForeignKey(client, models.CASCADE, related_name="+"),
    )
    one, two, three = (client.objects.create(name="x") for _ in range(3))
    model.objects.create(client=one, other=two)
    model.objects.create(client=three, other=three)
    release(model, "client")
    masking.plan().apply()
    first, second = (refs for _, _, refs in stored("shop.Deal"))
    assert first == [f"shop.Client:{two.pk}"]
    assert set(second) == {f"shop.Client:{three.pk}"}


def test_large_values_are_hidden_where_they_are_and_where_they_are_referred_to() -> None:
    model = person(large=["email"])
    text = "".join(map(str, range(2000)))
    model.objects.create(email=text)
    model.objects.update(name="bea")
    assert "pgaudit_log.at" in str(stored())
    release(model, hashed=("email",))
    masking.plan().apply()
    (first, _, _), (second, _, _) = stored()
    assert first["email"] == second["email"]
    assert [*first["email"]] == ["pgaudit_log.masked"]


def test_triggers_that_still_record_it_are_in_the_way() -> None:
    model = person()
    model.objects.create(email="secret")
    release(model, "email", with_triggers=False)
    plan = masking.plan()
    [obstacle] = plan.obstacles
    assert "still record email: run makemigrations and migrate first" in obstacle
    with pytest.raises(PlanError, match="Nothing was done"):
        plan.apply()
    with pytest.raises(CommandError) as error:
        call("--apply")
    assert error.value.returncode == 2
    assert "secret" in str(stored())


def test_a_plan_is_made_again_under_the_lock() -> None:
    model = person()
    model.objects.create(email="secret")
    release(model, "email")
    plan = masking.plan()
    plan.apply()
    with pytest.raises(StalePlanError, match="make the plan anew"):
        plan.apply()


def test_events_without_a_shape_are_masked_by_what_they_have() -> None:
    model = person(mask=["email"])
    execute(
        """
        INSERT INTO pgaudit_log_event (model, obj_pk, label, operation, snapshot)
        VALUES ('shop.Person', '1', 'insert', 'I', '{"id": 1, "email": "secret"}'),
            ('shop.Person', '2', 'insert', 'I', '{"id": 2}')
        """
    )
    [step] = masking.plan().steps
    assert step.events == 1
    masking.plan().apply()
    assert [data for data, _, _ in stored()] == [{"id": 1, "email": MARK}, {"id": 2}]
    assert masking.plan().steps == ()
    assert model.objects.count() == 0


def test_what_is_not_masked_any_more_is_masked_again() -> None:
    model = person(mask=["email"])
    model.objects.create(email="hidden")
    release(model)
    model.objects.create(email="shown")
    release(model, "email")
    [step] = masking.plan().steps
    assert step.events == 1
    masking.plan().apply()
    assert [data["email"] for data, _, _ in stored()] == [MARK, MARK]


def test_a_column_that_shows_a_masked_one_is_told() -> None:
    model = tracked_table(
        "Person",
        track={"mask": ["email"]},
        email=models.TextField(),
        upper=models.GeneratedField(
            expression=models.functions.Upper(F("email")),
            output_field=models.TextField(),
            db_persist=True,
        ),
    )
    from pgaudit_log.checks.declarations import check_models

    [warning] = [m for m in check_models(None) if m.id == "pgaudit_log.W027"]
    assert warning.msg == (
        "shop.Person.upper is computed out of email, which is masked: events have what it makes of it."
    )
    model.objects.create(email="secret")
    assert changes(Events.objects.get())["upper"].new == "SECRET"


@pytest.mark.parametrize("is_masked", [False, True])
def test_a_foreign_key_to_a_masked_column_is_told(is_masked: bool) -> None:
    person = tracked_table("Person", track={"mask": ["email"]}, email=models.TextField(unique=True))
    letter = tracked_table(
        "Letter",
        track={"mask": ["to"] if is_masked else []},
        to=models.ForeignKey(person, models.CASCADE, to_field="email"),
    )
    from pgaudit_log.checks.declarations import check_models

    told = [m.msg for m in check_models(None) if m.id == "pgaudit_log.W027"]
    letter.objects.create(to=person.objects.create(email="secret"))
    event = Events.objects.get(pgh_obj_model="shop.Letter")
    assert ("secret" in f"{event.pgh_data} {event.pgh_refs}") is not is_masked
    warning = (
        "shop.Letter.to has the values of shop.Person.email, which is masked: events, and what they"
        " point at, have them."
    )
    assert told == ([] if is_masked else [warning])
