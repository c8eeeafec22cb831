"""What is declared wrongly is an error at once that says what, on what, what now."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from django.contrib.auth.models import User
from django.db import models
from django.test.utils import isolate_apps

import pgaudit_log
from pgaudit_log.declaring import declarations
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.models import Events
from pgaudit_log.reading import references
from pgaudit_log.testing import isolated
from pgaudit_log.tracking import event_model_name
from pgaudit_log.triggers.trigger import trigger_name
from tests.shop.models import Order, Untracked


@pytest.fixture(autouse=True)
def forget_declarations() -> Iterator[None]:
    """Take back what a test declares: declarations, triggers, classes and their names."""
    with isolated():
        yield


def make(name: str = "Thing", bases: tuple[type, ...] = (models.Model,), **fields: Any) -> Any:
    """Return a new model of the tests' app."""
    meta = fields.pop("Meta", {})
    meta = type("Meta", (), {"app_label": "shop", **meta})
    return type(name, bases, {"__module__": "tests.shop.models", "Meta": meta, **fields})


def track(*trackers: Any, **kwargs: Any) -> Any:
    return pgaudit_log.track(*trackers, **kwargs)


BAD_DECLARATIONS: list[tuple[tuple[Any, ...], dict[str, Any], str]] = [
    (
        (),
        {"fields": ["nope"]},
        r"shop\.Untracked is tracked with fields=\['nope'\], but it has no field \"nope\"\. Its fields are id, group",
    ),
    ((), {"exclude": ["nope"]}, 'no field "nope"'),
    ((), {"fields": "group"}, r"fields='group': give a list, such as fields=\['group'\]"),
    ((), {"fields": ["id"], "exclude": ["group"]}, "both fields= and exclude="),
    ((), {"exclude": ["id", "group"]}, "no field is left to track"),
    ((), {"fields": []}, "no field is left to track"),
    ((), {"obj_field": "events"}, r"neither None nor a pgaudit_log\.ObjForeignKey"),
    ((), {"append_only": False}, "always append-only"),
    ((), {"app_label": "nope"}, 'app_label="nope", which is no installed app'),
    (
        (),
        {"model_name": "Customer"},
        r"tests\.shop\.models already has a Customer\. Give track\(\) another model_name=",
    ),
    (
        (),
        {"obj_field": pgaudit_log.ObjForeignKey(related_name="group")},
        'already has "group", the accessor',
    ),
    ((pgaudit_log.InsertEvent,), {}, r"not a tracker.*Write InsertEvent\(\)"),
    (
        (pgaudit_log.InsertEvent("a"), pgaudit_log.UpdateEvent("a")),
        {},
        'two trackers with the label "a"',
    ),
    (
        (pgaudit_log.UpdateEvent(condition=pgaudit_log.AnyChange("nope")),),
        {},
        'the condition of "update" names "nope"',
    ),
    (
        (pgaudit_log.UpdateEvent(condition=pgaudit_log.AnyChange(exclude=["nope"])),),
        {},
        'names "nope"',
    ),
]


@pytest.mark.parametrize(("trackers", "arguments", "message"), BAD_DECLARATIONS)
def test_a_bad_declaration_is_an_error_and_declares_nothing(
    trackers: tuple[Any, ...], arguments: dict[str, Any], message: str
) -> None:
    before = declarations.declarations()
    triggers = set(pgtrigger.registered())
    with pytest.raises(DeclarationError, match=message):
        track(*trackers, **arguments)(Untracked)
    assert declarations.declarations() == before
    assert set(pgtrigger.registered()) == triggers
    assert "pgh_event_models" not in vars(Untracked)


def test_a_label_of_another_track_is_taken_too() -> None:
    with pytest.raises(
        DeclarationError, match='shop.Order has two trackers with the label "update"'
    ):
        track(pgaudit_log.UpdateEvent(), model_name="Second")(Order)


@pytest.mark.parametrize(
    "again", [track(), track(pgaudit_log.DeleteEvent("x"))], ids=["bare", "same"]
)
def test_the_same_track_twice_is_one_too_many(again: Any) -> None:
    thing = again(make())
    with pytest.raises(DeclarationError, match="tracked twice with the same trackers.*Leave one"):
        again(thing)
    proxy = make("Proxy", (thing,), Meta={"proxy": True})
    with pytest.raises(DeclarationError, match="as Thing and as Proxy"):
        again(proxy)


