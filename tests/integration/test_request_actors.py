"""Events say who acted, on whose behalf, and by which token or service; and are found by it."""

from __future__ import annotations

import hashlib
import io
import json
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import call_command
from django.core.signing import TimestampSigner
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

import pgaudit_log
from pgaudit_log.filtersets import EventsFilterSet
from pgaudit_log.jobs import carry, resume
from pgaudit_log.middleware import AuditMiddleware
from pgaudit_log.models import Events, MiddlewareEvents
from tests.shop.models import Customer
from tests.support import execute

pytestmark = pytest.mark.django_db

WHO = {"user", "user_name", "on_behalf_of", "on_behalf_of_name", "token", "service", "user_error"}


@pytest.fixture
def ana() -> User:
    return User.objects.create_user("ana")


@pytest.fixture
def ben() -> User:
    return User.objects.create_user("ben")


class Session(dict[str, Any]):
    """A session that was loaded."""

    accessed = True


def recorded(
    middleware: type[AuditMiddleware] = AuditMiddleware, **attributes: Any
) -> dict[str, Any]:
    """Return what the context of a request with ``attributes`` says of who acts."""

    def view(request: HttpRequest) -> HttpResponse:
        Customer.objects.create(name="x")
        return HttpResponse()

    request = RequestFactory().post("/")
    vars(request).update(attributes)
    middleware(view)(request)
    event = Events.objects.filter(pgh_obj_model="shop.Customer").latest("pgh_id")
    return {key: value for key, value in event.pgh_context.items() if key in WHO}


def test_a_user_is_recorded_with_the_name_of_the_time(ana: User) -> None:
    assert recorded(user=ana) == {"user": ana.pk, "user_name": "ana"}


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        (None, None),
        ("email", "ana@example.com"),
        ("get_full_name", "Ana Ng"),
        ("no_such_name", None),
        ("tests.integration.test_request_actors.initials", "AN"),
        (lambda user: f"user {user.username}", "user ana"),
    ],
)
def test_a_setting_chooses_the_name(settings: Any, setting: Any, name: Any) -> None:
    settings.PGAUDIT_LOG_USER_NAME = setting
    user = User.objects.create_user("ana", "ana@example.com", first_name="Ana", last_name="Ng")
    assert recorded(user=user).get("user_name") == name


def initials(user: User) -> str:
    """Return the initials of a user."""
    return user.first_name[:1] + user.last_name[:1]


def test_a_name_that_cannot_be_had_refuses_no_write(settings: Any, ana: User) -> None:
    settings.PGAUDIT_LOG_USER_NAME = lambda user: user.no_such_attribute
    assert "no_such_attribute" in recorded(user=ana)["user_error"]


def impersonations(ana: User, ben: User) -> dict[str, dict[str, Any]]:
    """Return what each package makes of a request in which Ana acts as Ben."""
    return {
        "hijack": {"user": ben, "session": Session(hijack_history=[str(ana.pk), "77"])},
        "impersonate": {"user": ben, "impersonator": ana, "real_user": ana},
        "loginas": {
            "user": ben,
            "session": Session(loginas_from_user=TimestampSigner().sign(ana.pk)),
        },
    }


@pytest.mark.parametrize("package", ["hijack", "impersonate", "loginas"])
def test_who_acts_as_another_is_the_user(ana: User, ben: User, package: str) -> None:
    assert recorded(**impersonations(ana, ben)[package]) == {
        "user": ana.pk,
        "user_name": "ana",
        "on_behalf_of": ben.pk,
        "on_behalf_of_name": "ben",
    }


@pytest.mark.parametrize(
    "attributes",
    [
        {"session": Session()},
        {"session": Session(hijack_history=[])},
        {"session": Session(loginas_from_user="1:forged")},
        {"impersonator": None},
    ],
)
def test_who_acts_as_nobody_else_is_the_user(ana: User, attributes: dict[str, Any]) -> None:
    assert recorded(user=ana, **attributes) == {"user": ana.pk, "user_name": "ana"}


def test_an_impersonator_who_is_gone_is_recorded_by_key(ben: User) -> None:
    assert recorded(user=ben, session=Session(hijack_history=["4711"])) == {
        "user": 4711,
        "on_behalf_of": ben.pk,
        "on_behalf_of_name": "ben",
    }


def test_a_session_that_nothing_loaded_stays_so(ana: User) -> None:
    class Unloaded(Session):
        accessed = False

        def get(self, *args: Any) -> Any:
            pytest.fail("the session was loaded")

    assert recorded(user=ana, session=Unloaded())["user"] == ana.pk


def test_hooks_say_who_acts(ana: User, ben: User) -> None:
    class Own(AuditMiddleware):
        def get_impersonator(self, request: HttpRequest) -> Any:
            return ana

        def get_token(self, request: HttpRequest) -> str:
            return "key:7"

        def get_service(self, request: HttpRequest) -> str:
            return "billing"

        def get_user_name(self, request: HttpRequest, user: Any) -> str:
            return str(user.username).upper()

    assert recorded(Own, user=ben) == {
        "user": ana.pk,
        "user_name": "ANA",
        "on_behalf_of": ben.pk,
        "on_behalf_of_name": "BEN",
        "token": "key:7",
        "service": "billing",
    }


