"""Proxy fields: what stands in the context of an event, as a real field."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.templatetags.admin_list import results
from django.contrib.auth.models import User
from django.core import checks
from django.core.management import call_command
from django.db import models
from django.db.models import Count, Exists, F, OuterRef
from django.utils.html import strip_tags

import pgaudit_log
from pgaudit_log import ProxyField
from pgaudit_log.exceptions import DeclarationError
from pgaudit_log.models import Events, MiddlewareEvents
from pgaudit_log.testing import isolated
from tests import tables
from tests.query_plans import uses
from tests.shop import models as shop
from tests.shop.models import Customer, Order
from tests.support import execute

pytestmark = pytest.mark.django_db


def user_field(**options: Any) -> Any:
    return ProxyField(
        "pgh_context__user",
        models.ForeignKey(User, on_delete=models.DO_NOTHING, null=True, **options),
    )


@contextmanager
def declared() -> Iterator[None]:
    """Forget, on leaving, the proxies that are declared in the block, also on the user's model."""
    before = set(vars(User))
    with isolated():
        yield
    for name in set(vars(User)) - before:
        delattr(User, name)


@pytest.fixture
def order_events() -> Iterator[Any]:
    with declared():
        yield tables.make(
            "OrderEvents",
            (Order.pgh_event_model,),  # type: ignore[attr-defined]
            user=user_field(),
            url=ProxyField("pgh_context__url", models.TextField(null=True)),
            Meta={"proxy": True},
        )


@pytest.fixture
def trail() -> Iterator[Any]:
    with declared():
        yield tables.make("MyEvents", (Events,), user=user_field(), Meta={"proxy": True})


def proxy_of(path: str, field: Any, base: Any = Events) -> Any:
    return tables.make("Proxied", (base,), value=ProxyField(path, field), Meta={"proxy": True})


@pytest.fixture
def ana(db: None) -> User:
    return User.objects.create_user("ana", email="ana@example.com")


@pytest.fixture
def order(ana: User, customer: Customer) -> Order:
    """An order that Ana made and Ben paid, and that nobody and a robot touched later."""
    ben = User.objects.create_user("ben", email="ben@example.com")
    with pgaudit_log.context(user=ana.pk, url="/new/"):
        order = Order.objects.create(customer=customer)
    for user, status in ((ben.pk, "paid"), (None, "sent"), ("system", "lost"), (10**30, "found")):
        with pgaudit_log.context(user=user, url=f"/{status}/"):
            order.status = status
            order.save()
    return order


def test_values_read_through_the_reference(order: Order, order_events: Any) -> None:
    values = order_events.objects.values_list("status", "user__email", "url")
    assert list(values) == [
        ("new", "ana@example.com", "/new/"),
        ("paid", "ben@example.com", "/paid/"),
        ("sent", None, "/sent/"),
        ("lost", None, "/lost/"),
        ("found", None, "/found/"),
    ]


def test_instances_have_the_fields(order: Order, order_events: Any, ana: User) -> None:
    first, *_, robot, _ = order_events.objects.all()
    assert (first.user, first.user_id, first.url) == (ana, ana.pk, "/new/")
    assert (robot.user, robot.user_id, robot.pgh_context["user"]) == (None, None, "system")


def test_the_trail_can_have_them_too(order: Order, trail: Any, ana: User) -> None:
    [event] = trail.objects.tracks(order).filter(user=ana)
    assert (event.user, event.pgh_obj) == (ana, order)
    assert trail.objects.by(ana).get() == event


@pytest.mark.parametrize(
    ("condition", "statuses"),
    [
        (lambda ana: {"user": ana}, ["new"]),
        (lambda ana: {"user": ana.pk}, ["new"]),
        (lambda ana: {"user_id": ana.pk}, ["new"]),
        (lambda ana: {"user__pk": ana.pk}, ["new"]),
        (lambda ana: {"user__email": "ben@example.com"}, ["paid"]),
        (lambda ana: {"user__email__startswith": "b", "url__contains": "paid"}, ["paid"]),
        (lambda ana: {"user__in": [ana]}, ["new"]),
        (lambda ana: {"user__in": [ana.pk, None, 99]}, ["new"]),
        (lambda ana: {"user__in": []}, []),
        (lambda ana: {"user__in": User.objects.all()}, ["new", "paid"]),
        (lambda ana: {"user__in": User.objects.filter(username="ben")}, ["paid"]),
        (lambda ana: {"user__gt": ana.pk}, ["paid"]),
        (lambda ana: {"user": None}, ["sent", "lost", "found"]),
        (lambda ana: {"user__isnull": True}, ["sent", "lost", "found"]),
        (lambda ana: {"user__isnull": False}, ["new", "paid"]),
        (lambda ana: {"user__username__isnull": True}, ["sent", "lost", "found"]),
        (lambda ana: {"url": "/lost/"}, ["lost"]),
        (lambda ana: {"url__in": ["/lost/", "/new/"]}, ["new", "lost"]),
    ],
)
def test_filters_work(
    order: Order, order_events: Any, ana: User, condition: Any, statuses: list[str]
) -> None:
    found = order_events.objects.filter(**condition(ana)).order_by("pgh_id")
    assert [event.status for event in found] == statuses


