"""`follow=`: which relations make parts, and what is said of those that cannot."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.test import override_settings

import pgaudit_log
from pgaudit_log.checks.declarations import check_parts
from pgaudit_log.declaring import parts
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.testing import isolated
from tests.tables import make


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


def declare(name: str, follow: Any = (), /, *, track: bool = True, **attributes: Any) -> Any:
    bases = attributes.pop("bases", (models.Model,))
    model = make(name, bases=bases, **attributes)
    if track:
        pgaudit_log.track(follow=follow)(model)
    return model


def paths(model: Any) -> list[tuple[str, str]]:
    return [(part.path, part.model._meta.object_name) for part in parts.parts_of(model)]


def told(model: Any) -> list[tuple[str, str]]:
    """Return (id, message with hint) of what the check says of a model."""
    return [(m.id, f"{m.msg} {m.hint}") for m in check_parts(None) if m.obj is model]


def line_of(order: Any, name: str = "Line", related_name: str = "lines", **options: Any) -> Any:
    return declare(
        name,
        order=models.ForeignKey(order, models.CASCADE, related_name=related_name),
        **options,
    )


def test_parts_of_parts_are_those_that_these_follow() -> None:
    order = declare("Bill", ["lines"])
    line = declare(
        "Line", ["cuts"], bill=models.ForeignKey(order, models.CASCADE, related_name="lines")
    )
    declare("Cut", line=models.ForeignKey(line, models.CASCADE, related_name="cuts"))
    assert paths(order) == [("lines", "Line"), ("lines__cuts", "Cut")]


def test_a_relation_without_a_name_is_named_as_its_accessor() -> None:
    order = declare("Bill", ["line_set"])
    declare("Line", bill=models.ForeignKey(order, models.CASCADE))
    assert paths(order) == [("line_set", "Line")]


def test_many_to_many_relations_are_followed_from_both_sides() -> None:
    tag = declare("Mark", ["bills"])
    order = declare("Bill", ["marks"], marks=models.ManyToManyField(tag, related_name="bills"))
    pgaudit_log.track()(order.marks.through)
    assert paths(order) == [("marks", "Bill_marks")]
    [part] = parts.parts_of(tag)
    assert (part.path, part.fields[0].name, part.other.name) == ("bills", "mark", "bill")


def test_the_other_halves_of_a_symmetrical_relation_are_parts_too() -> None:
    person = declare("Human", ["friends"], friends=models.ManyToManyField("self"))
    pgaudit_log.track()(person.friends.through)
    assert [(p.path, p.is_mirror, p.fields[0].name) for p in parts.parts_of(person)] == [
        ("friends", False, "from_human"),
        ("friends", True, "to_human"),
    ]


def test_generic_relations_are_followed() -> None:
    note = declare(
        "Memo",
        content_type=models.ForeignKey(ContentType, models.CASCADE, related_name="+"),
        object_id=models.TextField(),
        target=GenericForeignKey(),
    )
    order = declare("Bill", ["memos"], memos=GenericRelation(note))
    assert paths(order) == [("memos", "Memo")]


def test_the_link_to_a_parent_says_that_its_parts_count_too() -> None:
    place = declare("Spot", ["lines"])
    line_of(place)
    shop = declare("Store", ["spot_ptr"], bases=(place,))
    assert paths(shop) == [("lines", "Line")]


def test_a_parent_and_a_child_that_follow_each_other() -> None:
    place = declare("Spot", ["store"])
    shop = declare("Store", ["spot_ptr"], bases=(place,))
    assert paths(place) == [("store", "Store")]
    assert paths(shop) == []


def test_a_model_that_the_path_has_come_through_is_not_followed_again() -> None:
    node = declare(
        "Knot",
        ["children"],
        parent=models.ForeignKey("self", models.CASCADE, related_name="children"),
    )
    assert paths(node) == [("children", "Knot")]


def test_what_a_part_inherits_is_a_part() -> None:
    order = declare("Bill", ["specials"])
    line = declare("Line", n=models.IntegerField())
    declare(
        "Special",
        bases=(line,),
        bill=models.ForeignKey(order, models.CASCADE, related_name="specials"),
    )
    assert paths(order) == [("specials", "Special"), ("specials", "Line")]


def test_an_abstract_model_hands_it_on() -> None:
    base = make("Base", Meta={"abstract": True})
    pgaudit_log.track(follow=["lines"])(base)
    order = make("Bill", bases=(base,))
    from pgaudit_log.declaring import abstract_bases

    abstract_bases.track_children()
    line_of(order)
    assert paths(order) == [("lines", "Line")]


@pytest.mark.parametrize(
    ("follow", "message"),
    [
        ("lines", "follow='lines': give a list, such as follow=['lines']."),
        ([3], "follow=[3]: 3 is no name of a relation."),
        (
            ["lines__cuts"],
            'names a part of a part. Follow "lines" here, and "cuts" where its model is tracked.',
        ),
    ],
)
def test_what_is_no_list_of_names_is_refused_at_once(follow: Any, message: str) -> None:
    with pytest.raises(DeclarationError) as error:
        declare("Bill", follow)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("linez", 'it has no relation "linez". It can follow lines.'),
        ("n", '"n" is a field and no relation. It can follow lines.'),
        (
            "owner",
            '"owner" is a foreign key of its own: what it points at stands for itself. Leave it out:',
        ),
        ("owner_id", '"owner_id" is a foreign key of its own'),
        ("events", '"events" are its events, which are no part of it. Leave it out:'),
        ("line", '"line" is what filters call the relation. Give the name that an object has it'),
    ],
)
def test_names_of_no_part_are_told_with_what_to_do(name: str, message: str) -> None:
    owner = declare("Owner")
    order = declare(
        "Bill",
        [name],
        n=models.IntegerField(),
        owner=models.ForeignKey(owner, models.CASCADE, related_name="+"),
    )
    declare(
        "Line",
        bill=models.ForeignKey(
            order, models.CASCADE, related_name="lines", related_query_name="line"
        ),
    )
    [(id, said)] = told(order)
    assert id == "pgaudit_log.E013"
    assert message in said
    with pytest.raises(DeclarationError) as error:
        parts.parts_of(order)
    assert str(error.value) == said


def test_a_relation_of_an_untracked_model_is_told() -> None:
    order = declare("Bill", ["lines"])
    line_of(order, track=False)
    [(id, said)] = told(order)
    assert id == "pgaudit_log.E014"
    assert "shop.Line is not tracked" in said
    assert "Decorate it with pgaudit_log.track()." in said


def test_the_table_of_a_many_to_many_relation_that_is_not_tracked_is_told() -> None:
    tag = declare("Mark")
    order = declare("Bill", ["marks"], marks=models.ManyToManyField(tag))
    [(id, said)] = told(order)
    assert id == "pgaudit_log.E014"
    assert "Call pgaudit_log.track()(Bill.marks.through)." in said


def test_a_column_that_points_and_is_not_tracked_is_told() -> None:
    order = declare("Bill", ["lines"])
    line = line_of(order, track=False)
    pgaudit_log.track(exclude=["order"])(line)
    [(id, said)] = told(order)
    assert id == "pgaudit_log.E014"
    assert "shop.Line.order is not tracked" in said


class Router:
    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "other" if model._meta.object_name == "Line" else None


def test_a_relation_to_another_database_is_told() -> None:
    order = declare("Bill", ["lines"])
    line_of(order)
    with override_settings(DATABASE_ROUTERS=[Router()]):
        [(id, said)] = told(order)
    assert id == "pgaudit_log.E015"
    assert 'shop.Line is in the database "other", and it is in "default"' in said


def test_a_relation_by_a_column_of_a_parents_table_is_told() -> None:
    place = declare("Spot", code=models.TextField(unique=True))
    shop = declare("Store", ["lines"], bases=(place,))
    declare(
        "Line",
        spot=models.ForeignKey(place, models.CASCADE, to_field="code", related_name="lines"),
    )
    [(id, said)] = told(shop)
    assert id == "pgaudit_log.E013"
    assert "Follow it where the model is tracked that it points at." in said


def test_the_method_takes_no_name_of_the_models_own() -> None:
    class WithTimeline(models.Model):
        class Meta:
            app_label = "shop"

        def timeline(self) -> str:
            return "its own"

    pgaudit_log.track(follow=["lines"])(WithTimeline)
    assert WithTimeline().timeline() == "its own"
    field = declare("Bill", ["lines"], timeline=models.TextField(default="a field"))
    assert field().timeline == "a field"
    accessor = declare("Invoice", ["timeline"])
    line_of(accessor, name="Row", related_name="timeline")
    assert accessor.timeline.rel.related_model.__name__ == "Row"


def test_a_model_that_follows_nothing_has_no_such_method() -> None:
    assert not hasattr(declare("Bill"), "timeline")