@pytest.mark.parametrize(
    "tracker", [pgaudit_log.InsertEvent, pgaudit_log.DeleteEvent, pgaudit_log.TruncateEvent]
)
def test_a_taken_label_is_advised_another_of_its_kind(tracker: Any) -> None:
    label = tracker().label
    thing = track(tracker(), pgaudit_log.ManualEvent("note"))(make())
    with pytest.raises(DeclarationError, match=rf'such as {tracker.__name__}\("{label}_2"\)\.'):
        track(tracker(), pgaudit_log.ManualEvent("other"))(thing)


def test_an_unmanaged_model_cannot_get_triggers() -> None:
    with pytest.raises(DeclarationError, match=r"unmanaged \(managed = False\)"):
        track()(make(Meta={"managed": False}))


def test_a_proxy_of_an_unmanaged_model_neither() -> None:
    base = make("Base", Meta={"managed": False})
    with pytest.raises(DeclarationError, match="unmanaged"):
        track()(make("Proxy", (base,), Meta={"proxy": True}))


def test_the_event_table_cannot_be_tracked() -> None:
    with pytest.raises(DeclarationError, match="model of events"):
        track()(Events)


def test_a_field_named_like_an_events_own_is_refused() -> None:
    with pytest.raises(DeclarationError, match='its field "pgh_id" is named like'):
        track()(make(pgh_id=models.IntegerField()))


def test_a_many_to_many_field_is_refused_with_the_model_to_track() -> None:
    with pytest.raises(DeclarationError, match=r"Track User\.groups\.through instead"):
        track(fields=["groups"], app_label="shop")(User)


def test_a_parents_field_is_refused_with_the_model_to_track() -> None:
    parent = make("Parent", a=models.IntegerField())
    child = make("Child", (parent,), b=models.IntegerField())
    with pytest.raises(DeclarationError, match=r"column of shop\.Parent, its parent"):
        track(fields=["a"])(child)


