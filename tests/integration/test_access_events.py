"""Logins, logouts, failed logins and page views leave events, as the settings say."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import alogout, authenticate, login, user_login_failed
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.test import AsyncClient, Client
from django.urls import include, path

from pgaudit_log.access import visits
from pgaudit_log.database import own_events
from pgaudit_log.declaring import declarations
from pgaudit_log.models import AccessEvents, Events
from pgaudit_log.testing import isolated
from tests.shop.models import Customer

pytestmark = pytest.mark.django_db

EVERYTHING = ["login", "logout", "login_failed"]


def page(request: HttpRequest, **kwargs: Any) -> HttpResponse:
    if request.GET.get("as") == "missing":
        raise Http404
    if request.GET.get("as") == "unchanged":
        return HttpResponseNotModified()
    return HttpResponse("a page")


async def async_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a page")


async def leave(request: HttpRequest) -> HttpResponse:
    await alogout(request)
    return HttpResponse(status=204)


def refused(request: HttpRequest) -> HttpResponse:
    """Fail to log in, and roll back, as a project or Django REST framework does."""
    with transaction.atomic():
        Customer.objects.create(name="rolled back")
        assert authenticate(request, username="ana", password="wrong") is None
        transaction.set_rollback(True)
    return HttpResponse(status=403)


def login_that_fails_later(request: HttpRequest) -> HttpResponse:
    with transaction.atomic():
        login(request, User.objects.get(username="ana"))
        transaction.set_rollback(True)
    return HttpResponse(status=500)


patients = [path("<int:pk>/", page, name="patient"), path("list/", page, name="list")]
urlpatterns = [
    path("patients/", include((patients, "clinic"))),
    path("async/", async_page, name="async"),
    path("leave/", leave),
    path("refused/", refused),
    path("fails-later/", login_that_fails_later),
    path("bare/", page),
]


@pytest.fixture(autouse=True)
def everything(settings: Any) -> None:
    settings.PGAUDIT_LOG_ACCESS_EVENTS = EVERYTHING
    settings.PGAUDIT_LOG_PAGE_VIEWS = []
    settings.ROOT_URLCONF = "tests.integration.test_access_events"


@pytest.fixture
def user() -> User:
    return User.objects.create_user("ana", password="secret")


def told() -> list[tuple[str, str | None]]:
    """Return what happened and whose it is, oldest first."""
    return list(AccessEvents.objects.order_by("pgh_id").values_list("pgh_label", "pgh_obj_id"))


def tried() -> list[tuple[str | None, str | None]]:
    return list(AccessEvents.objects.order_by("pgh_id").values_list("tried_name", "reason"))


# Logins


def test_a_login_and_a_logout_leave_events_of_the_user(client: Client, user: User) -> None:
    assert client.login(username="ana", password="secret")
    client.logout()
    key = str(user.pk)
    assert told() == [("login", key), ("logout", key)]
    first = AccessEvents.objects.earliest("pgh_id")
    assert first.pgh_data == {
        "user": user.pk,
        "user_name": "ana",
        "backend": "django.contrib.auth.backends.ModelBackend",
    }
    assert first.pgh_operation == "M"


def test_nothing_is_written_without_the_setting(client: Client, user: User, settings: Any) -> None:
    del settings.PGAUDIT_LOG_ACCESS_EVENTS
    del settings.PGAUDIT_LOG_PAGE_VIEWS
    client.login(username="ana", password="wrong")
    client.login(username="ana", password="secret")
    client.get("/patients/7/")
    client.logout()
    assert told() == []


@pytest.mark.parametrize("chosen", EVERYTHING)
def test_only_what_was_chosen_is_written(
    client: Client, user: User, settings: Any, chosen: str
) -> None:
    settings.PGAUDIT_LOG_ACCESS_EVENTS = [chosen]
    client.login(username="ana", password="wrong")
    client.login(username="ana", password="secret")
    client.logout()
    assert [label for label, _ in told()] == [chosen]


def test_events_of_access_are_found_by_the_user(client: Client, user: User) -> None:
    client.login(username="ana", password="wrong")
    client.login(username="ana", password="secret")
    access = Events.objects.filter(pgh_obj_model="pgaudit_log.Access")
    found = access.references(user).order_by("pgh_id")
    assert list(found.values_list("pgh_label", flat=True)) == ["login_failed", "login"]
    assert AccessEvents.objects.select_related("user").get(user=user).user == user
    assert list(access.references(User(pk=user.pk + 1))) == []


def test_a_visitor_who_was_nobody_leaves_no_logout(client: Client) -> None:
    client.logout()
    assert told() == []


def test_a_login_has_the_context_of_its_request(client: Client, user: User, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.urls"
    client.get("/login/?username=ana")
    event = AccessEvents.objects.get()
    assert event.pgh_context is not None
    assert (event.pgh_context["url"], event.pgh_context["user"]) == ("/login/", user.pk)


def test_a_login_that_is_rolled_back_leaves_no_event(client: Client, user: User) -> None:
    client.get("/fails-later/")
    assert told() == []


# Failed logins


def test_a_failed_login_tells_the_name_and_nothing_else_that_was_tried(user: User) -> None:
    authenticate(username="ana", password="the right one, nearly")
    event = AccessEvents.objects.get()
    assert (event.pgh_label, event.pgh_obj_id) == ("login_failed", None)
    assert event.pgh_data == {"tried_name": "ana", "reason": "refused"}
    assert event.pgh_refs == [f"auth.User:{user.pk}"]


def test_it_tells_why(user: User) -> None:
    authenticate(username="nobody", password="x")
    User.objects.update(is_active=False)
    authenticate(username="ana", password="secret")
    authenticate(token="looks like a key")
    assert tried() == [
        ("nobody", "unknown user"),
        ("ana", "inactive user"),
        (None, "unknown user"),
    ]


def test_names_that_no_user_has_can_be_left_out(user: User, settings: Any) -> None:
    settings.PGAUDIT_LOG_ACCESS_NAMES = "known"
    authenticate(username="my secret passphrase", password="ana")
    authenticate(username="ana", password="x")
    assert tried() == [(None, "unknown user"), ("ana", "refused")]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("x" * 100_000, "x" * 150),
        ("a\x00b", "a\N{REPLACEMENT CHARACTER}b"),
        ("\ud800", "?"),
        ("\N{PILE OF POO}" * 200, "\N{PILE OF POO}" * 150),
        (7, "7"),
    ],
    ids=["long", "NUL", "half a surrogate", "wide", "a number"],
)
def test_any_name_can_be_tried(name: Any, kept: str) -> None:
    # A backend may say no to what Django's own does not survive.
    user_login_failed.send(__name__, credentials={"username": name}, request=None)
    assert tried() == [(kept, "unknown user")]


def test_a_failed_login_survives_the_rollback_of_its_request(client: Client, user: User) -> None:
    client.get("/refused/")
    assert tried() == [("ana", "refused")]
    assert not Customer.objects.exists()
    event = AccessEvents.objects.get()
    assert event.pgh_context is not None
    assert event.pgh_context["url"] == "/refused/"


def test_a_custom_model_of_users_is_asked_by_its_own_name(user: User, monkeypatch: Any) -> None:
    User.objects.update(email="ana@example.com")
    monkeypatch.setattr(User, "USERNAME_FIELD", "email")
    authenticate(email="ana@example.com", password="x")
    authenticate(username="ana@example.com", password="x")
    assert tried() == [("ana@example.com", "refused")] * 2


@pytest.mark.parametrize("field", ["id", "last_login"])
def test_a_name_that_is_not_of_the_type_of_the_field_is_nobodys(
    user: User, monkeypatch: Any, field: str
) -> None:
    monkeypatch.setattr(User, "USERNAME_FIELD", field)
    user_login_failed.send(__name__, credentials={field: "no such thing"}, request=None)
    assert tried() == [("no such thing", "unknown user")]


@pytest.fixture(params=["the setting", "the model"])
def hidden_names(request: Any, settings: Any) -> Iterator[None]:
    with isolated():
        if request.param == "the setting":
            settings.PGAUDIT_LOG_MASK_CONTEXT = ["user_name"]
        else:
            declarations._declarations[:] = [
                replace(one, mask=type(one.mask)(["username"])) if one.label == "auth.User" else one
                for one in declarations.declarations()
            ]
            declarations._known.cache_clear()
        yield


def test_names_that_are_masked_are_in_no_event(
    client: Client, user: User, settings: Any, hidden_names: None
) -> None:
    settings.PGAUDIT_LOG_PAGE_VIEWS = ["*"]
    client.login(username="ana", password="wrong")
    client.login(username="anna", password="wrong")
    client.force_login(user)
    client.get("/patients/7/")
    client.logout()
    labels = [label for label, _ in told()]
    assert labels == ["login_failed", "login_failed", "login", "page_view", "logout"]
    for event in AccessEvents.objects.all():
        assert "ana" not in f"{event.pgh_data} {event.pgh_context}"
    assert tried()[0] == (None, "refused")


# Page views


@pytest.mark.parametrize(
    ("chosen", "url", "is_told"),
    [
        ("/patients/*", "/patients/7/", True),
        ("/patients/", "/patients/7/", False),
        ("/patients/7/", "/patients/7/", True),
        ("*", "/patients/7/", True),
        ("/*/7/", "/patients/7/", True),
        ("/patients/?/", "/patients/7/", False),
        ("clinic:patient", "/patients/7/", True),
        ("clinic:*", "/patients/list/", True),
        ("patient", "/patients/7/", False),
        ("clinic:patient", "/patients/list/", False),
        ("clinic:patient", "/bare/", False),
        ("/patients/*", "/patients/7/?as=missing", False),
        ("/patients/*", "/patients/7/?as=unchanged", True),
        ("/patients/*", "/nowhere/", False),
    ],
)
def test_pages_are_chosen_by_path_or_view(
    client: Client, settings: Any, chosen: str, url: str, is_told: bool
) -> None:
    settings.PGAUDIT_LOG_PAGE_VIEWS = [chosen]
    client.get(url)
    assert ("page_view" in [label for label, _ in told()]) == is_told


def test_a_page_view_tells_who_saw_what(client: Client, user: User, settings: Any) -> None:
    settings.PGAUDIT_LOG_PAGE_VIEWS = ["/patients/*"]
    client.force_login(user)
    client.get("/patients/7/?token=secret")
    event = AccessEvents.objects.get(pgh_label="page_view")
    assert (event.user, event.url, event.view) == (user, "/patients/7/", "clinic:patient")
    assert event.pgh_refs == [f"auth.User:{user.pk}"]
    assert "secret" not in str(event.pgh_data) + str(event.pgh_context)


def test_a_page_that_nobody_in_particular_sees(client: Client, settings: Any) -> None:
    settings.PGAUDIT_LOG_PAGE_VIEWS = ["/patients/*"]
    client.get("/patients/7/")
    event = AccessEvents.objects.get()
    assert (event.pgh_obj_id, event.pgh_refs, event.user_name) == (None, None, None)


@pytest.mark.parametrize("method", ["post", "head", "put"])
def test_only_a_get_shows_a_page(client: Client, settings: Any, method: str) -> None:
    settings.PGAUDIT_LOG_PAGE_VIEWS = ["*"]
    getattr(client, method)("/patients/7/")
    assert told() == []


def test_a_page_view_needs_no_context_of_its_request(client: Client, settings: Any) -> None:
    settings.PGAUDIT_LOG_MIDDLEWARE_METHODS = ["POST"]
    settings.PGAUDIT_LOG_PAGE_VIEWS = ["/patients/*"]
    client.get("/patients/7/")
    event = AccessEvents.objects.get()
    assert (event.url, event.pgh_context) == ("/patients/7/", None)


def test_who_acts_as_another_has_seen_the_page(settings: Any, user: User, rf: Any) -> None:
    settings.PGAUDIT_LOG_PAGE_VIEWS = ["/patients/*"]
    support = User.objects.create_user("support")
    request = rf.get("/patients/7/")
    request.user, request.resolver_match = user, None
    with visits.Visit(request, lambda request: support) as visit:
        visit.response = HttpResponse()
    event = AccessEvents.objects.get()
    assert (event.user, event.pgh_refs) == (
        support,
        [f"auth.User:{support.pk}", f"auth.User:{user.pk}"],
    )


@pytest.mark.django_db(transaction=True)
def test_async_views_leave_events_too(user: User, settings: Any) -> None:
    settings.PGAUDIT_LOG_PAGE_VIEWS = ["async"]

    async def browse() -> None:
        browser = AsyncClient()
        await browser.aforce_login(user)
        await browser.get("/async/")
        await browser.get("/refused/")
        await browser.get("/leave/")

    async_to_sync(browse)()
    key = str(user.pk)
    assert told() == [("login", key), ("page_view", key), ("login_failed", None), ("logout", key)]


# What goes wrong


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise DatabaseError("no room")

    monkeypatch.setattr(own_events, "write", fail)


def test_what_cannot_be_written_keeps_nobody_out(
    failing: None, client: Client, user: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PGAUDIT_LOG_PAGE_VIEWS = ["/patients/*"]
    client.login(username="ana", password="wrong")
    assert client.login(username="ana", password="secret")
    assert client.get("/patients/7/").status_code == 200
    said = [r.getMessage() for r in caplog.records if r.name == "pgaudit_log"]
    assert said == [
        f"The event of a {what} could not be written."
        for what in ("login failed", "login", "page view")
    ]
    assert told() == []


def test_what_cannot_be_written_refuses_access_where_it_must(
    failing: None, client: Client, user: User, settings: Any
) -> None:
    settings.PGAUDIT_LOG_PAGE_VIEWS = ["/patients/*"]
    settings.PGAUDIT_LOG_ACCESS_ON_FAILURE = "raise"
    with pytest.raises(DatabaseError, match="no room"):
        client.login(username="ana", password="secret")
    client.raise_request_exception = False
    assert client.get("/patients/7/").status_code == 500


def test_a_failure_leaves_the_transaction_usable(
    user: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event's own statement fails, in the transaction that the login is part of."""
    monkeypatch.setattr(own_events, "ACCESS", "NUL \x00")
    with transaction.atomic():
        assert client.login(username="ana", password="secret")
        assert User.objects.get() == user


