"""What would go unnoticed until production: hostile roles, odd names, late models, wrong hooks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pgtrigger
import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, models, transaction
from django.http import HttpRequest
from django.test import RequestFactory

import pgaudit_log
from pgaudit_log.contexts.stack import current
from pgaudit_log.database import undeclared_triggers
from pgaudit_log.declaring import declarations
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.middleware import AuditMiddleware
from pgaudit_log.models import Events
from pgaudit_log.testing import isolated
from tests.shop.models import Customer, Order, Team
from tests.shop.models import OrderEvent as _OrderEvent  # type: ignore[attr-defined]
from tests.shop.views import create_customer
from tests.support import execute, last_id, trail
from tests.tables import install, make, tracked_table

pytestmark = pytest.mark.django_db

OrderEvent: Any = _OrderEvent


@pytest.fixture
def forget(db: None) -> Iterator[None]:
    with isolated():
        yield


@pytest.mark.django_db(transaction=True)
def test_nobody_can_put_a_capture_function_on_a_table_of_his_own() -> None:
    [(_, trigger)] = pgtrigger.registered("shop.Customer:audit_insert")
    function = trigger.get_pgid(Customer)
    execute("DROP ROLE IF EXISTS pgaudit_log_stranger")
    execute("CREATE ROLE pgaudit_log_stranger")
    try:
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            execute("SET LOCAL ROLE pgaudit_log_stranger")
            execute("CREATE TEMPORARY TABLE mine (id integer, name text)")
            execute(
                "CREATE TRIGGER forge AFTER INSERT ON mine REFERENCING NEW TABLE AS new_values"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {function}()"
            )
    finally:
        execute("DROP ROLE pgaudit_log_stranger")
    assert trail() == []


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize("level", ["STATEMENT", "ROW"])
def test_columns_may_be_called_like_anything_of_ours(level: str, settings: Any) -> None:
    settings.PGAUDIT_LOG_LEVEL = level
    names = [
        "n",
        "snapshot",
        "tracked",
        "old",
        "new",
        "position",
        "context",
        "value",
        "label",
        "stored",
        "keys",
        "key",
    ]
    names += ["select", "größe", "TG_OP", "event", "diff", "model", "refs"]
    thing = tracked_table(
        "Odd", **{name: models.TextField(default="a", db_column=name) for name in names}
    )
    saved = thing.objects.create()
    thing.objects.create()
    thing.objects.update(**dict.fromkeys(names, "b"))
    event = saved.events.get(pgh_operation="U")
    assert {name: getattr(event, name) for name in names} == dict.fromkeys(names, "b")
    assert event.pgh_diff == {name: ["a", "b"] for name in names}
    assert pgaudit_log.create_event(saved, label="update").pgh_data["tracked"] == "a"


@pytest.mark.usefixtures("forget")
def test_a_column_that_django_does_not_know_does_not_break_updates() -> None:
    thing = tracked_table("Grown", n=models.IntegerField(default=0))
    execute('ALTER TABLE shop_grown ADD COLUMN position integer, ADD COLUMN "row" json')
    thing.objects.bulk_create([thing(), thing()])
    start = last_id()
    thing.objects.update(n=1)
    assert [diff for _, _, diff in trail(after=start)] == [{"n": [0, 1]}] * 2


@pytest.mark.usefixtures("forget")
def test_a_foreign_key_may_point_at_a_model_that_is_declared_later() -> None:
    early = make("Early", late=models.ForeignKey("Late", models.CASCADE, null=True))
    pgaudit_log.track()(early)
    late = make("Late", name=models.TextField(default="x"))
    install(late, early)
    saved = early.objects.create(late=late.objects.create())
    assert saved.events.get().late.name == "x"


def test_each_way_to_ask_for_events_from_the_object(customer: Customer) -> None:
    order = Order.objects.create(customer=customer)
    other = Order.objects.create(customer=customer, status="paid")
    event = order.events.get()  # type: ignore[attr-defined]
    orders = Order.objects.order_by("pk")
    assert list(orders.filter(events__in=[event.pk])) == [order]
    assert list(orders.filter(events=event)) == [order]
    assert list(orders.exclude(events=event.pk)) == [other]
    assert list(orders.exclude(events__in=OrderEvent.objects.filter(pk=event.pk))) == [other]
    assert list(orders.exclude(events__status="paid")) == [order]
    assert list(orders.exclude(events__pgh_obj__status="paid")) == [order]
    assert list(orders.filter(events__pgh_obj__in=[order])) == [order]
    assert OrderEvent.objects.exclude(pgh_obj__in=[order]).get().pgh_obj == other
    assert OrderEvent.objects.exclude(pgh_obj=order).count() == 1


def test_a_decorator_made_inside_a_context_adds_nothing_to_it() -> None:
    with pgaudit_log.context(url="/x"):

        @pgaudit_log.context(job="nightly")
        def job() -> Any:
            return dict(current().metadata)  # type: ignore[union-attr]

        assert dict(current().metadata) == {"url": "/x"}  # type: ignore[union-attr]
        assert job() == {"url": "/x", "job": "nightly"}


def test_blocks_made_before_they_are_entered_leave_nothing_behind() -> None:
    with pgaudit_log.context(url="/x"):
        one, two = pgaudit_log.context(a=1), pgaudit_log.context(b=2)
        pgaudit_log.context(kept=True)
        with one:
            assert dict(current().metadata) == {"url": "/x", "b": 2, "kept": True, "a": 1}  # type: ignore[union-attr]
        with two:
            pass
        assert dict(current().metadata) == {"url": "/x", "kept": True}  # type: ignore[union-attr]


def test_a_block_made_here_may_be_entered_in_another_thread() -> None:
    async def work() -> Any:
        async with pgaudit_log.context(url="/x"):
            block = pgaudit_log.context(reason="r")

            def enter() -> Any:
                with block as entered:
                    return dict(entered.metadata)

            return await sync_to_async(enter)()

    assert asyncio.run(work()) == {"url": "/x", "reason": "r"}


def test_a_generator_cannot_be_decorated() -> None:
    with pytest.raises(TypeError, match="Open a block inside it"):

        @pgaudit_log.context(a=1)
        def generate() -> Iterator[int]:
            yield 1


@pytest.mark.django_db(transaction=True)
def test_threads_of_one_request_all_know_its_user() -> None:
    user = User.objects.create_user("ana")
    request = RequestFactory().post("/")
    request.user = user
    barrier = threading.Barrier(4)

    def view(request: HttpRequest) -> Any:
        import contextvars

        def write() -> None:
            barrier.wait(10)
            Customer.objects.create(name="x")
            connection.close()

        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(write,)) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return None

    AuditMiddleware(view)(request)
    users = Events.objects.filter(pgh_obj_model="shop.Customer").values_list(
        "pgh_context__user", flat=True
    )
    assert list(users) == [user.pk] * 4


@pytest.mark.parametrize(
    ("answer", "recorded"),
    [
        ({"id": 1}, {"user": {"id": 1}}),
        ([1, 2], {"user": [1, 2]}),
        (object(), {"user_error"}),
        (ZeroDivisionError, {"user_error"}),
    ],
)
def test_a_user_hook_refuses_no_write(answer: Any, recorded: Any, caplog: Any) -> None:
    class Hooked(AuditMiddleware):
        def get_user(self, request: HttpRequest, user: Any) -> Any:
            if answer is ZeroDivisionError:
                raise answer
            return answer

    request = RequestFactory().post("/customers/")
    request.user = User.objects.create_user("ana")
    Hooked(create_customer)(request)
    context = Events.objects.latest("pgh_id").pgh_context
    if isinstance(recorded, dict):
        assert context["user"] == recorded["user"]
    else:
        assert recorded <= set(context)
        assert "could not be recorded" in caplog.text


@pytest.mark.parametrize(
    "statement",
    [
        "-- note\nINSERT INTO shop_customer (name) VALUES ('x')",
        "DO $$BEGIN INSERT INTO shop_customer (name) VALUES ('x'); END$$",
        "/* a */ WITH w AS (INSERT INTO shop_customer (name) VALUES ('x') RETURNING 1) SELECT FROM w",
    ],
)
def test_a_late_user_is_found_before_each_kind_of_write(
    statement: str, client: Any, settings: Any
) -> None:
    from django.http import HttpResponse
    from django.urls import path

    def view(request: HttpRequest) -> HttpResponse:
        execute(statement)
        return HttpResponse()

    urls = type("Urls", (), {"urlpatterns": [path("write/", view)]})
    settings.ROOT_URLCONF = urls
    user = User.objects.create_user("ana")
    client.force_login(user)
    client.post("/write/")
    assert Events.objects.latest("pgh_id").pgh_context["user"] == user.pk


def test_numbers_in_a_diff_keep_their_digits() -> None:
    from decimal import Decimal

    execute(
        "INSERT INTO pgaudit_log_event (model, label, operation, diff)"
        """ VALUES ('m', 'l', 'U', '{"n": [1234567890123456.10, 0.1234567890123456789]}')"""
    )
    assert Events.objects.get().pgh_diff == {
        "n": [Decimal("1234567890123456.10"), Decimal("0.1234567890123456789")]
    }


def test_a_trigger_of_an_automatic_table_goes_with_its_declaration() -> None:
    table = Team.members.through
    with isolated():
        for uri in (
            "shop.Team_members:audit_member_add_",
            "shop.Team_members:audit_member_remove_",
        ):
            [found] = [u for u in pgtrigger.registry._registry if u.startswith(uri)]
            del pgtrigger.registry._registry.data[found]
        undeclared_triggers.drop_undeclared_of_automatic_tables("default")
        triggers = execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal",
            [table._meta.db_table],
        )
    assert triggers == []


@pytest.mark.usefixtures("forget")
def test_without_the_app_nothing_can_be_tracked(monkeypatch: Any) -> None:
    monkeypatch.setattr(declarations.declared, "receivers", [])
    monkeypatch.setattr(declarations.declared, "sender_receivers_cache", {}, raising=False)
    with pytest.raises(DeclarationError, match='"pgaudit_log" is not in INSTALLED_APPS'):
        pgaudit_log.track()(make("Lonely"))


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda: pgaudit_log.track(make("Bare")), "with parentheses"),
        (lambda: pgaudit_log.track(level="ROW"), "Give pgaudit_log.Statement"),
        (lambda: pgaudit_log.UpdateEvent(condition="x"), "Give a condition such as"),
        (lambda: pgaudit_log.UpdateEvent("a$b"), 'no "\\$"'),
        (lambda: pgaudit_log.UpdateEvent("a\x00"), "no control"),
        (
            lambda: pgaudit_log.InsertEvent(condition=pgaudit_log.Condition("OLD.a = 1")),
            "no such row",
        ),
        (
            lambda: tracked_table(
                "A", pgaudit_log.UpdateEvent(condition=pgaudit_log.Q(new__typo=1))
            ),
            'names "typo"',
        ),
        (
            lambda: tracked_table("A", pgaudit_log.UpdateEvent(condition=pgaudit_log.Q(id=1))),
            "old__id or new__id",
        ),
        (
            lambda: tracked_table(
                "A",
                pgaudit_log.UpdateEvent(condition=pgaudit_log.Q(new__c__name="x")),
                c=models.ForeignKey(Customer, models.CASCADE),
            ),
            "into another table",
        ),
        (
            lambda: tracked_table(
                "A",
                pgaudit_log.InsertEvent(trigger_name="t"),
                pgaudit_log.DeleteEvent(trigger_name="t"),
            ),
            'already has a trigger named "t"',
        ),
        (lambda: tracked_table("A", track={"model_name": "has space"}), "not a Python name"),
        (lambda: tracked_table("A", track={"model_name": "A"}), "already has a A"),
        (
            lambda: tracked_table(
                "A", track={"obj_field": pgaudit_log.ObjForeignKey(related_name="a-b")}
            ),
            "not a Python name",
        ),
        (lambda: tracked_table("A", events=lambda self: 1), 'already has "events"'),
        (lambda: tracked_table("A", track={"attrs": {"id": 3}}), 'its field "id"'),
    ],
)
def test_bad_input_is_an_error_at_declaration(declare: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        declare()


def test_an_event_of_an_unsaved_object_is_an_error() -> None:
    with pytest.raises(DeclarationError, match="Save it first"):
        pgaudit_log.create_event(Customer(name="x"), label="update")


@pytest.mark.django_db(transaction=True)
def test_a_manual_event_has_the_time_that_the_setting_says(settings: Any) -> None:
    settings.PGAUDIT_LOG_CREATED_AT_FUNCTION = "clock_timestamp()"
    with transaction.atomic():
        customer = Customer.objects.create(name="x")
        event = pgaudit_log.create_event(customer, label="update")
        assert event.pgh_created_at > Events.objects.earliest("pgh_id").pgh_created_at


@pytest.mark.usefixtures("forget")
def test_a_model_with_the_name_of_typed_events_is_a_check_error() -> None:
    from django.apps import apps

    from pgaudit_log.checks.declarations import check_models

    thing = make("Clash")
    pgaudit_log.track()(thing)
    apps.all_models["shop"]["clashevent"] = Order
    assert "pgaudit_log.E006" in [message.id for message in check_models(None)]
