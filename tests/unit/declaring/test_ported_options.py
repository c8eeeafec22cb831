"""Each option of django-pghistory works, says what holds anyway, or is one clear error."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pghistory
import pytest
from django.db import models
from django.db.models.options import DEFAULT_NAMES

import pgaudit_log
from pgaudit_log.declaring import ported_options
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.testing import isolated
from tests.tables import make


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    with isolated():
        yield


def thing() -> Any:
    return make("Ported", name=models.TextField(), size=models.IntegerField())


def options_of(kind: Any) -> set[str]:
    """Return the options of a function or class there, with those of the classes that it inherits."""
    found: set[str] = set()
    for place in kind.__mro__[:-1] if isinstance(kind, type) else [kind]:
        parameters = inspect.signature(place).parameters.values()
        found |= {p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    return found


@pytest.mark.parametrize("name", pghistory.__all__)
def test_each_name_is_here_or_says_what_to_do(name: str) -> None:
    if name in vars(pgaudit_log):
        assert name not in ported_options.NAMES
        return
    with pytest.raises(
        DeclarationError, match=f"pgaudit_log has no {name}, as django-pghistory has"
    ):
        getattr(pgaudit_log, name)


def test_another_name_is_missing_as_ever() -> None:
    assert not hasattr(pgaudit_log, "nonsense")


TRACK: dict[str, Any] = {
    "fields": ["name"],
    "exclude": ["name"],
    "obj_field": None,
    "model_name": "Other",
    "app_label": "shop",
    "attrs": {"__str__": lambda self: "x"},
    "meta": {"verbose_name": "x"},
    "level": pgaudit_log.Row,
    "append_only": True,
    "context_field": None,
    "context_id_field": None,
    "base_model": models.Model,
}


def test_all_options_of_track_are_walked() -> None:
    assert set(TRACK) == options_of(pghistory.track)


@pytest.mark.parametrize("option", TRACK)
def test_each_option_of_track(option: str) -> None:
    if option in ported_options.OF_TRACK:
        with pytest.raises(DeclarationError, match=rf"{option}=.*Leave {option}= out\."):
            pgaudit_log.track(**{option: TRACK[option]})
        return
    tracked = pgaudit_log.track(**{option: TRACK[option]})(thing())
    event = tracked.pgh_event_model
    names = {field.name for field in event._meta.fields}
    worked = {
        "fields": "name" in names and "size" not in names,
        "exclude": "name" not in names and "size" in names,
        "obj_field": "pgh_obj" not in names,
        "model_name": event.__name__ == "Other",
        "app_label": event._meta.app_label == "shop",
        "attrs": str(event()) == "x",
        "meta": event._meta.verbose_name == "x",
        # A TRUNCATE has no rows.
        "level": [str(t.level) for t in tracked._meta.triggers].count("ROW") == 3,
        "append_only": True,
    }
    assert worked[option]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (option, value)
        for option in sorted(options_of(pghistory.ObjForeignKey))
        for value in (
            [models.DO_NOTHING, models.CASCADE, models.SET_NULL]
            if option == "on_delete"
            else ["other", "+"]
            if option in ("related_name", "related_query_name")
            else [True, False, None]
        )
    ],
)
def test_each_option_of_the_reference(option: str, value: Any) -> None:
    try:
        reference = pgaudit_log.ObjForeignKey(**{option: value})
    except DeclarationError:
        with pytest.raises(DeclarationError, match=rf"Leave {option}= out\.$"):
            pgaudit_log.ObjForeignKey(**{option: value})
        return
    tracked = pgaudit_log.track(obj_field=reference)(thing())
    field = tracked.pgh_event_model._meta.get_field("pgh_obj")
    if option == "related_name":
        assert hasattr(tracked, "other") == (value == "other") and not hasattr(tracked, "events")
        return
    if option == "related_query_name":
        assert field.related_query_name() == value
        return
    # What is accepted holds.
    holds = {
        "null": field.null,
        "on_delete": field.remote_field.on_delete,
        "db_constraint": field.db_constraint,
        "db_index": True,
        "primary_key": field.primary_key,
        "unique": field.unique,
        "blank": value,
        "editable": False,
    }
    assert bool(holds.get(option)) == bool(value)


@pytest.mark.parametrize("option", sorted({*DEFAULT_NAMES, "nonsense"}))
def test_each_option_of_meta(option: str) -> None:
    values: dict[str, Any] = {
        "ordering": ["-pgh_id"],
        "get_latest_by": "pgh_id",
        "base_manager_name": "objects",
        "default_manager_name": "objects",
    }
    value = values.get(option, "x")
    track = pgaudit_log.track(meta={option: value})
    if option in ported_options.META:
        assert getattr(track(thing()).pgh_event_model._meta, option) == value
        return
    with pytest.raises(DeclarationError, match=f'meta= has "{option}", which would do nothing'):
        track(thing())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("extra", models.TextField(null=True)),
        ("pgh_context", None),
        ("pgh_extra", 1),
        ("Meta", type("Meta", (), {})),
        ("__module__", "x"),
    ],
)
def test_attrs_bring_no_columns_and_replace_nothing(name: str, value: Any) -> None:
    with pytest.raises(DeclarationError, match=rf'attrs= .*"{name}"'):
        pgaudit_log.track(attrs={name: value})(thing())


def test_a_hidden_reference_leaves_the_name_to_others(db: None) -> None:
    hidden = pgaudit_log.ObjForeignKey(related_name="+")
    tracked = thing()
    pgaudit_log.track(pgaudit_log.InsertEvent(), obj_field=hidden)(tracked)
    pgaudit_log.track(
        pgaudit_log.DeleteEvent(), obj_field=hidden, model_name="Gone", fields=["name"]
    )(tracked)
    pgaudit_log.track(pgaudit_log.UpdateEvent(), model_name="Changed")(tracked)
    assert tracked.events.field.model.__name__ == "Changed"
    assert [m.__name__ for m in tracked.pgh_event_models.values()] == [
        "PortedEvent",
        "Gone",
        "Changed",
    ]