def test_a_name_that_cannot_be_told_loses_no_event(
    client: Client, user: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.PGAUDIT_LOG_USER_NAME = lambda user: 1 / 0
    with caplog.at_level(logging.ERROR):
        client.login(username="ana", password="secret")
    assert told() == [("login", str(user.pk))]
    assert AccessEvents.objects.get().user_name is None


class UsersElsewhere:
    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return "other" if model._meta.app_label == "auth" else None

    db_for_write = db_for_read


@pytest.mark.django_db(databases=["default", "other"])
def test_events_are_where_the_users_are(settings: Any) -> None:
    settings.DATABASE_ROUTERS = [UsersElsewhere()]
    user = User.objects.create_user("ana", password="secret")
    authenticate(username="ana", password="wrong")
    assert user._state.db == "other"
    event = AccessEvents.objects.using("other").get()
    assert (event.tried_name, event.pgh_refs) == ("ana", [f"auth.User:{user.pk}"])
    assert not AccessEvents.objects.using("default").exists()


# How it is read


@pytest.fixture
def printed(client: Client, user: User) -> Iterator[Any]:
    client.login(username="ana", password="wrong")
    client.login(username="ana", password="secret")

    def trail(*arguments: str) -> str:
        out = io.StringIO()
        call_command("pgaudit_log", "trail", *arguments, stdout=out)
        return out.getvalue()

    return trail


def test_the_trail_shows_them_by_model(printed: Any) -> None:
    lines = printed("--model", "pgaudit_log.Access").splitlines()
    assert len(lines) == 3
    assert "ana (" in lines[1]
    assert "login (manual)" in lines[1]
    assert "user_name: ana" in lines[1]
    assert "login_failed (manual)" in lines[2]
    assert "reason: refused, tried_name: ana" in lines[2]


def test_the_trail_shows_them_by_label_and_by_reference(printed: Any, user: User) -> None:
    only = json.loads(printed("--label", "login", "--json"))["events"]
    assert [event["label"] for event in only] == ["login"]
    pointing = json.loads(printed("--references", f"auth.User:{user.pk}", "--json"))["events"]
    assert {event["model"] for event in pointing} >= {"pgaudit_log.Access"}


@pytest.mark.parametrize("model", ["pgaudit_log.Access", "pgaudit_log.Maintenance"])
def test_a_log_without_any_says_so(model: str) -> None:
    out = io.StringIO()
    call_command("pgaudit_log", "trail", "--model", model, stdout=out)
    assert out.getvalue() == "No events.\n"


def test_anonymous_users_are_no_users(rf: Any, settings: Any) -> None:
    settings.PGAUDIT_LOG_PAGE_VIEWS = ["/*"]
    request = rf.get("/")
    request.user, request.resolver_match = AnonymousUser(), None
    with visits.Visit(request, lambda request: pytest.fail("nobody acts as nobody")) as visit:
        visit.response = HttpResponse()
    assert told() == [("page_view", None)]
