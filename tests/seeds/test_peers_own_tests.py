"""What django-pghistory's own tests check holds here, too, or differs as docs/upgrading.md says.

Each test names those of the peer, of release 3.9, whose subject it has.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import DatabaseError, connection, models
from django.db.models import F
from django.test import RequestFactory

import pgaudit_log
from pgaudit_log.exceptions import DeclarationError, QueryError
from pgaudit_log.middleware import AuditMiddleware
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests import tables
from tests.shop.models import UserGroups

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

UserGroupsEvent: Any = UserGroups.pgh_event_model  # type: ignore[attr-defined]


def day(year: int, month: int = 1, number: int = 1) -> datetime:
    return datetime(year, month, number, tzinfo=timezone.utc)


@contextmanager
def declared(*decorators: Any, name: str = "Thing", **fields: Any) -> Iterator[Any]:
    """A model with some ``track()`` above it, the nearest first, and its table."""
    with isolated():
        model = tables.make(name, **fields)
        for decorator in decorators:
            decorator(model)
        tables.install(model)
        yield model


def values(events: Any, *names: str) -> list[tuple[Any, ...]]:
    return list(events.order_by("pgh_id").values_list(*names))


def inserts_and_updates(prefix: str, **options: Any) -> Any:
    return pgaudit_log.track(
        pgaudit_log.InsertEvent(f"{prefix}_insert"),
        pgaudit_log.UpdateEvent(f"{prefix}_update"),
        **options,
    )


@contextmanager
def snapshots() -> Iterator[Any]:
    """A model tracked five times over: wholly, in part, and without a way to its object."""
    related = pgaudit_log.ObjForeignKey
    with declared(
        inserts_and_updates("bare", model_name="BareEvent", obj_field=None),
        inserts_and_updates(
            "snapshot", model_name="WholeEvent", obj_field=related(related_name="snapshot")
        ),
        inserts_and_updates(
            "both", fields=["at", "n"], obj_field=related(related_name="both_events")
        ),
        inserts_and_updates("at", fields=["at"], obj_field=related(related_name="at_events")),
        inserts_and_updates(
            "custom",
            model_name="CustomEvent",
            exclude=["at"],
            obj_field=related(related_name="custom_events"),
        ),
        at=models.DateTimeField(),
        n=models.IntegerField(),
        who=models.ForeignKey(User, models.SET_NULL, null=True),
    ) as model:
        yield model


def test_snapshots_of_all_and_of_some_fields() -> None:
    """test_dt_field_snapshot_tracking, test_dt_field_int_field_snapshot_tracking,
    test_model_snapshot_tracking, test_custom_snapshot_model_tracking, test_fk_cascading,
    test_pgh_event_model, test_get_obj_field.
    """
    with snapshots() as thing:
        user = User.objects.create_user("ana")
        with pgaudit_log.context() as context:
            made = thing.objects.create(at=day(2020), n=0, who=user)
        made.at = day(2019)
        made.save()
        made.save()
        made.n = 1
        made.save()
        assert values(made.at_events, "pgh_label", "at", "pgh_obj_id") == [
            ("at_insert", day(2020), made.pk),
            ("at_update", day(2019), made.pk),
        ]
        assert values(made.both_events, "at", "n") == [
            (day(2020), 0),
            (day(2019), 0),
            (day(2019), 1),
        ]
        assert values(made.snapshot, "at", "n", "who_id") == [
            (day(2020), 0, user.pk),
            (day(2019), 0, user.pk),
            (day(2019), 1, user.pk),
        ]
        assert values(made.custom_events, "pgh_label", "n") == [
            ("custom_insert", 0),
            ("custom_update", 1),
        ]
        # Difference: what comes after a block has no context.
        contexts = [id for (id,) in values(made.snapshot, "pgh_context_id")]
        assert contexts == [context.id, None, None]
        key, old = made.pk, user.pk
        user.delete()
        assert values(made.snapshot, "who_id")[-2:] == [(old,), (None,)]
        # Difference: no event goes with what it points at.
        assert values(made.custom_events, "who_id") == [(old,), (old,), (None,)]
        made.delete()
        whole = thing.pgh_event_models["snapshot_insert"]
        assert whole.__name__ == "WholeEvent"
        assert whole.objects.filter(pgh_obj_id=key).count() == 4
        assert {model.__name__ for model in thing.pgh_event_models.values()} == {
            "BareEvent",
            "WholeEvent",
            "ThingAtNEvent",
            "ThingAtEvent",
            "CustomEvent",
        }


@pytest.mark.parametrize("level", [pgaudit_log.Statement, pgaudit_log.Row])
def test_events_of_the_rows_before_and_after(level: Any) -> None:
    """test_events_on_event_model, test_scope_inside_transaction, test_track_context_id,
    test_track_context_metadata, test_nested_tracking, test_create_event,
    test_create_event_no_context, test_duplicate_registration.
    """
    with declared(
        pgaudit_log.track(
            pgaudit_log.ManualEvent("manual"),
            pgaudit_log.InsertEvent("create"),
            pgaudit_log.UpdateEvent("before", row=pgaudit_log.Old),
            pgaudit_log.DeleteEvent("gone", row=pgaudit_log.Old),
            pgaudit_log.UpdateEvent("after", condition=pgaudit_log.AnyChange("at")),
            level=level,
        ),
        at=models.DateTimeField(),
        n=models.IntegerField(),
    ) as thing:
        made = thing.objects.create(at=day(2020), n=1)
        assert made.events.get().pgh_context_id is None
        made.n = 2
        made.save()
        made.at = day(2019)
        made.save()
        assert sorted(values(made.events, "pgh_label", "at", "n")) == [
            ("after", day(2019), 2),
            ("before", day(2020), 1),
            ("before", day(2020), 2),
            ("create", day(2020), 1),
        ]
        key = made.pk
        made.delete()
        assert values(
            thing.pgh_event_model.objects.filter(pgh_label="gone"), "n", "pgh_obj_id"
        ) == [(2, key)]
        with pgaudit_log.context(key1="val1") as outer:
            first = thing.objects.create(at=day(2020), n=1)
            with pgaudit_log.context(key2="val2") as inner:
                assert inner.id == outer.id
                first.n = 2
                first.save()
            first.n = 3
            first.save()
        # Difference: what an inner block says is said of what is written in it.
        assert values(first.events, "pgh_context_id", "pgh_context") == [
            (outer.id, {"key1": "val1"}),
            (outer.id, {"key1": "val1", "key2": "val2"}),
            (outer.id, {"key1": "val1"}),
        ]
        with pgaudit_log.context() as another:
            second = thing.objects.create(at=day(2020), n=1)
        assert another.id != outer.id
        assert second.events.get().pgh_context_id == another.id
        # Difference: DeclarationError, not ValueError.
        with pytest.raises(DeclarationError, match="nowhere"):
            pgaudit_log.create_event(second, label="nowhere")
        event: Any = pgaudit_log.create_event(second, label="manual")
        assert (event.pgh_label, event.n, event.at, event.pgh_context) == (
            "manual",
            1,
            day(2020),
            None,
        )
        with pgaudit_log.context(hello="world") as context:
            event = pgaudit_log.create_event(second, label="manual")
        assert (event.pgh_context_id, event.pgh_context) == (context.id, {"hello": "world"})
        with pytest.raises(DeclarationError):
            pgaudit_log.track(pgaudit_log.InsertEvent("create"))(thing)


def test_contexts_hold_any_text_and_leave_other_statements_alone() -> None:
    """test_track_context_metadata_single_quote, test_track_context_metadata_percent,
    test_named_cursor, test_denorm_context_tracking, test_create_event_denormed_context,
    test_is_ignored_statement, test_inject_history_context, test_async_context.
    """
    with declared(pgaudit_log.track(), n=models.IntegerField(default=1)) as thing:
        said = {"key1": "can't", "key2": "''quoted''", "key3": "%s", "key4": "%(a)s */ -- \\"}
        with pgaudit_log.context(**said) as context:
            made = thing.objects.create()
            assert [one.pk for one in thing.objects.iterator()] == [made.pk]
            with connection.cursor() as cursor:
                for sql, params in (
                    ("UPDATE shop_thing SET n = %s WHERE id = %s", (2, made.pk)),
                    ("UPDATE shop_thing SET n = %(n)s WHERE id = %(id)s", {"n": 3, "id": made.pk}),
                    ("update shop_thing set n = 4", None),
                ):
                    cursor.execute(sql, params)
                for sql in (
                    "SELECT 1",
                    "SET LOCAL statement_timeout TO 0",
                    "SET search_path = public",
                    "ANALYZE shop_thing",
                    "CREATE INDEX ON shop_thing (n)",
                ):
                    cursor.execute(sql)
        events = values(made.events, "n", "pgh_context", "pgh_context_id")
        assert events == [(n, said, context.id) for n in (1, 2, 3, 4)]
        assert isinstance(context.id, uuid.UUID)

        async def create() -> Any:
            async with pgaudit_log.context(example="context"):
                return await thing.objects.acreate()

        assert async_to_sync(create)().events.get().pgh_context == {"example": "context"}


def test_keys_columns_and_fields_of_any_kind() -> None:
    """test_custom_pk_and_custom_column, test_generate_history_field, test_image_field_snapshot,
    test_unique_field_tracking, test_append_only, test_events_references_custom_pk,
    test_empty_fields, test_generated_field.
    """
    key = uuid.uuid4()
    with declared(
        pgaudit_log.track(
            pgaudit_log.UpdateEvent("n_updated", condition=pgaudit_log.AnyChange("n")),
            fields=["n"],
            obj_field=pgaudit_log.ObjForeignKey(related_name="changes"),
        ),
        pgaudit_log.track(obj_field=pgaudit_log.ObjForeignKey(related_name="snapshot")),
        my_pk=models.UUIDField(primary_key=True),
        n=models.IntegerField(db_column="integer_field"),
        word=models.CharField(max_length=9, unique=True),
        paper=models.FileField(null=True),
        twice=models.GeneratedField(
            expression=F("n") * 2, output_field=models.IntegerField(), db_persist=True
        ),
        Meta={"unique_together": [("n", "word")]},
    ) as thing:
        made = thing.objects.create(pk=key, n=1, word="a", paper="a/b.png")
        for n in (2, 1, 1):
            made.n = n
            made.save()
        assert values(made.snapshot, "pgh_obj_id", "n", "my_pk", "word") == [
            (key, n, key, "a") for n in (1, 2, 1)
        ]
        assert [event.n for event in made.changes.order_by("pgh_id")] == [2, 1]
        assert made.snapshot.earliest("pgh_id").paper.name == "a/b.png"
        field = made.snapshot.model._meta.get_field("n")
        # Difference: a view calls its columns as the model calls its fields.
        assert (field.column, field.unique) == ("n", False)
        # Difference: an event of no field is refused, as it would tell nothing.
        with pytest.raises(DeclarationError, match="no field is left to track"):
            pgaudit_log.track(fields=[], model_name="NothingEvent", obj_field=None)(thing)
        # Difference: what the database computes is in events, too.
        assert [
            (event.pgh_obj_id, event.pgh_diff)
            for event in Events.objects.tracks(made).filter(pgh_label="update").order_by("pgh_id")
        ] == [
            (str(key), {"integer_field": [1, 2], "twice": [2, 4]}),
            (str(key), {"integer_field": [2, 1], "twice": [4, 2]}),
        ]
        # Difference: events are append-only, always.
        with pytest.raises((DatabaseError, pgaudit_log.ReadOnlyError)):
            made.snapshot.all().delete()


def test_composite_keys_and_parents() -> None:
    """test_composite_pk, test_concrete_inheritance."""
    with declared(
        pgaudit_log.track(),
        pk=models.CompositePrimaryKey("a", "b"),
        a=models.IntegerField(),
        b=models.IntegerField(),
    ) as thing:
        # Difference: they work.
        thing.objects.create(a=1, b=2)
        assert Events.objects.get(pgh_obj_model="shop.Thing").pgh_obj_id == "[1, 2]"
    with isolated():
        parent = tables.make("Parent", name=models.CharField(max_length=9))
        child = tables.make("Child", (parent,), age=models.IntegerField())
        pgaudit_log.track()(child)
        tables.install(parent, child)
        made = child.objects.create(name="John", age=20)
        assert made.events.get().age == 20


def test_many_to_many_tables() -> None:
    """test_m2m_through_tracking, test_custom_foreign_key_to_m2m_through, test_checks."""
    user = User.objects.create_user("ana")
    one, two = Group.objects.create(name="1"), Group.objects.create(name="2")
    user.groups.add(one)
    user.groups.remove(one)
    user.groups.add(two)
    assert values(UserGroupsEvent.objects, "user", "group", "pgh_label") == [
        (user.pk, one.pk, "group.add"),
        (user.pk, one.pk, "group.remove"),
        (user.pk, two.pk, "group.add"),
    ]
    call_command("check")


def test_fields_that_fill_themselves_in() -> None:
    """test_custom_ignore_auto_fields_tracker, test_conditional_untracked_field."""
    fields = ["created_at", "updated_at", "n"]
    related = pgaudit_log.ObjForeignKey
    with declared(
        pgaudit_log.track(
            pgaudit_log.UpdateEvent(
                "word_changed", row=pgaudit_log.Old, condition=pgaudit_log.AnyChange("word")
            ),
            fields=fields,
            model_name="WordEvent",
            obj_field=related(related_name="word_events"),
        ),
        pgaudit_log.track(
            pgaudit_log.UpdateEvent(
                row=pgaudit_log.Old, condition=pgaudit_log.AnyChange(exclude_auto=True)
            ),
            pgaudit_log.DeleteEvent(),
            fields=fields,
            obj_field=related(related_name="own_events"),
        ),
        created_at=models.DateTimeField(auto_now_add=True),
        updated_at=models.DateTimeField(auto_now=True),
        n=models.IntegerField(),
        word=models.CharField(max_length=9),
    ) as thing:
        made = thing.objects.create(n=0, word="0")
        made.save()
        assert (made.own_events.count(), made.word_events.count()) == (0, 0)
        made.word = "1"
        made.save()
        assert (made.own_events.count(), made.word_events.count()) == (0, 1)
        made.n = 1
        made.save()
        thing.objects.update(created_at=day(2020), updated_at=day(2020))
        assert values(made.own_events, "n") == [(0,)]
        assert made.word_events.count() == 1
        model = made.own_events.model
        made.delete()
        assert model.objects.count() == 2


def test_the_trail_by_what_is_tracked_and_referred_to() -> None:
    """test_events_tracks, test_events_no_references, test_events_references_joining_filtering,
    test_events_multiple_references, test_events_references_denorm_context,
    test_events_references_no_obj_tracking_filters, test_events_no_history, test_events_usage,
    test_aggregate_event_default_manager, test_custom_event_proxy.
    """
    actor, ana, bob = (User.objects.create_user(name) for name in ("actor", "ana", "bob"))
    with snapshots() as thing:
        with pgaudit_log.context(key="value1", user=actor.pk, url="https://url.com"):
            first = thing.objects.create(at=day(2020), n=1, who=ana)
            second = thing.objects.create(at=day(2020), n=10, who=bob)
        with pgaudit_log.context(key="value2", user=0):
            first.n = 3
            first.save()
            second.n, second.who = 33, ana
            second.save()
        # Difference: events of all declarations, those without a way to their object among them.
        assert Events.objects.tracks(first).count() == 5 + 4
        assert Events.objects.tracks(first, second).count() == 2 * (5 + 4)
        assert Events.objects.tracks(thing.objects.all()).count() == 2 * (5 + 4)
        assert Events.objects.tracks(first).across("shop.Thing").count() == 9
        # Difference: only what pointed at it, not its own.
        pointing = Events.objects.references(ana).filter(pgh_label__startswith="snapshot")
        assert values(pointing, "pgh_obj_id", "pgh_diff") == [
            (str(first.pk), None),
            (str(first.pk), {"n": [1, 3]}),
            (str(second.pk), {"n": [10, 33], "who_id": [bob.pk, ana.pk]}),
        ]
        [[data]] = values(pointing.filter(pgh_data__n=3), "pgh_data")
        assert data == {"id": first.pk, "at": "2020-01-01T00:00:00+00:00", "n": 3, "who_id": ana.pk}
        assert Events.objects.references(ana, bob).filter(pgh_label="snapshot_insert").count() == 2
        assert set(
            Events.objects.tracks(first, second).values_list("pgh_context__key", flat=True)
        ) == {"value1", "value2"}

        custom = type(
            "CustomEvents",
            (Events,),
            {
                "__module__": "tests.shop.models",
                "user": pgaudit_log.ProxyField(
                    "pgh_context__user", models.ForeignKey(User, models.DO_NOTHING, null=True)
                ),
                "url": pgaudit_log.ProxyField("pgh_context__url", models.TextField(null=True)),
                "Meta": type("Meta", (), {"proxy": True, "app_label": "shop"}),
            },
        )
        found: Any = custom.objects.tracks(first)  # type: ignore[attr-defined]
        assert set(found.values_list("user__username", "url")) == {
            ("actor", "https://url.com"),
            (None, None),
        }
        group = Group.objects.create(name="untracked")
        assert list(Events.objects.references(group)) == []
        # Difference: no objects have no events; in the peer they ask for all.
        assert not Events.objects.tracks([]).exists()
        with pytest.raises(QueryError):
            Events.objects.references(first, ana)
        with pytest.raises(QueryError):
            Events.objects.references(first).tracks(first)


def test_reverting() -> None:
    """test_revert."""
    with declared(
        pgaudit_log.track(),
        n=models.IntegerField(),
        who=models.ForeignKey(User, models.SET_NULL, null=True),
    ) as thing:
        user = User.objects.create_user("ana")
        made = thing.objects.create(n=1, who=user)
        made.n, made.who = 2, None
        made.save()
        made.n = 3
        made.save()
        for event, expected in zip(
            made.events.order_by("pgh_id")[:3], [(1, user.pk), (2, None), (3, None)], strict=True
        ):
            event.revert()
            made.refresh_from_db()
            assert (made.n, made.who_id) == expected


def test_requests(rf: RequestFactory) -> None:
    """test_middleware, test_post."""
    told: list[Any] = []

    def answer(request: Any) -> Any:
        from django.http import HttpResponse

        User.objects.create_user(f"made by {request.method}")
        told.append(Events.objects.filter(pgh_obj_model="auth.User").latest("pgh_id").pgh_context)
        return HttpResponse()

    user = User.objects.create_user("ana")
    for method in ("post", "patch", "put", "delete"):
        request = getattr(rf, method)(f"/{method}/")
        request.user = user
        AuditMiddleware(answer)(request)
    assert [(one["user"], one["url"]) for one in told] == [
        (user.pk, f"/{method}/") for method in ("post", "patch", "put", "delete")
    ]
