"""Who may write to the log beside its owner, and partitions that run out, are told by checks."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from django.core.checks import run_checks

from pgaudit_log.database.partitions.calendar import period_at
from tests.support import execute, role_name

pytestmark = pytest.mark.django_db

EVENTS = "pgaudit_log_event"
ROLE = role_name("forger")


def told() -> dict[str, Any]:
    """Return the messages of the checks of the database, by id."""
    return {str(m.id).rpartition(".")[2]: m for m in run_checks(databases=["default"])}


@pytest.mark.slow
@pytest.mark.everywhere
@pytest.mark.parametrize(
    ("grant", "privileges"),
    [
        (f"INSERT ON {EVENTS}", f"INSERT on {EVENTS}"),
        (f"INSERT (model, label, operation) ON {EVENTS}", f"INSERT on {EVENTS}"),
        (f"TRIGGER, TRUNCATE ON {EVENTS}_default", f"TRIGGER, TRUNCATE on {EVENTS}_default"),
        (f"UPDATE ON SEQUENCE {EVENTS}_id_seq", f"UPDATE on {EVENTS}_id_seq"),
        ("UPDATE ON pgaudit_log_incarnation", "UPDATE on pgaudit_log_incarnation"),
    ],
)
@pytest.mark.parametrize("is_everybody", [False, True])
def test_who_may_write_beside_the_owner_is_told(
    grant: str, privileges: str, is_everybody: bool
) -> None:
    grantee = "PUBLIC" if is_everybody else ROLE
    execute(f"CREATE ROLE {ROLE}; GRANT {grant} TO {grantee}")
    found = told()
    assert found.keys() == {"W023"}
    assert found["W023"].on == (f"{grantee} ({privileges})",)
    assert f"{grantee} ({privileges})" in found["W023"].msg
    execute(f"REVOKE {grant} FROM {grantee}")
    assert told() == {}


def test_who_may_only_read_is_not_told() -> None:
    execute(
        f"CREATE ROLE {ROLE};"
        f" GRANT SELECT, REFERENCES ON {EVENTS} TO {ROLE}; GRANT SELECT ON {EVENTS} TO PUBLIC"
    )
    assert told() == {}


def drop_later_partitions() -> None:
    now = datetime.now(timezone.utc)
    end = period_at(now, "month").end
    for (name,) in execute(
        "SELECT relname FROM pg_class WHERE relname ~ '^pgaudit_log_event_[0-9]{8}_[0-9]{8}$'"
        " AND substring(relname FROM '[0-9]{8}') >= %s",
        [f"{end:%Y%m%d}"],
    ):
        execute(f"DROP TABLE {name}")


def test_the_last_partition_is_told_while_it_is_that_of_now(settings: Any) -> None:
    drop_later_partitions()
    assert told().keys() == {"W021"}
    settings.PGAUDIT_LOG_PARTITIONS_AHEAD = 0
    assert told() == {}


@pytest.mark.parametrize(("year", "is_told"), [(2001, False), (2100, True)])
def test_events_of_times_without_a_partition_are_told(year: int, is_told: bool) -> None:
    execute(
        f"INSERT INTO {EVENTS} (created_at, model, label, operation)"
        f" VALUES ('{year}-01-01', 'shop.Order', 'insert', 'I')"
    )
    found = told()
    assert found.keys() == ({"W022"} if is_told else set())
    assert [message.on for message in found.values()] == [(f"{EVENTS}_default",)] * is_told
