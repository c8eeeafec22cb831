"""A request's events say who sent it and where to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from django.urls import path

from pgaudit_log.contexts.stack import current
from pgaudit_log.middleware import AuditMiddleware
from pgaudit_log.models import Events
from tests.shop.models import Customer
from tests.shop.views import create_customer

pytestmark = pytest.mark.django_db


def newest_context() -> dict[str, Any]:
    """Return the context of the customer that a request made."""
    event = Events.objects.filter(pgh_obj_model="shop.Customer").latest("pgh_id")
    context: dict[str, Any] = event.pgh_context or {}
    return context


@pytest.fixture
def user(db: None) -> User:
    return User.objects.create_user("ana", password="secret")


def test_a_request_records_user_url_method_and_request_id(client: Client, user: User) -> None:
    client.force_login(user)
    client.post("/customers/?q=secret", headers={"x-request-id": "r-1"})
    assert newest_context() == {
        "user": user.pk,
        "user_name": "ana",
        "url": "/customers/",
        "method": "POST",
        "request_id": "r-1",
    }


def test_a_request_without_an_id_gets_one(client: Client) -> None:
    client.post("/customers/")
    first = newest_context()["request_id"]
    client.post("/customers/")
    assert len(first) == 36
    assert newest_context()["request_id"] != first


def test_an_anonymous_request_has_no_user(client: Client) -> None:
    client.get("/customers/")
    assert "user" not in newest_context()


def test_the_context_ends_with_the_request(client: Client) -> None:
    client.get("/customers/")
    Customer.objects.create(name="after")
    assert newest_context() == {}
    assert current() is None


def test_a_user_who_logs_in_during_the_request_is_seen(client: Client, user: User) -> None:
    client.get("/login/?username=ana")
    assert newest_context()["user"] == user.pk


def test_a_page_that_only_reads_loads_no_user(
    client: Client, user: User, django_assert_num_queries: Any
) -> None:
    client.force_login(user)
    with django_assert_num_queries(1):
        response = client.get("/pages/")
    assert "Cookie" not in response.headers.get("Vary", "")


def test_other_methods_get_no_context(client: Client, settings: Any) -> None:
    settings.PGAUDIT_LOG_MIDDLEWARE_METHODS = ["POST"]
    client.get("/customers/")
    assert newest_context() == {}
    client.post("/customers/")
    assert newest_context()["method"] == "POST"


def test_what_a_visitor_sends_cannot_break_the_request(client: Client) -> None:
    response = client.get("/customers/", headers={"x-request-id": "*/; 'x\udcff" + "y" * 9000})
    assert response.status_code == 200
    assert newest_context()["request_id"].startswith("*/; 'x?yyy")
    assert len(newest_context()["request_id"]) == 4096


def test_a_nul_in_the_url_is_recorded_as_a_replacement(rf: RequestFactory) -> None:
    middleware = AuditMiddleware(create_customer)
    middleware(rf.get("/customers/\x00"))
    assert newest_context()["url"] == "/customers/\N{REPLACEMENT CHARACTER}"


def test_a_subclass_records_more(rf: RequestFactory, user: User) -> None:
    class WithAddress(AuditMiddleware):
        def get_context(self, request: HttpRequest) -> dict[str, Any]:
            return {**super().get_context(request), "ip": request.META["REMOTE_ADDR"]}

        def get_user(self, request: HttpRequest, user: Any) -> Any:
            return user.username

    request = rf.post("/customers/")
    request.user = user
    WithAddress(create_customer)(request)
    assert newest_context()["ip"] == "127.0.0.1"
    assert newest_context()["user"] == "ana"


def test_the_requests_user_wins_over_a_block_around_it(client: Client, user: User) -> None:
    import pgaudit_log

    client.force_login(user)
    with pgaudit_log.context(user="outer", run=1):
        client.post("/customers/")
        Customer.objects.create(name="outside")
    inside, outside = Events.objects.filter(pgh_obj_model="shop.Customer").order_by("pgh_id")
    assert (inside.pgh_context["user"], inside.pgh_context["run"]) == (user.pk, 1)
    assert outside.pgh_context == {"user": "outer", "run": 1}


def test_a_block_in_the_view_keeps_the_requests_user(rf: RequestFactory, user: User) -> None:
    import pgaudit_log

    def view(request: HttpRequest) -> HttpResponse:
        with pgaudit_log.context(reason="r"):
            return create_customer(request)

    request = rf.post("/customers/")
    request.user = user
    AuditMiddleware(view)(request)
    assert (newest_context()["user"], newest_context()["reason"]) == (user.pk, "r")


def test_a_view_that_raises_leaves_no_context(rf: RequestFactory) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        AuditMiddleware(view)(rf.get("/"))
    assert current() is None


async def _request_async(user: User) -> None:
    client = AsyncClient()
    await client.aforce_login(user)
    await client.post("/async-customers/", headers={"x-request-id": "async"})


@pytest.mark.django_db(transaction=True)
def test_an_async_request_records_the_same(user: User) -> None:
    async_to_sync(_request_async)(user)
    assert newest_context() == {
        "user": user.pk,
        "user_name": "ana",
        "url": "/async-customers/",
        "method": "POST",
        "request_id": "async",
    }


def test_the_middleware_is_async_only_where_it_has_to_be() -> None:
    async def respond(request: HttpRequest) -> HttpResponse:
        running = current()
        assert running is not None
        return HttpResponse(running.metadata["url"])

    middleware = AuditMiddleware(respond)
    response = asyncio.run(middleware(RequestFactory().get("/a/")))
    assert response.content == b"/a/"
    assert iscoroutinefunction(middleware)
    assert not iscoroutinefunction(AuditMiddleware(create_customer))


class Urls:
    """The URLs of the tests with Django REST framework."""

    urlpatterns: list[Any] = []


@pytest.fixture
def rest_client(user: User) -> Iterator[Any]:
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.decorators import api_view, authentication_classes
    from rest_framework.response import Response
    from rest_framework.test import APIClient

    class HeaderAuthentication(BaseAuthentication):
        def authenticate(self, request: Any) -> Any:
            return User.objects.get(username=request.headers["x-token"]), None

    @api_view(["POST"])
    @authentication_classes([HeaderAuthentication])
    def view(request: Any) -> Any:
        Customer.objects.create(name="rest")
        return Response({})

    Urls.urlpatterns = [path("rest/", view)]
    with override_settings(ROOT_URLCONF=Urls):
        yield APIClient()


def test_a_token_user_of_rest_framework_is_seen(rest_client: Any, user: User) -> None:
    response = rest_client.post("/rest/", headers={"x-token": "ana"})
    assert response.status_code == 200
    assert newest_context()["user"] == user.pk


def test_what_a_session_saves_after_the_view_is_in_the_context(
    client: Client, user: User, monkeypatch: Any
) -> None:
    """In front of SessionMiddleware, as the quickstart puts it."""
    from django.contrib.sessions.backends.db import SessionStore

    save = SessionStore.save

    def save_and_write(store: Any, *args: Any, **kwargs: Any) -> None:
        Customer.objects.create(name="by the session")
        save(store, *args, **kwargs)

    client.force_login(user)
    with monkeypatch.context() as patched, override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        patched.setattr(SessionStore, "save", save_and_write)
        client.get("/pages/", headers={"x-request-id": "r-2"})
    assert newest_context()["request_id"] == "r-2"
    assert newest_context()["user"] == user.pk
