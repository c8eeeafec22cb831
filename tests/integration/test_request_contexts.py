"""No request fails for its context: what cannot be recorded as it is, is cut, cleaned, or left out and named."""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.views import View

import pgaudit_log
from pgaudit_log.contexts.stack import current
from pgaudit_log.middleware import AuditMiddleware
from pgaudit_log.models import Events
from tests.shop.models import Customer
from tests.shop.views import create_customer

pytestmark = pytest.mark.django_db

LIMIT = 64 * 1024


class Unspeakable:
    """An object that fails whatever it is asked."""

    def __str__(self) -> str:
        raise RuntimeError("no str")

    __repr__ = __str__

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no eq")

    __hash__ = object.__hash__


class UnspeakableError(Exception):
    """An error that fails to say what it is."""

    def __str__(self) -> str:
        raise RuntimeError("no str")


def newest_context() -> dict[str, Any]:
    """Return the context of the customer that a request made."""
    event = Events.objects.filter(pgh_obj_model="shop.Customer").latest("pgh_id")
    context: dict[str, Any] = event.pgh_context or {}
    return context


METHODS = ["GET", *(name.upper() for name in View.http_method_names), "PROPFIND", "X-OWN"]


@pytest.mark.parametrize("method", dict.fromkeys(METHODS))
def test_every_method_that_reaches_a_view_is_recorded(method: str, client: Client) -> None:
    client.generic(method, "/customers/")
    assert newest_context()["method"] == method


def test_head_is_recorded_where_get_is(client: Client, settings: Any) -> None:
    settings.PGAUDIT_LOG_MIDDLEWARE_METHODS = ["GET"]
    client.head("/customers/")
    assert newest_context()["method"] == "HEAD"


def test_head_is_not_recorded_where_get_is_not(client: Client, settings: Any) -> None:
    settings.PGAUDIT_LOG_MIDDLEWARE_METHODS = ["POST"]
    client.head("/customers/")
    assert newest_context() == {}


@pytest.mark.parametrize("text", ["y", "ä", "\N{PILE OF POO}", "*", '"', "\\", "\x00", "\udcff"])
def test_a_long_url_with_a_long_header_is_cut(text: str, rf: RequestFactory) -> None:
    request = rf.get("/", headers={"x-request-id": text * 50_000})
    request.path = "/" + text * 50_000
    request.method = text * 50_000
    request.user = User(pk=1, username=text * 50_000)
    assert AuditMiddleware(create_customer)(request).status_code == 200
    context = newest_context()
    assert {len(context[key]) >= 600 for key in ("url", "request_id", "method")} == {True}
    assert context["user"] == 1
    assert len(context["user_name"]) >= 70


def test_an_async_request_does_not_fail_either() -> None:
    class Hooked(AuditMiddleware):
        def get_context(self, request: HttpRequest) -> Any:
            return {"a": object(), "b": "\x00" * 100_000}

    async def respond(request: HttpRequest) -> HttpResponse:
        running = current()
        assert running is not None
        return HttpResponse(" ".join(running.metadata))

    response = async_to_sync(Hooked(respond))(RequestFactory().get("/"))
    assert response.content == b"b malformed"


class Sent:
    """A middleware whose hook gives what the test says."""

    @staticmethod
    def of(give: Callable[[], Any]) -> AuditMiddleware:
        class Hooked(AuditMiddleware):
            def get_context(self, request: HttpRequest) -> Any:
                return give()

        return Hooked(create_customer)


def fails(error: type[Exception]) -> Callable[[], Any]:
    def give() -> Any:
        raise error

    return give


NESTED: Any = []
for _ in range(3000):
    NESTED = [NESTED]

RECURSIVE: dict[str, Any] = {}
RECURSIVE["self"] = RECURSIVE


@pytest.mark.parametrize(
    ("given", "recorded"),
    [
        ({"a": "x\x00y"}, {"a": "x\N{REPLACEMENT CHARACTER}y"}),
        ({"a": "x\ud800y"}, {"a": "x?y"}),
        ({"a": {"b": ["x\x00\x00y\\u0000", "\ud800"]}}, {"a": {"b": ["x��y\\u0000", "?"]}}),
        ({"a\x00b\udcff": 1}, {"a\N{REPLACEMENT CHARACTER}b?": 1}),
        ({"a": Decimal("1.50")}, {"a": "1.50"}),
        ({"late": 1, "self": 2, "request": 3}, {"late": 1, "self": 2, "request": 3}),
    ],
)
def test_what_can_be_mended_is_recorded(given: Any, recorded: Any, rf: RequestFactory) -> None:
    Sent.of(lambda: given)(rf.post("/"))
    assert newest_context() == recorded


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), '"a" TypeError: Object of type object is not JSON serializable'),
        (math.nan, '"a" ValueError: '),
        (b"bytes", '"a" TypeError: '),
        (Unspeakable(), '"a" TypeError: '),
        (NESTED, '"a" '),
        (RECURSIVE, '"a" '),
        (10**1500, '"a" '),
        ({(1, 2): 3}, '"a" TypeError: '),
        (User.objects.all, '"a" TypeError: '),
    ],
)
def test_what_cannot_be_carried_is_left_out_and_named(
    value: Any, said: str, rf: RequestFactory, caplog: Any
) -> None:
    Sent.of(lambda: {"a": value, "b": 1})(rf.post("/"))
    context = newest_context()
    assert context.keys() == {"b", "malformed"}
    assert said in context["malformed"]
    assert "could not be recorded" in caplog.text


