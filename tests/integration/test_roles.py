"""A hardened database: who owns what, who may do what, and that it stays so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.checks import run_checks
from django.db import DatabaseError, connection, transaction

from pgaudit_log.database import hardening, installation
from pgaudit_log.operating import plan_hardening
from tests.support import execute, role_name

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

OWNER, APP, READER = map(role_name, ("audit_owner", "audit_app", "audit_reader"))


@pytest.fixture
def roles() -> None:
    """Make the roles; the rollback of the test drops them."""
    execute(f"CREATE ROLE {OWNER} NOLOGIN; CREATE ROLE {APP} LOGIN; CREATE ROLE {READER} LOGIN")


@pytest.fixture
def hardened(roles: None) -> None:
    plan_hardening(owner=OWNER, app=APP, reader=READER).apply()


@contextmanager
def acting_as(role: str) -> Iterator[None]:
    """Let a block be sent by a role that has logged in."""
    execute(f"SET LOCAL SESSION AUTHORIZATION {role}")
    try:
        yield
    finally:
        if not connection.needs_rollback:
            execute("RESET SESSION AUTHORIZATION")


def refused(statement: str, role: str) -> str:
    """Return with what PostgreSQL refuses a statement of a role."""
    with pytest.raises(DatabaseError) as error, transaction.atomic(), acting_as(role):
        execute(statement)
    return str(error.value)


def messages() -> dict[str, str]:
    return {str(m.id).rpartition(".")[2]: str(m.msg) for m in run_checks(databases=["default"])}


@pytest.mark.usefixtures("hardened")
def test_done_once_it_has_no_steps_any_more() -> None:
    plan = plan_hardening()
    assert (plan.steps, plan.obstacles) == ((), ())
    assert plan.roles == hardening.Hardened(owner=OWNER, apps=(APP,), readers=(READER,))
    assert messages() == {}
    installation.repair("default")
    assert plan_hardening(owner=OWNER, app=APP).steps == ()
