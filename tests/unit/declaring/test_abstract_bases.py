"""``track()`` on an abstract model is for each model with a table that inherits it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import pgtrigger
import pytest
from django.apps import apps
from django.db import models

import pgaudit_log
from pgaudit_log.declaring import abstract_bases, declarations
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.testing import isolated
from tests.tables import make


@pytest.fixture(autouse=True)
def importing(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As while models are imported: decorators may still come."""
    with isolated(), monkeypatch.context() as patched:
        patched.setattr(apps, "models_ready", False)
        patched.setattr(apps, "ready", False)
        yield


def abstract(model_name: str, /, *bases: Any, **attributes: Any) -> Any:
    return make(model_name, bases or (models.Model,), Meta={"abstract": True}, **attributes)


def labels(*named: Any) -> dict[str, list[list[str]]]:
    """Return the labels of each ``track()`` of models, by their name, after all are imported."""
    abstract_bases.track_children()
    return {
        model.__name__: [[*d.tracker_labels] for d in declarations.declarations_of(model)]
        for model in named
    }


def insert(label: str = "insert") -> Any:
    return pgaudit_log.track(pgaudit_log.InsertEvent(label))


@pytest.fixture
def base() -> Any:
    return insert()(abstract("Base", name=models.TextField()))


def test_children_are_tracked(base: Any) -> None:
    one, two = make("One", (base,)), make("Two", (base,), size=models.IntegerField())
    assert labels(one, two) == {"One": [["insert"]], "Two": [["insert"]]}
    assert one.pgh_event_model.__name__ == "OneEvent"
    assert {"name", "size"} <= {field.name for field in two.pgh_event_model._meta.fields}
    assert hasattr(one, "events") and hasattr(two, "events")


def test_not_before_all_are_imported(base: Any) -> None:
    one = make("One", (base,))
    assert declarations.declarations_of(one) == ()


def test_through_several_levels(base: Any) -> None:
    between = abstract("Between", base)
    assert labels(make("One", (abstract("Lower", between),))) == {"One": [["insert"]]}


def test_the_nearest_base_counts(base: Any) -> None:
    nearer = insert("nearer")(abstract("Nearer", base))
    assert labels(make("One", (nearer,)), make("Two", (base,))) == {
        "One": [["nearer"]],
        "Two": [["insert"]],
    }


def test_the_first_of_several_bases_counts(base: Any) -> None:
    other = insert("other")(abstract("Other"))
    plain = abstract("Plain")
    assert labels(
        make("One", (other, base)), make("Two", (base, other)), make("Three", (plain, base))
    ) == {"One": [["other"]], "Two": [["insert"]], "Three": [["insert"]]}


def test_a_plain_mixin_stands_beside_it(base: Any) -> None:
    class Mixin:
        """No model."""

    assert labels(make("One", (Mixin, base))) == {"One": [["insert"]]}


def test_a_childs_own_track_takes_its_place(base: Any) -> None:
    one = insert("own")(make("One", (base,)))
    assert labels(one, make("Two", (base,))) == {"One": [["own"]], "Two": [["insert"]]}


def test_several_of_its_own_do_too(base: Any) -> None:
    one = make("One", (base,))
    insert("own")(one)
    pgaudit_log.track(
        pgaudit_log.DeleteEvent(),
        model_name="Gone",
        obj_field=pgaudit_log.ObjForeignKey(related_name="+"),
    )(one)
    assert labels(one) == {"One": [["own"], ["delete"]]}


def test_a_proxys_own_track_does_too(base: Any) -> None:
    one = make("One", (base,))
    proxy = insert("own")(make("Proxy", (one,), Meta={"proxy": True}))
    assert labels(one, proxy) == {"One": [["own"]], "Proxy": [["own"]]}


def test_a_proxy_is_not_tracked_beside_its_model(base: Any) -> None:
    one = make("One", (base,))
    proxy = make("Proxy", (one,), Meta={"proxy": True})
    assert labels(one, proxy) == {"One": [["insert"]], "Proxy": [["insert"]]}
    assert proxy.pgh_event_model is one.pgh_event_model


def test_a_child_of_a_child_is_tracked_in_its_own_table(base: Any) -> None:
    one = make("One", (base,))
    child = make("Child", (one,), size=models.IntegerField())
    assert labels(one, child) == {"One": [["insert"]], "Child": [["insert"]]}


def test_fields_of_the_base_are_in_the_parents_table() -> None:
    base = pgaudit_log.track(fields=["name"])(abstract("Base", name=models.TextField()))
    one = make("One", (base,))
    child = make("Child", (one,), size=models.IntegerField())
    abstract_bases.track_children()
    assert [d.fields for d in declarations.declarations_of(one)] == [("name",)]
    assert declarations.declarations_of(child) == ()


def test_a_child_may_take_a_field_away() -> None:
    base = pgaudit_log.track(exclude=["name"])(abstract("Base", name=models.TextField()))
    one = make("One", (base,), name=None)
    abstract_bases.track_children()
    assert [d.exclude for d in declarations.declarations_of(one)] == [()]


