"""``track_models()``: what labels and patterns mean, and what is said of those that mean nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import models
from django.db.migrations.state import ModelState

import pgaudit_log
from pgaudit_log import track_models
from pgaudit_log.declaring import abstract_bases, declarations, parts, selections
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.testing import isolated
from tests.shop import models as shop
from tests.shop.models import Order, Untracked
from tests.tables import make


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with isolated():
        yield


def tracked() -> dict[str, str]:
    """Return the labels of the models that have no declaration in the tests' app, with their classes."""
    return {
        declaration.label: f"{declaration.app_label}.{declaration.model_name}"
        for declaration in declarations.declarations()
        if not declaration.in_migrations
    }


GROUP = {
    "auth.Group": "shop.GroupEvent",
    "auth.Group_permissions": "shop.GroupPermissionsEvent",
}
FOUND = {
    "auth.Permission": "shop.AuthPermissionEvent",
    "auth.Group": "shop.AuthGroupEvent",
    "auth.Group_permissions": "shop.AuthGroupPermissionsEvent",
    "auth.User_user_permissions": "shop.AuthUserUserPermissionsEvent",
}
"""Of the app ``auth``; the tests' app tracks its users, and who is in which group, by proxies."""

MEANT: dict[str, tuple[tuple[str, ...], list[str], dict[str, str]]] = {
    "a label": (("auth.Group",), [], GROUP),
    "case does not count": (("AUTH.group",), [], GROUP),
    "without its automatic table": (
        ("auth.Group",),
        ["auth.Group.permissions"],
        {"auth.Group": "shop.GroupEvent"},
    ),
    "the automatic table": (
        ("auth.Group_permissions",),
        [],
        {"auth.Group_permissions": "shop.GroupPermissionsEvent"},
    ),
    "an app": (("auth.*",), [], FOUND),
    "an app without a model and what belongs to it": (
        ("auth.*",),
        ["auth.Group"],
        {k: v for k, v in FOUND.items() if k not in GROUP},
    ),
    "part of a name": (("a*.[gp]*",), ["*.*_permissions"], {
        k: v for k, v in FOUND.items() if k in ("auth.Group", "auth.Permission")
    }),
    "a label goes before a pattern": (
        ("auth.*", "auth.Group"),
        [],
        {**FOUND, **GROUP},
    ),
    "own models have no prefix": (("shop.Unt*",), [], {"shop.Untracked": "shop.UntrackedEvent"}),
    "everything": (
        ("*",),
        ["sessions.*", "admin.*"],
        {
            **FOUND,
            "contenttypes.ContentType": "shop.ContenttypesContentTypeEvent",
            "shop.Untracked": "shop.UntrackedEvent",
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", MEANT)
def test_labels_and_patterns_mean_models(way: str) -> None:
    labels, exclude, expected = MEANT[way]
    track_models(*labels, exclude=exclude, into="shop")
    assert {label: tracked().get(label) for label in expected} == expected
    beside = {
        label for label in tracked() if label.partition(".")[0] in ("auth", "sessions", "admin")
    }
    assert beside == {label for label in expected if label.startswith("auth.")}


def test_events_are_imported_from_the_app_and_found_from_the_model() -> None:
    track_models("auth.Group", into="shop")
    event_model = shop.GroupEvent  # type: ignore[attr-defined]
    assert event_model is Group.pgh_event_model  # type: ignore[attr-defined]
    assert event_model._meta.db_table == "shop_groupevent"
    assert Group(pk=1).events.model is event_model  # type: ignore[attr-defined]
    with isolated():
        pass
    assert Group.pgh_event_model is event_model  # type: ignore[attr-defined]


def test_migrations_know_nothing_of_it() -> None:
    before = ModelState.from_model(Group).options
    track_models("auth.Group", into="shop")
    assert ModelState.from_model(Group).options == before
    assert not hasattr(Group._meta, "triggers")
    names = [t.name for m, t in pgtrigger.registered() if m is Group]
    assert names == ["audit_insert", "audit_update", "audit_delete", "audit_truncate"]
    pgtrigger.registry.delete("auth.Group:audit_insert")
    assert [t.name for m, t in pgtrigger.registered() if m is Group] == names[1:]


def test_columns_are_left_out_by_label_and_by_pattern() -> None:
    track_models(
        "auth.*", "admin.LogEntry", exclude=["auth.group.NAME", "*.*.codename"], into="shop"
    )
    fields = {
        model: {f.name for f in model.pgh_event_model._meta.fields}  # type: ignore[attr-defined]
        for model in (Group, Permission)
    }
    assert "name" not in fields[Group]
    assert "name" in fields[Permission]
    assert "codename" not in fields[Permission]


def test_options_hold_for_all_of_them() -> None:
    track_models(
        "auth.Group",
        "auth.Permission",
        into="shop",
        trackers=[pgaudit_log.DeleteEvent("gone")],
        fields=["id", "name", "codename"],
        exclude=["auth.Permission.codename"],
        level=pgaudit_log.Row,
        large=["name"],
        security_barrier=True,
        obj_field=pgaudit_log.ObjForeignKey(related_name="audited"),
        attrs={"colour": "red"},
        meta={"verbose_name": "x"},
        exclude_auto=True,
        former_columns={"codename": ["code"]},
    )
    of_group, of_permission = (declarations.declarations_of(m)[0] for m in (Group, Permission))
    # The automatic table has no field of these names but "id".
    assert [t.label for t in of_group.trackers] == ["gone"]
    assert of_group.fields == ("id", "name")
    assert of_permission.fields == ("id", "name")
    assert of_group.large == ("name",)
    assert of_group.security_barrier is True
    assert of_group.former_columns == {}
    assert of_permission.former_columns == {"codename": ("code",)}
    [trigger] = [t for m, t in pgtrigger.registered() if m is Group]
    assert trigger.level is pgaudit_log.Row
    assert Group(pk=1).audited.model.colour == "red"  # type: ignore[attr-defined]
    assert Group.pgh_event_model._meta.verbose_name == "x"  # type: ignore[attr-defined]


def test_the_models_of_labels_may_follow_relations() -> None:
    track_models("auth.Group", follow=["permissions"], into="shop")
    group, automatic = (
        declarations.declarations_of(model)[0] for model in (Group, Group.permissions.through)
    )
    assert group.follow == ("permissions",)
    assert automatic.follow == ()
    assert [part.name for part in parts.parts_of(Group)] == ["permissions"]


def test_a_model_with_none_of_the_fields_is_not_tracked() -> None:
    track_models("auth.Group", "auth.Permission", fields=["codename"], into="shop")
    assert list(tracked()) == ["auth.Permission"]


def test_a_track_of_its_own_goes_before_a_pattern() -> None:
    pgaudit_log.track(pgaudit_log.InsertEvent("made"))(Untracked)
    track_models("shop.*", into="shop")
    [declaration] = declarations.declarations_of(Untracked)
    assert declaration.tracker_labels == ("made",)


def test_an_untracked_child_of_an_abstract_base_is_not_found() -> None:
    base = make("Base", Meta={"abstract": True})
    child = make("Child", (base,))
    abstract_bases.declare(base, lambda model: None)
    pgaudit_log.untrack()(child)
    track_models("shop.*", into="shop")
    assert declarations.declarations_of(child) == ()
    assert declarations.declarations_of(Untracked) != ()


def test_patterns_leave_out_what_has_no_table_of_its_own() -> None:
    make("Viewed", Meta={"managed": False})
    make("Shown", (Untracked,), Meta={"proxy": True})
    make("Swapped", Meta={"swappable": "AUTH_USER_MODEL"})
    track_models("shop.*", into="shop")
    assert set(tracked()) == {"shop.Team", "shop.Untracked"}


def test_a_model_that_comes_later_is_found_too() -> None:
    make("Lamp")
    track_models("shop.L*", into="shop")
    made = make("Later", others=models.ManyToManyField(Untracked))
    assert set(tracked()) == {"shop.Lamp", "shop.Later", "shop.Later_others"}
    assert made.pgh_event_model is shop.LaterEvent  # type: ignore[attr-defined]


def test_the_same_line_may_stand_twice() -> None:
    for _ in range(2):
        track_models("auth.Group", into="shop")
    assert len(declarations.declarations_of(Group)) == 1


def test_a_proxy_of_a_found_model_may_be_tracked_instead() -> None:
    proxy = make("GroupProxy", (Group,), Meta={"proxy": True})
    pgaudit_log.track()(proxy)
    track_models("auth.*", into="shop")
    [declaration] = declarations.declarations_of(Group)
    assert declaration.tracked_model is proxy


REFUSED: dict[str, tuple[Any, str]] = {
    "no label": (lambda: track_models(into="shop"), "was given no label"),
    "a class": (lambda: track_models(Group, into="shop"), "as strings"),  # type: ignore[arg-type]
    "text": (lambda: track_models("auth.*", exclude="auth.User", into="shop"), "as strings"),
    "an app that is not there": (
        lambda: track_models("blog.*", into="shop"),
        "'blog.\\*' means no model. No installed app is called 'blog'; installed are admin, auth",
    ),
    "an app by itself": (lambda: track_models("auth", into="shop"), 'Write "auth.\\*" for all'),
    "a model that is not there": (
        lambda: track_models("auth.Usr", into="shop"),
        "The app has the models Permission, Group",
    ),
    "a pattern for nothing": (lambda: track_models("auth.Q*", into="shop"), "means no model"),
    "all excluded": (
        lambda: track_models("sessions.*", exclude=["sessions.*"], into="shop"),
        "'sessions.\\*' means no model",
    ),
    "an exclusion that is not there": (
        lambda: track_models("auth.*", exclude=["auth.Usr"], into="shop"),
        "exclude='auth.Usr' means no model and no field",
    ),
    "a field that is not there": (
        lambda: track_models("auth.*", exclude=["auth.Group.nme"], into="shop"),
        "auth.Group has the fields id, name, permissions",
    ),
    "fields that none has": (
        lambda: track_models("auth.*", fields=["nme"], into="shop"),
        "none of the models has a column of 'nme'",
    ),
    "a large field that none has": (
        lambda: track_models("auth.*", large=["nme"], into="shop"),
        "none of the models has a column of 'nme'",
    ),
    "relations of a pattern": (
        lambda: track_models("auth.*", follow=["permissions"], into="shop"),
        "a line of their own",
    ),
    "into nothing": (
        lambda: track_models("auth.*", into="adit"),
        "'adit' is no installed app of yours",
    ),
    "into this app": (
        lambda: track_models("auth.*", into="pgaudit_log"),
        "'pgaudit_log' is no installed app of yours",
    ),
    "this app": (lambda: track_models("pgaudit_log.*", into="shop"), "means no model"),
    "a class of events": (lambda: track_models("shop.OrderEvent", into="shop"), "means no model"),
    "a name for one": (
        lambda: track_models("auth.Group", model_name="X", into="shop"),
        "was given model_name, which is for one model",
    ),
    "a view for one": (
        lambda: track_models("auth.Group", meta={"db_table": "x"}, into="shop"),
        "db_table.*, which is for one model",
    ),
    "tracked by itself": (lambda: track_models("shop.Order", into="shop"), "tracked twice"),
    "tracked by a proxy": (
        lambda: track_models("auth.User", exclude=["auth.User.*s"], into="shop"),
        "tracked twice",
    ),
}


@pytest.mark.parametrize("way", REFUSED)
def test_what_means_nothing_is_refused_and_leaves_nothing(way: str) -> None:
    declare, message = REFUSED[way]
    before = declarations.declarations(), list(selections._selections)
    with pytest.raises(DeclarationError, match=message):
        declare()
    assert (declarations.declarations(), list(selections._selections)) == before


def test_an_unknown_argument_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'onto'"):
        track_models("auth.*", into="shop", onto="x")


@pytest.mark.parametrize(
    ("first", "second"),
    [(["auth.Group"], ["AUTH.GROUP"]), (["auth.*"], ["*"])],
    ids=["labels", "patterns"],
)
def test_two_lines_with_other_options_are_refused(first: list[str], second: list[str]) -> None:
    track_models(*first, into="shop")
    with pytest.raises(DeclarationError, match="is tracked by two lines with different options"):
        track_models(*second, into="shop", fields=["name"])


def test_what_is_told_of_a_found_model_names_the_line_and_the_way_out() -> None:
    make("Eventful", events=models.IntegerField())
    with pytest.raises(DeclarationError) as told:
        track_models("shop.E*", into="shop")
    assert str(told.value).startswith("track_models('shop.E*', into='shop') means shop.Eventful.")
    assert 'it already has "events"' in str(told.value)
    assert str(told.value).endswith("Or exclude=['shop.Eventful'].")


@pytest.mark.parametrize(
    ("meta", "reason"),
    [
        ({"managed": False}, "is unmanaged"),
        ({"swappable": "AUTH_USER_MODEL"}, "puts auth.User in its place"),
        ({"proxy": True}, None),
    ],
)
def test_a_label_of_what_a_pattern_leaves_out(meta: dict[str, Any], reason: str | None) -> None:
    made = make("Odd", (Untracked,) if "proxy" in meta else (models.Model,), Meta=meta)
    if reason is None:
        track_models("shop.Odd", into="shop")
        assert declarations.declarations_of(Untracked)[0].tracked_model is made
    else:
        with pytest.raises(DeclarationError, match=reason):
            track_models("shop.Odd", into="shop")
    with pytest.raises(DeclarationError, match="means no model that can be tracked: shop.Odd"):
        track_models("shop.Od?", into="shop")


@pytest.mark.parametrize(
    ("meta", "bases", "reason"),
    [
        (
            {"swappable": "AUTH_USER_MODEL"},
            (models.Model,),
            "shop.Odd is swapped out for auth.User",
        ),
        ({"proxy": True}, (Untracked,), "shop.Odd is a proxy of shop.Untracked"),
    ],
)
@pytest.mark.parametrize("exclude", ["shop.Odd", "shop.Odd.*", "*.odd.id"])
def test_an_exclusion_by_the_wrong_name_is_refused(
    meta: dict[str, Any], bases: tuple[type, ...], reason: str, exclude: str
) -> None:
    make("Odd", bases, Meta=meta)
    with pytest.raises(DeclarationError, match=f"leaves nothing out: {reason}"):
        track_models("shop.Unt*", exclude=[exclude], into="shop")


@pytest.mark.parametrize("exclude", ["shop.Odd.group", "shop.Untracked.group"])
def test_a_column_of_a_proxy_is_left_out_by_either_name(exclude: str) -> None:
    proxy = make("Odd", (Untracked,), Meta={"proxy": True})
    track_models("shop.Odd", exclude=[exclude], into="shop")
    assert "group" not in {field.name for field in proxy.pgh_event_model._meta.fields}


def test_a_model_of_another_vendor_is_left_out_or_told(monkeypatch: Any) -> None:
    from django.db import connections

    monkeypatch.setattr(connections["other"], "vendor", "sqlite")
    monkeypatch.setattr(
        selections.router, "db_for_write", lambda model: "other" if model is Session else "default"
    )
    track_models("*", into="shop")
    assert "sessions.Session" not in tracked()
    assert declarations.declarations_of(LogEntry) != ()
    with pytest.raises(DeclarationError, match='is written to the database "other"'):
        track_models("sessions.*", into="shop")


def test_an_app_without_models_cannot_have_the_events(monkeypatch: Any) -> None:
    monkeypatch.setattr(apps.app_configs["messages"], "models_module", None)
    with pytest.raises(DeclarationError, match="has no models module.*may be empty"):
        track_models("auth.Group", into="messages")


def test_one_model_of_others_may_have_all_options_of_track() -> None:
    pgaudit_log.track(in_migrations=False, app_label="shop", model_name="Kinds")(ContentType)
    assert ContentType.pgh_event_model is shop.Kinds  # type: ignore[attr-defined]
    assert Order.pgh_event_model  # type: ignore[attr-defined]
    assert User