SECRET = "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"
TOKENS: dict[str, tuple[Any, dict[str, str]]] = {
    "authtoken": (
        SimpleNamespace(pk=SECRET, key=SECRET, user_id=1, created="now"),
        {"token": f"authtoken:{hashlib.sha256(SECRET.encode()).hexdigest()[:16]}"},
    ),
    "knox": (
        SimpleNamespace(
            pk="d" * 128, digest="d" * 128, token_key=SECRET[:15], user_id=1, created="now"
        ),
        {"token": "knox:dddddddddddddddd"},
    ),
    "simplejwt": (
        SimpleNamespace(payload={"jti": "a1b2", "user_id": 1}, token=SECRET),
        {"token": "jwt:a1b2"},
    ),
    "oauth2": (
        SimpleNamespace(
            pk=5,
            token=SECRET,
            application_id=3,
            scope="read",
            application=SimpleNamespace(name="Billing", client_id="c"),
        ),
        {"token": "oauth2:5", "service": "Billing"},
    ),
    "unknown": (object(), {}),
    "text": (SECRET, {}),
}


@pytest.mark.parametrize("kind", TOKENS)
def test_tokens_are_recorded_by_what_is_no_secret(ana: User, kind: str) -> None:
    auth, expected = TOKENS[kind]
    found = recorded(user=ana, auth=auth)
    assert found == {"user": ana.pk, "user_name": "ana", **expected}
    assert SECRET[:15] not in json.dumps(found)


@pytest.mark.parametrize("user", [None, AnonymousUser()])
def test_a_service_acts_without_a_user(user: Any) -> None:
    assert recorded(user=user, auth=TOKENS["oauth2"][0]) == {
        "token": "oauth2:5",
        "service": "Billing",
    }


def test_who_acts_is_found_out_once(ana: User, ben: User, django_assert_num_queries: Any) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        with django_assert_num_queries(4):
            for _ in range(3):
                Customer.objects.create(name="x")
        return HttpResponse()

    request: Any = RequestFactory().post("/")
    request.user, request.session = ben, Session(hijack_history=[str(ana.pk)])
    AuditMiddleware(view)(request)


def test_nothing_of_it_is_lost_on_the_way_to_another_process(ana: User, ben: User) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        carried = carry()
        assert carried is not None
        messages.append(json.loads(json.dumps(carried)))
        return HttpResponse()

    messages: list[Any] = []
    request: Any = RequestFactory().post("/")
    request.user, request.impersonator = ben, ana
    request.auth = TOKENS["oauth2"][0]
    AuditMiddleware(view)(request)
    with resume(messages[0], task="t"):
        Customer.objects.create(name="x")
    context = Events.objects.latest("pgh_id").pgh_context
    assert {key: context[key] for key in WHO - {"user_error"}} == {
        "user": ana.pk,
        "user_name": "ana",
        "on_behalf_of": ben.pk,
        "on_behalf_of_name": "ben",
        "token": "oauth2:5",
        "service": "Billing",
    }


@pytest.fixture
def acted(ana: User, ben: User) -> None:
    """Let Ana act as herself and as Ben, Ben as himself, and a service as nobody."""
    recorded(user=ana)
    recorded(user=ben, impersonator=ana)
    recorded(user=ben)
    recorded(auth=TOKENS["oauth2"][0])


def order_of(events: Any) -> list[int]:
    """Return which of the four requests the events are of."""
    all_ids = list(
        Events.objects.filter(pgh_obj_model="shop.Customer").values_list("pgh_id", flat=True)
    )
    return [all_ids.index(event.pgh_id) for event in events]


def test_by_finds_who_acted_and_on_whose_behalf(acted: None, ana: User, ben: User) -> None:
    events = Events.objects.across(Customer)
    assert order_of(events.by(ana)) == [0, 1]
    assert order_of(events.by(ben)) == order_of(events.by(str(ben.pk))) == [1, 2]
    assert order_of(events.by(ana, ben)) == [0, 1, 2]
    assert order_of(events.by(User.objects.filter(username="ben"))) == [1, 2]
    assert order_of(events.by(None)) == [3]
    typed = Customer.pgh_event_model.objects  # type: ignore[attr-defined]
    assert order_of(typed.by(ben)) == [1, 2]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"actor": "ben"}, [1, 2]),
        ({"actor_name": "ben"}, [1, 2]),
        ({"actor_name": "ana"}, [0, 1]),
        ({"token": "oauth2:5"}, [3]),
        ({"service": "Billing"}, [3]),
        ({"context": "on_behalf_of_name=ben"}, [1]),
    ],
)
def test_filters_know_who(acted: None, ben: User, asked: Any, found: list[int]) -> None:
    if "actor" in asked:
        asked = {"actor": str(ben.pk)}
    assert order_of(EventsFilterSet(asked, Events.objects.across(Customer)).qs) == found


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--by", "ben"], [2, 1]),
        (["--name", "ana"], [1, 0]),
        (["--token", "oauth2:5"], [3]),
        (["--service", "Billing"], [3]),
    ],
)
def test_the_command_knows_who(
    acted: None, ben: User, options: list[str], found: list[int]
) -> None:
    if options[0] == "--by":
        options = ["--by", str(ben.pk)]
    out = io.StringIO()
    call_command("pgaudit_log", "trail", "--model", "shop.Customer", *options, "--json", stdout=out)
    ids = [event["id"] for event in json.loads(out.getvalue())["events"]]
    assert order_of(Events.objects.filter(pgh_id__in=ids).order_by("-pgh_id")) == found