def test_exclude_keeps_events_without_a_user(order: Order, order_events: Any, ana: User) -> None:
    for condition in ({"user": ana}, {"user__in": [ana]}, {"user__email": "ana@example.com"}):
        found = order_events.objects.exclude(**condition)
        assert [event.status for event in found] == ["paid", "sent", "lost", "found"]


def test_expressions_can_be_compared(order: Order, order_events: Any, ana: User) -> None:
    assert order_events.objects.filter(user=F("user__id")).count() == 2
    mine = order_events.objects.filter(user=OuterRef("pk"))
    assert {u.username for u in User.objects.filter(Exists(mine))} == {"ana", "ben"}


def test_the_reference_loads_with_the_events(
    order: Order, order_events: Any, django_assert_num_queries: Any
) -> None:
    expected = ["ana", "ben", None, None, None]
    with django_assert_num_queries(1):
        events = order_events.objects.select_related("user")
        assert [getattr(event.user, "username", None) for event in events] == expected
    with django_assert_num_queries(2):
        events = order_events.objects.prefetch_related("user")
        assert [getattr(event.user, "username", None) for event in events] == expected


def test_events_are_ordered_and_grouped_by_them(order: Order, order_events: Any, ana: User) -> None:
    ordered = order_events.objects.filter(user__isnull=False).order_by("-user__username", "user")
    assert [event.user.username for event in ordered] == ["ben", "ana"]
    counted = order_events.objects.values("user").annotate(count=Count("pk")).order_by("-count")
    assert counted[0] == {"user": None, "count": 3}
    assert {row["user"] for row in counted} >= {ana.pk, None}
    assert order_events.objects.values("user").distinct().count() == 3
    assert order_events.objects.aggregate(users=Count("user", distinct=True)) == {"users": 2}


def test_the_user_leads_back_to_the_events(order: Order, order_events: Any, ana: User) -> None:
    assert [event.status for event in ana.orderevents_set.all()] == ["new"]  # type: ignore[attr-defined]
    assert list(User.objects.filter(orderevents__status="new")) == [ana]
    counted = User.objects.annotate(count=Count("orderevents")).order_by("pk")
    assert [user.count for user in counted] == [1, 1]
    with_events = User.objects.prefetch_related("orderevents_set").get(pk=ana.pk)
    assert [event.status for event in with_events.orderevents_set.all()] == ["new"]  # type: ignore[attr-defined]
    assert not User.objects.exclude(orderevents__url="/new/").filter(pk=ana.pk).exists()


def test_events_outlive_their_user(order: Order, order_events: Any, ana: User) -> None:
    key = ana.pk
    ana.delete()
    event = order_events.objects.get(status="new")
    assert event.user_id == key
    assert order_events.objects.filter(user=key).count() == 1
    assert order_events.objects.values_list("user__email", flat=True).first() is None
    assert order_events.objects.select_related("user").get(status="new").user is None


def test_fields_can_be_loaded_later(order: Order, order_events: Any, ana: User) -> None:
    event = order_events.objects.only("pgh_id", "status").first()
    assert (event.user_id, event.url) == (ana.pk, "/new/")
    event = order_events.objects.defer("user").select_related("customer").first()
    assert event.user == ana
    event.refresh_from_db()
    assert event.url == "/new/"


def test_events_and_querysets_can_be_copied_and_pickled(
    order: Order, order_events: Any, ana: User
) -> None:
    shop.OrderEvents = order_events  # type: ignore[attr-defined]
    event = order_events.objects.first()
    assert pickle.loads(pickle.dumps(event)).user_id == ana.pk
    assert copy.deepcopy(event).url == "/new/"
    queryset = order_events.objects.filter(user=ana, user__in=[ana])
    assert list(pickle.loads(pickle.dumps(queryset))) == [event]