@pytest.mark.parametrize("level", ["child", "base between"])
def test_untrack_is_for_one_and_what_inherits_it(base: Any, level: str) -> None:
    left_out = pgaudit_log.untrack()
    if level == "child":
        one = left_out(make("One", (base,)))
    else:
        one = make("One", (left_out(abstract("Between", base)),))
    assert labels(one, make("Two", (base,))) == {"One": [], "Two": [["insert"]]}
    assert not hasattr(one, "events")


def test_what_is_left_out_can_be_tracked_again_below(base: Any) -> None:
    between = pgaudit_log.untrack()(abstract("Between", base))
    again = insert("again")(abstract("Again", between))
    assert labels(make("One", (again,)), make("Two", (between,))) == {"One": [["again"]], "Two": []}


def test_a_base_of_a_third_party_is_tracked_after_its_children() -> None:
    base = abstract("Base", name=models.TextField())
    one = make("One", (base,))
    pgaudit_log.track()(base)
    assert labels(one)["One"]


def test_a_child_is_tracked_at_once_when_models_are_ready(
    base: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(apps, "models_ready", True)
        one = make("One", (base,))
    assert one.pgh_event_model.__name__ == "OneEvent"


def test_what_a_child_cannot_be_is_an_error_that_names_both(base: Any) -> None:
    make("One", (base,), Meta={"managed": False})
    with pytest.raises(
        DeclarationError, match=r"shop\.One inherits Base, which is tracked\. .*unmanaged.*untrack"
    ):
        abstract_bases.track_children()


@pytest.mark.parametrize(
    "arguments",
    [{"model_name": "X"}, {"former_labels": ["a.B"]}, {"meta": {"db_table": "x"}}],
    ids=lambda arguments: next(iter(arguments)),
)
def test_the_name_of_one_is_not_for_all(arguments: Any) -> None:
    with pytest.raises(DeclarationError, match="shop.Base is abstract and tracked with"):
        pgaudit_log.track(**arguments)(abstract("Base"))


def test_a_field_that_a_base_does_not_have_is_an_error_there() -> None:
    with pytest.raises(DeclarationError, match='shop.Base .* it has no field "nope"'):
        pgaudit_log.track(fields=["nope"])(abstract("Base", name=models.TextField()))


def test_untrack_of_what_no_base_tracks_is_an_error() -> None:
    with pytest.raises(DeclarationError, match=re.escape("Leave untrack() out")):
        pgaudit_log.untrack()(make("Lonely"))


def test_untrack_of_what_is_tracked_is_an_error(base: Any) -> None:
    one = insert("own")(make("One", (base,)))
    with pytest.raises(DeclarationError, match="but is already"):
        pgaudit_log.untrack()(one)


ARGUMENTS_FOR_CHILDREN: dict[str, Any] = {
    "fields": ["name", "made"],
    "exclude": ["name"],
    "exclude_auto": True,
    "large": ["name"],
    "follow": ["lines"],
    "obj_field": pgaudit_log.ObjForeignKey(related_name="trail"),
    "app_label": "auth",
    "attrs": {"is_loud": True},
    "meta": {"verbose_name": "what happened"},
    "level": pgaudit_log.Row,
    "former_columns": {"name": ["called"]},
    "security_barrier": True,
    "in_migrations": False,
    "mask": ["name"],
    "mask_hash": ["made"],
    "mask_context": ["ip"],
}


@pytest.mark.parametrize("argument", ARGUMENTS_FOR_CHILDREN)
def test_a_child_is_tracked_as_if_the_arguments_were_its_own(argument: str) -> None:
    track = pgaudit_log.track(
        pgaudit_log.UpdateEvent(), **{argument: ARGUMENTS_FOR_CHILDREN[argument]}
    )
    columns = {
        "name": models.TextField(),
        "made": models.DateTimeField(auto_now_add=True),
    }
    child = make("One", (track(abstract("Base", **columns)),))
    alone = make("Two", **{name: field.clone() for name, field in columns.items()})
    abstract_bases.track_children()
    track(alone)
    [one], [two] = declarations.declarations_of(child), declarations.declarations_of(alone)
    for field in fields(declarations.Declaration):
        if field.name not in ("tracked_model", "model_name"):
            assert getattr(one, field.name) == getattr(two, field.name), field.name
    [theirs], [own] = (
        [trigger for tracked, trigger in pgtrigger.registered() if tracked is model]
        for model in (child, alone)
    )
    assert theirs.level == own.level


def test_no_argument_of_track_is_kept_from_children() -> None:
    kept = {"model_name", "former_labels"}
    """They are for one model, and refused."""
    without_effect = {"append_only", "context_field", "context_id_field", "base_model"}
    given = set(inspect.signature(pgaudit_log.track).parameters) - {"trackers"}
    assert given == ARGUMENTS_FOR_CHILDREN.keys() | kept | without_effect
