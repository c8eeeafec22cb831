"""What is set or declared wrongly is found by `manage.py check`."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core import checks
from django.core.checks import run_checks
from django.test import override_settings

import pgaudit_log
from pgaudit_log.checks.declarations import check_models
from pgaudit_log.checks.middleware import check_middleware
from pgaudit_log.checks.settings import (
    check_installed_apps,
    check_settings,
    check_settings_of_peers,
)
from pgaudit_log.declaring import declarations
from pgaudit_log.middleware import AuditMiddleware
from tests.shop.models import Order


def ids(messages: list[checks.CheckMessage]) -> list[str]:
    return [str(message.id) for message in messages]


def test_a_sound_project_has_no_messages() -> None:
    assert run_checks() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCESS_EVENTS", "login"),
        ("ACCESS_EVENTS", ["login", "logoff"]),
        ("ACCESS_EVENTS", ["page_view"]),
        ("ACCESS_EVENTS", [["login"]]),
        ("ACCESS_NAMES", "none"),
        ("ACCESS_ON_FAILURE", "ignore"),
        ("PAGE_VIEWS", "/patients/*"),
        ("PAGE_VIEWS", [""]),
        ("PAGE_VIEWS", [7]),
        ("ADMIN_DAYS", 0),
        ("ADMIN_DAYS", "7"),
        ("ADMIN_HISTORY", "yes"),
        ("ADMIN_REASON", "no"),
        ("ADMIN_REVERT_THROUGH", "orm"),
        ("ADMIN_TIMEOUT", 0),
        ("ADMIN_TRAIL", None),
        ("APPEND_ONLY", False),
        ("CREATED_AT_FUNCTION", "yesterday()"),
        ("DEFAULT_TRACKERS", []),
        ("DEFAULT_TRACKERS", [pgaudit_log.InsertEvent]),
        ("INDEX_REFERENCES", "yes"),
        ("JSON_ENCODER", "no.such.Encoder"),
        ("JSON_ENCODER", dict),
        ("LEVEL", "TABLE"),
        ("MIDDLEWARE_METHODS", "POST"),
        ("MIDDLEWARE_METHODS", ["post"]),
        ("OBJ_FIELD", "events"),
        ("PARTITION_INTERVAL", "fortnight"),
        ("PARTITIONS_AHEAD", -1),
        ("PARTITIONS_AHEAD", "3"),
    ],
)
def test_a_wrong_setting_is_an_error_with_a_hint(name: str, value: Any) -> None:
    with override_settings(**{f"PGAUDIT_LOG_{name}": value}):
        [message] = check_settings(None)
    assert message.id == "pgaudit_log.E001"
    assert f"PGAUDIT_LOG_{name} is {value!r}" in message.msg
    assert message.hint


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCESS_EVENTS", ("login", "logout", "login_failed")),
        ("ACCESS_NAMES", "known"),
        ("ACCESS_ON_FAILURE", "raise"),
        ("PAGE_VIEWS", ["/patients/*", "shop:order"]),
        ("CREATED_AT_FUNCTION", "clock_timestamp()"),
        ("DEFAULT_TRACKERS", (pgaudit_log.InsertEvent(),)),
        ("LEVEL", pgaudit_log.Row),
        ("LEVEL", "row"),
        ("PARTITION_INTERVAL", "week"),
        ("OBJ_FIELD", pgaudit_log.ObjForeignKey(related_name="audit")),
    ],
)
def test_a_right_setting_is_no_error(name: str, value: Any) -> None:
    with override_settings(**{f"PGAUDIT_LOG_{name}": value}):
        assert check_settings(None) == []


@override_settings(PGAUDIT_LOG_LEVLE="ROW")
def test_a_setting_that_does_not_exist_is_a_warning() -> None:
    [message] = check_settings(None)
    assert message.id == "pgaudit_log.W001"
    assert "PGAUDIT_LOG_LEVLE" in message.msg


@pytest.mark.parametrize(
    ("name", "app", "instead"),
    [
        ("PGHISTORY_LEVEL", "pghistory", "PGAUDIT_LOG_LEVEL"),
        ("AUDITLOG_MASK_TRACKING_FIELDS", "auditlog", "mask= of track()"),
        ("DJANGO_EASY_AUDIT_WATCH_AUTH_EVENTS", "easyaudit", "PGAUDIT_LOG_ACCESS_EVENTS"),
    ],
)
def test_a_setting_of_a_package_that_is_gone_is_named_with_what_is_set_instead(
    name: str, app: str, instead: str
) -> None:
    with override_settings(**{name: True}):
        [message] = check_settings_of_peers(None)
    assert message.id == "pgaudit_log.W030"
    assert f"{name} is a setting of {app}" in message.msg
    assert instead in str(message.hint)


def test_a_default_that_a_package_has_set_itself_is_none_of_the_project() -> None:
    with patch.object(django_settings._wrapped, "AUDITLOG_CID_HEADER", "x", create=True):
        assert django_settings.AUDITLOG_CID_HEADER == "x"
        assert check_settings_of_peers(None) == []


@override_settings(PGHISTORY_LEVEL="ROW")
def test_a_setting_of_a_package_that_is_there_is_left_to_it() -> None:
    with patch.object(apps, "is_installed", return_value=True):
        assert check_settings_of_peers(None) == []


@override_settings(INSTALLED_APPS=["pgaudit_log"])
def test_without_django_pgtrigger_there_is_an_error() -> None:
    assert ids(check_installed_apps(None)) == ["pgaudit_log.E002"]


class ToSqlite:
    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return "sqlite" if model is Order else None


@pytest.fixture
def sqlite(settings: Any) -> Any:
    from django.db import connections

    connections.settings["sqlite"] = connections.configure_settings(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
    )["default"]
    settings.DATABASE_ROUTERS = [ToSqlite()]
    yield
    del connections.settings["sqlite"]


def test_a_model_on_another_vendors_database_is_an_error(sqlite: Any) -> None:
    [message] = check_models(None)
    assert message.id == "pgaudit_log.E003"
    assert message.msg.startswith('shop.Order is tracked, but the database "sqlite"')
    assert "SQLite" in message.msg


def test_an_accessor_that_another_model_has_is_an_error(monkeypatch: Any) -> None:
    from pgaudit_log.reading import event_names

    related_name = event_names.related_name
    monkeypatch.setattr(
        event_names,
        "related_name",
        lambda d: "lines" if d.tracked_model is Order else related_name(d),
    )
    [message] = check_models(None)
    assert message.id == "pgaudit_log.E004"
    assert "shop.Order.lines is the accessor of both its events and shop.OrderLine" in message.msg


@pytest.mark.slow
@pytest.mark.django_db
def test_an_outdated_view_is_a_warning() -> None:
    from tests.support import execute

    execute("COMMENT ON VIEW shop_orderevent IS 'pgaudit_log:old'")
    execute("DROP VIEW shop_customerevent")
    messages = run_checks(databases=["default"])
    assert ids(messages) == ["pgaudit_log.W002"]
    assert "shop_customerevent, shop_orderevent" in messages[0].msg


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "DROP TRIGGER {} ON shop_order",
        "ALTER TABLE shop_order DISABLE TRIGGER {}",
        "COMMENT ON TRIGGER {} ON shop_order IS 'outdated'",
    ],
)
def test_a_trigger_that_is_not_there_is_a_warning(statement: str) -> None:
    import pgtrigger

    from tests.support import execute

    [(model, trigger)] = pgtrigger.registered("shop.Order:audit_update")
    execute(statement.format(trigger.get_pgid(model)))
    [message] = run_checks(databases=["default"])
    assert message.id == "pgaudit_log.W003"
    assert "shop.Order:audit_update" in message.msg


@pytest.mark.django_db
def test_before_pending_migrations_nothing_is_missing() -> None:
    from tests.support import execute

    execute("DROP VIEW shop_orderevent")
    execute("DELETE FROM django_migrations WHERE app = 'shop'")
    assert run_checks(databases=["default"]) == []


SESSION = "django.contrib.sessions.middleware.SessionMiddleware"
AUTH = "django.contrib.auth.middleware.AuthenticationMiddleware"
AUDIT = "pgaudit_log.middleware.AuditMiddleware"
OWN_AUDIT = "tests.unit.test_checks.OwnAuditMiddleware"
OWN_SESSION = "tests.unit.test_checks.OwnSessionMiddleware"


class OwnAuditMiddleware(AuditMiddleware):
    pass


class OwnSessionMiddleware(SessionMiddleware):
    pass


@pytest.mark.parametrize(
    ("middleware", "expected"),
    [
        ([SESSION, AUTH], ["pgaudit_log.W015"]),
        ([OWN_SESSION, AUTH], ["pgaudit_log.W015"]),
        ([SESSION, AUTH, AUDIT], ["pgaudit_log.W016"]),
        ([OWN_SESSION, OWN_AUDIT, AUTH], ["pgaudit_log.W016"]),
        ([AUDIT, SESSION, AUTH], []),
        (["django.middleware.security.SecurityMiddleware", OWN_AUDIT, SESSION, AUTH], []),
        ([SESSION], []),
        ([AUDIT], []),
        ([], []),
        (["no.such.Middleware", "tests.shop.views.page", AUDIT, SESSION, AUTH], []),
    ],
)
def test_the_place_of_the_middleware_is_checked(
    middleware: list[str], expected: list[str], settings: Any
) -> None:
    settings.MIDDLEWARE = middleware
    messages = [found for found in run_checks() if str(found.id).startswith("pgaudit_log.")]
    assert ids(messages) == expected
    for message in messages:
        assert "before SessionMiddleware" in str(message.hint)


def test_without_tracked_models_no_middleware_is_wanted(settings: Any, monkeypatch: Any) -> None:
    settings.MIDDLEWARE = [SESSION, AUTH]
    monkeypatch.setattr(declarations, "declarations", list)
    assert check_middleware(None) == []


def test_without_the_users_of_django_no_middleware_is_wanted(settings: Any) -> None:
    settings.MIDDLEWARE = [SESSION, "tests.unit.test_checks.OwnSessionMiddleware"]
    settings.INSTALLED_APPS = ["pgtrigger", "pgaudit_log"]
    assert check_middleware(None) == []


@pytest.mark.parametrize(
    ("middleware", "pages", "expected"),
    [
        ([SESSION], ["/patients/*"], ["pgaudit_log.W026"]),
        ([OWN_AUDIT, SESSION], ["/patients/*"], []),
        ([SESSION], [], []),
    ],
)
def test_page_views_need_the_middleware(
    middleware: list[str], pages: list[str], expected: list[str], settings: Any
) -> None:
    settings.MIDDLEWARE = middleware
    settings.PGAUDIT_LOG_PAGE_VIEWS = pages
    messages = [found for found in run_checks() if str(found.id).startswith("pgaudit_log.")]
    assert ids(messages) == expected


def test_the_middleware_checks_can_be_silenced(settings: Any) -> None:
    settings.MIDDLEWARE = [SESSION, AUTH]
    settings.SILENCED_SYSTEM_CHECKS = ["pgaudit_log.W015"]
    assert [message.is_silenced() for message in check_middleware(None)] == [True]
