"""Every relation along which Django cascades is a reference: for the trail, an undo and a restore."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction

import pgaudit_log
from pgaudit_log.exceptions import PlanError
from pgaudit_log.models import Events
from pgaudit_log.reversal import restore, undo
from pgaudit_log.reversal.obstacles import Kind
from tests.going_back import Copies, Tables, event_of, tables

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def made() -> Iterator[Tables]:
    with tables() as found:
        ContentType.objects.clear_cache()
        yield found
        ContentType.objects.clear_cache()


def foreign_object(to: Any, from_fields: list[str], to_fields: list[str], **options: Any) -> Any:
    return models.ForeignObject(
        to, options.pop("on_delete", models.CASCADE), from_fields, to_fields, **options
    )


def composite(made: Tables) -> tuple[Any, Any]:
    area = made.make(
        "Area",
        pk=models.CompositePrimaryKey("country", "code"),
        code=models.IntegerField(),
        country=models.CharField(max_length=9),
        name=models.TextField(),
    )
    site = made.make(
        "Site",
        # In another order than the key has.
        area_code=models.IntegerField(null=True),
        area_country=models.CharField(max_length=9, null=True),
        area=foreign_object(area, ["area_code", "area_country"], ["code", "country"]),
        name=models.TextField(default="x"),
    )
    return area, site


def with_composite_key(made: Tables) -> tuple[Any, ...]:
    area, site = composite(made)
    area.objects.create(country="de", code=2, name="other")
    one = area.objects.create(country="de", code=1, name='"one"')
    for code, country in [(1, "de"), (1, "de"), (2, "de"), (1, None)]:
        site.objects.create(area_code=code, area_country=country)
    return one, area, site


def with_a_unique_pair(made: Tables) -> tuple[Any, ...]:
    area = made.make(
        "Area",
        country=models.CharField(max_length=9),
        code=models.IntegerField(),
        Meta={"unique_together": [("country", "code")]},
    )
    site = made.make(
        "Site",
        area_country=models.CharField(max_length=9),
        area_code=models.IntegerField(),
        area=foreign_object(area, ["area_country", "area_code"], ["country", "code"]),
    )
    area.objects.create(country="de", code=2)
    one = area.objects.create(country="de", code=1)
    for code in (1, 1, 2):
        site.objects.create(area_country="de", area_code=code)
    return one, area, site


def generic(made: Tables, object_id: Any, on: str) -> tuple[Any, ...]:
    tag = made.make(
        "Tag",
        word=models.TextField(),
        content_type=models.ForeignKey(ContentType, models.CASCADE),
        object_id=object_id,
        target=GenericForeignKey(),
    )
    thing = made.make("Thing", name=models.TextField(), **{on: GenericRelation(tag)})
    other = made.make("OtherThing", tags=GenericRelation(tag))
    one, two = thing.objects.create(name="one"), thing.objects.create(name="two")
    for target in (one, one, two, other.objects.create(pk=one.pk)):
        tag.objects.create(word="x", target=target)
    return one, thing, other, tag


def with_a_generic_relation(made: Tables) -> tuple[Any, ...]:
    return generic(made, models.PositiveIntegerField(), "tags")


def with_a_generic_relation_by_text(made: Tables) -> tuple[Any, ...]:
    return generic(made, models.CharField(max_length=99), "tags")


def with_tags_on_tags(made: Tables) -> tuple[Any, ...]:
    one, thing, other, tag = generic(made, models.TextField(), "tags")
    mark = made.make("Mark", tag=models.ForeignKey(tag, models.CASCADE))
    for each in tag.objects.all():
        mark.objects.create(tag=each)
    return one, thing, other, tag, mark


def pointing(made: Tables, on_delete: Any, **options: Any) -> tuple[Any, ...]:
    target = made.make("Target", name=models.TextField())
    fallback = target.objects.create(pk=100, name="fallback")
    assert fallback.pk == 100
    thing = made.make("Thing", to=models.ForeignKey(target, on_delete, **options))
    one = target.objects.create(pk=1, name="one")
    for to in (one, one, fallback):
        thing.objects.create(to=to)
    return one, target, thing


def with_a_default(made: Tables) -> tuple[Any, ...]:
    return pointing(made, models.SET_DEFAULT, default=100)


def with_a_value_to_set(made: Tables) -> tuple[Any, ...]:
    return pointing(made, models.SET(lambda: 100))


def with_null(made: Tables) -> tuple[Any, ...]:
    return pointing(made, models.SET_NULL, null=True)


def with_many_to_many(made: Tables) -> tuple[Any, ...]:
    thing = made.make("Thing", others=models.ManyToManyField("self"))
    one, two = thing.objects.create(), thing.objects.create()
    one.others.add(two)
    return one, thing, thing.others.through


def with_a_parent(made: Tables) -> tuple[Any, ...]:
    place = made.make("Place", name=models.TextField())
    visit = made.make("Visit", place=models.ForeignKey(place, models.CASCADE))
    bar = made.make("Bar", bases=(place,), drinks=models.TextField())
    one = bar.objects.create(name="one", drinks="tea")
    visit.objects.create(place=one)
    return one, bar, place, visit


RELATIONS: list[Callable[[Tables], tuple[Any, ...]]] = [
    with_composite_key,
    with_a_unique_pair,
    with_a_generic_relation,
    with_a_generic_relation_by_text,
    with_tags_on_tags,
    with_a_default,
    with_a_value_to_set,
    with_null,
    with_many_to_many,
    with_a_parent,
]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("through", ["sql", "save"])
@pytest.mark.parametrize("relation", RELATIONS, ids=lambda f: f.__name__)
def test_what_a_deletion_took_along_comes_back_with_it(
    made: Tables, relation: Any, through: str
) -> None:
    one, *tracked = relation(made)
    copies = Copies(*tracked)
    one.delete()
    assert copies.differences()
    restore(event_of(tracked[0], "D")).apply(through=through)
    assert copies.differences() == []


def test_a_reference_that_was_given_away_by_hand_stays(made: Tables) -> None:
    one, target, thing = with_a_default(made)
    third = target.objects.create(pk=7, name="third")
    with transaction.atomic():
        thing.objects.filter(to=one).update(to=third)
        one.delete()
    restore(event_of(target, "D")).apply()
    assert set(thing.objects.values_list("to", flat=True)) == {7, 100}


def test_a_tag_of_another_model_with_the_same_key_stays_deleted(made: Tables) -> None:
    one, thing, other, tag = with_a_generic_relation(made)
    with transaction.atomic():
        one.delete()
        other.objects.all().delete()
    restore(event_of(thing, "D")).apply()
    assert thing.objects.count() == 2
    assert other.objects.count() == 0
    assert {t.content_type.model for t in tag.objects.all()} == {"thing"}


@pytest.mark.parametrize("row_level", [False, True])
def test_refs_have_what_a_foreign_object_points_at(made: Tables, row_level: bool) -> None:
    area, site = composite(made)
    if row_level:
        made.retrack(
            site,
            pgaudit_log.InsertEvent("row"),
            level=pgaudit_log.Row,
            model_name="RowSiteEvent",
            obj_field=pgaudit_log.ObjForeignKey(related_name="row_events"),
        )
    one = area.objects.create(country='d"e', code=1)
    found = site.objects.create(area=one)
    half = site.objects.create(area_code=1)
    events = Events.objects.filter(pgh_obj_model="shop.Site")
    key = 'shop.Area:["d\\"e", 1]'
    assert [e.pgh_refs for e in events.filter(pgh_obj_id=str(found.pk))] == [[key]] * (
        1 + row_level
    )
    assert not any(e.pgh_refs for e in events.filter(pgh_obj_id=str(half.pk)))
    assert Events.objects.references(one).filter(pgh_obj_model="shop.Site").count() == 1 + row_level
    site.objects.bulk_create([site(area=one) for _ in range(3)])
    site.objects.update(name="y")
    assert Events.objects.references(one).filter(pgh_operation="U").count() == 4


@pytest.mark.parametrize(
    "relation", [with_composite_key, with_a_unique_pair], ids=lambda f: f.__name__
)
def test_an_undo_leaves_nothing_that_points_at_nothing(made: Tables, relation: Any) -> None:
    one, area, site = relation(made)
    plan = undo(event_of(area, "I", pgh_obj_id=key_of(one)))
    assert [o.kind for o in plan.obstacles] == [Kind.REFERENCED]
    assert "points at it with area" in str(plan.obstacles[0])
    with pytest.raises(PlanError):
        plan.apply()
    site.objects.all().delete()
    undo(event_of(area, "I", pgh_obj_id=key_of(one))).apply()
    assert area.objects.count() == 1


@pytest.mark.parametrize("through", ["sql", "save"])
def test_an_undo_of_all_of_it_goes_children_first(made: Tables, through: str) -> None:
    with pgaudit_log.context(reason="all") as context:
        with_composite_key(made)
    undo(context=context).apply(through=through)
    assert Events.objects.filter(pgh_operation="D").count() == 6


def test_a_row_that_came_after_the_plan_refuses_it(made: Tables) -> None:
    area, site = composite(made)
    one = area.objects.create(country="de", code=1)
    plan = undo(event_of(area, "I"))
    site.objects.create(area=one)
    with pytest.raises(PlanError, match="points at shop.Area"):
        plan.apply()


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("through", ["sql", "save"])
def test_a_tag_that_came_after_the_plan_refuses_it(made: Tables, through: str) -> None:
    one, thing, _, tag = with_a_generic_relation(made)
    tag.objects.all().delete()
    plan = undo(event_of(thing, "I", pgh_obj_id=str(one.pk)))
    assert plan.is_applicable
    new = tag.objects.create(word="new", target=one)
    with pytest.raises(PlanError, match=f"shop.Tag {new.pk} points at shop.Thing {one.pk}"):
        plan.apply(through=through)
    assert undo(event_of(thing, "I", pgh_obj_id=str(one.pk))).obstacles
    tag.objects.update(object_id=99)
    plan.apply(through=through)


def key_of(obj: Any) -> str:
    return '["de", 1]' if isinstance(obj.pk, tuple) else str(obj.pk)
