"""Time travel: models of every shape, and models that have changed since."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.fields import GenericForeignKey, GenericRelation
from django.contrib.contenttypes.models import ContentType
from django.db import models

import pgaudit_log
from pgaudit_log import timetravel
from pgaudit_log.exceptions import QueryError, UnknownPastError
from pgaudit_log.testing import isolated
from pgaudit_log.timetravel import recorded_past
from tests.moments import now
from tests.shop import models as shop
from tests.shop.models import Customer, Stock, Team, Untracked
from tests.support import execute
from tests.tables import install, make, tracked_table

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    with isolated():
        yield


def tracked(name: str, /, **attributes: Any) -> Any:
    return tracked_table(name, **attributes)


@pytest.mark.parametrize(
    ("manager", "queryset"),
    [
        (models.Manager, models.QuerySet),
        (pgaudit_log.TrackedManager["Any"], pgaudit_log.TrackedQuerySet["Any"]),
    ],
    ids=["of Django", "that type checkers know"],
)
def test_a_custom_manager_and_queryset_keep_their_methods(manager: Any, queryset: Any) -> None:
    class Things(queryset):  # type: ignore[misc]
        def big(self) -> Any:
            return self.filter(size__gt=5)

    class Active(manager.from_queryset(Things)):  # type: ignore[misc]
        def get_queryset(self) -> Any:
            return super().get_queryset().filter(active=True)

    thing = tracked(
        "Thing",
        size=models.IntegerField(),
        active=models.BooleanField(default=True),
        objects=Active(),
        everything=Things.as_manager(),
    )
    for size, active in [(1, True), (9, True), (9, False)]:
        thing.objects.create(size=size, active=active)
    moment = now()
    thing.everything.update(size=0, active=False)
    assert thing.objects.as_of(moment).big().count() == 1
    assert thing.objects.as_of(moment).count() == 2
    assert thing.everything.big().as_of(moment).count() == 2
    assert isinstance(thing.everything.as_of(moment), Things)


def test_a_child_and_its_parent_are_of_one_moment() -> None:
    place = tracked("Place", name=models.TextField())
    bar = tracked("Bar", bases=(place,), drinks=models.TextField())
    saved = bar.objects.create(name="old", drinks="beer")
    other = place.objects.create(name="only a place")
    moment = now()
    bar.objects.update(drinks="tea")
    place.objects.update(name="new")
    found = bar.objects.as_of(moment).get()
    assert (found.name, found.drinks, found.pk) == ("old", "beer", saved.pk)
    assert bar.objects.as_of(moment).filter(name="old").exists()
    assert {p.name for p in place.objects.as_of(moment)} == {"old", "only a place"}
    assert place.objects.as_of(moment).get(pk=saved.pk).bar.drinks == "beer"
    assert place.objects.as_of(moment).filter(bar=None).get() == other
    assert saved.events.as_of(moment).name == "old"


def test_a_child_whose_parent_is_not_tracked_has_todays_parent() -> None:
    place = make("Place", name=models.TextField())
    install(place)
    bar = tracked("Bar", bases=(place,), drinks=models.TextField())
    bar.objects.create(name="old", drinks="beer")
    moment = now()
    bar.objects.update(name="new", drinks="tea")
    found = bar.objects.as_of(moment).get()
    assert (found.name, found.drinks) == ("new", "beer")


def test_an_untracked_child_of_a_tracked_parent_is_partly_of_the_past() -> None:
    place = tracked("Place", name=models.TextField())
    bar = make("Bar", (place,), drinks=models.TextField())
    install(bar)
    bar.objects.create(name="old", drinks="beer")
    moment = now()
    bar.objects.update(name="new", drinks="tea")
    with pytest.raises(AttributeError, match="not tracked"):
        bar.objects.as_of  # noqa: B018
    with timetravel.as_of(moment):
        found = bar.objects.get()
    assert (found.name, found.drinks) == ("old", "tea")
    with pytest.raises(pgaudit_log.exceptions.ReadOnlyError):
        found.save()


def test_an_abstract_base_and_a_proxy() -> None:
    base = make("Base", name=models.TextField(), Meta={"abstract": True})
    thing = tracked("Thing", bases=(base,))
    proxy = make("ThingProxy", (thing,), Meta={"proxy": True})
    saved = proxy.objects.create(name="old")
    moment = now()
    proxy.objects.update(name="new")
    found = proxy.objects.as_of(moment).get()
    assert (found.__class__, found.name) == (proxy, "old")
    assert thing.objects.as_of(moment).get().name == "old"
    assert saved.events.as_of(moment).name == "old"


def test_many_to_many_through_a_tracked_table_is_of_the_past() -> None:
    ana, ben = User.objects.create(username="ana"), User.objects.create(username="ben")
    team = Team.objects.create()
    team.members.add(ana)
    moment = now()
    team.members.set([ben])
    through: Any = Team.members.through
    assert [row.user for row in through.objects.as_of(moment)] == [ana]
    with timetravel.as_of(moment):
        assert [u.username for u in team.members.all()] == ["ana"]
        assert Team.objects.filter(members=ana).get() == team
        [loaded] = Team.objects.prefetch_related("members")
        assert list(loaded.members.all()) == [ana]
    assert list(team.members.all()) == [ben]


def test_many_to_many_through_an_untracked_table_is_of_today() -> None:
    tag = tracked("Tag", name=models.TextField())
    note = tracked("Note", text=models.TextField(), tags=models.ManyToManyField(tag))
    one, two = tag.objects.create(name="one"), tag.objects.create(name="two")
    saved = note.objects.create(text="old")
    saved.tags.add(one)
    moment = now()
    saved.tags.set([two])
    tag.objects.update(name="new")
    assert [t.name for t in note.objects.as_of(moment).get().tags.all()] == ["two"]


def test_a_foreign_key_to_itself() -> None:
    node = tracked(
        "Node", name=models.TextField(), parent=models.ForeignKey("self", models.CASCADE, null=True)
    )
    root = node.objects.create(name="root")
    leaf = node.objects.create(name="leaf", parent=root)
    moment = now()
    node.objects.update(name="new", parent=None)
    past = node.objects.as_of(moment)
    assert past.get(parent__name="root").pk == leaf.pk
    assert past.select_related("parent").get(pk=leaf.pk).parent.name == "root"
    assert past.get(pk=root.pk).node_set.get().name == "leaf"
    assert past.filter(node__name="leaf").get().name == "root"


def test_a_composite_key() -> None:
    seat = tracked(
        "Seat",
        pk=models.CompositePrimaryKey("hall", "row"),
        hall=models.TextField(),
        row=models.IntegerField(),
        note=models.TextField(default=""),
    )
    one = seat.objects.create(hall='a"ä', row=1)
    seat.objects.create(hall="b", row=2)
    moment = now()
    seat.objects.update(note="new")
    seat.objects.filter(row=1).update(hall="c")
    past = seat.objects.as_of(moment)
    assert past.get(pk=('a"ä', 1)).note == ""
    assert past.filter(pk__in=[("b", 2), ("c", 1)]).get().hall == "b"
    assert past.filter(hall="b").get().note == ""
    assert one.events.as_of(moment).note == ""
    assert sorted(seat.objects.as_of(now()).values_list("hall", "row", "note")) == [
        ("b", 2, "new"),
        ("c", 1, "new"),
    ]
    with pytest.raises(seat.DoesNotExist):
        seat.objects.as_of(now()).get(pk=('a"ä', 1))


def test_odd_names_of_tables_columns_and_labels() -> None:
    odd = tracked_table(
        "Odd",
        pgaudit_log.InsertEvent("50% 'of' {all} \\x"),
        pgaudit_log.UpdateEvent('100% "new" {}'),
        pgaudit_log.UpdateEvent("%s {past}", row=pgaudit_log.Old),
        name=models.TextField(db_column="we'ird {Col}"),
        snapshot=models.TextField(default="s"),
        obj_pk=models.TextField(default="o"),
        Meta={"db_table": "odd Table's {x}"},
    )
    odd.objects.create(name="old %s")
    moment = now()
    odd.objects.update(name="new")
    past = odd.objects.as_of(moment)
    assert past.get(name="old %s").snapshot == "s"
    assert past.filter(name__contains="%", obj_pk="o").count() == 1
    assert odd.objects.as_of(now()).get().name == "new"


def test_columns_that_came_later_are_null_before_and_removed_ones_are_gone() -> None:
    thing = tracked("Thing", name=models.TextField())
    thing.objects.create(name="x")
    moment = now()
    with isolated():
        execute("ALTER TABLE shop_thing ADD COLUMN added text DEFAULT 'd', DROP COLUMN name")
        execute("ALTER TABLE shop_thing RENAME TO shop_later")
        later = make("Later", added=models.TextField(null=True))
        pgaudit_log.track(former_labels=["shop.Thing"])(later)
        assert later.objects.as_of(moment).values_list("added").get() == (None,)
        assert later.objects.get().added == "d"


def test_former_names_of_models_and_columns_are_read() -> None:
    thing = tracked("Thing", name=models.TextField())
    saved = thing.objects.create(name="old")
    moment = now()
    thing.objects.update(id=saved.pk + 100)
    with isolated():
        renamed = make("Renamed", title=models.TextField())
        pgaudit_log.track(
            *[pgaudit_log.InsertEvent(), pgaudit_log.UpdateEvent(), pgaudit_log.DeleteEvent()],
            former_labels=["shop.Thing"],
            former_columns={"title": ["name"]},
        )(renamed)
        execute("ALTER TABLE shop_thing RENAME COLUMN name TO title")
        execute("ALTER TABLE shop_thing RENAME TO shop_renamed")
        assert renamed.objects.as_of(moment).get(pk=saved.pk).title == "old"
        assert [r.pk for r in renamed.objects.as_of(now())] == [saved.pk + 100]


def test_what_is_excluded_is_null_in_sql_and_raises_on_an_object() -> None:
    secret = tracked(
        "Secret", track={"exclude": ["word"]}, name=models.TextField(), word=models.TextField()
    )
    secret.objects.create(name="old", word="today")
    moment = now()
    secret.objects.update(name="new")
    past = secret.objects.as_of(moment)
    assert past.values_list("name", "word").get() == ("old", None)
    assert not past.filter(word="today").exists()
    with timetravel.as_of(moment):
        in_block = secret.objects.get()
    for found in (past.get(), past.only("word").get(), in_block):
        assert found.name == "old"
        with pytest.raises(UnknownPastError, match="word is not tracked"):
            found.word  # noqa: B018
        with pytest.raises(UnknownPastError, match="word is not tracked"):
            found.refresh_from_db(fields=["word"])
        found.refresh_from_db()
        assert found.name == "old"
    assert secret.objects.get().word == "today"


def test_a_key_that_is_not_tracked_is_read_from_the_event() -> None:
    part = tracked(
        "Part", track={"fields": ["name"]}, name=models.TextField(), n=models.IntegerField()
    )
    saved = part.objects.create(name="old", n=1)
    moment = now()
    part.objects.update(name="new")
    [found] = part.objects.as_of(moment)
    assert (found.pk, found.name) == (saved.pk, "old")
    assert part.objects.as_of(moment).get(pk=saved.pk).name == "old"
    pair = tracked(
        "Pair",
        track={"fields": ["name"]},
        pk=models.CompositePrimaryKey("a", "b"),
        a=models.TextField(),
        b=models.IntegerField(),
        name=models.TextField(),
    )
    pair.objects.create(a="x", b=2, name="old")
    assert [p.pk for p in pair.objects.as_of(now())] == [("x", 2)]


@pytest.mark.parametrize(
    "field",
    [
        models.DecimalField(max_digits=9, decimal_places=2, primary_key=True),
        models.FloatField(primary_key=True),
        models.DateTimeField(primary_key=True),
        models.DurationField(primary_key=True),
    ],
    ids=lambda field: type(field).__name__,
)
def test_a_key_whose_equal_values_are_different_texts(field: Any) -> None:
    thing = tracked("Thing", key=field, name=models.TextField())
    key, same = {
        "DateTimeField": (
            datetime(2024, 1, 1, 12, tzinfo=timezone.utc),
            datetime(2024, 1, 1, 17, tzinfo=timezone(timedelta(hours=5))),
        ),
        "DurationField": (timedelta(days=1), timedelta(hours=24)),
    }.get(type(field).__name__, (1, "1.0"))
    thing.objects.create(key=key, name="old")
    moment = now()
    thing.objects.update(name="new")
    assert thing.objects.as_of(moment).get(key=same).name == "old"
    assert thing.objects.as_of(moment).filter(key__in=[same]).count() == 1


def test_a_key_in_a_collation_of_its_own_is_not_looked_up_by_its_text() -> None:
    thing = make("Thing", key=models.CharField(max_length=9, primary_key=True, db_collation="x"))
    column = thing._meta.pk.get_col("shop_thing")
    assert recorded_past.key_texts(thing, column, ["a"]) is None


def test_a_foreign_key_to_another_column_and_to_a_date() -> None:
    day = tracked("Day", day=models.DateField(primary_key=True), code=models.TextField(unique=True))
    visit = tracked(
        "Visit",
        day=models.ForeignKey(day, models.CASCADE),
        code=models.ForeignKey(day, models.CASCADE, to_field="code", related_name="+", null=True),
    )
    saved = day.objects.create(day="2024-02-29", code="x")
    visit.objects.create(day=saved, code=saved)
    moment = now()
    other = day.objects.create(day="2024-03-01", code="y")
    visit.objects.update(day=other, code=other)
    past = visit.objects.as_of(moment)
    assert past.filter(day=saved).count() == past.filter(code="x").count() == 1
    assert past.filter(day=other).count() == past.filter(code="y").count() == 0
    assert day.objects.as_of(moment).get().visit_set.count() == 1


def test_generic_relations() -> None:
    tag = tracked(
        "Tag",
        word=models.TextField(),
        content_type=models.ForeignKey(ContentType, models.CASCADE),
        object_id=models.PositiveIntegerField(),
        target=GenericForeignKey(),
    )
    thing = tracked("Thing", name=models.TextField(), tags=GenericRelation(tag))
    saved = thing.objects.create(name="old")
    tag.objects.create(word="old", target=saved)
    moment = now()
    thing.objects.update(name="new")
    tag.objects.update(word="new")
    ContentType.objects.clear_cache()
    past = tag.objects.as_of(moment)
    assert past.get().target.name == "old"
    assert past.prefetch_related("target").get().target.name == "old"
    found = past.get()
    models.prefetch_related_objects([found], "target")
    assert found.target.name == "old"
    assert [t.word for t in thing.objects.as_of(moment).get().tags.all()] == ["old"]
    assert thing.objects.as_of(moment).filter(tags__word="old").count() == 1
    assert [
        t.word for t in thing.objects.as_of(moment).prefetch_related("tags").get().tags.all()
    ] == ["old"]
    with timetravel.as_of(moment):
        assert tag.objects.get().target.name == "old"
    # Content types are kept for good, but not as those of the past.
    assert type(ContentType.objects.get_for_model(thing)._state.db) is str
    assert tag.objects.prefetch_related("target").get().target.name == "new"


def test_objects_of_untracked_tables_are_of_today_and_lead_back_to_the_past() -> None:
    group = Group.objects.create(name="today")
    owner = tracked(
        "Owner", group=models.ForeignKey(Group, models.CASCADE), name=models.TextField()
    )
    owner.objects.create(group=group, name="old")
    moment = now()
    owner.objects.update(name="new")
    found = owner.objects.as_of(moment).get()
    assert found.group.name == "today"
    assert found.group.owner_set.get().name == "old"
    with timetravel.as_of(moment):
        assert Untracked.objects.count() == 0
        Group.objects.create(name="written")
        in_block = Group.objects.get(name="today")
        in_block.name = "saved"
        in_block.save()
    assert Group.objects.filter(name__in=["saved", "written"]).count() == 2


def test_untracked_models_have_no_past() -> None:
    with pytest.raises(AttributeError, match="not tracked"):
        Untracked.objects.as_of  # noqa: B018
    assert not hasattr(Untracked.objects.all(), "as_of")
    assert not hasattr(Stock.objects, "as_off")
    with pytest.raises(QueryError, match="not tracked"):
        timetravel.query(Untracked.objects.all(), now_or_create())


def now_or_create() -> Any:
    Customer.objects.create(name="x")
    return now()


def test_a_proxys_declaration_and_excluded_fields() -> None:
    user = shop.UserProxy.objects.create(username="old", password="secret")
    moment = now()
    User.objects.update(username="new")
    found = User.objects.as_of(moment).get(pk=user.pk)
    assert found.username == "old"
    with pytest.raises(UnknownPastError, match="password"):
        found.password  # noqa: B018
    assert shop.UserProxy.objects.as_of(moment).get().username == "old"