@pytest.mark.parametrize("text", ["y", "\N{PILE OF POO}", "*"])
@pytest.mark.parametrize("nested", [str, lambda text: [text], lambda text: {"k": {"l": text}}])
def test_what_is_huge_is_cut(text: str, nested: Any, rf: RequestFactory) -> None:
    Sent.of(lambda: {"first": nested(text * 100_000), "last": 1})(rf.post("/"))
    context = newest_context()
    assert isinstance(context["first"], str)
    assert text * 300 in context["first"]
    assert context["last"] == 1


def test_many_keys_are_recorded_as_far_as_there_is_room(rf: RequestFactory) -> None:
    Sent.of(lambda: {f"key {number}": "x" * 500 for number in range(1000)})(rf.post("/"))
    context = newest_context()
    assert len(context) > 80
    assert "no room for" in context["malformed"]


@pytest.mark.parametrize("given", [None, [], 7, "text", {1: 2}, Unspeakable()])
def test_what_is_no_context_is_named(given: Any, rf: RequestFactory) -> None:
    Sent.of(lambda: given)(rf.post("/"))
    assert newest_context().keys() == {"malformed"}


@pytest.mark.parametrize("error", [ZeroDivisionError, UnspeakableError, RecursionError])
def test_a_hook_that_raises_costs_its_own_keys_only(
    error: type[Exception], rf: RequestFactory, caplog: Any
) -> None:
    response = Sent.of(fails(error))(rf.post("/customers/"))
    assert response.status_code == 200
    context = newest_context()
    assert context.keys() == {"url", "method", "request_id", "malformed"}
    assert context["malformed"].startswith(error.__name__)
    assert "get_context() of Hooked failed" in caplog.text


@pytest.mark.parametrize("size", [0, 20_000, 57_000, 64_000, 65_520])
def test_a_block_around_the_request_may_be_of_any_size(size: int, rf: RequestFactory) -> None:
    request = rf.post("/customers/", headers={"x-request-id": "r" * 4000})
    request.user = User(pk=1, username="ana")
    with pgaudit_log.context(outer="x" * size):
        assert AuditMiddleware(create_customer)(request).status_code == 200
    assert newest_context()["outer"] == "x" * size
    assert current() is None


def test_a_block_in_the_request_leaves_room_for_the_user(rf: RequestFactory) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        with pgaudit_log.context(reason="x" * 50_000):
            return create_customer(request)

    request = rf.post("/")
    request.user = User(pk=1, username="ana" * 3000)
    AuditMiddleware(view)(request)
    assert newest_context()["user"] == 1
    assert newest_context()["reason"] == "x" * 50_000


def test_a_block_that_leaves_no_room_is_refused_where_it_is_made(rf: RequestFactory) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        with pytest.raises(pgaudit_log.ContextError, match="57,344"):
            pgaudit_log.context(reason="x" * 60_000)
        return create_customer(request)

    AuditMiddleware(view)(rf.post("/"))
    assert "reason" not in newest_context()


HOOKS = ["get_user", "get_user_name", "get_impersonator", "get_token", "get_service"]


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize(
    "answer",
    [
        Unspeakable(),
        "x\x00y\ud800",
        "\N{PILE OF POO}" * 100_000,
        b"bytes",
        math.nan,
        10**1500,
        NESTED,
        {"a": "x" * 100_000},
        UnspeakableError,
        ZeroDivisionError,
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_write_fails_for_what_a_hook_says_of_the_user(
    hook: str, answer: Any, rf: RequestFactory
) -> None:
    def give(*args: Any) -> Any:
        if isinstance(answer, type):
            raise answer
        return answer

    request = rf.post("/customers/")
    request.user = User(pk=5, username="ana")
    middleware = AuditMiddleware(create_customer)
    setattr(middleware, hook, give)
    assert middleware(request).status_code == 200
    context = newest_context()
    assert context["url"] == "/customers/"
    assert "malformed" not in context
    if hook in ("get_token", "get_service", "get_user_name"):
        assert context["user"] == 5


@pytest.mark.parametrize(
    "name", [Unspeakable(), "x\x00y\ud800" * 50_000, UnspeakableError, 7, b"x"]
)
def test_no_write_fails_for_the_setting_of_the_users_name(
    name: Any, rf: RequestFactory, settings: Any
) -> None:
    def name_of(user: Any) -> Any:
        if isinstance(name, type):
            raise name
        return name

    settings.PGAUDIT_LOG_USER_NAME = name_of
    request = rf.post("/customers/")
    request.user = User(pk=5)
    assert AuditMiddleware(create_customer)(request).status_code == 200
    assert newest_context()["user"] == 5


def test_what_is_recorded_of_the_user_does_not_change_with_what_is_changed_later(
    rf: RequestFactory,
) -> None:
    """A list in a context was carried as it was; now it cannot be any more."""
    items: list[Any] = [1]

    def view(request: HttpRequest) -> HttpResponse:
        with pgaudit_log.context(items=items, user="other"):
            items.append(object())
            Customer.objects.create(name="Ana")
        return HttpResponse()

    request = rf.post("/")
    request.user = User(pk=5)
    AuditMiddleware(view)(request)
    assert (newest_context()["items"], newest_context()["user"]) == ([1], "other")