def test_a_user_who_was_renamed_or_deleted_is_named_as_then(
    acted: None, ana: User, ben: User
) -> None:
    User.objects.filter(pk=ana.pk).update(username="someone else")
    key = ben.pk
    ben.delete()
    out = io.StringIO()
    call_command("pgaudit_log", "trail", "--model", "shop.Customer", stdout=out)
    assert "someone" not in out.getvalue()
    assert f"ana ({ana.pk}) for ben ({key})" in out.getvalue()
    assert "Billing" in out.getvalue()


def test_middleware_events_have_who_as_fields(acted: None, ana: User, ben: User) -> None:
    event = MiddlewareEvents.objects.get(on_behalf_of=ben)
    assert (event.user, event.user_name) == (ana, "ana")
    assert (event.on_behalf_of, event.on_behalf_of_name) == (ben, "ben")
    found = MiddlewareEvents.objects.get(service="Billing")
    assert (found.token, found.user) == ("oauth2:5", None)


def test_values_too_long_for_the_index_are_cut() -> None:
    with pgaudit_log.context(user="u" * 3000, on_behalf_of="o" * 3000, user_name="n" * 3000):
        Customer.objects.create(name="x")
    context = Events.objects.get().pgh_context
    assert (context["user"], context["on_behalf_of"]) == ("u" * 600, "o" * 600)
    assert context["user_name"] == "n" * 3000


def test_on_whose_behalf_is_asked_of_its_index(acted: None, ben: User) -> None:
    execute("SET LOCAL enable_seqscan = off")
    plan = Events.objects.by(ben.pk).order_by().explain()
    assert plan.count("on_behalf_of") and "Seq Scan" not in plan


def test_an_impersonated_request_through_the_session(client: Client, ana: User, ben: User) -> None:
    client.force_login(ben)
    session = client.session
    session["hijack_history"] = [str(ana.pk)]
    session.save()
    client.post("/customers/")
    context = Events.objects.filter(pgh_obj_model="shop.Customer").latest("pgh_id").pgh_context
    assert (context["user_name"], context["on_behalf_of_name"]) == ("ana", "ben")


@pytest.mark.slow
@pytest.mark.parametrize("order", ["pgh_id", "-pgh_id"])
@pytest.mark.parametrize("bounds", [slice(2), slice(1), slice(1, 3), slice(0, 9)])
def test_a_slice_has_the_same_events_by_each_index(
    acted: None, ana: User, ben: User, order: str, bounds: slice
) -> None:
    for users in ([ben], [ana], [ana, ben], [None], [ben, None], [User.objects.all()]):
        events = Events.objects.across(Customer).by(*users).order_by(order)
        assert list(events[bounds]) == list(events)[bounds]
        assert list(events.filter(pgh_operation="I")[bounds]) == list(events)[bounds]
        ids = [e.pk for e in events][bounds]
        assert list(events.values_list("pk", flat=True)[bounds]) == ids
        labels = list(events.values_list("pgh_label", flat=True))
        assert list(events.values_list("pgh_label", flat=True)[bounds]) == labels[bounds]
        assert [e.pk for e in events.only("pgh_label")[bounds]] == ids
        assert [e.pk for e in events.all()[bounds].defer("pgh_data")] == ids
        assert events.all()[bounds].count() == len(ids)
        assert (
            list(Events.objects.filter(pk__in=events.all()[bounds]).order_by(order))
            == list(events)[bounds]
        )
    both = Events.objects.by(ben) | Events.objects.by(ana)
    assert list(both.order_by(order)[bounds]) == list(both.order_by(order))[bounds]
    typed = Customer.pgh_event_model.objects.by(ben).order_by(order)  # type: ignore[attr-defined]
    assert list(typed[bounds]) == list(typed)[bounds]
    assert list(MiddlewareEvents.objects.by(ben).newest()[bounds])


def test_a_slice_asks_each_index(acted: None, ben: User) -> None:
    with CaptureQueriesContext(connection) as queries:
        list(Events.objects.by(ben).newest()[:5])
    [sql] = [query["sql"] for query in queries]
    assert " OR " not in sql and "UNION" in sql
    assert Events.objects.by(ben).page(1).events[0].pgh_context["user_name"] == "ben"
    assert Events.objects.by(ben).first() and Events.objects.by(ben)[0]