def test_the_admin_shows_them_as_columns(
    order: Order, order_events: Any, rf: Any, ana: User
) -> None:
    class EventAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
        list_display = ["pgh_id", "status", "user", "url"]
        list_filter = ["user"]
        search_fields = ["user__email", "url"]
        list_select_related = ["user"]

    site = admin.AdminSite()
    site.register(order_events, EventAdmin)
    model_admin = site._registry[order_events]
    assert model_admin.check() == []
    request = rf.get("/", {"user__id__exact": ana.pk, "q": "ana@"})
    request.user = User(is_superuser=True, is_active=True)
    changes: Any = model_admin.get_changelist_instance(request)
    changes.formset = None
    [row] = results(changes)
    assert [strip_tags(cell) for cell in row][-3:] == ["new", "ana", "/new/"]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("field", "stored", "expected"),
    [
        (models.IntegerField(), 5, 5),
        (models.IntegerField(), "5", 5),
        (models.IntegerField(), "five", None),
        (models.IntegerField(), 5.5, None),
        (models.IntegerField(), 2**40, None),
        (models.BigIntegerField(), 2**40, 2**40),
        (models.DecimalField(max_digits=5, decimal_places=2), "1.25", Decimal("1.25")),
        (models.FloatField(), "x", None),
        (models.BooleanField(), True, True),
        (models.BooleanField(), "maybe", None),
        (models.DateField(), "2020-13-13", None),
        (models.DateTimeField(), {"a": 1}, None),
        (models.DurationField(), "forever", None),
        (models.UUIDField(), "no uuid", None),
        (models.GenericIPAddressField(), "10.0.0.1", "10.0.0.1"),
        (models.GenericIPAddressField(), "10.0.0.999", None),
        (models.CharField(max_length=3), "longer", "longer"),
        (models.TextField(), 5, "5"),
        (models.TextField(), None, None),
        (models.JSONField(), {"a": [1, None]}, {"a": [1, None]}),
        (models.JSONField(), None, None),
        (tables.SqlField("point"), "nowhere", None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, models.Field) else repr(value),
)
def test_a_value_of_another_type_reads_as_none(
    customer: Customer, field: Any, stored: Any, expected: Any
) -> None:
    with pgaudit_log.context(value=stored):
        customer.name = "Bea"
        customer.save()
    with declared():
        proxy = proxy_of("pgh_context__value", field)
        event = proxy.objects.get(pgh_operation="U")
        assert event.value == expected
        found = proxy.objects.filter(pgh_operation="U", value__isnull=expected is None)
        assert found.count() == 1


def test_paths_can_lead_deeper(customer: Customer) -> None:
    with pgaudit_log.context(request={"id": 7, "it's 100%": "x"}):
        customer.name = "Bea"
        customer.save()
    for path, field, expected in (
        ("pgh_context__request__id", models.IntegerField(null=True), 7),
        ("pgh_context__request__it's 100%", models.TextField(null=True), "x"),
        ("pgh_data__name", models.TextField(null=True), "Bea"),
        ("pgh_diff__name__0", models.TextField(null=True), "Ana"),
    ):
        with declared():
            for base in (Events, Customer.pgh_event_model):  # type: ignore[attr-defined]
                proxy = proxy_of(path, field, base)
                [event] = proxy.objects.filter(value=expected)
                assert (event.value, event.pgh_operation) == (expected, "U")
                del apps.all_models["shop"]["proxied"]


def test_a_reference_can_have_a_key_of_another_type(db: None) -> None:
    with declared():
        model = tables.make("Robot", key=models.CharField(max_length=9, primary_key=True))
        tables.install(model)
        robot = model.objects.create(key="r2")
        proxy = proxy_of(
            "pgh_context__user", models.ForeignKey(model, models.DO_NOTHING, null=True)
        )
        with pgaudit_log.context(user="r2"):
            Customer.objects.create(name="Ana")
        with pgaudit_log.context(user=5):
            Customer.objects.create(name="Ben")
        assert proxy.objects.select_related("value").get(value=robot).value == robot
        assert proxy.objects.filter(value__in=model.objects.all()).count() == 1
        assert proxy.objects.filter(value__key="r2").count() == 1