@pytest.mark.parametrize(
    ("make_tracker", "message"),
    [
        (
            lambda: pgaudit_log.InsertEvent(row=pgaudit_log.Old),
            "has row=Old, but INSERT has no such row",
        ),
        (
            lambda: pgaudit_log.DeleteEvent(row=pgaudit_log.New),
            "has row=New, but DELETE has no such row",
        ),
        (lambda: pgaudit_log.UpdateEvent(row="BOTH"), "has row='BOTH'"),
        (
            lambda: pgaudit_log.InsertEvent(condition=pgaudit_log.AnyChange("a")),
            "INSERT changes no row",
        ),
        (
            lambda: pgaudit_log.DeleteEvent(condition=pgaudit_log.AllChange()),
            "DELETE changes no row",
        ),
        (
            lambda: pgaudit_log.InsertEvent(condition=pgaudit_log.Q(old__a=1)),
            "INSERT has no OLD row",
        ),
        (
            lambda: pgaudit_log.DeleteEvent(
                condition=pgaudit_log.Q(old__a=pgaudit_log.F("new__a"))
            ),
            "DELETE has no NEW row",
        ),
        (
            lambda: pgaudit_log.TruncateEvent(condition=pgaudit_log.Q(new__a=1)),
            "TRUNCATE shows no rows",
        ),
        (lambda: pgaudit_log.RowEvent("x", row="NEW"), "has operation=None"),
        (
            lambda: pgaudit_log.RowEvent(
                "x", row="NEW", operation=pgtrigger.Insert | pgtrigger.Update
            ),
            "exactly one of",
        ),
        (
            lambda: pgaudit_log.UpdateEvent(level="row"),
            "Give pgaudit_log.Statement or pgaudit_log.Row",
        ),
        (lambda: pgaudit_log.ManualEvent(), "ManualEvent has no label"),
    ],
)
def test_a_tracker_that_cannot_exist_is_an_error(make_tracker: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        make_tracker()


@pytest.mark.parametrize(
    "tracker",
    [
        pgaudit_log.InsertEvent(),
        pgaudit_log.UpdateEvent("x", row=pgaudit_log.Old, condition=pgaudit_log.AnyChange("a")),
        pgaudit_log.UpdateEvent(
            condition=pgaudit_log.AllChange("a", exclude=["b"], exclude_auto=True)
        ),
        pgaudit_log.DeleteEvent(level=pgaudit_log.Row, trigger_name="t"),
        pgaudit_log.ManualEvent("m"),
    ],
)
def test_a_tracker_is_a_value(tracker: Any) -> None:
    copied = copy.deepcopy(tracker)
    names = {**vars(pgaudit_log), "OLD": "OLD", "Row": pgaudit_log.Row}
    assert copied == tracker
    assert hash(copied) == hash(tracker)
    assert eval(repr(tracker), names) == tracker
    with pytest.raises(AttributeError, match="cannot be changed"):
        tracker.label = "other"


def test_trackers_differ_by_content() -> None:
    assert pgaudit_log.UpdateEvent() != pgaudit_log.UpdateEvent(condition=None)
    assert pgaudit_log.InsertEvent("a") != pgaudit_log.InsertEvent("b")
    assert pgaudit_log.InsertEvent() != pgaudit_log.UpdateEvent("insert")


def test_one_tracker_serves_many_models() -> None:
    tracker = pgaudit_log.InsertEvent()
    track(tracker)(make("One"))
    track(tracker)(make("Two"))
    assert len(declarations.declarations()) >= 2


def test_a_subclass_gives_defaults_as_attributes() -> None:
    class Created(pgaudit_log.RowEvent):
        label = "created"
        operation = pgtrigger.Insert
        row = pgaudit_log.New

    assert (Created().label, Created("x").label, Created().operation_name) == (
        "created",
        "x",
        "INSERT",
    )


def test_the_default_trackers_capture_all_that_can_happen_to_a_table() -> None:
    thing = make()
    track()(thing)
    assert set(thing.pgh_event_models) == {"insert", "update", "delete", "truncate"}


def test_a_setting_changes_the_default_trackers(settings: Any) -> None:
    settings.PGAUDIT_LOG_DEFAULT_TRACKERS = [pgaudit_log.DeleteEvent("gone")]
    thing = make()
    track()(thing)
    assert set(thing.pgh_event_models) == {"gone"}


@pytest.mark.parametrize("level", [pgaudit_log.Row, "ROW", "row"])
def test_a_setting_changes_the_level(settings: Any, level: Any) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    thing = make()
    track(pgaudit_log.InsertEvent(), pgaudit_log.DeleteEvent(level=pgaudit_log.Statement))(thing)
    levels = {t.name: str(t.level) for m, t in pgtrigger.registered() if m is thing}
    assert levels == {"audit_insert": "ROW", "audit_delete": "STATEMENT"}


def test_a_setting_names_the_accessor(settings: Any) -> None:
    settings.PGAUDIT_LOG_OBJ_FIELD = pgaudit_log.ObjForeignKey(related_name="audit")
    thing = make()
    track()(thing)
    assert hasattr(thing, "audit")


def test_track_gives_the_model_back_as_it_came() -> None:
    thing = make()
    given = {"attrs": {"a": 1}, "meta": {"verbose_name": "v"}, "fields": ["id"]}
    before = copy.deepcopy(given)
    assert track(**given)(thing) is thing
    assert given == before


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        (None, "OrderEvent"),
        (["status"], "OrderStatusEvent"),
        (["placed_at", "note"], "OrderPlacedAtNoteEvent"),
    ],
)
def test_event_classes_are_named_after_model_and_fields(fields: Any, name: str) -> None:
    assert event_model_name(Order, fields) == name


def test_trigger_names_are_short_and_never_the_same() -> None:
    assert trigger_name("insert") == "audit_insert"
    names = {trigger_name(label) for label in ["a.b", "a_b", "a-b", "A_b", "x" * 60, "x" * 61, "ä"]}
    assert len(names) == 7
    assert all(len(name) <= 47 for name in names)


@isolate_apps("tests.shop")
def test_conditions_are_values() -> None:
    one, two = pgaudit_log.AnyChange("a"), pgaudit_log.AnyChange("a")
    assert one == two and hash(one) == hash(two)
    assert one != ~one and repr(~one) == "~AnyChange('a')"
    assert one != pgaudit_log.AllChange("a")


def test_what_was_found_of_declarations_is_looked_for_anew_after_each() -> None:
    thing = make()
    name = thing._meta.db_table
    with isolated():
        assert declarations.declarations_of(thing) == declarations.declarations_of_table(name) == ()
        track(pgaudit_log.InsertEvent())(thing)
        found = declarations.declarations_of(thing)
        assert len(found) == 1
        with pytest.raises(DeclarationError):
            track(pgaudit_log.UpdateEvent())(thing)
        assert (
            declarations.declarations_of(thing) == declarations.declarations_of_table(name) == found
        )
    assert declarations.declarations_of(thing) == declarations.declarations_of_table(name) == ()


def test_fields_that_are_referred_to_are_known_as_soon_as_something_points_at_them() -> None:
    thing = make(code=models.TextField(unique=True))
    assert references.referred_fields(thing) == []
    make("Other", thing=models.ForeignKey(thing, models.CASCADE, to_field="code"))
    assert [field.name for field in references.referred_fields(thing)] == ["code"]
