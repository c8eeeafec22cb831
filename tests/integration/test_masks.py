"""Masks: a masked column tells that it changed, and never what."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection, models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.test.utils import CaptureQueriesContext

from pgaudit_log import UpdateEvent, create_event, track, track_models
from pgaudit_log.backfill import backfill
from pgaudit_log.declaring import abstract_bases, declarations
from pgaudit_log.declaring.former_names import forget as forget_names
from pgaudit_log.declaring.masks import masks_of
from pgaudit_log.declaring.parts import faults
from pgaudit_log.diffs import blame, changes, diff
from pgaudit_log.exceptions import DeclarationError, PlanError, QueryError
from pgaudit_log.models import Events
from pgaudit_log.operating import verify
from pgaudit_log.reversal import Kind, restore, revert, undo
from pgaudit_log.testing import isolated
from pgaudit_log.values.row_json import MASKED
from tests.masking import renewed_triggers
from tests.support import execute, role_name, unguarded
from tests.tables import EVERYTHING, install, install_views, make, tracked_table

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

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


def call(*arguments: str) -> str:
    """Return what a subcommand writes."""
    out = io.StringIO()
    call_command("pgaudit_log", *arguments, stdout=out)
    return out.getvalue()


def masked_from_now_on(model: Any, *names: str) -> None:
    """Mask fields of a tracked model, as its next release does."""
    for trigger in renewed_triggers(model, tracked_mask=names):
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


def test_a_typed_event_has_a_mark_and_cannot_be_asked_for_a_value() -> None:
    model = person()
    one = model.objects.create(email="ana@example.org", age=3)
    model.objects.update(email="bea@example.org")
    events = model.pgh_event_model.objects
    assert [(event.email, event.age, event.name) for event in events.all()] == [
        (MASKED, MASKED, "ana")
    ] * 2
    assert [*events.values_list("email", "age")] == [(MASKED, MASKED)] * 2
    for query in ({"email": "ana@example.org"}, {"age__gt": 1}, {"email__isnull": True}):
        with pytest.raises(QueryError, match=r'masked.*changed\("'):
            events.filter(**query)
    with pytest.raises(QueryError, match="is masked: events do not tell"):
        events.changed("email", new="bea@example.org")
    assert events.changed("email").count() == 1
    assert Events.objects.tracks(one).changed("email").count() == 1
    view = model.pgh_event_model._meta.db_table
    assert execute(f"SELECT DISTINCT email, age FROM {view}") == [(None, None)]


def test_an_object_of_the_past_has_a_mark_and_cannot_be_asked_for_a_value() -> None:
    model = person()
    model.objects.create(email="ana@example.org", age=3)
    event = Events.objects.get()
    past = model.objects.as_of(event)
    found = past.get()
    assert (found.name, found.email, found.age) == ("ana", MASKED, MASKED)
    found.refresh_from_db()
    assert found.email is MASKED
    assert past.only("email").get().email is MASKED
    for query in (Q(email="ana@example.org"), ~Q(email=None), Q(name="x") | Q(age__gt=1)):
        with pytest.raises(QueryError, match=r"masked"):
            list(past.filter(query))
    with pytest.raises(QueryError, match=r"masked"):
        list(past.annotate(e=Lower("email")).filter(e="ana@example.org"))
    out = call("as-of", "shop.Person", "--at-event", str(event.pk))
    assert "hidden" in out
    assert "example" not in out


def test_a_masked_foreign_key_makes_no_reference() -> None:
    customer = tracked_table("Client", name=models.CharField(max_length=9))
    model = tracked_table(
        "Deal",
        *EVERYTHING,
        track={"mask": ["client"]},
        client=models.ForeignKey(customer, models.CASCADE),
        other=models.ForeignKey(customer, models.CASCADE, related_name="+", null=True),
    )
    ana, bea = customer.objects.create(name="ana"), customer.objects.create(name="bea")
    deal = model.objects.create(client=ana, other=bea)
    event = Events.objects.across(model).get()
    assert event.pgh_data["client_id"] == MARK
    assert event.pgh_refs == [f"shop.Client:{bea.pk}"]
    typed = deal.events.get()
    assert (typed.client, typed.client_id, typed.other) == (MASKED, MASKED, bea)
    past = model.objects.as_of(event).get()
    assert (past.client, past.client_id, past.other) == (MASKED, MASKED, bea)
    for query in ({"client": ana}, {"client__name": "ana"}):
        with pytest.raises(QueryError, match=r"masked"):
            list(model.objects.as_of(event).filter(**query))
    with pytest.raises(QueryError, match=r"masked"):
        list(customer.objects.as_of(event).filter(deal__other=bea))


def test_a_column_that_is_not_masked_any_more_reads_as_nothing_where_it_was() -> None:
    model = person()
    model.objects.create(email="ana@example.org", age=3)
    masked_from_now_on(model)
    model.objects.update(email="bea@example.org")
    view = model.pgh_event_model._meta.db_table
    assert execute(f"SELECT email FROM {view} ORDER BY pgh_id") == [(None,), ("bea@example.org",)]
    first, last = Events.objects.order_by("pgh_id")
    assert changes(first)["email"].new is MASKED
    assert model.objects.as_of(first).get().email is None
    assert changes(last)["email"].new == "bea@example.org"


def test_a_revert_leaves_masked_fields_as_they_are_and_says_so() -> None:
    model = person()
    one = model.objects.create(email="ana@example.org")
    created = Events.objects.get()
    model.objects.update(name="bea", email="bea@example.org")
    plan = revert(one, to=created)
    assert [o.message for o in plan.left_alone if o.field == "email"] == [
        f"shop.Person {one.pk}: email is masked, so that it stays as it is."
    ]
    assert "example.org" not in f"{plan!r}{plan}"
    plan.apply()
    assert model.objects.values_list("name", "email").get() == ("ana", "bea@example.org")


def test_undo_of_a_change_of_masked_fields_only_says_so_and_does_nothing() -> None:
    model = person()
    model.objects.create(email="ana@example.org")
    model.objects.update(email="bea@example.org")
    plan = undo(Events.objects.order_by("pgh_id").last())
    assert (plan.steps, plan.obstacles) == ((), ())
    assert [o.kind for o in plan.left_alone] == [Kind.MASKED]


def test_a_row_comes_back_without_its_masked_values() -> None:
    model = tracked_table(
        "Person",
        *EVERYTHING,
        track={"mask": ["email", "phone", "age"]},
        email=models.CharField(max_length=100),
        phone=models.CharField(max_length=100, default="none"),
        age=models.IntegerField(null=True),
    )
    one = model.objects.create(email="ana@example.org", phone="123", age=3)
    key = one.pk
    one.delete()
    deleted = Events.objects.order_by("pgh_id").last()
    plan = restore(deleted)
    [obstacle] = plan.obstacles
    assert (obstacle.kind, obstacle.field) == (Kind.MASKED, "email")
    assert obstacle.message == (
        f"shop.Person {key}: email is masked, and must have a value. Give one with"
        " values={'email': …}."
    )
    assert {o.field for o in plan.left_alone} == {"phone", "age"}
    restore(deleted, values={"email": "new@example.org"}).apply()
    assert model.objects.values_list("email", "phone", "age").get() == (
        "new@example.org",
        "none",
        None,
    )


def test_an_error_of_a_plan_does_not_tell_the_row() -> None:
    model = person()
    one = model.objects.create(name="ana", email="secret")
    created = Events.objects.get()
    model.objects.update(name="bea")
    execute("ALTER TABLE shop_person ADD CHECK (name <> 'ana')")
    with pytest.raises(PlanError) as error:
        revert(one, to=created).apply()
    assert "secret" not in str(error.value)
    assert "check constraint" in str(error.value)


def test_verify_compares_hashes_and_tells_no_value() -> None:
    model = person(mask=["email"], mask_hash=["age"])
    model.objects.create(email="secret-1", age=30)
    assert list(verify([model])) == []
    execute("ALTER TABLE shop_person DISABLE TRIGGER USER")
    execute("UPDATE shop_person SET email = 'secret-2', age = 31")
    [finding] = verify([model])
    assert (finding.kind, finding.field, finding.found) == ("differs", "age", MASKED)
    assert not {"secret", "31"} & {str(finding)[i : i + 6] for i in range(200)}
    assert "31" not in str(finding).partition("after")[0]


def test_verify_does_not_tell_what_was_stored_before_the_mask() -> None:
    model = person(mask=[])
    model.objects.create(email="secret-1")
    masked_from_now_on(model, "email")
    execute("ALTER TABLE shop_person DISABLE TRIGGER USER")
    execute("UPDATE shop_person SET email = 'secret-2'")
    assert list(verify([model])) == []


def test_manual_events_and_baselines_are_masked() -> None:
    model = person(mask=["email"], mask_hash=["age"])
    one = model.objects.create(email="secret", age=30)
    [captured] = Events.objects.values_list("pgh_data", flat=True)
    with CaptureQueriesContext(connection) as queries:
        create_event(one, label="update")
    assert "secret" not in str(queries.captured_queries)
    with unguarded("pgaudit_log_event"):
        execute("DELETE FROM pgaudit_log_event WHERE operation <> 'M'")
        assert backfill(model).events == 1
    manual, baseline = Events.objects.order_by("pgh_id").values_list("pgh_data", flat=True)
    assert manual == {**captured, "age": MARK}
    assert baseline == captured
    # All of one shape, which says so.
    assert execute("SELECT count(DISTINCT shape) FROM pgaudit_log_event") == [(1,)]


REFUSED = [
    ({"mask": ["nothing"]}, 'mask=["nothing"], but it has no field "nothing"'),
    ({"mask": "email"}, 'give a list, such as mask=["email"]'),
    ({"mask": True}, "mask=True: give a list of names"),
    ({"mask_hash": True}, "mask_hash=True: give a list of names"),
    ({"mask": ["id"]}, "which is the primary key"),
    ({"mask": ["email"], "exclude": ["email"]}, "and exclude= does, too"),
    ({"mask": ["email"], "large": ["email"]}, "and large= does, too"),
    ({"mask": ["email"], "mask_hash": ["email"]}, "and mask_hash= does, too"),
    ({"mask": ["friends"]}, "is a many-to-many field"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[m for _, m in REFUSED])
def test_what_cannot_be_masked_is_refused(options: dict[str, Any], message: str) -> None:
    model = make(
        "Person",
        email=models.CharField(max_length=9),
        friends=models.ManyToManyField("self"),
    )
    with pytest.raises(DeclarationError) as error:
        track(**options)(model)
    assert message in str(error.value).replace("'", '"')


def test_all_declarations_of_a_model_have_the_same_masks() -> None:
    model = make("Person", name=models.TextField(), email=models.TextField())
    track(mask=["email"])(model)
    with pytest.raises(DeclarationError, match="masks email, and this one nothing"):
        track(UpdateEvent("named"), fields=["name"], model_name="Named", obj_field=None)(model)
    track(
        UpdateEvent("named"), fields=["name"], mask=["email"], model_name="Named", obj_field=None
    )(model)


@pytest.mark.parametrize("option", ["mask", "mask_hash"])
def test_a_masked_column_that_is_renamed_stays_masked(option: str) -> None:
    model = person(**{"mask": [], option: ["email"]})
    one = model.objects.create(email="secret")
    old, new = model._meta.get_field("email"), models.CharField(max_length=100, null=True)
    new.set_attributes_from_name("mail")
    new.model = model
    with connection.schema_editor() as editor:
        editor.alter_field(model, old, new)
    # By its old trigger, between two migrations.
    execute("UPDATE shop_person SET mail = 'Secret' WHERE id = %s", [one.pk])
    execute("UPDATE shop_person SET mail = 'secret' WHERE id = %s", [one.pk])
    created, first, second = Events.objects.order_by("pgh_id").values_list("pgh_data", "pgh_diff")
    assert "ecret" not in f"{created}{first}{second}"
    assert first[1].keys() == {"mail"}
    # The hash of the same value is the same under both names.
    assert second[0]["mail"] == created[0]["email"]
    assert (first[0]["mail"] == created[0]["email"]) == (option == "mask")
    assert execute(
        "SELECT count(*) FROM pgaudit_log_shape WHERE masked = '{}' AND table_id = "
        "(SELECT max(id) FROM pgaudit_log_table)"
    ) == [(0,)]


def test_a_new_column_that_has_the_name_of_a_masked_one_is_not() -> None:
    model = person(mask=["email"])
    model.objects.create(email="secret")
    execute("ALTER TABLE shop_person RENAME COLUMN email TO mail")
    execute("ALTER TABLE shop_person ADD COLUMN email varchar(100)")
    model._meta.get_field("email").column = "email"
    masked_from_now_on(model)
    model.objects.create(email="shown")
    first, second = Events.objects.order_by("pgh_id")
    assert second.pgh_data["email"] == "shown"
    found = changes(second)
    assert found["email"].new == "shown"
    [table] = [row for (row,) in execute("SELECT max(id) FROM pgaudit_log_table")]
    assert execute(
        "SELECT name FROM pgaudit_log_column AS field JOIN pgaudit_log_shape AS shape"
        " ON shape.table_id = field.table_id AND number = ANY (masked) WHERE shape.table_id = %s",
        [table],
    ) == [("mail",)]
    assert changes(first)["mail"].new is MASKED


def test_many_models_and_abstract_bases_mask_what_their_models_have() -> None:
    base = type(
        "Base",
        (models.Model,),
        {
            "__module__": "tests.shop.models",
            "Meta": type("Meta", (), {"abstract": True, "app_label": "shop"}),
            "email": models.TextField(),
        },
    )
    track(mask=["email"])(base)
    child = make("Child", (base,), name=models.TextField())
    other = make("Other", name=models.TextField(), secret=models.TextField())
    track_models("shop.Other", into="shop", mask=["secret"])
    abstract_bases.track_children()
    masked = {model: masks_of(model).keys() for model in (child, other)}
    assert masked == {child: {"email"}, other: {"secret"}}


def test_a_diff_of_parts_tells_that_their_masked_fields_changed() -> None:
    owner = make("Owner", name=models.TextField())
    part = make(
        "Part",
        owner=models.ForeignKey(owner, models.CASCADE, related_name="parts"),
        email=models.TextField(),
    )
    track(*EVERYTHING, mask=["email"])(part)
    track(*EVERYTHING, follow=["parts"])(owner)
    install(owner, part)
    one = owner.objects.create(name="a")
    _, second = (part.objects.create(owner=one, email="a@x.org") for _ in range(2))
    before = Events.objects.latest()
    part.objects.filter(pk=second.pk).update(email="b@x.org")
    between = Events.objects.latest()
    owner.objects.update(name="b")
    after = Events.objects.latest()
    [told] = diff(before, after, of=one, parts=True).parts["parts"].changed
    assert (told.key, [*told.diff]) == (str(second.pk), ["email"])
    assert (told.diff["email"].old, told.diff["email"].new) == (MASKED, MASKED)
    [told] = diff(before, of=one, parts=True).parts["parts"].changed
    assert told.key == str(second.pk)
    assert diff(between, after, of=one, parts=True).parts == {}


def test_a_masked_foreign_key_cannot_be_followed() -> None:
    owner = make("Owner", name=models.TextField())
    part = make("Part", owner=models.ForeignKey(owner, models.CASCADE, related_name="parts"))
    track(mask=["owner"])(part)
    track(follow=["parts"])(owner)
    [fault] = [fault for fault in faults() if fault.model is owner]
    assert fault.message.endswith(
        "shop.Part.owner is masked, so that nothing tells what its rows belonged to."
    )


def test_who_does_not_own_the_log_cannot_hash_or_read_the_key() -> None:
    role = role_name("reader")
    execute(f"CREATE ROLE {role}")
    execute(f"GRANT SELECT ON pgaudit_log_event TO {role}")
    model = person(mask=[], mask_hash=["email"])
    execute(f"GRANT INSERT, SELECT ON shop_person TO {role}")
    execute(f"GRANT USAGE ON SEQUENCE shop_person_id_seq TO {role}")
    execute(f"SET LOCAL ROLE {role}")
    execute("INSERT INTO shop_person (name, email) VALUES ('a', 'secret')")
    for statement in (
        "SELECT * FROM pgaudit_log_mask_key",
        "SELECT pgaudit_log_hashed(1, 'email', '\"secret\"')",
        "SELECT pgaudit_log_new_mask_key()",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            execute(statement)
    execute("RESET ROLE")
    assert "secret" not in str(Events.objects.get().pgh_data)
    assert model.objects.count() == 1


def test_another_key_makes_hashes_that_are_not_compared() -> None:
    model = person(mask=[], mask_hash=["email"])
    model.objects.create(email="a")
    before = Events.objects.get()
    execute("SELECT pgaudit_log_new_mask_key()")
    model.objects.update(name="bea")
    after = Events.objects.latest()
    one, other = (e.pgh_data["email"]["pgaudit_log.masked"].split(".") for e in (before, after))
    assert one[0] != other[0]
    assert one[1] != other[1]
    assert [*diff(before, after)] == ["name"]
    assert list(verify([model])) == []