def test_a_reference_can_be_elsewhere_than_the_user(customer: Customer, ana: User) -> None:
    with pgaudit_log.context(approved={"by": ana.pk}):
        customer.name = "Bea"
        customer.save()
    with declared():
        proxy = proxy_of(
            "pgh_context__approved__by", models.ForeignKey(User, models.DO_NOTHING, null=True)
        )
        assert proxy.objects.get(value=ana).value == ana
        assert proxy.objects.get(value__username="ana").pgh_operation == "U"


def test_a_proxy_of_a_proxy_has_them_too(order: Order, order_events: Any, ana: User) -> None:
    method = ProxyField("pgh_context__method", models.TextField(null=True))
    model = tables.make("MoreEvents", (order_events,), method=method, Meta={"proxy": True})
    assert model.objects.select_related("user").filter(user=ana, method=None).get().url == "/new/"


def test_the_ready_made_trail_has_user_and_url(order: Order, ana: User) -> None:
    [event] = MiddlewareEvents.objects.filter(url="/new/", user__email="ana@example.com")
    assert (event.user, event.url, event.pgh_obj) == (ana, "/new/", order)
    assert MiddlewareEvents.objects.tracks(order).by(ana).get() == event


def test_a_declaration_makes_no_migration_and_passes_checks(order_events: Any, trail: Any) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=1)
    assert [message for message in checks.run_checks() if "Events" in str(message.obj)] == []
    for model in (order_events, trail, MiddlewareEvents):
        assert [message for message in model.check() if message.id == "models.E017"] == []
        assert model not in apps.get_models()


def test_the_field_that_was_given_is_left_alone() -> None:
    field = models.TextField(null=True)
    given = dict(vars(field))
    proxied: Any = ProxyField("pgh_context__url", field)
    assert proxied.pgh_proxy == "pgh_context__url"
    assert type(field) is models.TextField and vars(field) == given


@pytest.mark.parametrize(
    ("path", "field", "message"),
    [
        ("pgh_context__user", "text", "needs a model field"),
        ("pgh_context", models.TextField(), "leads nowhere"),
        ("pgh_context____user", models.TextField(), "leads nowhere"),
        ("pgh_context__tags", models.ManyToManyField(User), "cannot be a ManyToManyField"),
    ],
)
def test_a_wrong_declaration_is_an_error(path: str, field: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        ProxyField(path, field)


@pytest.mark.parametrize("path", ["pgh_label__x", "nope__x", "pgh_txid__x"])
def test_a_path_must_begin_in_the_json(path: str) -> None:
    with declared(), pytest.raises(DeclarationError, match="no JSON field"):
        proxy_of(path, models.TextField())


def test_only_proxies_can_have_proxy_fields() -> None:
    with declared(), pytest.raises(DeclarationError, match="must be a proxy"):
        tables.make("Plain", url=ProxyField("pgh_context__url", models.TextField()))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["exact", "in", "queryset", "join", "reverse"])
def test_an_exact_user_uses_the_index(events_of_a_user: User, form: str) -> None:
    user = events_of_a_user
    with declared():
        for base in (Events, Order.pgh_event_model):  # type: ignore[attr-defined]
            proxy = proxy_of(
                "pgh_context__user", models.ForeignKey(User, models.DO_NOTHING, null=True), base
            )
            events = {
                "exact": proxy.objects.filter(value=user),
                "in": proxy.objects.filter(value__in=[user.pk, user.pk + 1]),
                "queryset": proxy.objects.filter(value__in=User.objects.filter(pk=user.pk)),
                "join": proxy.objects.filter(value__username="ana"),
                "reverse": user.proxied_set.all(),  # type: ignore[attr-defined]
            }[form]
            assert events.count() == 3
            assert uses(events, "context ->> 'user'")
            del apps.all_models["shop"]["proxied"]
            del User.proxied_set  # type: ignore[attr-defined]


def test_a_text_proxy_of_the_user_uses_the_index_too(events_of_a_user: User) -> None:
    with declared():
        proxy = proxy_of("pgh_context__user", models.TextField(null=True))
        events = proxy.objects.filter(value=str(events_of_a_user.pk))
        assert events.count() == 3
        assert uses(events, "context ->> 'user'")


def test_values_are_read_with_other_settings_of_the_session_too(order: Order, trail: Any) -> None:
    execute("SELECT set_config('DateStyle', 'German', true)")
    assert trail.objects.tracks(order).exclude(user=None).count() == 2
