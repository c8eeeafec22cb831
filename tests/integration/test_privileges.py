"""Checks and installing by a role that may not: told with what to do, and never a bare error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection

from pgaudit_log.database import installation
from pgaudit_log.exceptions import InstallationError
from pgaudit_log.reading import declared_views
from tests.shop.models import Order
from tests.support import execute, role_name

pytestmark = pytest.mark.django_db

ROLE = role_name("pgaudit_log_visitor")


@pytest.fixture
def visitor() -> Iterator[None]:
    """Be a role that owns nothing and was granted nothing; a rollback drops it."""
    execute(f"CREATE ROLE {ROLE}; SET LOCAL ROLE {ROLE}")
    yield
    if not connection.needs_rollback:
        execute("RESET ROLE")


def messages() -> dict[str, str]:
    return {str(m.id).rpartition(".")[2]: str(m.msg) for m in run_checks(databases=["default"])}


@pytest.mark.usefixtures("visitor")
def test_a_check_by_a_role_that_may_not_read_tells_so() -> None:
    found = messages()
    assert found.keys() == {"E010"}
    assert "permission denied for table django_migrations" in found["E010"]


@pytest.mark.usefixtures("visitor")
def test_what_cannot_be_asked_hides_nothing_of_the_rest() -> None:
    execute("RESET ROLE")
    execute(
        "REVOKE ALL ON FUNCTION pgaudit_log_numbers() FROM PUBLIC; DROP VIEW shop_orderevent;"
        f" GRANT SELECT ON django_migrations TO {ROLE}; SET LOCAL ROLE {ROLE}"
    )
    found = messages()
    assert "permission denied for function pgaudit_log_numbers" in found["E010"]
    assert "shop_orderevent" in found["W002"]


def test_a_view_that_cannot_be_made_out_is_told_beside_the_others(monkeypatch: Any) -> None:
    view_of = declared_views.view_of

    def failing(event_model: Any, connection: Any) -> Any:
        if event_model.pgh_tracked_model is Order:
            raise LookupError("no such thing")
        return view_of(event_model, connection)

    monkeypatch.setattr(declared_views, "view_of", failing)
    execute("DROP VIEW shop_orderevent, shop_customerevent")
    told = [str(m.msg) for m in run_checks(databases=["default"]) if m.id == "pgaudit_log.W002"]
    assert any("shop_orderevent" in text and "no such thing" in text for text in told)
    assert any("shop_customerevent" in text for text in told)


@pytest.mark.usefixtures("visitor")
@pytest.mark.parametrize("call", [installation.install, installation.repair])
def test_installing_by_a_role_that_may_not_says_who_can(call: Any) -> None:
    execute(f"RESET ROLE; GRANT SELECT ON django_migrations TO {ROLE}; SET LOCAL ROLE {ROLE}")
    with pytest.raises(InstallationError, match="as the role that owns the event table"):
        call("default")


@pytest.mark.usefixtures("visitor")
def test_the_command_says_so_too() -> None:
    execute(f"RESET ROLE; GRANT SELECT ON django_migrations TO {ROLE}; SET LOCAL ROLE {ROLE}")
    with pytest.raises(CommandError, match="as the role that owns the event table"):
        call_command("pgaudit_log", "install")


def test_another_error_stays_what_it_is(monkeypatch: Any) -> None:
    def broken(using: str) -> Any:
        execute("SELECT no_such_column FROM pg_class")

    monkeypatch.setattr(installation, "renew_numbers", broken)
    with pytest.raises(ProgrammingError, match="no_such_column"):
        installation.install("default")
